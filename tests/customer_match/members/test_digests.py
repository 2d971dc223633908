"""Sorted sets of digests, against Python's own sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.members.digests import Digests, from_hex, merge, sorted_distinct, to_hex

# Few distinct bytes in few places, so that prefixes tie, digests repeat and zeros trail.
DIGEST = st.builds(
    lambda head, tail: bytes([head]) + bytes(7) + bytes([tail]) + bytes(23),
    st.integers(0, 5),
    st.integers(0, 3),
) | st.binary(min_size=32, max_size=32)


def array(digests: list[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


@given(st.lists(DIGEST, max_size=60))
def test_digests_are_sorted_and_distinct(digests: list[bytes]) -> None:
    assert [bytes(row) for row in sorted_distinct(array(digests))] == sorted(set(digests))


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(st.lists(DIGEST, max_size=40), min_size=1, max_size=4), st.integers(1, 7))
def test_merge_is_the_union_with_presence(sets: list[list[bytes]], window: int) -> None:
    ordered = [sorted(set(digests)) for digests in sets]
    streams = [[array(s[i : i + window]) for i in range(0, len(s), window)] for s in ordered]
    seen: list[bytes] = []
    for digests, presence in merge(streams):
        seen += [bytes(row) for row in digests]
        for k, one_set in enumerate(ordered):
            assert [bytes(d) in set(one_set) for d in digests] == presence[k].tolist()
    assert seen == sorted(set().union(*ordered))


def test_merge_passes_over_empty_arrays() -> None:
    one = array([bytes([1]) * 32])
    [(digests, presence)] = merge([[array([]), one, array([])], []])
    assert digests.tolist() == one.tolist()
    assert presence.tolist() == [[True], [False]]


@given(st.lists(DIGEST, max_size=5))
def test_hex_both_ways(digests: list[bytes]) -> None:
    digits = to_hex(array(digests))
    assert digits.tobytes().decode() == "".join(d.hex() for d in digests)
    assert from_hex(digits).tolist() == array(digests).tolist()
    assert (
        from_hex(np.frombuffer(digits.tobytes().upper(), np.uint8).reshape(-1, 64)).tolist()
        == array(digests).tolist()
    )
