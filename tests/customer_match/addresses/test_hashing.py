"""Columns are hashed as the standard library hashes each text."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.addresses import hashing
from customer_match.addresses.hashing import hash_texts


def check(texts: pl.Series) -> None:
    digests = hash_texts(texts)
    assert digests.shape == (len(texts), 32)
    assert [bytes(row) for row in digests] == [hashlib.sha256(t.encode()).digest() for t in texts]


@given(st.lists(st.text(max_size=200), max_size=40), st.integers(0, 5))
def test_random_texts_and_slices_of_them(texts: list[str], start: int) -> None:
    series = pl.Series("t", texts, pl.String)
    check(series)
    check(series.slice(start, 20))
    check(pl.concat([series, series.slice(start)], rechunk=False))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 15, 16, 17, 33, 1_000])
def test_every_length_around_the_blocks_of_the_algorithm(count: int) -> None:
    """Texts of one length are hashed side by side; 55 and 56, 119 and 120 bytes differ in their number of blocks."""
    for length in range(132):
        check(
            pl.Series([f"{number:04d}"[-length or 4 :] + "x" * max(length - 4, 0) for number in range(count)])
        )


def test_a_wrong_digest_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = hashing.stringzilla.Strs

    def of_other_texts(column: object, *, view: bool) -> object:
        return whole([f"{text} " for text in whole(column)])

    monkeypatch.setattr(hashing.stringzilla, "Strs", of_other_texts)
    with pytest.raises(RuntimeError, match="other texts"):
        hash_texts(pl.Series(["a", "b"]))
