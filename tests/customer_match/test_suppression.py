"""Suppression lists: whom they keep out, whatever they hold, and that an unusable list stops all."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.customer_match.digests import Digests, sorted_distinct
from include.customer_match.reading import Reading
from include.customer_match.reference import Policy, Take, judge
from include.customer_match.suppression import Suppressed
from include.errors import ConfigurationError

READING = Reading(emails=("Email",), take=Take.ALL, separator=";")


def batch(*values: str | None) -> pa.RecordBatch:
    return pa.record_batch({"Email": pa.array(values, pa.string())})


def members(addresses: list[str], policy: Policy = Policy.BASIC) -> Digests:
    digests = [digest for address in addresses for digest in judge(address, policy).digests]
    return sorted_distinct(np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32))


def kept(
    segment: Digests, *lists: list[str | None], policy: Policy = Policy.BASIC
) -> tuple[list[bytes], int]:
    with Suppressed(policy) as suppressed:
        for values in lists:
            suppressed.read([batch(*values)], READING, "Never", allow_empty=True)
        left = [bytes(row) for part in suppressed.taken_out_of([segment]) for row in part]
        return left, suppressed.kept_out


PEOPLE = [f"p{n}@contoso.com" for n in range(6)]


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from(PEOPLE)), st.lists(st.lists(st.sampled_from([*PEOPLE, "n/a", ""])), max_size=3)
)
def test_exactly_the_listed_are_kept_out(segment: set[str], lists: list[list[str | None]]) -> None:
    listed = {value for values in lists for value in values}
    wanted = [bytes(row) for row in members(sorted(segment - listed))]
    assert kept(members(sorted(segment)), *lists) == (wanted, len(segment & listed))


@pytest.mark.parametrize(
    "value",
    [
        " P1@Contoso.com",
        hashlib.sha256(b"p1@contoso.com").hexdigest().upper(),
        "n/a; p1@contoso.com",
        "p9@contoso.com;p1@contoso.com",
    ],
)
def test_addresses_hashes_and_several_of_them(value: str) -> None:
    left, count = kept(members(PEOPLE[:2]), [value])
    assert (left, count) == ([bytes(members(PEOPLE[:1])[0])], 1)


def test_both_keeps_both_digests_out() -> None:
    segment = members(["a.b@contoso.com", "ab@contoso.com", "c@contoso.com"], Policy.BOTH)
    assert len(segment) == 3
    left, count = kept(segment, ["A.B@contoso.com"], policy=Policy.BOTH)
    assert (len(left), count) == (1, 2)


def test_what_was_read_is_told() -> None:
    with Suppressed(Policy.BASIC) as suppressed:
        found = suppressed.read([batch("a@b.co", None), batch("n/a")], READING, "Never", allow_empty=False)
    assert (found.rows, found.unusable) == (3, 2)


@pytest.mark.bad_input
@pytest.mark.parametrize("values", [[], [None, "n/a"]])
def test_a_list_that_keeps_nobody_out_stops_all(values: list[str | None]) -> None:
    with Suppressed(Policy.BASIC) as suppressed:
        with pytest.raises(
            ConfigurationError, match=rf"'Never' holds no e-mail.*\({len(values)} rows\).*allow_empty"
        ):
            suppressed.read([batch(*values)], READING, "Never", allow_empty=False)
        assert suppressed.read([batch(*values)], READING, "Never", allow_empty=True).rows == len(values)


def test_memory_does_not_grow_with_list_and_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a bound the list is spilled; the answer stays the same."""
    from include.customer_match import members as staging

    monkeypatch.setattr(staging, "_IN_MEMORY", 100)
    names: list[Any] = [f"p{n}@contoso.com" for n in range(1000)]
    with Suppressed(Policy.BASIC) as suppressed:
        suppressed.read(
            (batch(*names[n : n + 50]) for n in range(0, 800, 50)), READING, "Never", allow_empty=False
        )
        spilled = suppressed._members._file
        assert spilled is not None
        left = [bytes(row) for part in suppressed.taken_out_of([members(names)]) for row in part]
    assert left == [bytes(row) for row in members(names[800:])]
    assert suppressed.kept_out == 800
    assert spilled.closed
