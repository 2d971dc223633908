"""Audiences are found, created, renamed, brought up to date and left alone as the export wants it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.segments import segment_key
from customer_match.ledger.state import State
from customer_match_delivery.marks import with_mark
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.faults import (
    OutcomeUnknown,
    ServiceConfigurationError,
    ServiceTerminalError,
)
from tests.customer_match_delivery.in_memory import MARK, NAME, FakeAudience, World

NEW_NAME = "VIPs"
GOLD = AudienceSpec(NAME, MARK, segment="Gold", segments=("Gold", "Silver"))
SILVER = AudienceSpec("Silver customers", MARK, segment="Silver", segments=("Gold", "Silver"))
WINTER = "[customer-match:winter]"
OWN = f"[customer-match:{segment_key('test', 'Gold')}]"


@pytest.fixture
def world() -> World:
    world = World()
    world.spec = GOLD
    return world


def only(world: World) -> FakeAudience:
    [audience] = world.service.audiences.values()
    return audience


def token(world: World) -> str:
    """Of the generation that the ledger believes in."""
    assert world.state.generation
    return world.state.generation.token


def check(world: World, target: set[int]) -> None:
    """The segment's audience is exact under its name, its ledger knows it, and nothing was ever violated."""
    [audience] = [a for a in world.service.audiences.values() if a.name == world.spec.name]
    assert audience.people == target
    assert world.state.audience_id == audience.id
    assert world.bounds() == (target, target)
    assert world.violations == []


# --- Found and created -------------------------------------------------------------------------------------


def test_a_new_audience_bears_mark_scope_and_duration(world: World) -> None:
    world.spec = replace(GOLD, scope="Account", membership_duration=30)
    world.run({1, 2})
    assert (only(world).scope, only(world).membership_duration) == ("Account", 30)
    assert OWN in only(world).description
    assert world.state.segment == segment_key("test", "Gold")
    assert world.service.updates == []


def test_where_nothing_changes_one_call_is_made(world: World) -> None:
    world.run({1, 2})
    world.faults.steps.clear()
    world.delivery(world.plan({1, 2})).start()
    assert [step for step in world.faults.steps if step.endswith(("audience", "audiences"))] == [
        "get_audience"
    ]


def test_it_is_found_by_its_mark_where_the_ledger_is_lost(world: World) -> None:
    """Whatever it is called by now: no second one is made."""
    world.run({1, 2, 3})
    only(world).name = "called otherwise"
    world.storage.files.clear()
    world.run({1, 2, 4})
    check(world, {1, 2, 4})
    assert world.service.created == 1
    assert world.service.accepted[-1].action == "Replace"


def test_one_with_an_old_mark_is_ours_and_gets_the_new_one(world: World) -> None:
    audience = world.service.put(NAME, f"Our best. {MARK}", {50})
    world.run({1, 2})
    check(world, {1, 2})
    assert audience.description == with_mark("Our best.", GOLD.own_mark, token(world))
    assert world.service.created == 0


@pytest.mark.faults
@pytest.mark.parametrize("found", [True, False])
def test_a_lost_answer_to_creating_is_looked_up_at_once(world: World, found: bool) -> None:
    create = world.service.create_audience

    def lost(name: str, **settings: Any) -> str:
        if found:
            create(name, **settings)
        raise OutcomeUnknown("the answer was lost")

    world.service.create_audience = lost  # type: ignore[method-assign]
    plan = world.plan({1, 2})
    if found:
        world.deliver_once(plan)
        check(world, {1, 2})
    else:
        with pytest.raises(OutcomeUnknown):
            world.deliver_once(plan)
    assert world.service.created == found


@pytest.mark.parametrize("description", [OWN, "made by hand"])
def test_somebody_else_was_quicker_to_create_it(world: World, description: str) -> None:
    def taken(name: str, **_: Any) -> str:
        world.service.put(name, description, {50})
        raise ServiceConfigurationError("the name is taken", codes=(4853,))

    world.service.create_audience = taken  # type: ignore[method-assign]
    plan = world.plan({1, 2})
    if description == OWN:
        world.deliver_once(plan)
        check(world, {1, 2})
        return
    with pytest.raises(ConfigurationError, match="did not create"):
        world.deliver_once(plan)
    assert only(world).people == {50}


def test_another_refusal_to_create_is_passed_on(world: World) -> None:
    def refused(name: str, **_: Any) -> str:
        raise ServiceConfigurationError("no more audiences", codes=(4865,))

    world.service.create_audience = refused  # type: ignore[method-assign]
    with pytest.raises(ServiceConfigurationError, match="no more"):
        world.deliver_once(world.plan({1, 2}))


@pytest.mark.bad_input
@pytest.mark.parametrize("descriptions", [("", ""), (MARK, ""), (MARK, MARK), (OWN, OWN)])
def test_several_of_the_same_name(world: World, descriptions: tuple[str, str]) -> None:
    lists = [world.service.put(NAME, text, {50}) for text in descriptions]
    with pytest.raises(ConfigurationError, match=r"(?s)Several.*`audience_id`.*--delete") as caught:
        world.deliver_once(world.plan({1, 2}))
    assert all(audience.id in str(caught.value) for audience in lists)
    assert all(audience.people == {50} for audience in lists)
    world.spec = replace(GOLD, audience_id=lists[1].id, adopt=True)
    world.run({1, 2})
    assert [audience.people for audience in lists] == [{50}, {1, 2}]


def test_of_several_of_the_same_name_the_own_one_is_taken(world: World) -> None:
    world.service.put(NAME, "made by hand", {50})
    own = world.service.put(NAME, OWN, {51})
    world.run({1, 2})
    assert own.people == {1, 2}


@pytest.mark.bad_input
def test_the_own_one_is_meant_though_a_foreign_one_has_the_name(world: World) -> None:
    """Even where lists may be taken over: there is no need to take this one."""
    own, foreign = world.service.put("called otherwise", OWN, {51}), world.service.put(NAME, "", {50})
    world.spec = replace(GOLD, adopt=True)
    with pytest.raises(ConfigurationError, match=r"'called otherwise'.*cannot be renamed"):
        world.deliver_once(world.plan({1, 2}))
    assert (own.people, foreign.people) == ({51}, {50})


@pytest.mark.faults
def test_nothing_is_believed_of_one_that_came_up_while_ours_was_created(world: World) -> None:
    """Ours was deleted by hand; another run made it anew in this moment, and somebody may be in it."""
    world.run({1, 2, 3})
    plan = world.plan({1, 2, 4})
    assert not plan.replaces
    world.service.audiences.clear()

    def taken(name: str, **_: Any) -> str:
        world.service.put(name, OWN, {50})
        raise ServiceConfigurationError("the name is taken", codes=(4853,))

    world.service.create_audience = taken  # type: ignore[method-assign]
    world.deliver_once(plan)
    check(world, {1, 2, 4})


def test_a_ledger_from_before_segments_were_noted_yields_to_the_mark(world: World) -> None:
    """It tells of a list that bears another segment's mark by now."""
    silver = world.service.put("Silver customers", str(SILVER.own_mark), {50})
    ledger = world.ledger
    ledger.write(ledger.load(), State(audience=NAME, audience_id=silver.id))
    world.run({1, 2})
    check(world, {1, 2})
    assert silver.people == {50}


# --- Given by its id ---------------------------------------------------------------------------------------


def test_a_given_list_keeps_its_name_and_is_replaced(world: World) -> None:
    given = world.service.put("Summer list", "made by hand", {50, 51})
    world.spec = replace(GOLD, audience_id=given.id, adopt=True)
    world.run({1, 2, 3, 4})
    assert (given.name, given.people) == ("Summer list", {1, 2, 3, 4})
    assert world.service.accepted[0].action == "Replace"
    assert given.description == with_mark("made by hand", GOLD.own_mark, token(world))
    assert world.service.created == 0
    world.run({1, 2, 3, 5})
    assert [u.action for u in world.service.accepted[-2:]] == ["Remove", "Add"], "it is known from now on"
    assert world.bounds() == ({1, 2, 3, 5}, {1, 2, 3, 5})


@pytest.mark.bad_input
def test_a_given_list_that_is_not_ours_needs_adopt(world: World) -> None:
    given = world.service.put("Summer list", "made by hand", {50, 51})
    world.spec = replace(GOLD, audience_id=given.id)
    with pytest.raises(ConfigurationError, match=rf"(?s){given.id}.*adopt: true"):
        world.deliver_once(world.plan({1}))
    assert given.people == {50, 51}
    assert world.service.updates == []


@pytest.mark.bad_input
def test_a_given_list_must_exist(world: World) -> None:
    world.spec = replace(GOLD, audience_id="4711", adopt=True)
    with pytest.raises(ConfigurationError, match=r"(?s)no audience with the id 4711.*`audience_id`"):
        world.deliver_once(world.plan({1}))
    assert world.service.audiences == {}


@pytest.mark.bad_input
@pytest.mark.parametrize("adopt", [False, True])
def test_a_given_list_of_another_segment_is_refused(world: World, adopt: bool) -> None:
    given = world.service.put("Silver customers", str(SILVER.own_mark), {50})
    world.spec = replace(GOLD, audience_id=given.id, adopt=adopt)
    with pytest.raises(ConfigurationError, match="belongs to another segment"):
        world.deliver_once(world.plan({1}))
    assert given.people == {50}


def test_another_list_is_given_later(world: World) -> None:
    """The old one is left as it is; of the new one nothing is known."""
    world.run({1, 2, 3})
    old = only(world)
    given = world.service.put("Summer list", "made by hand", {50, 51})
    world.spec = replace(GOLD, audience_id=given.id, adopt=True)
    world.run({1, 2, 4})
    assert (old.people, given.people) == ({1, 2, 3}, {1, 2, 4})


# --- Renamed -----------------------------------------------------------------------------------------------


def test_the_export_renames_it_and_the_difference_is_sent(world: World) -> None:
    world.run({1, 2, 3})
    audience = only(world)
    world.spec = replace(GOLD, name=NEW_NAME)
    plan = world.plan({1, 2, 4})
    assert not plan.replaces, "what is known goes with it"
    world.deliver_once(plan)
    assert only(world) is audience
    check(world, {1, 2, 4})
    assert world.service.updates == [{"name": NEW_NAME}]
    assert [u.action for u in world.service.accepted] == ["Replace", "Remove", "Add"]


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("how", ["before", "after", "lost"])
def test_a_crash_at_any_step_of_renaming(how: str) -> None:
    """At most one list at all times, never a wrong one, exact in the end."""

    def story(strikes: dict[int, str]) -> World:
        world = World()
        world.spec = GOLD
        world.run({1, 2, 3})
        world.faults.steps.clear()
        world.faults.strikes = strikes
        world.spec = replace(GOLD, name=NEW_NAME)
        world.run({1, 2, 4})
        check(world, {1, 2, 4})
        assert world.service.created == 1
        return world

    steps = story({}).faults.steps
    assert "update_audience" in steps
    for number, name in enumerate(steps, 1):
        try:
            story({number: how})
        except AssertionError as error:
            raise AssertionError(f"struck {how} step {number}, {name}: {error}") from error


def test_an_upload_in_flight_is_awaited_after_the_renaming(world: World) -> None:
    world.run({1, 2, 3})
    plan = world.plan({1, 2, 3, 4, 5})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    world.spec = replace(GOLD, name=NEW_NAME)
    world.run({1, 2, 6})
    check(world, {1, 2, 6})
    assert [u.action for u in world.service.accepted] == ["Replace", "Add", "Remove", "Add"]


def test_a_new_segment_gets_the_old_name(world: World) -> None:
    """Whichever comes first, and though its ledger was under that name."""
    for gold_first in (True, False):
        world = World()
        world.spec = GOLD
        world.run({1, 2, 3})
        gold, old = replace(GOLD, name=NEW_NAME), replace(SILVER, name=NAME)
        if gold_first:
            world.spec = gold
            world.run({1, 2, 4})
        else:
            world.spec = old
            with pytest.raises(TransientError, match="which has to rename it first"):
                world.deliver_once(world.plan({20, 21}))
            assert only(world).people == {1, 2, 3}
            world.spec = gold
            world.run({1, 2, 4})
        world.spec = old
        world.run({20, 21})
        check(world, {20, 21})
        world.spec = gold
        check(world, {1, 2, 4})
        world.run({1, 2, 5})
        check(world, {1, 2, 5})
        assert world.service.created == 2


def test_another_table_under_the_same_name_keeps_the_audience(world: World) -> None:
    world.run({1, 2, 3})
    world.spec = replace(GOLD, segment="Gold2", segments=("Gold2", "Silver"))
    plan = world.plan({1, 2, 4})
    assert not plan.replaces
    world.deliver_once(plan)
    check(world, {1, 2, 4})
    assert world.service.created == 1
    assert str(world.spec.own_mark) in only(world).description


def test_a_table_that_comes_back_does_not_trust_its_old_ledger(world: World) -> None:
    """Its audience went to another table and was changed since; then the old table gets a name of its own."""
    world.run({1, 2, 3})
    world.spec = replace(GOLD, segment="Gold2", segments=("Gold2",))
    world.run({7, 8})
    world.spec = replace(GOLD, name=NEW_NAME, segments=("Gold", "Gold2"))
    world.run({1, 2, 3})
    check(world, {1, 2, 3})
    assert world.service.created == 2
    world.spec = replace(GOLD, segment="Gold2", segments=("Gold", "Gold2"))
    world.run({7, 9})
    check(world, {7, 9})


def test_another_export_takes_it_over_where_it_may(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The export file was renamed: what is known goes along."""
    world.run({1, 2, 3})
    world.spec = replace(GOLD, mark=WINTER, adopt=True)
    world.run({1, 2, 4})
    check(world, {1, 2, 4})
    assert "belonged to the export 'test' until now" in caplog.text
    assert (world.service.created, world.service.accepted[-1].action) == (1, "Add")
    world.spec = replace(world.spec, adopt=False)
    world.run({1, 2, 5})
    check(world, {1, 2, 5})


@pytest.mark.bad_input
@pytest.mark.parametrize("workspace", ["the same", "another"])
@pytest.mark.parametrize("given", [False, True])
def test_another_export_is_refused(world: World, workspace: str, given: bool) -> None:
    """Two exports on one audience: by the ledger, and by the mark alone."""
    world.run({1, 2, 3})
    audience, first = only(world), dict(world.storage.files)
    if workspace == "another":
        world.storage.files.clear()
    second = replace(GOLD, mark=WINTER, audience_id=audience.id if given else None)
    world.spec = second
    for _ in range(2):
        plan = world.plan({7, 8})
        with pytest.raises(ConfigurationError, match=r"(?s)adopt: true"):
            world.deliver_once(plan)
        assert audience.people == {1, 2, 3}
    world.storage.files.update(first)
    world.spec = GOLD
    world.run({1, 2, 4})
    check(world, {1, 2, 4})
    assert [u.action for u in world.service.accepted] == ["Replace", "Remove", "Add"], (
        "the first one noticed nothing"
    )


@pytest.mark.bad_input
@pytest.mark.parametrize("workspace", ["the same", "another"])
@pytest.mark.parametrize("adopts", [False, True])
def test_what_was_taken_over_is_not_taken_back(world: World, workspace: str, adopts: bool) -> None:
    """Both say `adopt: true`: members would be swapped at each run."""
    first, second = replace(GOLD, adopt=adopts), replace(GOLD, mark=WINTER, adopt=True)
    world.spec = first
    world.run({1, 2, 3})
    before = dict(world.storage.files)
    if workspace == "another":
        world.storage.files.clear()
    world.spec = second
    world.run({7, 8})
    check(world, {7, 8})
    after = dict(world.storage.files)
    if workspace == "another":
        world.storage.files.clear()
        world.storage.files.update(before)
    world.spec = first
    for _ in range(2):
        plan = world.plan({1, 2, 3})
        with pytest.raises(ConfigurationError, match=r"took it over|belongs to the export 'winter'"):
            world.deliver_once(plan)
    assert only(world).people == {7, 8}
    world.spec = replace(first, adopt=True)
    world.ledgers.forget(NAME)
    world.run({1, 2, 3})
    check(world, {1, 2, 3})
    if workspace == "another":
        world.storage.files.clear()
        world.storage.files.update(after)
        world.spec = second
        plan = world.plan({7, 8})
        with pytest.raises(ConfigurationError, match="the export 'test' took it over"):
            world.deliver_once(plan)


@pytest.mark.bad_input
def test_a_ledger_of_another_export_under_the_same_name(world: World) -> None:
    """The two write to different lists; their ledger would be one and the same."""
    world.run({1, 2, 3})
    given = world.service.put("Summer list", "[customer-match:winter]", {50})
    world.spec = replace(GOLD, mark=WINTER, audience_id=given.id)
    plan = world.plan({7})
    with pytest.raises(ConfigurationError, match="belongs to the export 'test'"):
        world.deliver_once(plan)


def test_one_that_was_renamed_while_another_export_took_the_old_one(world: World) -> None:
    world.run({1, 2, 3})
    world.spec = replace(GOLD, mark=WINTER, adopt=True)
    world.run({7, 8})
    world.spec = replace(GOLD, name=NEW_NAME)
    world.run({1, 2, 3})
    check(world, {1, 2, 3})
    assert sorted(len(one.people) for one in world.service.audiences.values()) == [2, 3]


def test_one_that_was_renamed_by_hand_gets_its_name_back(world: World) -> None:
    world.run({1, 2, 3})
    only(world).name = "by hand"
    world.run({1, 2, 4})
    check(world, {1, 2, 4})


@pytest.mark.bad_input
def test_the_new_name_is_taken(world: World) -> None:
    world.run({1, 2, 3})
    foreign = world.service.put(NEW_NAME, "made by hand", {50})
    world.spec = replace(GOLD, name=NEW_NAME, adopt=True)
    with pytest.raises(ConfigurationError, match=rf"cannot be renamed to '{NEW_NAME}': the name is taken"):
        world.deliver_once(world.plan({1, 2}))
    assert foreign.people == {50}
    del world.service.audiences[foreign.id]
    world.run({1, 2})
    check(world, {1, 2})


REFUSALS = [
    ServiceTerminalError("not offered for customer lists", codes=(204,)),
    ServiceConfigurationError("the audience type is not offered here", codes=(4859,)),
]


@pytest.mark.bad_input
@pytest.mark.parametrize("error", REFUSALS)
def test_a_service_that_renames_nothing_says_what_to_do(world: World, error: Exception) -> None:
    world.run({1, 2, 3})
    world.service.update_error = error
    world.spec = replace(GOLD, name=NEW_NAME)
    with pytest.raises(ConfigurationError, match=rf"(?s)'{NAME}'.*{error}.*by hand.*old audience name"):
        world.deliver_once(world.plan({1, 2, 4}))
    world.spec = GOLD
    world.run({1, 2, 5})
    check(world, {1, 2, 5})
    world.spec = replace(GOLD, name=NEW_NAME)
    only(world).name = NEW_NAME  # by hand, as the message says
    world.run({1, 2, 6})
    check(world, {1, 2, 6})


# --- Brought up to date ------------------------------------------------------------------------------------


def test_duration_and_a_wider_scope_are_changed(world: World) -> None:
    world.spec = replace(GOLD, scope="Account", membership_duration=30)
    world.run({1, 2})
    world.spec = replace(GOLD, scope="Customer", scope_stated=True)
    world.run({1, 2})
    assert world.service.updates == [{"membership_duration": -1, "scope": "Customer"}]
    assert (only(world).scope, only(world).membership_duration) == ("Customer", -1)


def test_a_scope_that_the_file_does_not_state_is_left(world: World) -> None:
    """Widening cannot be undone."""
    world.service.put(NAME, OWN, scope="Account")
    world.run({1, 2})
    assert only(world).scope == "Account"


@pytest.mark.bad_input
def test_a_narrower_scope_is_refused_before_anything_is_sent(world: World) -> None:
    world.run({1, 2})
    world.spec = replace(GOLD, scope="Account", scope_stated=True)
    plan = world.plan({1, 2, 3})
    sent = len(world.service.uploads)
    with pytest.raises(ConfigurationError, match=r"(?s)4855.*scope: Customer.*--delete \d+"):
        world.deliver_once(plan)
    assert (len(world.service.uploads), world.service.updates) == (sent, [])


@pytest.mark.parametrize("error", REFUSALS)
def test_what_the_service_does_not_change_stops_no_upload(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world.service.put(NAME, MARK, membership_duration=30)
    world.service.update_error = error
    world.run({1, 2})
    check(world, {1, 2})
    assert f"did not change description, membership_duration of the audience '{NAME}': {error}" in caplog.text


def test_trouble_that_passes_is_no_refusal(world: World) -> None:
    world.service.put(NAME, MARK)
    world.service.update_error = TransientError("later")
    with pytest.raises(TransientError, match="later"):
        world.deliver_once(world.plan({1, 2}))


# --- Nothing is sent to what is not ours --------------------------------------------------------------------


FOREIGN = ["made by hand", "[customer-match:another]", f"[customer-match:{segment_key('another', 'Gold')}]"]


@pytest.mark.bad_input
@pytest.mark.parametrize("description", FOREIGN)
def test_what_is_not_ours_is_not_touched(world: World, description: str) -> None:
    foreign = world.service.put(NAME, description, {50})
    with pytest.raises(ConfigurationError, match="adopt: true"):
        world.deliver_once(world.plan({1}))
    assert (foreign.people, foreign.description) == ({50}, description)
    assert (world.service.uploads, world.service.updates, world.state.audience_id) == ({}, [], None)
