"""Which segments share a task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.segments import Segment
from customer_match.runs.grouping import LARGE_TABLE_BYTES, group_segments, join_names


def segments(count: int) -> list[Segment]:
    return [Segment(table=f"t{number}", audience=f"a{number}") for number in range(count)]


@given(
    sizes=st.lists(st.sampled_from([None, 0, 1000, LARGE_TABLE_BYTES - 1, LARGE_TABLE_BYTES, 10**12])),
    per_task=st.integers(1, 60),
)
def test_every_segment_is_in_one_task_and_no_task_is_too_large(
    sizes: list[int | None], per_task: int
) -> None:
    found = segments(len(sizes))
    known = {one.audience: size for one, size in zip(found, sizes, strict=True) if size is not None}
    groups = group_segments(found, known, per_task=per_task)
    assert sorted(one.audience for group in groups for one in group) == sorted(s.audience for s in found)
    small = [group for group in groups if known.get(group[0].audience, 0) < LARGE_TABLE_BYTES]
    large = [group for group in groups if group not in small]
    assert all(len(group) == 1 for group in large)
    assert len(large) == sum((size or 0) >= LARGE_TABLE_BYTES for size in sizes)
    counts = [len(group) for group in small]
    assert max(counts, default=0) <= per_task
    assert max(counts, default=0) - min(counts, default=0) <= 1, "tasks are of nearly the same length"
    assert len(small) == -(-sum(counts) // per_task), "and there are no more of them than needed"
    order = [one for group in small for one in group]
    assert order == [one for one in found if one in order], "in the order of the export file"


def test_one_segment_a_task() -> None:
    found = segments(3)
    assert group_segments(found, {}, per_task=1) == [(one,) for one in found]


@pytest.mark.parametrize(
    ("names", "limit", "text"),
    [
        (["Gold"], 120, "Gold"),
        (["Gold" * 50], 8, "GoldGold"),
        (["Gold", "Silver", "Bronze"], 120, "Gold, Silver, Bronze"),
        (["Gold", "Silver", "Bronze"], 19, "Gold and 2 more"),
        (["Gold" * 50, "Silver"], 20, "2 segments"),
    ],
)
def test_names_fit_into_the_list_of_tasks(names: list[str], limit: int, text: str) -> None:
    assert join_names(names, limit) == text
