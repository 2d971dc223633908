"""A ledger that does not know all that was sent to its audience is not trusted: restored, copied, cut short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from customer_match.errors import TransientError
from customer_match.ledger.store import LedgerConflict
from customer_match.planning.plan import Plan
from customer_match_delivery.marks import generation_in, with_mark
from microsoft_advertising.faults import ServiceConfigurationError, ServiceTerminalError
from microsoft_advertising.models import UploadState
from tests.customer_match_delivery.in_memory import MARK, NAME, Crash, World
from tests.customer_match_delivery.test_audience import GOLD, only, world

__all__ = ["world"]

pytestmark = pytest.mark.slow  # a minute of a processor, all together

OLDER = "older than the audience"
REFUSALS = [
    ServiceTerminalError("not offered for customer lists", codes=(204,)),
    ServiceConfigurationError("the audience type is not offered here", codes=(4859,)),
]


def copied(world: World) -> dict[str, bytes]:
    """The workspace as it is now."""
    return dict(world.storage.files)


def restore(world: World, files: dict[str, bytes]) -> None:
    world.storage.files.clear()
    world.storage.files.update(files)


def check(world: World, target: set[int]) -> None:
    """The audience is exact, its ledger knows it, and both name the same generation."""
    assert world.people == target
    assert world.bounds() == (target, target)
    assert world.violations == []
    known = world.state.generation
    assert known
    assert (known.token, known.before) == (generation_in(only(world).description), ())
    assert world.state.damage is None


def go_on(world: World, plan: Plan) -> None:
    """What the triggerer's returns do: no try begins anew."""
    while world.delivery(plan).advance():
        pass


def sent(world: World) -> list[str]:
    return [upload.action for upload in world.service.accepted]


# --- What it costs -----------------------------------------------------------------------------------------


def test_two_calls_more_where_something_changes_and_none_where_nothing_does(world: World) -> None:
    world.run({1, 2, 3})
    delivery = world.delivery(world.plan({1, 2, 4}))
    world.faults.steps.clear()
    delivery.start()
    while delivery.advance():
        pass
    calls = [step for step in world.faults.steps if step.endswith("audience")]
    assert calls == ["get_audience", "update_audience", "get_audience"]
    for _ in range(2):
        world.faults.steps.clear()
        world.run({1, 2, 4})
        assert [step for step in world.faults.steps if step.endswith("audience")] == ["get_audience"]
    check(world, {1, 2, 4})


def test_words_of_people_are_kept(world: World) -> None:
    world.run({1, 2})
    only(world).description = f"Our best customers. {only(world).description}"
    world.run({1, 3})
    token = generation_in(only(world).description)
    assert only(world).description == with_mark("Our best customers.", GOLD.own_mark, token)
    check(world, {1, 3})
    assert sent(world) == ["Replace", "Remove", "Add"]


# --- Restored ----------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.parametrize("target", [{1, 2, 3}, {1, 2, 4}])
def test_a_restored_workspace_is_not_believed(world: World, target: set[int]) -> None:
    """Also where nothing has changed since the backup: `unchanged` would be wrong."""
    world.run({1, 2, 3})
    backup = copied(world)
    world.run({7, 8, 9})
    restore(world, backup)
    plan = world.plan(target)
    assert not plan.replaces
    plans: list[Any] = []
    world.delivery(plan).start()
    while world.delivery(plan, on_replan=plans.append).advance():
        pass
    check(world, target)
    assert sent(world)[-1] == "Replace"
    assert OLDER in plans[-1].damage, "the report says why"


def test_a_backup_of_what_still_is_so_is_believed(world: World) -> None:
    world.run({1, 2, 3})
    backup = copied(world)
    world.run({1, 2, 3})
    restore(world, backup)
    world.run({1, 2, 4})
    check(world, {1, 2, 4})
    assert sent(world) == ["Replace", "Remove", "Add"]


@pytest.mark.faults
@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize(
    ("second", "full"), [({2, 3, 10, 11, 12, 13}, False), ({2, 3, 10, 11, 12, 13}, True)]
)
@pytest.mark.parametrize("then", [{1, 2, 3}, {3, 4, 11}])
def test_a_backup_of_any_moment_of_a_run(goes_on: bool, second: set[int], full: bool, then: set[int]) -> None:
    """In the middle of a plan, too, that came to its end after the backup; and whatever was planned next."""

    def story(number: int) -> bool:
        world, backups = World(), []
        world.spec = GOLD
        world.run({1, 2, 3, 4})
        plan = world.plan(second, full=full, part_size=2)

        def keep() -> None:
            backups.append(copied(world))

        keep()
        world.faults.after_each = keep
        world.deliver(plan)
        if goes_on:
            world.run({20})
        world.faults.after_each = lambda: None
        if number >= len(backups):
            return False
        restore(world, backups[number])
        try:
            world.run(then)
            check(world, then)
        except AssertionError as error:
            raise AssertionError(f"restored after step {number}: {error}") from error
        return True

    number = 0
    while story(number):
        number += 1
    assert number > 12


@pytest.mark.faults
def test_the_same_run_goes_on_from_a_backup_of_its_middle(world: World) -> None:
    """Its Replace is sent once more, and wipes what the rest of it had added; the original trusts itself no more."""
    world.run({1, 2, 3, 4})
    plan = world.plan({5, 6, 7, 8}, full=True, part_size=2)
    world.delivery(plan).start()
    world.faults.strikes = {("request_upload", 3): "before"}
    with pytest.raises(Crash):
        go_on(world, plan)
    middle = copied(world)
    world.deliver(plan)
    original = copied(world)
    restore(world, middle)
    world.service.ends = [UploadState.FAILED]
    with pytest.raises(TransientError):
        world.deliver_once(plan)
    restore(world, original)
    world.run({5, 6, 7, 8})
    check(world, {5, 6, 7, 8})


@pytest.mark.faults
@pytest.mark.parametrize("lost", range(1, 12))
def test_the_newest_states_are_lost(world: World, lost: int) -> None:
    world.run({1, 2, 3})
    world.run({2, 3, 4, 5, 6})
    states = sorted(path for path in world.storage.files if "/states/" in path)
    for path in states[-lost:]:
        del world.storage.files[path]
    world.run({1, 2, 3})
    check(world, {1, 2, 3})


# --- Copied, and of others ---------------------------------------------------------------------------------


@pytest.mark.faults
def test_a_copy_and_its_original_go_on_in_turn(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.run({1, 2, 3})
    places = [copied(world), copied(world)]
    for number, target in enumerate([{1, 2, 4}, {1, 2, 3}, {1, 2, 4}, {1, 2, 5}, {1, 2, 5}]):
        restore(world, places[number % 2])
        world.run(target)
        check(world, target)
        assert (OLDER in caplog.text) == (number > 0)
        places[number % 2] = copied(world)
        caplog.clear()


@pytest.mark.faults
def test_two_workspaces_in_turn(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Two checkouts with the default workspace: each run is exact, and says that there is another."""
    places: list[dict[str, bytes]] = [{}, {}]
    ids = ["", ""]
    for number, target in enumerate([{1, 2}, {1, 2}, {1, 2}, {1, 3}, {1, 2}]):
        place = number % 2
        restore(world, places[place])
        world.run(target)
        check(world, target)
        ids[place] = world.ledgers.workspace_id
        if number:
            assert f"Another workspace (id {ids[1 - place]}) has written" in caplog.text
            assert "`workspace`" in caplog.text
            assert sent(world)[-1] == "Replace"
        places[place] = copied(world)
        caplog.clear()
    assert ids[0] != ids[1]


@pytest.mark.faults
def test_another_workspace_sends_while_this_one_is_at_work(world: World) -> None:
    """Between two parts: this run notices it at its end, and its next try makes it right. Then the other notices."""
    world.run({1, 2, 3})
    places = [copied(world), copied(world)]
    plan = world.plan({4, 5, 6, 7, 8, 9})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    places[0] = copied(world)
    restore(world, places[1])
    world.run({20, 21})
    places[1] = copied(world)
    restore(world, places[0])
    with pytest.raises(TransientError, match="next try replaces"):
        go_on(world, plan)
    places[0] = copied(world)
    restore(world, places[1])
    world.run({20, 21})
    check(world, {20, 21})
    restore(world, places[0])
    world.deliver(plan)
    check(world, {4, 5, 6, 7, 8, 9})


def fall_asleep_at(world: World, kind: str, nth: int, plan: Plan, tries: int) -> None:
    """The next try sleeps at a step while as many others of its run begin and are killed as they wait."""

    def meanwhile() -> None:
        world.faults.strikes = {}
        for _ in range(tries):
            world.delivery(plan).start()
            assert world.delivery(plan).advance()

    world.faults.first = len(world.faults.steps)
    world.faults.strikes, world.faults.meanwhile = {(kind, nth): "asleep"}, meanwhile


@pytest.mark.faults
@pytest.mark.parametrize("tries", [1, 2, 3])
@pytest.mark.parametrize("step", [("write", 1), ("create", 1), ("create", 2)])
def test_a_sleeper_has_an_old_description_in_hand(world: World, step: tuple[str, int], tries: int) -> None:
    """It has read it before other tries of its run sent: older than the ledger, it says nothing against that."""
    world.service.put(NAME, MARK, {9})
    world.service.looks_until_done = 9
    plan = world.plan({0})
    damages: list[str] = []

    def look() -> None:
        damages.extend([world.state.damage] if world.state.damage else [])

    world.faults.after_each = look
    fall_asleep_at(world, *step, plan, tries)
    try:
        world.deliver_once(plan)
    except LedgerConflict:
        world.deliver_once(plan)
    check(world, {0})
    assert (step[0], "asleep") in world.faults.struck
    assert damages == []
    assert sent(world) == ["Replace"]


@pytest.mark.faults
@pytest.mark.parametrize("step", [("get_audience", 1), ("create", 1)])
def test_a_sleeper_has_an_old_ledger_in_hand(
    world: World, step: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The description is of later than the ledger that it has read: nothing is replaced, and no log says so."""
    world.run({1, 2, 3})
    plan = world.plan({1, 2, 4})
    fall_asleep_at(world, *step, plan, 1)
    with pytest.raises(LedgerConflict):
        world.deliver_once(plan)
    world.deliver_once(plan)
    check(world, {1, 2, 4})
    assert sent(world) == ["Replace", "Remove", "Add"]
    assert "replaced" not in caplog.text


def test_a_new_workspace_names_the_one_before(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.run({1, 2})
    other = world.ledgers.workspace_id
    restore(world, {})
    world.run({1, 2})
    check(world, {1, 2})
    assert f"Another workspace (id {other})" in caplog.text


def test_a_ledger_that_is_lost_is_no_other_workspace(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.run({1, 2})
    restore(world, {"workspace.json": world.storage.files["workspace.json"]})
    world.run({1, 2})
    check(world, {1, 2})
    assert "Another workspace" not in caplog.text


# --- The description -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", REFUSALS)
def test_a_description_that_cannot_be_written_stops_nothing(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said that it is not covered; and no run replaces for it."""
    world.service.update_error = error
    for target in ({1, 2, 3}, {1, 2, 4}, {1, 2, 4}, {1, 2, 5}):
        world.run(target)
        assert (world.people, world.bounds()) == (target, (target, target))
    assert sent(world) == ["Replace", "Remove", "Add", "Remove", "Add"]
    assert f"{error} If another workspace" in caplog.text
    assert world.state.generation
    assert world.state.generation.unwritable == str(error)
    world.service.update_error = None
    world.run({1, 2, 6})
    check(world, {1, 2, 6})
    assert world.state.generation.unwritable is None
    assert sent(world)[-2:] == ["Remove", "Add"]


def test_a_description_that_does_not_change_is_no_reason_to_replace(world: World) -> None:
    """The service says yes, and leaves it as it was."""
    update: Callable[..., None] = world.service.update_audience
    world.service.update_audience = lambda *_, **__: None  # type: ignore[method-assign]
    for target in ({1, 2, 3}, {1, 2, 4}, {1, 2, 4}, {1, 2, 5}):
        world.run(target)
        assert (world.people, world.bounds()) == (target, (target, target))
    assert sent(world) == ["Replace", "Remove", "Add", "Remove", "Add"]
    assert world.state.generation
    assert not world.state.generation.is_seen
    world.service.update_audience = update  # type: ignore[method-assign]
    world.run({1, 2, 6})
    check(world, {1, 2, 6})


@pytest.mark.faults
@pytest.mark.parametrize("how", ["before", "after", "lost"])
def test_a_lost_answer_to_the_new_description(world: World, how: str) -> None:
    world.run({1, 2, 3})
    world.faults.steps.clear()
    world.faults.strikes = {("update_audience", 1): how}
    world.run({1, 2, 4})
    check(world, {1, 2, 4})
    assert sent(world) == ["Replace", "Remove", "Add"]


@pytest.mark.faults
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_an_old_description_that_is_shown_for_a_moment(world: World, looks: int) -> None:
    world.run({1, 2, 3})
    get, update = world.service.get_audience, world.service.update_audience
    stale: list[str] = []

    def updated(audience_id: str, **changes: Any) -> None:
        stale.extend([only(world).description] * looks)
        update(audience_id, **changes)

    def shown(audience_id: str) -> Any:
        found = get(audience_id)
        return replace(found, description=stale.pop()) if found and stale else found

    world.service.update_audience = updated  # type: ignore[method-assign]
    world.service.get_audience = shown  # type: ignore[method-assign]
    for target in ({1, 2, 4}, {1, 2, 5}, {1, 2, 6}):
        world.run(target)
    del stale[:]
    world.service.update_audience = update  # type: ignore[method-assign]
    world.run({1, 2, 7})
    check(world, {1, 2, 7})
    assert "Replace" not in sent(world)[1:]


@pytest.mark.parametrize("text", ["", "Our best", f"Our best {GOLD.own_mark}"])
def test_a_description_that_was_changed_by_hand(world: World, text: str) -> None:
    """Nobody can tell it from an audience that was filled by somebody else; once is enough."""
    world.run({1, 2, 3})
    only(world).description = text
    world.run({1, 2, 4})
    world.run({1, 2, 5})
    check(world, {1, 2, 5})
    assert sent(world) == ["Replace", "Replace", "Remove", "Add"]


# --- Ledgers from before, and what goes with them ----------------------------------------------------------


@pytest.mark.parametrize("target", [{1, 2, 3}, {1, 2, 4}])
def test_a_ledger_from_before_generations_goes_on(world: World, target: set[int]) -> None:
    """Nothing is replaced for it, and from the first run on it is covered, also where nothing changes."""
    world.run({1, 2, 3})
    world.ledger.write(world.ledger.load(), world.state.model_copy(update={"generation": None}))
    only(world).description = with_mark("", GOLD.own_mark)
    world.run(target)
    world.run(target)
    check(world, target)
    assert "Replace" not in sent(world)[1:]


def test_a_backup_from_before_generations_is_not_believed(world: World) -> None:
    world.run({1, 2, 3})
    world.ledger.write(world.ledger.load(), world.state.model_copy(update={"generation": None}))
    world.run({1, 2, 3})
    check(world, {1, 2, 3})
    assert sent(world) == ["Replace", "Replace"]


def test_it_goes_along_when_the_audience_is_renamed(world: World) -> None:
    world.run({1, 2, 3})
    backup = copied(world)
    world.spec = replace(GOLD, name="VIPs")
    world.run({1, 2, 4})
    assert sent(world) == ["Replace", "Remove", "Add"]
    restore(world, backup)
    world.run({1, 2, 3})
    assert (only(world).people, world.bounds()) == ({1, 2, 3}, ({1, 2, 3}, {1, 2, 3}))
    assert sent(world)[-1] == "Replace"


def test_a_given_list(world: World) -> None:
    given = world.service.put("Summer list", "made by hand", {50})
    world.spec = replace(GOLD, audience_id=given.id, adopt=True)
    world.run({1, 2})
    backup = copied(world)
    world.run({1, 3})
    restore(world, backup)
    world.run({1, 2})
    assert (given.people, given.name) == ({1, 2}, "Summer list")
    assert sent(world)[-1] == "Replace"
