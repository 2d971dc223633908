"""The engine agrees with the reference on every input."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.customer_match.engine import digest_batch
from include.customer_match.reference import Policy, judge_row

# Fragments that real and nasty tables are made of; joined at random they reach every branch.
FRAGMENTS = [
    *"@.+- _'\"\\,;:<>[]()/*=?!#$%&{}|`~^\t\n\r\x00\x1f\x7f",
    *"aZ09éÜßİıøŁ漢字あεЖאع",
    *"\u00a0\u00ad\u0085\u2003\u2028\u200b\u200d\u200e\u200f\u202e\u2066\ufeff\u0301\u0308\uff20\uff0e\uff41\ue000",
    "ann", "ANN.Smith", "+news", "@contoso.com", "@Bücher.DE", "@xn--bcher-kva.de", ".co.uk", "..", "@@",
    "@1.2.3.4", "@a.1a", "mailto:", "'", "a" * 60, "b" * 63, "c" * 64, "é" * 32, "0123456789abcdef" * 4,
    "ABCDEF0123456789" * 4, "f" * 63, "f" * 65, "x." * 100, "\U0001f600", "\U000e0041",
]  # fmt: skip
VALUES = st.none() | st.lists(st.sampled_from(FRAGMENTS), max_size=7).map("".join) | st.text(max_size=20)
WELL_FORMED = st.from_regex(
    r"[ ]?[A-Za-z0-9.+_'-]{1,9}@[A-Za-z0-9-]{1,6}(\.[A-Za-z0-9-]{1,4}){0,3}[ ]?", fullmatch=True
)


def check(rows: list[tuple[str | None, ...]], columns: int, policy: Policy) -> None:
    names = [f"Email {i}" for i in range(columns)]
    arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(columns)]
    outcome = digest_batch(pa.record_batch(arrays, names), names, policy)
    verdicts = [judge_row(row, policy) for row in rows]
    assert Counter(bytes(row) for row in outcome.digests) == Counter(d for v in verdicts for d in v.digests)
    assert outcome.rejected == Counter(v.rejection for v in verdicts if v.rejection)
    assert outcome.profiles == len(rows)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES | WELL_FORMED, max_size=12), st.sampled_from(Policy))
@example([" +@a.b", "+@a.b", "..+x@a.b", ".@a.b", "a@b.0", "a@b.0x", "a@b.c\n", "a@b.c\n\n"], Policy.ENHANCED)
@example(["a" * 60 + "@b.c", "a" * 61 + "@b.c", "a@" + "b" * 60 + ".c", "a@" + "b" * 58 + ".c"], Policy.BOTH)
@example(["a@" + "b" * 64 + ".de", "c" * 65 + "@b.de", "a@" + "b" * 63 + ".de"], Policy.BASIC)
def test_one_column(values: list[str | None], policy: Policy) -> None:
    check([(value,) for value in values], 1, policy)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(VALUES | WELL_FORMED, VALUES, WELL_FORMED), max_size=6), st.sampled_from(Policy))
def test_first_usable_of_several_columns(rows: list[tuple[str | None, ...]], policy: Policy) -> None:
    check(rows, 3, policy)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("arrow_type", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_types_slices_and_empty_batches(arrow_type: pa.DataType, policy: Policy) -> None:
    values = ["x@contoso.com", None, "A.b+c@contoso.com", "é@contoso.com", "n/a", "F" * 64]
    batch = pa.record_batch([pa.array(values, arrow_type)], ["Email"])
    part = digest_batch(batch.slice(2, 2), ["Email"], policy)
    expected = [d for v in values[2:4] for d in judge_row([v], policy).digests]
    assert sorted(bytes(row) for row in part.digests) == sorted(expected)
    assert digest_batch(batch.slice(0, 0), ["Email"], policy).digests.shape == (0, 32)


def test_all_null_column() -> None:
    outcome = digest_batch(pa.record_batch([pa.nulls(3)], ["Email"]), ["Email"], Policy.BASIC)
    assert outcome.rejected == {"missing": 3}
