"""Calls that land when their caller is gone: nothing is sent that they would undo, and nothing waits that need not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from customer_match.errors import TransientError
from customer_match.planning.plan import Plan
from customer_match_delivery.call_tracking import UnansweredCallsPending
from microsoft_advertising.limits import (
    CALL_BEGINS_SECONDS,
    CALL_LANDS_SECONDS,
    CALLS_NOTED_SECONDS,
)
from tests.customer_match_delivery.in_memory import DAY, NAME, Crash, World, small_calls
from tests.customer_match_delivery.test_delivery import check, settled_at

BEFORE = {1, 2}
CALLS_LEFT = pytest.mark.parametrize("how", ["left", "late"])
TARGETS = pytest.mark.parametrize("target", [{1, 2, 3}, {1}, {4}], ids=["add", "remove", "both"])


@pytest.fixture(autouse=True, scope="module")
def _small_calls() -> Iterator[None]:
    with small_calls():
        yield


def how_it_ends(world: World, plan: Plan) -> type[Exception] | None:
    try:
        world.deliver_once(plan)
    except (Crash, TransientError) as error:
        return type(error)
    return None


def left_behind(world: World, plan: Plan, how: str = "left", nth: int = 1) -> None:
    """A try whose n-th call stays on its way; its worker is killed, or learns that there is no answer."""
    world.faults.first = len(world.faults.steps)
    world.faults.strikes = {("apply_members", nth): how}
    with pytest.raises(Crash if how == "left" else TransientError):
        world.deliver_once(plan)
    world.faults.strikes = {}
    assert len(world.service.late) == 1


@pytest.mark.faults
@CALLS_LEFT
@TARGETS
@pytest.mark.parametrize("lands", ["before the wait is over", "when it is over"])
def test_what_a_late_call_would_undo_is_not_begun_before_its_end(
    how: str, target: set[int], lands: str
) -> None:
    """The run that was killed has taken members out or in; the next one is to undo that."""
    world = settled_at(BEFORE, "apply")
    left_behind(world, world.plan(target), how)
    undo = world.plan(BEFORE)
    with pytest.raises(
        UnansweredCallsPending, match=rf"{NAME}.*received no answer.*waits until then"
    ) as waits:
        world.deliver_once(undo)
    assert waits.value.retry_after == pytest.approx(CALL_LANDS_SECONDS, abs=5)
    if lands == "before the wait is over":
        world.service.land(world.service.late)
    certain, possible = world.bounds()
    assert certain <= world.people <= (possible or set())
    world.passed += timedelta(seconds=CALL_LANDS_SECONDS - 10)
    with pytest.raises(UnansweredCallsPending):
        world.deliver_once(undo)
    world.passed += timedelta(seconds=10)
    world.deliver_once(undo)
    check(world, BEFORE)
    world.service.land(world.service.late)
    check(world, BEFORE)


@pytest.mark.faults
@CALLS_LEFT
@TARGETS
def test_the_same_target_need_not_wait_and_the_next_one_does(how: str, target: set[int]) -> None:
    """A late call of its own plan, or of another one to the same end, does no harm, even after it."""
    world = settled_at(BEFORE, "apply")
    first = world.plan(target)
    left_behind(world, first, how)
    world.deliver_once(world.plan(target))
    check(world, target)
    with pytest.raises(UnansweredCallsPending):
        world.deliver_once(world.plan(BEFORE))
    world.service.land(world.service.late)
    check(world, target)
    world.passed += timedelta(seconds=CALL_LANDS_SECONDS)
    world.deliver_once(world.plan(BEFORE))
    check(world, BEFORE)


@pytest.mark.faults
def test_a_file_may_still_come_to_a_url_that_has_expired() -> None:
    """Another worker may have begun to post it in time: what would be undone by it waits."""
    world = settled_at(BEFORE, "bulk")
    world.service.urls_to_expire = 1
    world.run({1})
    check(world, {1})
    with pytest.raises(UnansweredCallsPending):
        world.deliver_once(world.plan(BEFORE))
    world.passed += timedelta(seconds=CALL_LANDS_SECONDS)
    world.run(BEFORE)
    check(world, BEFORE)


@pytest.mark.faults
def test_a_call_that_was_made_again_may_land_twice() -> None:
    """Its own plan went on as if nothing had been; the next one waits for the first try's end."""
    world = settled_at(BEFORE, "apply")
    plan = world.plan({1, 2, 3})
    left_behind(world, plan, "late")
    world.deliver_once(plan)
    check(world, {1, 2, 3})
    with pytest.raises(UnansweredCallsPending):
        world.deliver_once(world.plan(BEFORE))
    world.service.land(world.service.late)
    world.run(BEFORE)
    check(world, BEFORE)


@pytest.mark.faults
def test_a_late_replace_is_waited_for() -> None:
    world = settled_at(BEFORE, "apply")
    left_behind(world, world.plan({1, 3}, full=True))
    assert world.service.late[0].action == "Replace"
    with pytest.raises(UnansweredCallsPending):
        world.deliver_once(world.plan({1, 2, 3}))
    world.service.land(world.service.late)
    world.run({1, 2, 3})
    check(world, {1, 2, 3})


@pytest.mark.faults
def test_a_plan_that_sends_nothing_waits_for_nothing() -> None:
    world = settled_at(BEFORE, "apply")
    plan = world.plan({1, 2, 3})
    left_behind(world, plan, "late")
    world.deliver_once(plan)
    world.deliver_once(world.plan({1, 2, 3}))
    world.service.land(world.service.late)
    check(world, {1, 2, 3})


@pytest.mark.faults
@pytest.mark.parametrize("how", ["forgotten", "damaged", "full", "bulk"])
def test_no_other_way_leads_past_a_late_call(how: str) -> None:
    world = settled_at(BEFORE, "apply")
    left_behind(world, world.plan({1, 2, 3}))
    if how == "forgotten":
        world.ledger.forget()
    elif how == "damaged":
        world.storage.files[world.state.parts[0].members.path] = b"torn"
    elif how == "bulk":
        world.route = "bulk"
    plan = world.plan({2}, full=how == "full")
    ends = [how_it_ends(world, plan) for _ in range(3)]
    assert ends[-1] is UnansweredCallsPending, "that its ledger is damaged is told first"
    assert world.people == BEFORE
    world.service.land(world.service.late)
    world.run({2})
    check(world, {2})


@pytest.mark.faults
@pytest.mark.parametrize("hours", [-1, 1, 87_600])
def test_a_wait_is_no_longer_than_a_call_lives_whatever_the_clocks(hours: int) -> None:
    """The clock of the run that was killed was ahead, or is set back by now; one that was behind is not covered."""
    world = settled_at(BEFORE, "apply")
    plan = world.plan({1, 2, 3})
    world.passed += timedelta(hours=hours)
    left_behind(world, plan)
    world.passed -= timedelta(hours=abs(hours))
    undo, before = world.plan(BEFORE), world.passed
    for _ in range(2):  # a look in between does not begin the wait anew
        assert how_it_ends(world, undo) is UnansweredCallsPending
        world.passed += timedelta(seconds=CALL_LANDS_SECONDS / 2)
    world.deliver(undo)
    assert (world.passed - before).total_seconds() == pytest.approx(CALL_LANDS_SECONDS, abs=5)
    check(world, BEFORE)


@pytest.mark.faults
def test_no_try_of_a_call_begins_long_after_the_ledger_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the lid of a laptop was closed: another run may have gone on."""
    world = settled_at(BEFORE, "apply")
    tries = world.service.apply_members

    def asleep(*args: Any, **options: Any) -> Any:
        world.passed += timedelta(seconds=CALL_BEGINS_SECONDS + 1)
        return tries(*args, **options)

    monkeypatch.setattr(world.service, "apply_members", asleep)
    with pytest.raises(TransientError, match="not repeated"):
        world.deliver_once(world.plan({1, 2, 3}))
    assert world.people == BEFORE


@pytest.mark.faults
def test_slow_calls_are_written_down_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that those after them may be made, and are known to live for long enough."""
    world = settled_at(BEFORE, "apply")
    tries, until = world.service.apply_members, []

    def slow(*args: Any, **options: Any) -> Any:
        until.append((world.state.parts[0].lands_until or DAY) - world.now())
        done = tries(*args, **options)
        world.passed += timedelta(seconds=100)
        return done

    monkeypatch.setattr(world.service, "apply_members", slow)
    world.deliver_once(world.plan(range(1, 9), part_size=6))
    assert len(until) == 3
    assert min(until) > timedelta(seconds=CALL_LANDS_SECONDS - CALLS_NOTED_SECONDS)
    check(world, set(range(1, 9)))
