"""Deliveries of older data, of members that are renewed, and to audiences that were emptied by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_match.errors import ConfigurationError
from customer_match.ledger.state import Forced, KnownSize, Renewal
from customer_match.planning import emptied
from customer_match.planning.data_intervals import Force, Overtaken
from customer_match_delivery import delivery
from tests.customer_match_delivery.in_memory import DAY, NAME, World

FAR = datetime(2090, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


class Clock:
    """The time of deliveries."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, tzinfo=UTC)

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(delivery, "_now", lambda: clock.now)
    return clock


def check(world: World, target: set[int]) -> None:
    assert world.violations == []
    assert world.people == target
    assert world.bounds() == (target, target)


# --- Older data ----------------------------------------------------------------------------------------------


def test_older_data_are_applied_by_force_and_it_is_written_down() -> None:
    world = World()
    world.deliver_once(world.plan({1, 2, 3}), day=9)
    old = world.plan({1, 5})
    with pytest.raises(Overtaken):
        world.deliver_once(old, day=4)
    check(world, {1, 2, 3})
    world.deliver_once(old, day=4, force=Force(run="backfill 4", began=FAR))
    check(world, {1, 5})
    assert (world.state.interval_end, world.state.forced) == (day(4), Forced(by="backfill 4", over=day(9)))


def test_days_by_force_in_order_and_a_daily_run_goes_on_from_the_last() -> None:
    world = World()
    world.deliver_once(world.plan({1}), day=9)
    for number in (3, 4, 5):
        world.deliver_once(world.plan({1, number}), day=number, force=Force(run=f"day {number}", began=FAR))
    check(world, {1, 5})
    assert (world.state.interval_end, world.state.forced) == (day(5), None), "day 5 is newer than day 4"
    world.deliver_once(world.plan({1, 10}), day=10)
    check(world, {1, 10})


def test_a_daily_run_between_two_days_by_force(clock: Clock) -> None:
    """A day that was under way when it came stands back; one that begins later is applied over it."""
    world = World()
    world.deliver_once(world.plan({1}), day=9)
    clock.pass_days(1)
    began = clock.now
    under_way = world.plan({1, 4})
    clock.pass_days(0.01)
    world.deliver_once(world.plan({1, 10}), day=10)
    with pytest.raises(Overtaken, match="was running"):
        world.deliver_once(under_way, day=4, force=Force(run="day 4", began=began))
    check(world, {1, 10})
    clock.pass_days(0.01)
    world.deliver_once(world.plan({1, 5}), day=5, force=Force(run="day 5", began=clock.now))
    check(world, {1, 5})
    assert world.state.forced == Forced(by="day 5", over=day(10))


# --- Renewal -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["bulk", "apply"])
def lapsing(request: pytest.FixtureRequest, clock: Clock) -> World:
    world = World(route=request.param)
    world.spec = replace(world.spec, membership_duration=30)
    return world


def test_a_first_load_and_a_replace_begin_every_duration(lapsing: World, clock: Clock) -> None:
    lapsing.run({1, 2, 3, 4})
    assert lapsing.state.renewed == Renewal(at=clock.now, days=30)
    first = clock.now
    clock.pass_days(2)
    lapsing.run({1, 2, 3, 5})
    assert lapsing.state.renewed == Renewal(at=first, days=30)
    lapsing.run({1, 2}, full=True)
    assert lapsing.state.renewed == Renewal(at=clock.now, days=30)


def test_all_are_added_again_and_leavers_removed(lapsing: World, clock: Clock) -> None:
    lapsing.run({1, 2, 3, 4})
    clock.pass_days(16)
    del lapsing.service.accepted[:], lapsing.service.calls[:]
    plan = lapsing.plan({2, 3, 4, 5}, renew=True)
    assert (plan.added, plan.removed, plan.unchanged, plan.renewed, plan.replaces) == (1, 1, 3, 3, False)
    lapsing.deliver(plan)
    check(lapsing, {2, 3, 4, 5})
    sent = [(one.action, set(one.people)) for one in (*lapsing.service.accepted, *lapsing.service.calls)]
    assert sent[0] == ("Remove", {1})
    assert {action for action, _ in sent[1:]} == {"Add"}
    assert set.union(*(people for _, people in sent[1:])) == {2, 3, 4, 5}
    assert lapsing.state.renewed == Renewal(at=clock.now, days=30)


def test_a_renewal_that_another_run_interrupts_has_not_been(lapsing: World, clock: Clock) -> None:
    lapsing.run({1, 2, 3, 4})
    renewed = lapsing.state.renewed
    clock.pass_days(16)
    plan = lapsing.plan({1, 2, 3, 4}, renew=True)
    if lapsing.route == "bulk":
        lapsing.delivery(plan).start()
        assert lapsing.delivery(plan).advance()
        lapsing.run({1, 2, 3, 4, 5})
        assert lapsing.state.renewed == renewed
        check(lapsing, {1, 2, 3, 4, 5})
    entry = lapsing.ledger.load()
    half = entry.state.planned("half", plan.parts, None, renewing=Renewal(at=clock.now, days=30))
    assert half.confirmed(0, None, {}).at_rest(entry.state.settled).renewed == renewed
    assert half.distrusted("damaged").renewing is None


def test_a_renewal_is_planned_again_as_one(lapsing: World, clock: Clock) -> None:
    """Where the ledger has moved on between chunk and upload."""
    lapsing.run({1, 2, 3, 4})
    plan = lapsing.plan({1, 2, 3, 4}, renew=True)
    lapsing.run({1, 2, 3, 9})
    clock.pass_days(1)
    lapsing.deliver_once(plan, day=99)
    check(lapsing, {1, 2, 3, 4})
    assert lapsing.state.renewed == Renewal(at=clock.now, days=30)


# --- Emptied by hand -----------------------------------------------------------------------------------------


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """People are few here."""
    monkeypatch.setattr(emptied, "_SUBSTANTIAL", 3)


@pytest.mark.usefixtures("small_sizes")
def test_an_audience_that_was_emptied_is_replaced_once(clock: Clock) -> None:
    world = World()
    people = set(range(1, 9))
    world.run(people)
    [audience] = world.service.audiences.values()
    clock.pass_days(4)
    audience.size = 6
    before = world.ledger.load().number
    world.deliver_once(world.plan(people))
    assert world.state.size == KnownSize(at=clock.now, matched=6, members=8)
    assert world.ledger.load().number - before == 2, "the size and the plan"

    audience.people, audience.size = set(), 0
    plans = []
    plan = world.plan(people)
    assert not plan.parts
    sending = world.delivery(plan)
    sending._on_replan = plans.append
    sending.start()
    assert "emptied by hand: 0 users" in str(world.state.damage)
    while sending.advance():
        pass
    check(world, people)
    assert plans[-1].replaces
    assert "emptied by hand" in str(plans[-1].damage)
    assert world.state.damage is None

    clock.pass_days(30)
    world.run(people)
    assert len([upload for upload in world.service.accepted if upload.action == "Replace"]) == 2


@pytest.mark.usefixtures("small_sizes")
def test_sizes_that_change_little_are_not_written_down(clock: Clock) -> None:
    world = World()
    world.run(range(1, 9))
    [audience] = world.service.audiences.values()
    clock.pass_days(4)
    for size in (6, 6, 7, None):
        audience.size = size
        world.delivery(world.plan(range(1, 9))).start()
    assert world.state.size == KnownSize(at=clock.now, matched=6, members=8)


# --- Made again by hand --------------------------------------------------------------------------------------


def test_one_that_was_made_again_by_hand_is_not_ours() -> None:
    world = World()
    world.run({1, 2, 3})
    world.service.audiences.clear()
    again = world.service.put(NAME, "made by hand", {50})
    plan = world.plan({1, 2, 4})
    with pytest.raises(
        ConfigurationError, match=rf"(?s)'{NAME}' \(id {again.id}\).*did not create.*`adopt: true`"
    ):
        world.deliver_once(plan)
    assert again.people == {50}
    world.spec = replace(world.spec, adopt=True)
    world.deliver_once(plan)
    check(world, {1, 2, 4})
    assert world.state.audience_id == again.id
