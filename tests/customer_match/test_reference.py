"""The definition of a usable address, by examples that a person can check."""

from __future__ import annotations

import hashlib

import pytest

from include.customer_match.reference import Policy, Rejection, Verdict, judge, judge_row


def accepted(*addresses: str) -> Verdict:
    return Verdict(digests=tuple(hashlib.sha256(address.encode()).digest() for address in addresses))


BASIC = [
    ("test@contoso.com", "test@contoso.com"),
    (" Test@Contoso.COM\r\n", "test@contoso.com"),
    ("\u00a0\u200bTest@contoso.com\ufeff\u200e", "test@contoso.com"),
    ("First.Last+news@contoso.com", "first.last+news@contoso.com"),
    ("a..b.@docomo.ne.jp", "a..b.@docomo.ne.jp"),
    ("JÜRGEN@BÜCHER.DE", "jürgen@bücher.de"),
    ("jose\u0301@bu\u0308cher.de", "jose\u0301@bu\u0308cher.de"),
    ("ｕser@contoso.com", "ｕser@contoso.com"),
    ("o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("value", "address"), BASIC)
def test_basic_trims_and_lowers(value: str, address: str) -> None:
    assert judge(value, Policy.BASIC) == accepted(address)


ENHANCED = [
    (" First.Last+news@Contoso.com ", "firstlast@contoso.com"),
    ("first last@contoso.com", "firstlast@contoso.com"),
    ("José.Müller@bücher.de", "josemuller@bucher.de"),
    ("a+b+c@contoso.com", "a@contoso.com"),
]


@pytest.mark.parametrize(("value", "address"), ENHANCED)
def test_enhanced_follows_the_rule_for_enhanced_conversions(value: str, address: str) -> None:
    assert judge(value, Policy.ENHANCED) == accepted(address)


def test_documented_vectors() -> None:
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


REJECTED = [
    (None, Rejection.MISSING),
    ("", Rejection.MISSING),
    (" \t\u2003\u200d\x00", Rejection.MISSING),
    ("n/a", Rejection.NOT_AN_ADDRESS),
    ("@contoso.com", Rejection.NOT_AN_ADDRESS),
    ("ann@", Rejection.NOT_AN_ADDRESS),
    ("ann@bob@contoso.com", Rejection.NOT_AN_ADDRESS),
    ("ann＠contoso.com", Rejection.NOT_AN_ADDRESS),
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
    ("ann@" + "b" * 64 + ".com", Rejection.DOMAIN_INVALID),
]


@pytest.mark.parametrize(("value", "reason"), REJECTED)
def test_rejected_by_reason(value: str | None, reason: Rejection) -> None:
    assert judge(value, Policy.BASIC) == Verdict(rejection=reason)


def test_nothing_left_of_the_local_part() -> None:
    for value in ("+tag@contoso.com", "..@contoso.com"):
        assert judge(value, Policy.ENHANCED) == Verdict(rejection=Rejection.NOT_AN_ADDRESS)


def test_first_usable_column_of_a_row_counts() -> None:
    assert judge_row(["n/a", None, "A@contoso.com", "b@contoso.com"], Policy.BASIC) == accepted(
        "a@contoso.com"
    )
    assert judge_row([None, "n/a", "x@y"], Policy.BASIC) == Verdict(rejection=Rejection.NOT_AN_ADDRESS)
    assert judge_row([None, " "], Policy.BASIC) == Verdict(rejection=Rejection.MISSING)
