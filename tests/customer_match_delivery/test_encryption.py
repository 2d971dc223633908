"""Deliveries with encrypted files of members: exact after a crash, no digest in the workspace, keys that change."""

from __future__ import annotations

import pytest

from customer_match.errors import ConfigurationError
from customer_match.members.envelope import Envelope
from customer_match.routes import RouteChoice
from tests.customer_match_delivery.in_memory import World, digests_of
from tests.customer_match_delivery.test_delivery import AT_THE_END, check, steps_of_the_story, story

KEY, OTHER = b"\x01" * 32, b"\x02" * 32
EVERYBODY = range(12)


def encrypt(world: World, *keys: bytes, seals: bool = True) -> World:
    world.storage.envelope = Envelope(lambda: keys, seals=seals)
    return world


def shown(world: World) -> list[str]:
    """Files of the workspace in which a digest can be read, as bytes or in hex."""
    rows = [row.tobytes() for row in digests_of(EVERYBODY)]
    return [
        path
        for path, content in world.storage.files.items()
        if any(row in content or row.hex().encode() in content.lower() for row in rows)
    ]


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_no_digest_is_readable_at_any_time(route: RouteChoice) -> None:
    world = encrypt(World(route=route), KEY)
    seen: set[str] = set()
    world.faults.after_each = lambda: seen.update(shown(world))
    story(world)
    check(world, AT_THE_END)
    assert seen == set()
    plain = World(route=route)
    story(plain)
    assert shown(plain), "the search sees digests that are not encrypted"


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_a_crash_at_any_step(route: RouteChoice) -> None:
    for number in range(1, len(steps_of_the_story(route)) + 1):
        world = encrypt(World({number: "after"}, route=route), KEY)
        story(world)
        check(world, AT_THE_END)
        assert world.service.created == 1


@pytest.mark.slow
@pytest.mark.faults
def test_a_worker_that_sleeps_while_another_does_the_same() -> None:
    """Both write the same files, each with another salt, and the reference of one has to fit the file of the other."""
    number = came = 0
    while True:
        number += 1
        world = encrypt(World(), KEY)
        world.run({1, 2, 3})
        plan = world.plan({2, 3, 4, 5})
        first = len(world.faults.steps)
        world.faults.strikes = {first + number: "asleep"}
        world.faults.meanwhile = lambda world=world, plan=plan: world.deliver(plan)  # type: ignore[misc]
        world.deliver(plan)
        if ("asleep") not in {how for _, how in world.faults.struck}:
            break
        came += 1
        check(world, {2, 3, 4, 5})
        assert [one.action for one in world.service.accepted].count("Replace") == 1, (
            "nothing counts as damaged"
        )
    assert came > 10


def test_a_run_that_changes_nothing_encrypts_the_ledger_anew() -> None:
    """So that a key that was used before can be removed, and nothing stays that is not encrypted."""
    world = World()
    world.run({1, 2, 3})
    encrypt(world, KEY).run({1, 2, 3})
    assert [path for path in shown(world) if path.startswith("ledgers/")] == []
    encrypt(world, OTHER, KEY).run({1, 2, 3})
    before = dict(world.storage.files)
    encrypt(world, OTHER).run({1, 2, 3})
    assert world.bounds() == ({1, 2, 3}, {1, 2, 3})
    bounds = [path for path in world.storage.files if "/bounds/" in path]
    assert all(before[path] == world.storage.files[path] for path in bounds), (
        "they have the first key already"
    )
    assert world.people == {1, 2, 3}
    assert len(world.service.accepted) == 1, "nothing was sent for it"


def test_a_run_that_changes_something_deletes_what_is_not_encrypted() -> None:
    world = World()
    world.run({1, 2, 3})
    world.run({1, 2, 3, 4})
    encrypt(world, KEY).run({1, 2, 4, 5})
    assert [path for path in shown(world) if path.startswith("ledgers/")] == []
    encrypt(world, OTHER, KEY).run({1, 2})
    encrypt(world, OTHER).run({1, 2, 3})
    assert world.people == {1, 2, 3}


def test_without_its_key_a_ledger_is_not_replaced() -> None:
    world = encrypt(World(), KEY)
    world.run({1, 2, 3})
    encrypt(world, OTHER)
    with pytest.raises(ConfigurationError, match="Add the missing key"):
        world.run({2, 3, 4})
    assert world.people == {1, 2, 3}
    assert world.state.damage is None
    encrypt(world, OTHER, KEY).run({2, 3, 4})
    assert world.people == {2, 3, 4}
    assert [upload.action for upload in world.service.accepted] == ["Replace", "Remove", "Add"]


def test_a_lost_key_costs_a_replace_once_the_ledger_is_forgotten() -> None:
    world = encrypt(World(), KEY)
    world.run({1, 2, 3})
    encrypt(world, OTHER).ledger.forget()
    world.run({2, 3, 4})
    assert world.people == {2, 3, 4}
    assert [upload.action for upload in world.service.accepted] == ["Replace", "Replace"]
