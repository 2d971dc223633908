"""Which data interval may follow which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.customer_match.ledger.state import Forced, State
from include.customer_match.order import Force, Overtaken, in_order

DAY = datetime(2026, 11, 10, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
FORCE = Force(run="backfill 8", began=NOW)


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


def held(interval_end: datetime | None, *, planned_at: datetime | None = None, **values: object) -> State:
    state = State(audience="a", interval_end=interval_end, planned_at=planned_at)
    return state.model_copy(update=values)


@pytest.mark.parametrize("force", [None, FORCE])
@pytest.mark.parametrize("before", [None, day(-1)])
def test_newer_data_follow(before: datetime | None, force: Force | None) -> None:
    forced = Forced(by="another", over=day(-1))
    assert in_order(held(before, forced=forced), day(0), force) is None


def test_older_data_do_not() -> None:
    with pytest.raises(Overtaken, match=r"holds newer data \(up to 2026-11-10 00:00 UTC\)"):
        in_order(held(day(0)), day(-1), None)


def test_older_data_by_force() -> None:
    assert in_order(held(day(0)), day(-1), FORCE) == Forced(by="backfill 8", over=day(0))
    before = held(day(0), planned_at=NOW - timedelta(seconds=1))
    assert in_order(before, day(-1), FORCE) == Forced(by="backfill 8", over=day(0))


def test_force_does_not_reach_what_came_in_since_the_run_began() -> None:
    with pytest.raises(Overtaken, match=r"While this run was under way.*clear this run"):
        in_order(held(day(0), planned_at=NOW + timedelta(seconds=1)), day(-1), FORCE)


def test_the_same_data_once_more_still_stand_over_the_newer_ones() -> None:
    forced = Forced(by="backfill 8", over=day(9))
    for force in (None, FORCE):
        assert in_order(held(day(0), forced=forced), day(0), force) == forced


@settings(deadline=None)
@given(arrivals=st.permutations(range(6)), newest=st.integers(0, 8))
def test_days_that_run_beside_one_another_end_with_the_newest(arrivals: list[int], newest: int) -> None:
    """All of a forced backfill begin at once, over data of another day, and arrive in any order."""
    state = held(day(newest), planned_at=NOW - timedelta(days=1))
    for place, number in enumerate(arrivals):
        try:
            forced = in_order(state, day(number), FORCE)
        except Overtaken:
            continue
        at = NOW + timedelta(seconds=place + 1)
        state = state.planned("p", (), day(number), at=at, forced=forced)
    assert state.interval_end == day(5)
