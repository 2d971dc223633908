"""The delivery against a service that crashes, loses, expires and refuses: the audience ends at the target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match.ledger.store import LedgerConflict
from customer_match.routes import RouteChoice
from microsoft_advertising.faults import (
    ServiceConfigurationError,
    ServiceError,
    ServiceTerminalError,
    ServiceTransientError,
)
from microsoft_advertising.hosts import ForeignHost
from microsoft_advertising.models import RowError, UploadState
from tests.customer_match_delivery.in_memory import MARK, NAME, Crash, World, small_calls

AT_THE_END = {1, 2, *range(20, 25)}
ROUTES: tuple[RouteChoice, ...] = get_args(RouteChoice)


@pytest.fixture(autouse=True, scope="module")
def _small_calls() -> Iterator[None]:
    with small_calls():
        yield


def story(world: World) -> None:
    """A first run of two parts, then a difference: two leavers, newcomers in two parts."""
    world.run({1, 2, 3, 4})
    world.run(AT_THE_END)


@cache
def steps_of_the_story(route: RouteChoice) -> list[str]:
    world = World(route=route)
    story(world)
    return world.faults.steps


def check(world: World, target: set[int]) -> None:
    """The audience is exact, and the ledger knows it."""
    assert world.violations == []
    assert world.people == target
    assert world.bounds() == (target, target)
    assert not world.state.in_flight


def test_the_story_without_faults() -> None:
    world = World()
    story(world)
    check(world, AT_THE_END)
    assert [(u.action, sorted(u.people)) for u in world.service.accepted] == [
        ("Replace", [1, 2, 3]), ("Add", [4]), ("Remove", [3, 4]), ("Add", [20, 21, 22]), ("Add", [23, 24]),
    ]  # fmt: skip
    assert world.service.created == 1


def test_the_story_by_calls() -> None:
    """The first run goes to an audience that is known to be empty: no Replace."""
    world = World(route="apply")
    story(world)
    check(world, AT_THE_END)
    assert [(call.action, list(call.people)) for call in world.service.calls] == [
        ("Add", [1, 2]), ("Add", [3]), ("Add", [4]),
        ("Remove", [3, 4]), ("Add", [20, 21]), ("Add", [22]), ("Add", [23, 24]),
    ]  # fmt: skip
    assert world.service.uploads == {}


def test_the_story_by_the_size_of_each_difference() -> None:
    """Four newcomers are few, seven changes are many."""
    world = World(route="auto")
    story(world)
    check(world, AT_THE_END)
    assert [call.action for call in world.service.calls] == ["Add"] * 3
    assert [upload.action for upload in world.service.accepted] == ["Remove", "Add", "Add"]


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("route", ["bulk", "apply"])
@pytest.mark.parametrize("how", ["after", "lost"])
def test_a_crash_at_any_step(how: str, route: RouteChoice) -> None:
    """After every call and every write of the story, one world each; nothing happens between two steps."""
    for number, name in enumerate(steps_of_the_story(route), 1):
        world = World({number: how}, route=route)
        story(world)
        try:
            check(world, AT_THE_END)
        except AssertionError as error:
            raise AssertionError(f"struck {how} step {number}, {name}: {error}") from error
        assert world.service.created == 1


@pytest.mark.slow
@pytest.mark.faults
@settings(max_examples=25, derandomize=True)
@given(
    strikes=st.dictionaries(st.integers(1, 80), st.sampled_from(["before", "after", "lost"]), max_size=8),
    route=st.sampled_from(ROUTES),
    halves=st.integers(0, 3),
    ends=st.lists(
        st.sampled_from([UploadState.FAILED, UploadState.EXPIRED, UploadState.ABORTED]), max_size=3
    ),
    expired=st.integers(0, 3),
    results=st.integers(0, 3),
    looks=st.integers(1, 3),
)
def test_many_faults_at_once(
    *,
    strikes: dict[int, str],
    route: RouteChoice,
    halves: int,
    ends: list[UploadState],
    expired: int,
    results: int,
    looks: int,
) -> None:
    world = World(strikes, route=route)
    world.service.calls_by_half = halves
    world.service.ends, world.service.looks_until_done = ends, looks
    world.service.urls_to_expire, world.service.results_to_expire = expired, results
    story(world)
    check(world, AT_THE_END)
    assert world.service.created == 1


# --- Uploads -----------------------------------------------------------------------------------------------


def test_an_expired_url_is_replaced_at_once() -> None:
    world = World()
    world.service.urls_to_expire = 2
    plan = world.plan({1, 2})
    assert len(world.deliver_once(plan)) == 2  # two looks at the one upload that had a good URL
    assert [u.id for u in world.service.accepted] == ["r3"]
    check(world, {1, 2})


def test_urls_that_all_expire_are_no_endless_loop() -> None:
    world = World()
    world.service.urls_to_expire = 10**6
    with pytest.raises(TransientError, match="already expired"):
        world.deliver_once(world.plan({1, 2}))
    assert len(world.service.uploads) < 10
    world.service.urls_to_expire = 0
    world.run({1, 2})
    check(world, {1, 2})


def test_a_url_of_a_strange_host_in_the_ledger_is_replaced_by_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The try that meets it says so; nobody must mend the ledger by hand."""
    world = World()

    def refused(*_: object) -> None:
        raise ForeignHost("names evil.example")

    with monkeypatch.context() as patched:
        patched.setattr(world.service, "upload_file", refused)
        with pytest.raises(ForeignHost):
            world.deliver_once(world.plan({1, 2}))
    world.run({1, 2})
    check(world, {1, 2})
    assert [upload.id for upload in world.service.accepted] == ["r2"]


def test_a_used_url_is_awaited_and_not_sent_again() -> None:
    """The worker dies after the service has taken the file, but its answer is lost, and status lags behind."""
    world = World({steps_of_the_story("bulk").index("upload_file") + 1: "after"})
    world.run(range(1, 9))
    check(world, set(range(1, 9)))
    assert len(world.service.uploads) == len(world.service.accepted) == 3


def test_a_url_that_was_not_used_yet_is_used() -> None:
    """The worker dies between writing the request down and posting the file."""
    steps = steps_of_the_story("bulk")
    asked = steps.index("request_upload") + 1
    assert steps[asked] == "create", "the intent"
    world = World({asked + 1: "after"})
    world.run({1, 2})
    check(world, {1, 2})
    assert list(world.service.uploads) == [upload.id for upload in world.service.accepted] == ["r1"]


@pytest.mark.faults
def test_a_replace_that_broke_off_leaves_nobody_certain() -> None:
    """It wiped the audience and did half of its work; the next run has another target and no Replace."""
    world = World()
    world.run({1, 2, 3})
    world.service.ends = [UploadState.FAILED]
    with pytest.raises(TransientError):
        world.deliver_once(world.plan({1, 2, 3}, full=True))
    assert world.people == {1, 3}
    assert world.bounds()[0] == set()
    world.run({2, 3})
    check(world, {2, 3})


def test_a_request_that_the_service_forgot_is_sent_again() -> None:
    world = World()
    plan = world.plan({1, 2})
    world.delivery(plan).start()
    waiting = world.delivery(plan).advance()
    assert waiting
    del world.service.uploads[waiting.request_id]
    world.service.uploads["r0"] = world.service.accepted[0]  # so that the next id is another one
    world.deliver(plan)
    check(world, {1, 2})
    assert len(world.service.accepted) == 2


def test_a_failed_upload_without_a_reason_is_transient_and_sent_again() -> None:
    world = World()
    world.service.ends = [UploadState.FAILED]
    plan = world.plan({1, 2, 3})
    with pytest.raises(TransientError, match="sent again"):
        world.deliver_once(plan)
    certain, possible = world.bounds()
    assert certain <= world.people
    assert possible is None or world.people <= possible
    world.deliver(plan)
    check(world, {1, 2, 3})


@pytest.mark.parametrize("state", [UploadState.ROW_COUNT_EXCEEDED, UploadState.FORMAT_NOT_SUPPORTED])
def test_a_file_that_the_service_cannot_take_ends_for_good(state: UploadState) -> None:
    world = World()
    world.service.ends = [state]
    with pytest.raises(TerminalError):
        world.deliver_once(world.plan({1, 2, 3}))
    assert not world.state.in_flight
    world.run({1, 2})
    check(world, {1, 2})


def test_the_errors_of_a_failed_upload_decide_the_family() -> None:
    world = World()
    world.service.ends = [UploadState.FAILED]
    world.service.end_errors = (ServiceError(8003, ""),)
    with pytest.raises(ConfigurationError, match=r"(?s)Gold customers.*accept"):
        world.deliver_once(world.plan({1, 2, 3}))
    world.service.end_errors = ()
    world.run({1, 2})
    check(world, {1, 2})


# --- Results -----------------------------------------------------------------------------------------------


def test_an_expired_results_url_is_asked_for_again() -> None:
    world = World()
    world.service.results_to_expire = 2
    world.service.refuse = {2: (8004,)}
    plan = world.plan({1, 2})
    world.deliver_once(plan)
    assert world.people == {1}
    assert len(world.service.accepted) == 1


def test_results_that_expire_for_ever_are_transient_and_the_upload_stays_known() -> None:
    world = World()
    world.service.results_to_expire = 10**6
    plan = world.plan({1, 2})
    with pytest.raises(TransientError, match="expire before"):
        world.deliver_once(plan)
    assert world.state.in_flight == [0]
    world.service.results_to_expire = 0
    world.deliver(plan)
    check(world, {1, 2})
    assert len(world.service.accepted) == 1


@pytest.mark.faults
def test_results_that_are_gone_for_good_are_no_dead_end() -> None:
    """Documented: results are kept for some minutes only. Nobody knows then which rows were refused."""
    world = World()
    world.service.refuse = {2: (8004,)}
    plan = world.plan({1, 2, 3, 4})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    assert world.delivery(plan).advance()
    world.service.results_removed = {"r1"}
    with pytest.raises(TransientError, match="deleted the results"):
        world.deliver_once(plan)
    world.deliver(plan)
    assert world.violations == []
    assert world.people == {1, 3, 4}
    assert world.bounds() == ({1, 3, 4}, {1, 3, 4})


@pytest.mark.parametrize(
    ("code", "family", "advice"),
    [
        (8003, ConfigurationError, "accept"),
        (8000, TransientError, "creates it again"),
        (8001, TerminalError, "Report this"),
        (8004, TerminalError, "SHA-256"),
    ],
)
def test_an_error_of_the_list_stops_with_advice(code: int, family: type[Exception], advice: str) -> None:
    world = World()
    world.service.list_errors = [code]
    with pytest.raises(family, match=f"(?s)Gold customers.*{advice}") as caught:
        world.deliver_once(world.plan({1, 2}))
    assert str(code) in str(caught.value)
    assert not world.state.in_flight, "the results would be read again and again"
    world.run({1, 2, 3})
    check(world, {1, 2, 3})


def test_an_error_of_a_row_that_is_not_about_the_member_stops() -> None:
    world = World()
    world.service.refuse = {2: (8003,)}
    with pytest.raises(ConfigurationError, match="accept"):
        world.deliver_once(world.plan({1, 2}))
    assert not world.state.in_flight


@pytest.mark.faults
@pytest.mark.parametrize("code", [0, 833, 1011, 1010, 98765])
def test_a_passing_or_unknown_error_of_a_row_is_sent_again(code: int) -> None:
    """Looking at the same results again would find the same error, for ever."""
    world = World()
    world.service.refuse = {2: (code,)}
    plan = world.plan({1, 2})
    with pytest.raises(TransientError, match=rf"^Upload r1 for audience '{NAME}': .*\({code}\)"):
        world.deliver_once(plan)
    world.service.refuse = {}
    world.deliver(plan)
    check(world, {1, 2})


def test_a_client_id_beyond_the_file_is_refused() -> None:
    world = World()
    plan = world.plan({1, 2})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    world.service.accepted[0].rows = [RowError("Customer List Item", "000002", 8004, "")]
    with pytest.raises(TerminalError, match="a member that was not sent"):
        world.deliver_once(plan)


def test_refused_members_are_counted_once_and_tried_again_in_the_next_run() -> None:
    world = World()
    world.service.refuse = {2: (8004, 8006), 5: (8004,), 6: (8006,)}
    plan = world.plan(range(1, 9))
    world.deliver_once(plan)
    assert world.people == {1, 3, 4, 7, 8}
    assert world.bounds()[0] == world.people
    assert world.delivery(plan).refused == {"EmailMustBeHashed": 2, "EitherEmailOrCRMIDShouldBeProvided": 1}
    world.service.refuse = {5: (8004,)}
    again = world.plan(range(1, 9))
    assert [sorted(world._people_of(part.members)) for part in again.parts] == [[2, 5, 6]]
    world.deliver_once(again)
    assert world.people == {1, 2, 3, 4, 6, 7, 8}
    assert world.delivery(again).refused == {"EmailMustBeHashed": 1}


# --- Calls -------------------------------------------------------------------------------------------------


def settled_at(people: set[int], route: RouteChoice = "apply") -> World:
    world = World(route=route)
    world.run(people)
    world.service.calls.clear()
    return world


def test_calls_wait_for_nothing() -> None:
    world = settled_at({1, 2, 3})
    plan = world.plan({2, 3, 4, 5, 6})
    assert world.deliver_once(plan) == []
    check(world, {2, 3, 4, 5, 6})
    delivery = world.delivery(plan)
    assert (delivery.parts, delivery.route, delivery.calls) == (2, "apply", 3)


@pytest.mark.faults
def test_a_part_whose_calls_broke_off_is_sent_again_as_a_whole() -> None:
    """Nothing is certain until all of its calls were answered, and everything is possible."""
    world = settled_at({1})
    world.service.call_errors = [None, TransientError("lost")]
    plan = world.plan({1, 2, 3, 4})
    with pytest.raises(TransientError, match="lost"):
        world.deliver_once(plan)
    assert world.people == {1, 2, 3}
    assert world.bounds() == ({1}, {1, 2, 3, 4})
    world.deliver(plan)
    check(world, {1, 2, 3, 4})
    assert [call.people for call in world.service.calls] == [(2, 3), (2, 3), (4,)]


@pytest.mark.faults
def test_an_answer_that_nobody_understands_is_no_success() -> None:
    world = settled_at({1, 2, 3})
    world.service.calls_by_half = 1
    plan = world.plan({3, 4})
    with pytest.raises(TransientError, match="shape"):
        world.deliver_once(plan)
    assert world.people == {2, 3}
    assert world.bounds() == ({3}, {1, 2, 3})
    assert world.state.next_part == 0
    world.run({2, 3, 9})  # the worker never came back; the next run wants something else
    check(world, {2, 3, 9})


@pytest.mark.faults
def test_an_uncertain_replace_by_a_call_leaves_nobody_certain() -> None:
    world = settled_at({1, 2})
    world.service.calls_by_half = 1
    with pytest.raises(TransientError):
        world.deliver_once(world.plan({1, 2}, full=True))
    assert world.people == {1}
    assert world.bounds() == (set(), {1, 2})
    world.run({2})
    check(world, {2})


def test_an_audience_that_somebody_changed_is_replaced_by_one_call() -> None:
    world = settled_at({1, 2})
    [audience] = world.service.audiences.values()
    audience.people |= {50, 51}
    world.run({1, 3}, full=True)
    check(world, {1, 3})
    assert [(call.action, call.people) for call in world.service.calls] == [("Replace", (1, 3))]


def test_an_audience_of_unknown_members_is_replaced_by_bulk_if_it_is_large() -> None:
    world = World(route="apply")
    world.service.put(NAME, MARK, {50, 51})
    world.run({1, 2, 3, 4})
    check(world, {1, 2, 3, 4})
    assert [upload.action for upload in world.service.accepted] == ["Replace", "Add"]
    assert world.service.calls == []


def test_members_that_calls_refuse_are_tried_again_in_the_next_run() -> None:
    world = World(route="apply")
    world.service.refuse = {2: (8004, 8006), 5: (8004,), 6: (8006,)}
    plan = world.plan(range(1, 9))
    world.deliver_once(plan)
    assert world.people == {1, 3, 4, 7, 8}
    assert world.bounds() == (world.people, set(range(1, 9)))
    assert world.delivery(plan).refused == {"EmailMustBeHashed": 2, "EitherEmailOrCRMIDShouldBeProvided": 1}
    world.service.refuse = {}
    again = world.plan(range(1, 9))
    assert [sorted(world._people_of(part.members)) for part in again.parts] == [[2, 5, 6]]
    world.deliver_once(again)
    check(world, set(range(1, 9)))


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (ServiceConfigurationError("terms", codes=(8003,)), ConfigurationError),
        (ServiceTerminalError("too many", codes=(6999,)), TerminalError),
        (ServiceTransientError("later", retry_after=60, codes=(117,)), TransientError),
    ],
)
def test_the_error_of_a_call_keeps_its_family(error: Exception, family: type[Exception]) -> None:
    world = settled_at({1}, "auto")
    world.service.call_errors = [error]
    with pytest.raises(family, match=str(error)) as caught:
        world.deliver_once(world.plan({1, 2}))
    assert caught.value is error
    world.run({1, 2, 3})
    check(world, {1, 2, 3})
    assert world.service.uploads == {}


def test_what_the_service_does_not_take_by_calls_goes_by_bulk(caplog: pytest.LogCaptureFixture) -> None:
    world = settled_at({1, 2, 3}, "auto")
    world.service.call_errors = [ServiceTerminalError("OperationNotSupported (204)", codes=(204,))]
    plan = world.plan({2, 3, 4})
    world.deliver_once(plan)
    check(world, {2, 3, 4})
    assert [upload.action for upload in world.service.accepted] == ["Remove", "Add"]
    assert world.service.calls == []
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "using Bulk" in line
    assert "204" in line


@pytest.mark.slow
@pytest.mark.faults
def test_a_crash_at_any_step_of_the_change_of_routes() -> None:
    def played(strikes: dict[int, str]) -> World:
        world = World(strikes, route="auto")
        refusal = ServiceTerminalError("not offered", codes=(204,))
        world.service.on_call = lambda _: (_ for _ in ()).throw(refusal)
        world.run({1, 2, 3})
        world.run({2, 3, 4})
        return world

    steps = played({}).faults.steps
    for number in range(1, len(steps) + 1):
        world = played({number: "after"})
        check(world, {2, 3, 4})
        assert world.service.calls == []


def test_calls_that_were_asked_for_and_are_not_taken_need_a_human() -> None:
    world = settled_at({1})
    world.service.call_errors = [ServiceTerminalError("OperationNotSupported (204)", codes=(204,))]
    plan = world.plan({1, 2})
    with pytest.raises(ConfigurationError, match=r"Gold customers.*204.*route: bulk"):
        world.deliver_once(plan)
    world.route = "bulk"
    world.run({1, 2})
    check(world, {1, 2})


def test_an_audience_deleted_between_two_calls() -> None:
    world = settled_at({1})
    plan = world.plan({1, 2, 3, 4})
    world.service.on_call = lambda _: world.service.audiences.clear() if world.service.calls else None
    with pytest.raises(TransientError, match=r"\(code 8000\).*creates it again"):
        world.deliver_once(plan)
    world.service.on_call = lambda _: None
    world.deliver(plan)
    check(world, {1, 2, 3, 4})
    assert world.service.created == 2


def test_a_plan_rests_on_what_calls_have_changed_too() -> None:
    """Between chunk and upload another run took the same way: its calls named no request."""
    world = settled_at({1, 2, 3})
    late = world.plan({1, 2, 4})
    world.run({1, 5, 6})
    world.deliver_once(late, day=99)
    check(world, {1, 2, 4})


def test_a_worker_that_slept_between_two_calls_does_not_go_on() -> None:
    """Another one sent the same part, and a later run took its members out again."""
    world = settled_at({1})
    plan = world.plan({1, 2, 3, 4, 5})
    world.delivery(plan).start()
    sleeper = world.delivery(plan)
    apply_members = world.service.apply_members

    def overtaken(*args, **options):  # type: ignore[no-untyped-def]  # a stand-in for a method
        world.service.apply_members = apply_members  # type: ignore[method-assign]
        done = apply_members(*args, **options)
        world.deliver_once(plan)
        world.run({1})
        return done

    world.service.apply_members = overtaken  # type: ignore[method-assign]
    with pytest.raises(LedgerConflict):
        sleeper.advance()
    check(world, {1})


@pytest.mark.slow
@pytest.mark.faults
@settings(max_examples=20, derandomize=True)
@given(
    targets=st.lists(
        st.tuples(st.sets(st.integers(1, 12), min_size=1), st.sampled_from(ROUTES), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    refuse=st.sets(st.integers(1, 12), max_size=3),
)
def test_all_routes_lead_to_the_same_audience(
    targets: list[tuple[set[int], RouteChoice, bool]], refuse: set[int]
) -> None:
    by_choice, by_bulk = World(), World()
    for world in (by_choice, by_bulk):
        world.service.refuse = dict.fromkeys(refuse, (8004,))
    for target, route, full in targets:
        by_choice.route = route
        for world in (by_choice, by_bulk):
            world.run(target, full=full)
        assert by_choice.people == by_bulk.people == target - refuse
        for world in (by_choice, by_bulk):
            certain, possible = world.bounds()
            assert possible is not None
            assert certain == target - refuse <= possible <= target
        assert by_choice.state.refused == by_bulk.state.refused
    assert by_choice.violations == by_bulk.violations == []
    assert by_bulk.service.calls == []


# --- The audience ------------------------------------------------------------------------------------------


def test_an_audience_deleted_by_hand_is_made_anew_and_complete() -> None:
    world = World()
    world.run(range(1, 9))
    plan = world.plan(range(1, 11))
    assert plan.added == 2
    world.service.audiences.clear()
    world.deliver_once(plan)
    check(world, set(range(1, 11)))
    assert world.service.created == 2


def test_an_audience_deleted_in_the_middle_of_its_first_run() -> None:
    world = World()
    plan = world.plan(range(1, 9))
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    world.service.audiences.clear()
    assert world.delivery(plan).advance()
    with pytest.raises(TransientError, match=r"\(code 4835\).*creates it again"):
        world.delivery(plan).advance()
    world.deliver(plan)
    check(world, set(range(1, 9)))


@pytest.mark.parametrize("adopt", [False, True])
def test_a_foreign_audience_of_the_name(adopt: bool) -> None:
    from dataclasses import replace

    world = World()
    foreign = world.service.put(NAME, "made by hand", {50, 51})
    world.spec = replace(world.spec, adopt=adopt)
    plan = world.plan({1, 2, 3, 4})
    if adopt:
        world.deliver_once(plan)
        check(world, {1, 2, 3, 4})
        assert world.service.created == 0
        return
    with pytest.raises(
        ConfigurationError, match=rf"(?s)'{NAME}' \(id {foreign.id}\).*did not create.*audience"
    ):
        world.deliver_once(plan)
    assert foreign.people == {50, 51}
    assert world.service.uploads == {}


def test_an_audience_of_ours_without_a_ledger_is_replaced() -> None:
    world = World()
    world.service.put(NAME, f"Kept by an Airflow export. {MARK}", {50, 51})
    world.run({1, 2, 3, 4})
    check(world, {1, 2, 3, 4})
    assert world.service.accepted[0].action == "Replace"
    assert world.service.created == 0


@pytest.mark.faults
def test_a_difference_is_not_sent_to_an_audience_that_took_the_place_of_ours() -> None:
    """Planned for the empty audience that we had made; meanwhile somebody put another in its place."""
    world = World()
    first = world.plan({1})
    world.delivery(first).start()
    plan = world.plan({1, 2})
    assert not plan.replaces
    world.service.audiences.clear()
    world.service.put(NAME, MARK, {50})
    world.deliver(plan)
    check(world, {1, 2})


# --- Other runs --------------------------------------------------------------------------------------------


def test_a_plan_is_made_again_where_the_ledger_moved_on() -> None:
    world = World()
    world.run({1, 2, 3})
    late = world.plan({1, 2, 4})
    world.run({1, 5, 6})
    world.deliver_once(late, day=99)
    check(world, {1, 2, 4})


@pytest.mark.faults
def test_a_plan_made_while_another_was_under_way() -> None:
    """Planned from what was confirmed then; the rest of the other plan came after that."""
    world = World()
    world.run({1, 2, 3})
    other = world.plan({1, 2, 3, *range(10, 19)})
    world.delivery(other).start()
    assert world.delivery(other).advance()
    late = world.plan({1, 2, 3})
    world.deliver_once(other)
    world.deliver_once(late, day=99)
    check(world, {1, 2, 3})


def test_a_plan_over_the_unfinished_upload_of_another() -> None:
    world = World()
    world.run({1, 2, 3})
    dead = world.plan({1, 2, 3, *range(10, 19)})
    world.delivery(dead).start()
    assert world.delivery(dead).advance()  # and its worker never came back
    world.run({2, 3})
    check(world, {2, 3})
    assert [u.action for u in world.service.accepted] == ["Replace", "Add", *["Remove"] * 4], (
        "also what was planned and not sent: whoever had this ledger before may have sent it"
    )


def _fails(world: World) -> None:
    world.service.ends = [UploadState.FAILED]


def _was_refused_as_a_whole(world: World) -> None:
    world.service.list_errors = [8001]


def _has_refused_rows_and_no_results(world: World) -> None:
    world.service.refuse = {10: (8004,)}
    world.service.finish(world.service.accepted[-1])
    world.service.results_removed = {"r2"}
    world.service.refuse = {}


@pytest.mark.faults
@pytest.mark.parametrize("harm", [_fails, _was_refused_as_a_whole, _has_refused_rows_and_no_results])
def test_what_the_upload_of_another_plan_died_of_is_not_ours(
    harm: Callable[[World], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A new run needs no second try because of what an earlier one has left behind."""
    world = World()
    world.run({1, 2, 3})
    dead = world.plan({1, 2, 3, *range(10, 19)})
    world.delivery(dead).start()
    assert world.delivery(dead).advance()  # and its worker never came back
    harm(world)
    world.deliver_once(world.plan({2, 3, 11}))
    check(world, {2, 3, 11})
    assert "Request r2 of an earlier plan failed" in caplog.text


@pytest.mark.faults
def test_an_older_interval_does_not_overwrite_a_newer_one() -> None:
    """Two runs side by side (backfills may): both planned, the newer one was quicker."""
    world = World()
    world.run({1, 2, 3})
    older, newer = world.plan({1, 2}), world.plan({1, 2, 3, 4})
    world.deliver_once(newer, day=99)
    with pytest.raises(TerminalError, match="newer"):
        world.deliver_once(older, day=50)
    check(world, {1, 2, 3, 4})


@pytest.mark.slow
@pytest.mark.faults
@settings(max_examples=25, derandomize=True)
@given(turns=st.lists(st.booleans(), min_size=1, max_size=40))
def test_two_deliveries_that_race(turns: list[bool]) -> None:
    """Whoever writes second learns of it; the bounds hold after every turn, and the last one is exact."""
    world = World()
    world.run({1, 2, 3})
    plans = [world.plan({1, 2, *range(10, 18)}), world.plan({2, 3, *range(14, 22)})]
    done: set[bool] = set()
    for turn in turns:
        delivery = world.delivery(plans[turn])
        try:
            delivery.start()
            if delivery.advance() is None:
                done.add(turn)
        except TransientError:
            pass
        certain, possible = world.bounds()
        assert certain <= world.people
        assert possible is not None
        assert world.people <= possible
    world.run({7, 8, 9})
    check(world, {7, 8, 9})


def test_the_slower_writer_gets_a_conflict() -> None:
    world = World()
    world.run({1, 2, 3})
    plan = world.plan({1, 2})
    entry = world.ledger.load()
    world.deliver_once(plan)
    with pytest.raises(LedgerConflict, match=re.escape(f"{NAME!r}")):
        world.ledger.write(entry, entry.state)


def test_a_worker_that_slept_does_not_send_after_another_has() -> None:
    """Between the ticket and the intent another worker took over: this one's file never leaves."""
    world = World()
    plan = world.plan({1, 2, 3})
    world.delivery(plan).start()
    sleeper = world.delivery(plan)
    request_upload = world.service.request_upload

    def overtaken():  # type: ignore[no-untyped-def]  # a stand-in for a method
        world.service.request_upload = request_upload  # type: ignore[method-assign]
        ticket = request_upload()
        assert world.delivery(plan).advance()
        return ticket

    world.service.request_upload = overtaken  # type: ignore[method-assign]
    with pytest.raises(LedgerConflict):
        sleeper.advance()
    assert [u.id for u in world.service.accepted] == ["r2"]
    world.deliver(plan)
    check(world, {1, 2, 3})


def test_nothing_to_do_looks_at_the_audience_and_sends_nothing() -> None:
    world = World()
    world.run({1, 2, 3})
    sent = len(world.service.uploads)
    plan = world.plan({1, 2, 3})
    assert plan.parts == ()
    assert world.deliver_once(plan) == []
    assert len(world.service.uploads) == sent


def test_the_crash_is_really_simulated() -> None:
    world = World({1: "before"})
    with pytest.raises(Crash):
        world.deliver_once(world.plan({1}))


@pytest.mark.faults
def test_a_plan_whose_rest_was_dropped_is_not_taken_for_done() -> None:
    """Another run settles what ours had sent, and dies before its own plan is in the ledger."""
    world = World()
    world.run({1, 2, 3})
    ours, other = world.plan({1, 2, 3, *range(10, 18)}), world.plan({2, 3})
    world.delivery(ours).start()
    assert world.delivery(ours).advance()

    def dies_once_it_has_settled() -> None:
        if not world.state.parts:
            raise Crash

    world.faults.after_each = dies_once_it_has_settled
    with pytest.raises(Crash):
        world.deliver_once(other)
    world.faults.after_each = lambda: None
    world.deliver(ours)
    check(world, {1, 2, 3, *range(10, 18)})


@pytest.mark.faults
def test_a_worker_whose_files_were_pruned_while_it_slept_starts_over() -> None:
    """It was about to settle; others have settled twice since, and dropped what it reads."""
    world = World()
    world.run({1, 2, 3})
    plan = world.plan({1, 2, 3, 4})
    world.delivery(plan).start()
    assert world.delivery(plan).advance()
    world.service.finish(world.service.accepted[-1])

    def others() -> None:
        world.faults.strikes = {}
        for target in ({1, 2, 3, 4}, {2, 5}, {3, 6}):
            world.run(target)

    world.faults.meanwhile = others
    first = len(world.faults.steps)
    world.faults.strikes = {first + 5: "asleep"}
    with pytest.raises(LedgerConflict, match="starts over"):
        world.delivery(plan, day=0).advance()
    assert world.faults.steps[first + 4] == "write"
    check(world, {3, 6})
