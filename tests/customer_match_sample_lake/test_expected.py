"""Rows are counted as a run's report counts them."""

from __future__ import annotations

import hashlib

from customer_match_sample_lake.expected import Expected, Policy, Take, Tally, digests_of


def digest(address: str) -> bytes:
    return hashlib.sha256(address.encode()).digest()


A, B = digest("a@example.com"), digest("b@example.com")


def test_each_row_is_counted_once() -> None:
    tally = Tally(
        where=lambda row: row["Country"] == "DE", consent=lambda row: row["Consent"], suppressed={B, b"else"}
    )
    rows = [
        {"Email": "A@example.com", "Country": "DE", "Consent": True},
        {"Email": " a@example.com", "Country": "DE", "Consent": True},
        {"Email": "b@example.com", "Country": "DE", "Consent": True},
        {"Email": None, "Country": "DE", "Consent": True},
        {"Email": "none", "Country": "DE", "Consent": True},
        {"Email": "c@example.com", "Country": "DE", "Consent": False},
        {"Email": "d@example.com", "Country": "AT", "Consent": False},
    ]
    assert list(tally.of([rows[:3], rows[3:]])) == [rows[:3], rows[3:]]
    assert tally.expected() == Expected(
        members=frozenset({A}),
        profiles=7,
        filtered=1,
        without_consent=1,
        valid=3,
        rejected={"missing": 1, "not_an_address": 1},
        duplicates=1,
        suppressed=1,
    )


def test_counting_continues_after_a_result() -> None:
    tally = Tally()
    tally.add({"Email": "a@example.com"})
    first = tally.expected()
    tally.add({"Email": "b@example.com"})
    assert (first.members, tally.expected().members) == ({A}, {A, B})


def test_a_row_may_have_several_addresses() -> None:
    row = {"Email": ["x", "a@example.com"], "Other": "b@example.com;b@example.com"}
    first, everything = (Tally(["Email", "Other"], take=take, separator=";") for take in Take)
    for tally in (first, everything):
        tally.add(row)
    assert first.expected().members == {A}
    assert everything.expected().members == {A, B}
    assert (everything.expected().valid, everything.expected().duplicates) == (1, 1)


def test_memberships_left_out_count_as_profiles() -> None:
    tally = Tally()
    tally.filtered(3)
    found = tally.expected(customers=5, without_profile=2).counts()
    assert found == {
        "members": 0,
        "profiles": 3,
        "filtered": 3,
        "without_consent": 0,
        "valid": 0,
        "rejected": {},
        "duplicates": 0,
        "customers": 5,
        "without_profile": 2,
    }


def test_a_list_excludes_all_digests_of_its_addresses() -> None:
    assert digests_of(["A@example.com", None, B.hex(), "none"]) == {A, B}
    assert len(digests_of(["a.x+y@example.com"], Policy.BOTH)) == 2
