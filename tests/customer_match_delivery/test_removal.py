"""The removal of erased members: exactly they leave the audience, whatever happens, and no file names them any more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.erasure.evidence import Outcome, Removal
from customer_match.erasure.register import Erased, Register
from customer_match.errors import TransientError
from customer_match.ledger.actions import Action
from customer_match.ledger.unanswered_calls import UnansweredCalls
from customer_match.members.files import write_members
from customer_match.planning.plan import Plan
from customer_match.routes import RouteChoice
from customer_match_delivery.call_tracking import UnansweredCallsPending
from customer_match_delivery.marks import Mark
from customer_match_delivery.removal import MemberRemoval
from microsoft_advertising.client import Client
from microsoft_advertising.faults import ServiceTerminalError
from microsoft_advertising.models import UploadState
from tests.customer_match_delivery.in_memory import (
    KEY,
    MARK,
    NAME,
    Crash,
    Place,
    World,
    digests_of,
    small_calls,
)

pytestmark = pytest.mark.slow

REMOVED, NOT_A_MEMBER = Outcome.REMOVED, Outcome.NOT_A_MEMBER


@pytest.fixture(autouse=True, scope="module")
def _small_calls() -> Iterator[None]:
    with small_calls():
        yield


class ErasingWorld(World):
    """A world whose runs keep out whom the register names."""

    requests = 0

    def erased(self) -> Erased | None:
        return Register(self.storage).read(lambda: KEY)

    def register(self, people: Collection[int]) -> None:
        Register(self.storage).add(KEY, digests_of(people))

    def removal(self, given: Collection[int] = (), audience_id: str | None = None) -> MemberRemoval:
        """One try; a new process knows only what is in the workspace."""
        erased = self.erased()
        assert erased
        return MemberRemoval(
            client=cast("Client", self.service),
            ledgers=self.ledgers,
            storage=self.storage,
            audience=NAME,
            audience_id=audience_id,
            erased=erased,
            given=digests_of(given),
            owner=Mark.of(MARK),
            plan_id=f"erasure-{self.requests}",
            route=self.route,
            now=self.now,
        )

    def remove(self, given: Collection[int] = (), audience_id: str | None = None) -> Removal:
        """One try, with all its waits."""
        removal = self.removal(given, audience_id)
        removal.start()
        for _ in range(100):
            outcome = removal.advance()
            if isinstance(outcome, Removal):
                return outcome
        raise AssertionError("never came through")

    def forget(self, people: Collection[int]) -> Removal:
        """A whole request, in as many tries as it takes."""
        self.requests += 1
        for _ in range(40):
            try:
                self.register(people)
                return self.remove(people)
            except UnansweredCallsPending as error:
                self.passed += timedelta(seconds=error.retry_after or 0.0)
            except (Crash, TransientError):
                continue
        raise AssertionError("never came through")

    def named_in_ledger(self) -> set[int]:
        """Everybody whose digest is in any file of the ledger."""
        content = b"".join(data for path, data in self.storage.files.items() if path.startswith("ledgers/"))
        return {person for person in range(256) if bytes([person]) * 32 in content}


def check(world: ErasingWorld, members: set[int]) -> None:
    assert world.violations == []
    assert world.people == members
    assert world.bounds() == (members, members)
    assert not world.state.parts


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_members_are_removed_and_nobody_else(route: RouteChoice) -> None:
    world = ErasingWorld(route=route)
    world.run({1, 2, 3, 4, 5})
    world.run({1, 2, 3, 4})
    interval = world.state.interval_end
    removal = world.forget({2, 4, 9})
    check(world, {1, 3})
    assert (removal.outcome, removal.removed, removal.refused) == (REMOVED, 2, 0)
    assert removal.uploads == (("r4",) if route == "bulk" else ())
    assert removal.calls == (0 if route == "bulk" else 1)
    assert world.state.interval_end == interval
    assert world.named_in_ledger() == {1, 3}  # 5, who left before, is gone with the earlier bounds
    assert removal.ledger_state == world.ledger.load().number


def test_an_audience_that_never_had_them_is_told_nothing() -> None:
    """The service must not learn of people whom the audience never had."""
    world = ErasingWorld()
    world.run({1, 2})
    before = len(world.service.accepted), world.service.claims
    assert world.forget({7}).outcome is NOT_A_MEMBER
    assert (len(world.service.accepted), world.service.claims) == before
    check(world, {1, 2})


def test_a_second_request_finds_nobody() -> None:
    world = ErasingWorld()
    world.run({1, 2})
    assert world.forget({1}).outcome is REMOVED
    assert world.forget({1}).outcome is NOT_A_MEMBER
    check(world, {2})


def test_the_next_run_keeps_them_out() -> None:
    """Its members were staged before the request: the delivery leaves out whom the register names."""
    world = ErasingWorld()
    world.run({1, 2, 3})
    plan = world.plan({1, 2, 3, 4})
    world.forget({2, 4})
    told: list[Plan] = []
    delivery = world.delivery(plan, on_replan=told.append)
    delivery.start()
    while delivery.advance():
        pass
    check(world, {1, 3})
    assert told[-1].erased == 2, "the report counts them"


def test_a_later_call_completes_it_without_the_addresses() -> None:
    world = ErasingWorld()
    world.run({1, 2, 3})
    world.register({2})
    assert world.remove().outcome is REMOVED
    check(world, {1, 3})


# --- Ledgers that cannot be trusted ------------------------------------------------------------------------


def damage_bounds(world: World) -> None:
    file = world.state.settled.certain
    assert file
    world.storage.files[file.path] = b"damaged"


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_a_damaged_ledger_does_not_stop_it(route: RouteChoice) -> None:
    world = ErasingWorld(route=route)
    world.run({1, 2, 3})
    damage_bounds(world)
    removal = world.forget({2, 9})
    assert (removal.outcome, removal.ledger_was_unknown) == (REMOVED, True)
    assert world.people == {1, 3}
    assert world.bounds() == (set(), None)
    world.run({1, 2, 3})
    check(world, {1, 3})


def test_without_digests_a_damaged_ledger_leaves_it_to_the_next_run() -> None:
    world = ErasingWorld()
    world.run({1, 2, 3})
    damage_bounds(world)
    world.register({2})
    assert world.remove().outcome is Outcome.UNKNOWN
    assert world.people == {1, 2, 3}
    world.run({1, 2, 3})
    check(world, {1, 3})


def test_a_restored_ledger_is_not_believed() -> None:
    """The backup was made before the person joined: by it, there is nobody to remove."""
    world = ErasingWorld()
    world.run({1})
    backup = world.copied()
    world.run({1, 2})
    world.put_back(backup)
    removal = world.forget({2})
    assert (removal.outcome, removal.ledger_was_unknown) == (REMOVED, True)
    assert world.people == {1}


def test_a_lost_ledger_and_an_audience_that_was_found_at_the_service() -> None:
    world = ErasingWorld()
    world.run({1, 2})
    world.put_back({})
    [audience] = world.service.audiences.values()
    world.register({2})
    removal = world.remove({2}, audience.id)
    assert (removal.outcome, removal.audience_id, world.people) == (REMOVED, audience.id, {1})
    world.run({1, 2})
    check(world, {1})


def test_an_audience_that_does_not_exist_any_more() -> None:
    world = ErasingWorld()
    world.run({1, 2})
    world.service.audiences.clear()
    removal = world.forget({2})
    assert (removal.outcome, removal.audience_id) == (Outcome.NO_AUDIENCE, None)
    assert world.named_in_ledger() == set()
    world.run({1, 2})
    check(world, {1})


# --- What the service answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_a_refused_removal_is_told_and_stays_known(route: RouteChoice) -> None:
    world = ErasingWorld(route=route)
    world.run({1, 2, 3})
    world.service.refuse, world.service.refuses_removals = {2: (8004,)}, True
    removal = world.forget({2, 3})
    assert (removal.outcome, removal.removed, removal.refused) == (
        Outcome.REFUSED, 1, 1,
    )  # fmt: skip
    assert world.people == {1, 2}
    world.service.refuse = {}
    assert world.remove().outcome is REMOVED
    check(world, {1})


def test_an_upload_that_fails_is_sent_again() -> None:
    world = ErasingWorld()
    world.run({1, 2, 3})
    world.service.ends = [UploadState.EXPIRED]
    assert world.forget({2}).outcome is REMOVED
    check(world, {1, 3})


def test_a_service_without_calls_gets_a_file() -> None:
    """Whatever the export wants: its `route: apply` must not stop an erasure."""
    world = ErasingWorld(route="apply")
    world.run({1, 2, 3})
    world.service.call_errors = [ServiceTerminalError("not supported", codes=(204,))]
    removal = world.forget({2})
    assert (removal.outcome, removal.uploads, removal.calls) == (REMOVED, ("r1",), 0)
    check(world, {1, 3})


# --- Other runs --------------------------------------------------------------------------------------------


def test_an_upload_in_flight_is_awaited() -> None:
    """A run stopped while the service was working: its upload ends first, as it may bring the person."""
    world = ErasingWorld()
    world.run({1})
    plan = world.plan({1, 2})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    removal = world.forget({2})
    assert (removal.outcome, removal.uploads) == (REMOVED, ("r3",))
    check(world, {1})
    world.deliver(plan)
    check(world, {1})


def test_calls_that_may_still_arrive_are_awaited() -> None:
    world = ErasingWorld(route="apply")
    world.run({1, 2})
    late = write_members(world.storage, "runs/late", [digests_of({2})])
    entry, until = world.ledger.load(), world.now() + timedelta(minutes=5)
    call = UnansweredCalls(
        audience_id=str(entry.state.audience_id), action=Action.ADD, members=late, until=until
    )
    world.ledger.write(entry, entry.state.model_copy(update={"late": (call,)}))
    world.register({1, 2})
    with pytest.raises(UnansweredCallsPending):
        world.remove()
    assert world.people == {1, 2}
    world.passed += timedelta(minutes=6)
    assert world.remove().outcome is REMOVED
    check(world, set())


def test_calls_that_bring_others_are_not_awaited() -> None:
    world = ErasingWorld(route="apply")
    world.run({1, 2})
    late = write_members(world.storage, "runs/late", [digests_of({1})])
    entry, until = world.ledger.load(), world.now() + timedelta(minutes=5)
    call = UnansweredCalls(
        audience_id=str(entry.state.audience_id), action=Action.ADD, members=late, until=until
    )
    world.ledger.write(entry, entry.state.model_copy(update={"late": (call,)}))
    world.register({2})
    assert world.remove().outcome is REMOVED


@cache
def steps_of_a_request(route: RouteChoice) -> tuple[int, int]:
    """Numbers of the steps before a request and after it."""
    world = ErasingWorld(route=route)
    world.run({1, 2, 3})
    before = len(world.faults.steps)
    world.forget({2})
    return before, len(world.faults.steps)


@pytest.mark.parametrize("route", ["bulk", "apply"])
@pytest.mark.parametrize("how", ["before", "after", "lost"])
def test_a_crash_at_any_step_of_a_request(how: str, route: RouteChoice) -> None:
    first, last = steps_of_a_request(route)
    for number in range(first + 1, last + 1):
        world = ErasingWorld({number: how}, route=route)
        world.run({1, 2, 3})
        assert world.forget({2}).outcome is REMOVED, f"{how} step {number}"
        assert world.people == {1, 3}, f"{how} step {number}"
        assert world.named_in_ledger() == {1, 3}, f"{how} step {number}"
        world.run({1, 2, 3})
        check(world, {1, 3})


@cache
def steps_of_a_run(route: RouteChoice) -> tuple[int, int]:
    world = ErasingWorld(route=route)
    world.run({1, 3})
    before = len(world.faults.steps)
    world.run({1, 2, 4})
    return before, len(world.faults.steps)


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_a_request_while_a_run_sleeps_at_any_step(route: RouteChoice) -> None:
    """The run has lost its lease without noticing: whatever it was about to send, the person is out at the end."""
    first, last = steps_of_a_run(route)
    for number in range(first + 1, last + 1):
        world = ErasingWorld({number: "asleep"}, route=route)
        world.faults.meanwhile = lambda world=world: awake(world)  # type: ignore[misc]
        world.run({1, 3})
        world.run({1, 2, 4})
        assert world.faults.struck, f"no step {number}"
        assert world.people == {1, 4}, f"asleep at step {number}"
        check(world, {1, 4})


def awake(world: ErasingWorld) -> None:
    world.faults.strikes = {}
    world.forget({2})


PEOPLE = st.sets(st.integers(1, 12), min_size=1)
STRIKES: st.SearchStrategy[Mapping[Place, str]] = st.dictionaries(
    st.integers(1, 120), st.sampled_from(["before", "after", "lost"]), max_size=6
)


@pytest.mark.faults
@settings(max_examples=40, derandomize=True)
@given(
    acts=st.lists(st.tuples(st.booleans(), PEOPLE), max_size=6),
    strikes=STRIKES,
    route=st.sampled_from(["bulk", "apply", "auto"]),
)
def test_nobody_else_is_ever_removed(
    acts: list[tuple[bool, set[int]]], strikes: Mapping[Place, str], route: RouteChoice
) -> None:
    """Runs and requests in any order, with faults anywhere: at each end, the last segment without the erased."""
    world = ErasingWorld(strikes, route=route)
    world.run({1, 2, 3})
    segment, gone = {1, 2, 3}, set()
    for is_request, people in acts:
        if is_request:
            world.forget(people)
            gone |= people
        else:
            world.run(people)
            segment = people
        check(world, segment - gone)
        assert not is_request or not world.named_in_ledger() & gone
