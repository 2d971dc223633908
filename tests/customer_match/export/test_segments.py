"""Segments: their keys across runs, and the audiences that they are written to."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.loading import export_of_task
from customer_match.export.matching import segments_of
from customer_match.export.segments import segment_key
from tests.customer_match.export.samples import export

EXPORTS = st.from_regex(r"[A-Za-z0-9_.-]{1,250}", fullmatch=True)


@given(export=EXPORTS, table=st.text(min_size=1))
def test_a_key_is_safe_for_any_table_name(export: str, table: str) -> None:
    key = segment_key(export, table)
    assert re.fullmatch(re.escape(export) + "/[a-z0-9-]{1,53}", key)
    assert key == segment_key(export, table)


@pytest.mark.slow
@given(one=st.tuples(EXPORTS, st.text(min_size=1)), two=st.tuples(EXPORTS, st.text(min_size=1)))
def test_different_segments_have_different_keys(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert (segment_key(*one) == segment_key(*two)) == (one == two)


def test_the_identity_of_a_segment_survives_a_renaming() -> None:
    before, after = (
        export(segments=["Gold", "Silver"]),
        export(segments=[{"table": "Gold", "audience": "VIPs"}, "Silver"]),
    )
    [old, _], [new, other] = segments_of(before), segments_of(after)
    assert before.identity(old) == after.identity(new) == "Gold"
    assert before.key(old) == after.key(new)
    assert after.identities == ("Gold", "Silver")
    assert after.other_keys(new) == {after.key(other)}


def test_a_table_that_is_named_twice_makes_two_segments() -> None:
    twice = export(segments=[{"table": "Gold", "audience": "A"}, {"table": "Gold", "audience": "B"}, "*"])
    first, second, pattern = segments_of(twice, ["Gold", "Silver"])
    assert len({twice.key(segment) for segment in (first, second, pattern)}) == 3
    assert twice.identities == ("Gold → A", "Gold → B")
    assert twice.other_keys(first) == {twice.key(second)}
    assert twice.other_keys(pattern) == {twice.key(first), twice.key(second)}


def test_a_segment_has_the_audience_id_of_the_file() -> None:
    [segment] = segments_of(export(segments=[{"table": "Gold", "audience_id": 4711}]))
    assert segment.audience_id == "4711"


def test_the_segments_of_a_task_are_told_apart_by_their_audiences() -> None:
    """A task may be mapped over audiences, and the name of its table may be the day."""

    def key(table: str, audience: str) -> str:
        values = {"cid": 1, "aid": 2, "source": "lake", "email": "Email"}
        segments = [{"table": table, "audience": audience}, "Gold*"]
        made = export_of_task(values | {"name": "dag.task", "segments": segments}, "a task")
        first, second = segments_of(made, ["Golden"])
        assert made.other_keys(second) == {made.key(first)}
        return made.key(first)

    assert key("2026-01-01", "A") == key("2026-01-02", "a")
    assert key("Customers", "A") != key("Customers", "B")
