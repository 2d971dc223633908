"""When members are renewed: whatever the schedule, nobody lapses where it can be helped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.ledger.state import Renewal
from customer_match.planning.renewal import lapse_warning, must_renew

THEN = datetime(2026, 3, 1, tzinfo=UTC)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def test_members_that_never_lapse_are_never_renewed() -> None:
    assert not must_renew(None, days=-1, now=THEN)
    assert not must_renew(Renewal(at=THEN, days=-1), days=-1, now=THEN + days(9_999))


@pytest.mark.parametrize("last", [None, Renewal(at=THEN, days=-1), Renewal(at=THEN, days=60)])
def test_another_duration_renews_at_once(last: Renewal | None) -> None:
    assert must_renew(last, days=30, now=THEN)


def test_a_duration_without_end_renews_once_after_one_with() -> None:
    assert must_renew(Renewal(at=THEN, days=30), days=-1, now=THEN)
    assert not must_renew(Renewal(at=THEN, days=-1), days=-1, now=THEN)


def test_half_of_the_duration() -> None:
    last = Renewal(at=THEN, days=30)
    assert not must_renew(last, days=30, now=THEN + days(14.9))
    assert must_renew(last, days=30, now=THEN + days(15))


def test_a_clock_that_was_ahead_keeps_nobody_from_being_renewed() -> None:
    """Else all would lapse before the moment that it wrote down."""
    assert must_renew(Renewal(at=THEN + days(3650), days=30), days=30, now=THEN)
    assert not must_renew(Renewal(at=THEN + days(1 / 24), days=30), days=30, now=THEN)


def test_earlier_where_the_next_run_comes_too_late() -> None:
    last = Renewal(at=THEN, days=30)
    assert not must_renew(last, days=30, now=THEN + days(3), next_run_over=THEN + days(29.9))
    assert must_renew(last, days=30, now=THEN + days(3), next_run_over=THEN + days(30))


@given(
    duration=st.integers(1, 390),
    period=st.floats(0.04, 400),
    by_hand=st.lists(st.floats(0, 20), max_size=5),
    took=st.floats(0, 0.25),
)
def test_nobody_lapses_unless_people_are_warned(
    duration: int, period: float, by_hand: list[float], took: float
) -> None:
    """Runs by a schedule, and some by hand in between; each may take a quarter of a day before it has sent."""
    scheduled = [number * period for number in range(21)]
    last, warned, lapsed = None, False, False
    for moment in sorted([*scheduled, *(period * place for place in by_hand)]):
        now = THEN + days(moment)
        following = (
            THEN + days(next((one for one in scheduled if one > moment), moment + period)) + days(0.25)
        )
        lapsed = lapsed or (last is not None and now + days(took) >= last.at + days(duration))
        if must_renew(last, days=duration, now=now, next_run_over=following):
            last = Renewal(at=now, days=duration)
        warned = warned or lapse_warning(days=duration, now=now, next_run_over=following) is not None
    assert warned or not lapsed


def test_a_schedule_that_is_too_slow_is_told() -> None:
    warning = str(lapse_warning(days=30, now=THEN, next_run_over=THEN + days(31)))
    assert "Members stay 30 days in the audience" in warning
    assert "2026-04-01 00:00 UTC" in warning
    assert "`membership_duration`" in warning
    assert lapse_warning(days=32, now=THEN, next_run_over=THEN + days(31)) is None
    assert lapse_warning(days=-1, now=THEN, next_run_over=THEN + days(31)) is None
    assert lapse_warning(days=1, now=THEN, next_run_over=None) is None
