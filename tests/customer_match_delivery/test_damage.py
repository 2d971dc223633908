"""Torn, lost and altered files of the ledger: the audience ends right all the same, by a Replace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from customer_match.errors import TransientError
from customer_match.ledger.parts import Progress
from customer_match.members.files import DamagedMembers
from customer_match.planning.plan import plan_parts
from tests.customer_match_delivery.in_memory import World

pytestmark = [pytest.mark.bad_input, pytest.mark.faults]


def torn(content: bytes) -> bytes | None:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes | None:
    place = 40  # among the first members of a Parquet file; later there are bytes that mean nothing
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def gone(_: bytes) -> bytes | None:
    return None


HARMS = pytest.mark.parametrize("harm", [torn, flipped, gone])
Harm = Callable[[bytes], bytes | None]


def strike(world: World, path: str, harm: Harm) -> None:
    content = harm(world.storage.files[path])
    if content is None:
        del world.storage.files[path]
    else:
        world.storage.files[path] = content


def certain_path(world: World) -> str:
    certain = world.state.settled.certain
    assert certain
    return certain.path


def newest_state(world: World) -> str:
    return max(path for path in world.storage.files if "/states/" in path)


def check(world: World, target: set[int]) -> None:
    assert world.people == target
    assert world.bounds() == (target, target)
    assert world.state.damage is None
    assert world.service.created == 1


@HARMS
def test_a_damaged_newest_state(harm: Harm) -> None:
    """Where it is gone, the state before it counts, which knows the same: nothing was sent in between."""
    world = World()
    world.run({1, 2, 3, 4})
    world.run({3, 4, 5})
    strike(world, newest_state(world), harm)
    world.run({4, 5, 6})
    check(world, {4, 5, 6})
    if harm is not gone:
        assert (
            world.service.accepted[-2].action == "Replace" or world.service.accepted[-1].action == "Replace"
        )


@HARMS
def test_damaged_bounds_are_found_when_the_delivery_settles(harm: Harm) -> None:
    world = World()
    world.run({1, 2, 3, 4})
    plan = world.plan({3, 4, 5})
    strike(world, certain_path(world), harm)
    with pytest.raises(TransientError, match="The next try replaces the whole audience"):
        world.deliver_once(plan)
    assert world.state.damage
    world.deliver(plan)
    check(world, {3, 4, 5})


@HARMS
def test_bounds_that_were_found_damaged_when_planning(harm: Harm) -> None:
    """The step `chunk` plans from nothing known; the delivery writes that down before it sends."""
    world = World()
    world.run({1, 2, 3, 4})
    path = certain_path(world)
    strike(world, path, harm)
    staged = world.stage({3, 4, 5})
    with pytest.raises(DamagedMembers):
        plan_parts(world.storage, world.state, staged, plan_id="p", folder="runs/p/parts", part_size=3)
    damage = world.ledger.verify(world.state)
    assert damage is not None
    assert path in damage
    plan = world.plan({3, 4, 5})
    assert (plan.replaces, plan.damage, plan.removed) == (True, damage, None)
    world.deliver_once(plan)
    check(world, {3, 4, 5})


@HARMS
def test_a_part_that_is_damaged_while_it_waits_to_be_posted(harm: Harm) -> None:
    """The worker dies before the file is posted, and the part's file is lost: it cannot be sent any more."""
    world = World()
    world.run({1, 2})
    plan = world.plan({1, 2, 7})
    world.service.looks_until_done = 10**6
    entry = world.ledger.load()
    world.ledger.write(entry, entry.state.planned(plan.id, plan.parts, None))
    delivery = world.delivery(plan)
    assert delivery.advance()  # sent, and under way
    [part] = [part for part in world.state.parts if part.progress is Progress.SENT]
    assert part.request
    upload = world.service.uploads[part.request.id]
    upload.state = type(upload.state).PENDING_FILE_UPLOAD
    strike(world, part.members.path, harm)
    world.service.looks_until_done = 1
    for in_flight in ([0], []):  # at first it might still be awaited; then it is clear that it cannot
        with pytest.raises(TransientError, match="replaces the whole audience"):
            world.delivery(plan).advance()
        assert world.state.damage
        assert world.state.in_flight == in_flight
    world.deliver_once(plan)
    check(world, {1, 2, 7})


def test_without_the_target_itself_nothing_is_sent() -> None:
    """Whoever runs `normalise` again has it again."""
    world = World()
    world.run({1, 2})
    plan = world.plan({1, 2, 3, 4})
    del world.storage.files[plan.parts[0].members.path]
    del world.storage.files[plan.target.path]
    for _ in range(2):
        with pytest.raises(TransientError):
            world.deliver_once(plan)
    before = len(world.service.accepted)
    for _ in range(2):
        with pytest.raises(DamagedMembers, match=plan.target.path):
            world.deliver_once(plan)
    assert len(world.service.accepted) == before
    world.run({1, 2, 3})
    check(world, {1, 2, 3})


@HARMS
def test_a_part_in_flight_that_is_damaged_does_not_stop_the_next_plan(harm: Harm) -> None:
    """A Replace does not ask what is under way: planning again and again would find the same damage."""
    world = World()
    world.run({1, 2})
    plan = world.plan({1, 2, 7})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    state = world.state
    strike(world, state.parts[0].members.path, harm)
    damage = world.ledger.verify(state)
    assert damage
    assert not state.unknown(damage).parts
    later = world.plan({2, 8})
    assert later.replaces
    world.deliver(later)
    check(world, {2, 8})
