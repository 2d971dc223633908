"""Which data interval may follow which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.ledger.state import Forced, State
from customer_match.planning.data_intervals import Force, Overtaken, StillToCome, check_not_ahead, in_order

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
    assert in_order(held(before, forced=forced), day(0), force, now=NOW) is None


def test_older_data_do_not() -> None:
    with pytest.raises(Overtaken, match=r"holds newer data \(up to 2026-11-10 00:00 UTC\)"):
        in_order(held(day(0)), day(-1), None, now=NOW)


def test_older_data_by_force() -> None:
    assert in_order(held(day(0)), day(-1), FORCE, now=NOW) == Forced(by="backfill 8", over=day(0))
    before = held(day(0), planned_at=NOW - timedelta(seconds=1))
    assert in_order(before, day(-1), FORCE, now=NOW) == Forced(by="backfill 8", over=day(0))


def test_force_does_not_reach_what_came_in_since_the_run_began() -> None:
    with pytest.raises(Overtaken, match=r"While this run was running.*clear this run"):
        in_order(held(day(0), planned_at=NOW + timedelta(seconds=1)), day(-1), FORCE, now=NOW)


def test_the_same_data_once_more_still_stand_over_the_newer_ones() -> None:
    forced = Forced(by="backfill 8", over=day(9))
    for force in (None, FORCE):
        assert in_order(held(day(0), forced=forced), day(0), force, now=NOW) == forced


# --- What is still to come -----------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
SKEW = timedelta(minutes=90)
SECOND = timedelta(seconds=1)
FUTURE = NOW.replace(year=2036)


@pytest.mark.parametrize("end", [NOW - HOUR, NOW, NOW + SKEW], ids=["past", "now", "clocks differ"])
def test_a_run_for_the_past_or_the_present_begins(end: datetime) -> None:
    check_not_ahead(end, NOW)


@pytest.mark.parametrize("end", [NOW + SKEW + SECOND, FUTURE])
def test_a_run_for_the_future_does_not(end: datetime) -> None:
    with pytest.raises(
        StillToCome, match=rf"ends at {end:%Y-%m-%d %H:%M} UTC.*it is 2026-11-25 06:00 UTC.*--date"
    ):
        check_not_ahead(end, NOW)


def test_what_is_said_to_be_of_the_future_keeps_nobody_out_in_silence() -> None:
    with pytest.raises(StillToCome, match=r"'a' holds data up to 2036-11-25.*--force"):
        in_order(held(FUTURE), day(0), None, now=NOW)
    with pytest.raises(Overtaken):
        in_order(held(NOW + SKEW), day(0), None, now=NOW)


@pytest.mark.parametrize("planned_at", [None, NOW - HOUR, FUTURE])
def test_force_leads_out_of_the_future(planned_at: datetime | None) -> None:
    forced = in_order(held(FUTURE, planned_at=planned_at), day(0), FORCE, now=NOW + SECOND)
    assert forced == Forced(by="backfill 8", over=FUTURE)


def test_force_leads_past_a_plan_that_only_a_wrong_clock_can_have_made() -> None:
    """Of a worker whose clock was ahead, while the interval is the scheduler's: right."""
    assert in_order(held(day(3), planned_at=FUTURE), day(0), FORCE, now=NOW + SECOND)


@given(arrivals=st.permutations(range(6)), newest=st.integers(0, 8))
def test_days_that_run_beside_one_another_end_with_the_newest(arrivals: list[int], newest: int) -> None:
    """All of a forced backfill begin at once, over data of another day, and arrive in any order."""
    state = held(day(newest), planned_at=NOW - timedelta(days=1))
    for place, number in enumerate(arrivals):
        try:
            forced = in_order(state, day(number), FORCE, now=NOW)
        except Overtaken:
            continue
        at = NOW + timedelta(seconds=place + 1)
        state = state.planned("p", (), day(number), at=at, forced=forced)
    assert state.interval_end == day(5)
