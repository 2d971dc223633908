"""Digests of placeholders: what a program hashes for a missing address is not a member, in any form."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from customer_match.addresses.definition import Policy, Rejection, Take, Verdict, judge
from customer_match.addresses.empty_digests import placeholder_digests, placeholder_texts
from customer_match.addresses.engine import digest_batch

CARELESS = [
    "", " ", "  ", " " * 50, " " * 255, "\t", "\n", "\r\n", "\u00a0", "\ufeff", "\0",
    "null", "NULL", "Null", "null\n", '"null"', "none", "None", "NONE", "nan", "NaN", "NAN", "nil", "undefined",
    "n/a", "N/A", "na", "NA", "#N/A", "<NA>", "NaT", "\\N", "(null)", '""', "-", "0", "false", "unknown", "DBNull",
]  # fmt: skip


def sha256(text: str, encoding: str = "utf-8") -> str:
    return hashlib.sha256(text.encode(encoding)).hexdigest()


@pytest.mark.bad_input
@pytest.mark.parametrize("policy", Policy)
def test_digests_of_placeholders_count_as_missing(policy: Policy) -> None:
    forms = [sha256(text) for text in CARELESS] + [sha256(text, "utf-16-le") for text in CARELESS]
    forms += [sha256(sha256("")), sha256(sha256("null")), *(digit * 64 for digit in "0123456789abcdef")]
    for digits in forms:
        for written in (digits, digits.upper(), f" {digits}\n", f"\u00a0{digits}"):
            assert judge(written, policy) == Verdict(rejection=Rejection.MISSING), written


def test_digests_of_addresses_do_not_count_as_missing() -> None:
    for text in ("test@contoso.com", "null@contoso.com", "none@none.com", "0@0.com"):
        assert bytes.fromhex(sha256(text)) not in placeholder_digests()
    assert not any("@" in text.strip('"\n') and len(text) > 4 for text in placeholder_texts())
    for digits in ("ab" * 32, "0" * 63 + "1", "0123456789abcdef" * 4):
        assert judge(digits, Policy.BASIC) == Verdict(digests=(bytes.fromhex(digits),))


@pytest.mark.parametrize("take", Take)
@pytest.mark.parametrize("columns", [1, 2])
def test_the_engine_treats_placeholders_alike(take: Take, columns: int) -> None:
    real = sha256("test@contoso.com")
    rows = [sha256(""), sha256("NULL").upper(), "0" * 64, None, real, f" {sha256('nan')} "]
    others = [None, None, real, sha256(""), None, None]
    batch = pa.record_batch({"Hash": pa.array(rows), "Other": pa.array(others)})
    outcome = digest_batch(batch, ["Hash", "Other"][:columns], Policy.BASIC, take)
    assert {bytes(row).hex() for row in outcome.digests} == {real}
    assert len(outcome.digests) == columns
    assert outcome.rejected == {Rejection.MISSING: 6 - columns}
