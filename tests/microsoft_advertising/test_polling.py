"""Polling: short waits first, longer ones later, the same after a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microsoft_advertising.polling import PollSchedule


def test_starts_early_and_slows_to_a_minute() -> None:
    schedule = PollSchedule()
    waits, elapsed = [], 0.0
    while elapsed < 900:
        waits.append(schedule.next_wait(elapsed))
        elapsed += waits[-1]
    assert waits[0] == 2
    assert waits == sorted(waits)
    assert waits[-1] == 60
    assert sum(waits[:8]) < 30  # several calls within half a minute
    assert len(waits) < 40  # and few calls in a quarter of an hour


@given(st.floats(-1e6, 1e9))
def test_stays_within_its_bounds(elapsed: float) -> None:
    assert 2 <= PollSchedule().next_wait(elapsed) <= 60


@given(st.floats(0, 1e5), st.floats(0.1, 10), st.floats(10, 100), st.floats(0, 1))
def test_the_end_is_noticed_within_the_share(
    elapsed: float, first: float, longest: float, share: float
) -> None:
    wait = PollSchedule(first, longest, share).next_wait(elapsed)
    assert wait <= max(first, share * elapsed)


@pytest.mark.parametrize("bad", [{"first": 0}, {"first": 5, "longest": 4}, {"share": -1}])
def test_invalid_schedules_are_rejected(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        PollSchedule(**bad)
