"""The vectorised engine agrees with `definition.py` on every input."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_match.addresses import engine
from customer_match.addresses.definition import Policy, Take, Verdict, judge_row, split_values
from customer_match.addresses.engine import digest_batch, digest_batches
from tests.customer_match.addresses.test_definition import BASIC, ENHANCED, NEVER_INSIDE, REJECTED

# Fragments of real and difficult tables; random combinations of them reach every branch.
FRAGMENTS = [
    *"@.+- _'\"\\,;:<>[]()/*=?!#$%&{}|`~^\t\n\r\x00\x1f\x7f",
    *"aZ09éÜßİıøŁ漢字あεЖאع",
    *"\u00a0\u00ad\u0085\u2003\u2028\u200b\u200d\u200e\u200f\u202e\u2066\ufeff\u0301\u0308\uff20\uff0e\uff41\ue000",
    *"\u3002\uff61\ufe6b\u212aΣςſ\ufe0f\u3164\u2800\ufffd\u05d0", "jose\u0301", "josé", "@bu\u0308cher.de",
    "@contoso\u3002com", "@xn--", "xn--", "XN--BCHER-KVA", "@xn--n3h.ws", "@xn---bbk.com", "@xn--4dbrk0ce.com",
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
    check_against([judge_row(row, policy) for row in rows], pa.record_batch(arrays, names), policy)


def check_against(verdicts: list[Verdict], batch: pa.RecordBatch, *arguments: Any) -> None:
    """Judge the rows alone, and as batches of few rows, of which some are judged together."""
    names = batch.schema.names
    outcome = digest_batch(batch, names, *arguments)
    rejects = [(row, v.rejection) for row, v in enumerate(verdicts) if v.rejection]
    digests = Counter(d for v in verdicts for d in v.digests)
    assert outcome.rejects.rows() == rejects
    assert outcome.rejected == Counter(reason for _, reason in rejects)
    assert outcome.profiles == len(verdicts)
    assert Counter(map(bytes, outcome.digests)) == digests
    numbered = batch.append_column("number", pa.array(range(len(verdicts)), pa.int64()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_ROWS_AT_ONCE", 3)
        batches = (numbered.slice(start, 2) for start in range(0, len(verdicts), 2))
        parts = list(digest_batches(batches, names, *arguments))
    assert sum((Counter(map(bytes, one.digests)) for _, one in parts), Counter()) == digests
    assert sum(one.profiles for _, one in parts) == len(verdicts)
    found = [
        (rows["number"][row].as_py(), reason) for rows, one in parts for row, reason in one.rejects.rows()
    ]
    assert found == rejects


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(VALUES | WELL_FORMED, max_size=12), st.sampled_from(Policy))
@example([" +@a.b", "+@a.b", "..+x@a.b", ".@a.b", "a@b.0", "a@b.0x", "a@b.c\n", "a@b.c\n\n"], Policy.ENHANCED)
@example(["a" * 60 + "@b.c", "a" * 61 + "@b.c", "a@" + "b" * 60 + ".c", "a@" + "b" * 58 + ".c"], Policy.BOTH)
@example(["a@" + "b" * 64 + ".de", "c" * 65 + "@b.de", "a@" + "b" * 63 + ".de"], Policy.BASIC)
def test_one_column_agrees_with_the_definition(values: list[str | None], policy: Policy) -> None:
    check([(value,) for value in values], 1, policy)


@pytest.mark.slow
@pytest.mark.parametrize("policy", Policy)
def test_all_examples_of_the_reference(policy: Policy) -> None:
    """Each alone, so that two errors cannot cancel out; and one row for each, in one of two columns."""
    values = [value for value, _ in (*BASIC, *ENHANCED, *REJECTED)]
    values += [f"ann{inner}+x@contoso.com" for inner in NEVER_INSIDE]
    for value in values:
        check([(value,)], 1, policy)
    check([(value, None) for value in values], 2, policy)


@settings(max_examples=40)
@given(st.lists(st.tuples(VALUES | WELL_FORMED, VALUES, WELL_FORMED), max_size=6), st.sampled_from(Policy))
def test_first_usable_of_several_columns(rows: list[tuple[str | None, ...]], policy: Policy) -> None:
    check(rows, 3, policy)


def check_values(
    rows: list[tuple[Any, ...]], types: list[pa.DataType], policy: Policy, take: Take, separator: str | None
) -> None:
    names = [f"Email {i}" for i in range(len(types))]
    arrays = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(types)]
    batch = pa.record_batch(arrays, names)
    verdicts = [judge_row(split_values(row, separator), policy, take) for row in rows]
    check_against(verdicts, batch, policy, take, separator)


SEPARATED = st.lists(VALUES | WELL_FORMED, max_size=4).map(lambda parts: ";".join(p or "" for p in parts))
LISTS = st.none() | st.lists(VALUES | WELL_FORMED, max_size=4)
TEXT, LIST = pa.string(), pa.list_(pa.string())
MODES = (st.sampled_from(Policy), st.sampled_from(Take), st.sampled_from([None, ";", "; "]))


@pytest.mark.slow
@settings(max_examples=150)
@given(st.lists(st.tuples(LISTS), max_size=8), *MODES)
@example([([None, "x@contoso.com"],), ([],), (None,), (["n/a", ""],)], Policy.BASIC, Take.COALESCE, None)
@example([(["é@contoso.com", "x@contoso.com", "f" * 64],)], Policy.BASIC, Take.COALESCE, None)
@example([(["x@contoso.com", "X@contoso.com"],)], Policy.BOTH, Take.ALL, None)
@example([(["a..é.+b@contoso.com", "x@contoso.com"],)], Policy.BOTH, Take.COALESCE, None)
def test_columns_of_lists_agree_with_the_definition(
    rows: list[tuple[Any, ...]], policy: Policy, take: Take, separator: str | None
) -> None:
    check_values(rows, [LIST], policy, take, separator)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.lists(st.tuples(st.none() | SEPARATED, VALUES | WELL_FORMED), max_size=8), *MODES)
@example([("a@b.co; c@d.co;;e@f.co", None), ("", "g@h.co"), (";", " ")], Policy.BASIC, Take.ALL, ";")
@example([("n/a;é@b.co;c@d.co", "g@h.co")], Policy.BASIC, Take.COALESCE, ";")
def test_texts_with_several_addresses_agree_with_the_definition(
    rows: list[tuple[Any, ...]], policy: Policy, take: Take, separator: str | None
) -> None:
    check_values(rows, [TEXT, TEXT], policy, take, separator)


@settings(max_examples=25)
@given(st.lists(st.tuples(SEPARATED, LISTS, WELL_FORMED), max_size=5), *MODES)
def test_text_and_lists_side_by_side(
    rows: list[tuple[Any, ...]], policy: Policy, take: Take, separator: str | None
) -> None:
    check_values(rows, [TEXT, LIST, TEXT], policy, take, separator)


@pytest.mark.parametrize("kind", [LIST, pa.large_list(pa.string()), pa.list_(pa.large_string())])
def test_lists_of_every_kind_and_slices_of_them(kind: pa.DataType) -> None:
    rows = [["x@contoso.com", None], None, ["y@contoso.com", "n/a"], ["n/a", "z@contoso.com"]]
    batch = pa.record_batch([pa.array(rows, kind)], ["Email"]).slice(1, 2)
    outcome = digest_batch(batch, ["Email"], Policy.BASIC, Take.ALL)
    assert [bytes(row) for row in outcome.digests] == list(judge_row(["y@contoso.com"], Policy.BASIC).digests)
    assert outcome.rejects.rows() == [(0, "missing")]
    assert digest_batch(batch.slice(0, 0), ["Email"], Policy.BASIC, Take.ALL).digests.shape == (0, 32)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("arrow_type", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_types_slices_and_empty_batches(arrow_type: pa.DataType, policy: Policy) -> None:
    values = ["x@contoso.com", None, "A.b+c@contoso.com", "é@contoso.com", "n/a", "F" * 64]
    batch = pa.record_batch([pa.array(values, arrow_type)], ["Email"])
    part = digest_batch(batch.slice(2, 2), ["Email"], policy)
    expected = [d for v in values[2:4] for d in judge_row([v], policy).digests]
    assert sorted(bytes(row) for row in part.digests) == sorted(expected)
    assert digest_batch(batch.slice(0, 0), ["Email"], policy).digests.shape == (0, 32)
    if arrow_type != pa.string_view():
        check_against([judge_row([v], policy) for v in values[2:5]], batch.slice(2, 3), policy)


def test_no_batch_at_all_gives_nothing() -> None:
    assert list(digest_batches([], ["Email"], Policy.BASIC)) == []


def test_a_column_of_nulls_has_no_members() -> None:
    outcome = digest_batch(pa.record_batch([pa.nulls(3)], ["Email"]), ["Email"], Policy.BASIC)
    assert outcome.rejected == {"missing": 3}
