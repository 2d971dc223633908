"""The definition of a usable address, by examples that a reader can check."""

from __future__ import annotations

import hashlib

import pytest

from customer_match.addresses.definition import Policy, Rejection, Verdict, judge, judge_row


def accepted(*addresses: str) -> Verdict:
    return Verdict(digests=tuple(hashlib.sha256(address.encode()).digest() for address in addresses))


BASIC = [
    ("test@contoso.com", "test@contoso.com"),
    (" Test@Contoso.COM\r\n", "test@contoso.com"),
    ("\u00a0\u200bTest@contoso.com\ufeff\u200e", "test@contoso.com"),
    ("First.Last+news@contoso.com", "first.last+news@contoso.com"),
    ("a..b.@docomo.ne.jp", "a..b.@docomo.ne.jp"),
    ("JÜRGEN@BÜCHER.DE", "jürgen@bücher.de"),
    ("jose\u0301@bu\u0308cher.de", "josé@bücher.de"),
    ("JOSE\u0301@BU\u0308CHER.DE", "josé@bücher.de"),
    ("\u212aelvin@\u212aontoso.com", "kelvin@kontoso.com"),
    ("İ@contoso.com", "i\u0307@contoso.com"),
    ("ΝΊΚΟΣ@contoso.com", "νίκος@contoso.com"),
    ("ann@contoso\u3002com", "ann@contoso.com"),
    ("ann@contoso\uff0ecom", "ann@contoso.com"),
    ("ann@contoso\uff61co\uff61jp", "ann@contoso.co.jp"),
    ("ann@Bücher\u3002de", "ann@bücher.de"),
    ("\u2800\u3164ann@contoso.com\ufe0f", "ann@contoso.com"),
    ("\u00adann@contoso.com\u00ad", "ann@contoso.com"),
    ("o'neil@XN--BCHER-KVA.example", "o'neil@xn--bcher-kva.example"),
    ("ann@نامه\u200cای.com", "ann@نامه\u200cای.com"),
    ("ｕser@contoso.com", "ｕser@contoso.com"),
    ("o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example"),
]


def test_one_mailbox_is_one_member_however_unicode_writes_it() -> None:
    """Composed and decomposed accents, the domain's dots, and case, in any combination."""
    forms = [
        "josé@bücher.de",
        "jose\u0301@bücher.de",
        "JOSE\u0301@BU\u0308CHER\u3002DE",
        "josé@bu\u0308cher\uff0ede",
    ]
    for policy in Policy:
        assert {judge(form, policy) for form in forms} == {judge(forms[0], policy)}


@pytest.mark.parametrize(("value", "address"), BASIC)
def test_basic_trims_and_lowers(value: str, address: str) -> None:
    assert judge(value, Policy.BASIC) == accepted(address)


ENHANCED = [
    (" First.Last+news@Contoso.com ", "firstlast@contoso.com"),
    ("first last@contoso.com", "firstlast@contoso.com"),
    ("José.Müller@bücher.de", "josemuller@bucher.de"),
    ("a+b+c@contoso.com", "a@contoso.com"),
    ("first\u00a0last\u3000x@contoso.com", "firstlastx@contoso.com"),
    ("jose\u0301@contoso\u3002com", "jose@contoso.com"),
]


@pytest.mark.parametrize(("value", "address"), ENHANCED)
def test_enhanced_follows_the_rule_for_enhanced_conversions(value: str, address: str) -> None:
    assert judge(value, Policy.ENHANCED) == accepted(address)


def test_documented_addresses_have_their_documented_digests() -> None:
    vector = "f25ad364d33972379a7a4f4df33db142205f5c40eb19cfdb2fc5aaf117e10101"  # Customer List Item page
    for policy in Policy:
        assert judge("test@contoso.com", policy).digests == (bytes.fromhex(vector),)


def test_both_sends_two_digests_where_the_policies_differ() -> None:
    assert judge("a.b@contoso.com", Policy.BOTH) == accepted("a.b@contoso.com", "ab@contoso.com")
    assert judge("ab@contoso.com", Policy.BOTH) == accepted("ab@contoso.com")
    assert judge("a b@contoso.com", Policy.BOTH) == accepted("ab@contoso.com")
    assert judge("+tag@contoso.com", Policy.BOTH) == accepted("+tag@contoso.com")
    assert judge("a@b@contoso.com", Policy.BOTH) == Verdict(rejection=Rejection.NOT_AN_ADDRESS)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("digits", ["0123456789abcdef" * 4, "0123456789ABCDEF" * 4, " " + "aB" * 32 + "\t"])
def test_hashed_values_pass_as_they_are(digits: str, policy: Policy) -> None:
    assert judge(digits, policy) == Verdict(digests=(bytes.fromhex(digits.strip()),))


# Controls, line ends, zero-width and format characters, blanks that Unicode calls letters, and damaged text.
NEVER_INSIDE = [
    "\x00", "\x1b", "\x7f", "\t", "\n", "\u0085", "\u2028", "\u00ad", "\u200b", "\u200d", "\u202e", "\ufeff",
    "\u3164", "\u115f", "\uffa0", "\u2800", "\ufe0f", "\u034f", "\U000e0100", "\U000e0041", "\ufffd", "\ufffc",
]  # fmt: skip


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("inner", NEVER_INSIDE)
def test_no_policy_drops_invisible_characters(inner: str, policy: Policy) -> None:
    for value in (
        f"an{inner}n@contoso.com",
        f"a.n{inner}@contoso.com",
        f"ann{inner}+tag@contoso.com",
        f"ann+t{inner}g@contoso.com",
    ):
        assert judge(value, policy) == Verdict(rejection=Rejection.LOCAL_PART_INVALID)
    for value in (f"ann@con{inner}toso.com", f"ann@{inner}contoso.com"):
        assert judge(value, policy) == Verdict(rejection=Rejection.DOMAIN_INVALID)


REJECTED = [
    (None, Rejection.MISSING),
    ("", Rejection.MISSING),
    (" \t\u2003\u200d\x00", Rejection.MISSING),
    ("n/a", Rejection.NOT_AN_ADDRESS),
    ("@contoso.com", Rejection.NOT_AN_ADDRESS),
    ("ann@", Rejection.NOT_AN_ADDRESS),
    ("ann@bob@contoso.com", Rejection.NOT_AN_ADDRESS),
    ("ann＠contoso.com", Rejection.NOT_AN_ADDRESS),
    ("ann\ufe6bcontoso.com", Rejection.NOT_AN_ADDRESS),
    ("ann＠bob@contoso.com", Rejection.LOCAL_PART_INVALID),
    ("ann@bob＠contoso.com", Rejection.DOMAIN_INVALID),
    ("f" * 63, Rejection.NOT_AN_ADDRESS),
    ("a" * 65 + "@contoso.com", Rejection.TOO_LONG),
    ("é" * 33 + "@contoso.com", Rejection.TOO_LONG),
    ("a@" + "b." * 126 + "com", Rejection.TOO_LONG),
    ("ann smith@contoso.com", Rejection.LOCAL_PART_INVALID),
    ('"ann"@contoso.com', Rejection.LOCAL_PART_INVALID),
    ("Ann <ann@contoso.com>", Rejection.LOCAL_PART_INVALID),
    ("mailto:ann@contoso.com", Rejection.LOCAL_PART_INVALID),
    ("an\x00n@contoso.com", Rejection.LOCAL_PART_INVALID),
    ("an\u200bn@contoso.com", Rejection.LOCAL_PART_INVALID),
    ("ann\ue000@contoso.com", Rejection.LOCAL_PART_INVALID),
    *((f"an{inner}n@contoso.com", Rejection.LOCAL_PART_INVALID) for inner in NEVER_INSIDE),
    ("an\u00a0n@contoso.com", Rejection.LOCAL_PART_INVALID),
    ("ann@contoso", Rejection.DOMAIN_INVALID),
    ("ann@contoso.com.", Rejection.DOMAIN_INVALID),
    ("ann@.contoso.com", Rejection.DOMAIN_INVALID),
    ("ann@contoso..com", Rejection.DOMAIN_INVALID),
    ("ann@-contoso.com", Rejection.DOMAIN_INVALID),
    ("ann@con_toso.com", Rejection.DOMAIN_INVALID),
    ("ann@con toso.com", Rejection.DOMAIN_INVALID),
    ("ann@192.168.0.1", Rejection.DOMAIN_INVALID),
    ("ann@[192.168.0.1]", Rejection.DOMAIN_INVALID),
    ("ann@ｃontoso.com", Rejection.DOMAIN_INVALID),
    ("ann@☃.com", Rejection.DOMAIN_INVALID),
    ("ann@xn--n3h.com", Rejection.DOMAIN_INVALID),  # the same domain
    ("ann@xn--.com", Rejection.DOMAIN_INVALID),
    ("ann@xn--a.com", Rejection.DOMAIN_INVALID),
    ("ann@xn--0.com", Rejection.DOMAIN_INVALID),
    ("ann@xn--foo-.com", Rejection.DOMAIN_INVALID),
    ("ann@xn---bbk.com", Rejection.DOMAIN_INVALID),  # another spelling of xn--bbk
    ("ann@mail.xn--99999999.com", Rejection.DOMAIN_INVALID),
    ("ann@bücher.xn--.de", Rejection.DOMAIN_INVALID),
    ("ann@contoso.com\u3002", Rejection.DOMAIN_INVALID),
    ("ann@contoso\u3002\uff0ecom", Rejection.DOMAIN_INVALID),
    ("ann@con\u00adtoso.com", Rejection.DOMAIN_INVALID),
    ("ann@con\u200btoso.com", Rejection.DOMAIN_INVALID),
    ("ann@\ufeffcontoso.com", Rejection.DOMAIN_INVALID),
    ("ann@con\u00a0toso.com", Rejection.DOMAIN_INVALID),
    ("ann@" + "b" * 64 + ".com", Rejection.DOMAIN_INVALID),
]


@pytest.mark.parametrize(("value", "reason"), REJECTED)
def test_rejected_by_reason(value: str | None, reason: Rejection) -> None:
    assert judge(value, Policy.BASIC) == Verdict(rejection=reason)


def test_an_empty_local_part_is_rejected() -> None:
    for value in ("+tag@contoso.com", "..@contoso.com"):
        assert judge(value, Policy.ENHANCED) == Verdict(rejection=Rejection.NOT_AN_ADDRESS)


def test_first_usable_column_of_a_row_counts() -> None:
    assert judge_row(["n/a", None, "A@contoso.com", "b@contoso.com"], Policy.BASIC) == accepted(
        "a@contoso.com"
    )
    assert judge_row([None, "n/a", "x@y"], Policy.BASIC) == Verdict(rejection=Rejection.NOT_AN_ADDRESS)
    assert judge_row([None, " "], Policy.BASIC) == Verdict(rejection=Rejection.MISSING)
