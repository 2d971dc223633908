"""Plans: from any state of the ledger to any target, whatever of the possible is true."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match import routes
from customer_match.errors import TerminalError
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part, Progress
from customer_match.ledger.state import Settled, State
from customer_match.members.digests import Digests
from customer_match.members.files import DamagedMembers, MembersFile, read_members, write_members
from customer_match.planning import plan as chunk
from customer_match.planning.plan import Plan, plan_again, plan_parts
from customer_match.routes import Route, RouteChoice
from customer_match.table_facts import TableFacts

EVERYBODY = set(range(8))
PEOPLE = st.sets(st.sampled_from(sorted(EVERYBODY)))


def digests_of(people: set[int]) -> Digests:
    return np.array([[person] * 32 for person in sorted(people)], dtype=np.uint8).reshape(-1, 32)


class Files:
    """Sets of people as files of a workspace, and back."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.written = 0

    def write(self, people: set[int]) -> MembersFile:
        self.written += 1
        return write_members(self.storage, f"files/{self.written}", [digests_of(people)])

    def read(self, reference: MembersFile | None) -> set[int]:
        return {int(row[0]) for array in read_members(self.storage, reference) for row in array}

    def state(self, certain: set[int], possible: set[int] | None) -> State:
        settled = Settled(
            certain=self.write(certain),
            possible=None if possible is None else self.write(certain | possible),
            known=possible is not None,
        )
        return State(audience="a", audience_id="1", settled=settled, plan_id="before")

    def plan(
        self,
        state: State,
        target: set[int],
        *,
        part_size: int = 3,
        full: bool = False,
        route: RouteChoice = "bulk",
    ) -> Plan:
        return plan_parts(
            self.storage, state, self.write(target),
            plan_id="p", folder="parts", part_size=part_size, full=full, route=route,
        )  # fmt: skip

    def apply(self, parts: tuple[Part, ...], truth: set[int]) -> set[int]:
        """What an audience holds after the service did all parts, in their order."""
        for part in parts:
            members = self.read(part.members)
            match part.action:
                case Action.ADD:
                    truth = truth | members
                case Action.REMOVE:
                    truth = truth - members
                case Action.REPLACE:
                    truth = members
        return truth


@pytest.fixture
def files(storage: Any) -> Files:
    return Files(storage)


# --- From anywhere to anywhere -------------------------------------------------------------------------------


@settings(max_examples=120)
@given(data=st.data(), part_size=st.integers(1, 4), full=st.booleans())
def test_parts_lead_to_the_target(new_storage: Any, data: Any, part_size: int, full: bool) -> None:
    files = Files(new_storage())
    certain, target = data.draw(PEOPLE, "certain"), data.draw(PEOPLE, "target")
    possible = data.draw(st.none() | PEOPLE, "possible")
    state = files.state(certain, possible)
    if possible is None and not target:
        with pytest.raises(TerminalError):
            files.plan(state, target)
        return
    maybe = EVERYBODY if possible is None else certain | possible
    truth = certain | (data.draw(PEOPLE, "truth") & maybe)

    plan = files.plan(state, target, part_size=part_size, full=full)

    assert files.apply(plan.parts, truth) == target
    assert [p.action for p in plan.parts[1:]].count(Action.REPLACE) == 0
    assert plan.replaces == (bool(target) and (full or possible is None))
    assert plan.added == len(target - certain)
    assert plan.unchanged == len(target & certain)
    assert plan.removed == (None if possible is None else len(maybe - target))
    check_parts(files, plan, target, certain, maybe)


def check_parts(files: Files, plan: Plan, target: set[int], certain: set[int], maybe: set[int]) -> None:
    """No more parts than must be, none too large, none empty, nobody in two."""
    size = plan.part_size
    if plan.replaces:
        sent, fewest = target, ceil(len(target) / size)
        assert [p.action for p in plan.parts] == [Action.REPLACE] + [Action.ADD] * (fewest - 1)
    else:
        leavers, newcomers = maybe - target, target - certain
        removes, adds = ceil(len(leavers) / size), ceil(len(newcomers) / size)
        sent, fewest = leavers | newcomers, removes + adds
        assert [p.action for p in plan.parts] == [Action.REMOVE] * removes + [Action.ADD] * adds
    members = [files.read(part.members) for part in plan.parts]
    assert len(plan.parts) == fewest
    assert all(0 < len(group) <= size for group in members)
    assert all(part.members.count == len(group) for part, group in zip(plan.parts, members, strict=True))
    assert set().union(*members) == sent
    assert sum(map(len, members)) == len(sent)
    assert all(part.progress is Progress.PLANNED and part.request is None for part in plan.parts)


STEPS = st.lists(
    st.tuples(st.sampled_from(Action), PEOPLE.filter(bool), st.sampled_from(Progress)), max_size=3
)


@settings(max_examples=60)
@given(start=PEOPLE, steps=STEPS, done=st.lists(PEOPLE, min_size=3, max_size=3), target=PEOPLE.filter(bool))
def test_parts_in_flight_count(
    new_storage: Any,
    start: set[int],
    steps: list[tuple[Action, set[int], Progress]],
    done: list[set[int]],
    target: set[int],
) -> None:
    """Of a part that was sent, the service may have done any share."""
    files = Files(new_storage())
    state, truth = files.state(start, set()), start
    for (action, people, progress), share in zip(steps, done, strict=False):
        part = Part(action=action, members=files.write(people), progress=progress)
        state = state.model_copy(update={"parts": (*state.parts, part)})
        if progress is Progress.CONFIRMED:
            truth = files.apply((part,), truth)
        elif progress is Progress.SENT and share:
            match action:
                case Action.ADD:
                    truth = truth | (people & share)
                case Action.REMOVE:
                    truth = truth - (people & share)
                case Action.REPLACE:
                    truth = people & share  # it wiped the audience and then broke off
    assert files.apply(files.plan(state, target).parts, truth) == target


# --- By hand -------------------------------------------------------------------------------------------------


def test_the_steady_state_sends_the_difference(files: Files) -> None:
    plan = files.plan(files.state({1, 2, 3}, set()), {2, 3, 4})
    assert [(p.action, files.read(p.members)) for p in plan.parts] == [
        (Action.REMOVE, {1}),
        (Action.ADD, {4}),
    ]
    assert (plan.added, plan.removed, plan.unchanged, plan.replaces) == (1, 1, 2, False)
    assert (plan.id, plan.based_on) == ("p", "1/0/before")


def test_nothing_to_do_is_no_part(files: Files) -> None:
    plan = files.plan(files.state({1, 2}, set()), {1, 2})
    assert (plan.parts, plan.added, plan.removed, plan.unchanged) == ((), 0, 0, 2)


def test_who_is_possible_but_not_certain_is_sent_either_way(files: Files) -> None:
    state = files.state({1}, {2, 3})
    plan = files.plan(state, {1, 2})
    assert [(p.action, files.read(p.members)) for p in plan.parts] == [
        (Action.REMOVE, {3}),
        (Action.ADD, {2}),
    ]


def test_an_empty_target_removes_everybody_possible(files: Files) -> None:
    for full in (False, True):  # a Replace by nobody is not documented to empty a list
        plan = files.plan(files.state({1}, {2}), set(), full=full)
        assert [(p.action, files.read(p.members)) for p in plan.parts] == [(Action.REMOVE, {1, 2})]
        assert not plan.replaces


def test_an_empty_target_of_an_empty_audience_is_no_part(files: Files) -> None:
    plan = files.plan(files.state(set(), set()), set(), full=True)
    assert (plan.parts, plan.removed) == ((), 0)


def test_an_empty_target_of_an_unknown_audience_is_refused_with_a_remedy(files: Files) -> None:
    with pytest.raises(TerminalError, match="Delete the audience at Microsoft Advertising"):
        files.plan(State(audience="a", audience_id="1"), set())


def test_an_empty_target_of_an_audience_that_may_not_exist_waits_for_the_delivery(files: Files) -> None:
    """Created anew it is empty, and nothing is to do; found by its name, nobody knows who is in it."""
    nothing = State(audience="a")
    plan = files.plan(nothing, set())
    assert (plan.parts, plan.removed, plan.replaces) == ((), None, False)
    created = nothing.with_audience("1", created=True)
    assert not plan.fits(created)
    again = plan_again(files.storage, created, plan, folder="again")
    assert (again.parts, again.removed) == ((), 0)
    found = nothing.with_audience("1", created=False)
    assert not plan.fits(found)
    with pytest.raises(TerminalError, match="Delete the audience at Microsoft Advertising"):
        plan_again(files.storage, found, plan, folder="again")


def test_a_plan_keeps_the_counts_of_its_table(files: Files) -> None:
    state, table = files.state({1}, set()), TableFacts(profiles=9, missing=2)
    plan = plan_parts(
        files.storage, state, files.write({2}), plan_id="p", folder="f", part_size=3, table=table
    )
    assert plan.table == table
    assert plan_again(files.storage, state, plan, folder="again").table == table
    assert plan.sent == 2


def test_an_unknown_audience_is_replaced(files: Files) -> None:
    plan = files.plan(State(audience="a"), {1, 2, 3, 4})
    assert [(p.action, p.members.count) for p in plan.parts] == [(Action.REPLACE, 3), (Action.ADD, 1)]
    assert (plan.added, plan.removed, plan.replaces) == (4, None, True)


def test_parts_have_names_in_the_order_of_sending(files: Files) -> None:
    plan = files.plan(files.state({1, 2}, set()), {3, 4}, part_size=1)
    assert [p.members.path.rsplit("/", 1)[1] for p in plan.parts] == [
        "remove-0001.parquet",
        "remove-0002.parquet",
        "add-0001.parquet",
        "add-0002.parquet",
    ]


def test_a_plan_leaves_the_parts_of_another_alone(files: Files) -> None:
    """Somebody clears the tasks of a run whose upload is in flight: the ledger names the first plan's parts."""
    state = files.state({1, 2}, set())
    first = files.plan(state, {1, 3})
    sent = state.planned("p", first.parts, datetime(2026, 1, 1, tzinfo=UTC)).with_part(
        0, progress=Progress.SENT
    )
    second = plan_parts(files.storage, sent, files.write({1, 4}), plan_id="p2", folder="parts", part_size=3)
    assert {p.members.path for p in first.parts}.isdisjoint(p.members.path for p in second.parts)
    assert files.apply(second.parts, {1, 2}) == files.apply(second.parts, {1}) == {1, 4}
    assert [files.read(p.members) for p in first.parts] == [{2}, {3}]


def test_a_damaged_ledger_stops_the_plan(files: Files) -> None:
    state = files.state({1}, set())
    assert state.settled.certain
    files.storage.delete(state.settled.certain.path)
    with pytest.raises(DamagedMembers):
        files.plan(state, {2})


# --- Planning again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_planning_again_keeps_target_and_name(files: Files, full: bool) -> None:
    first = files.plan(files.state({1, 2}, set()), {2, 3}, part_size=2, full=full)
    moved = files.state({2, 3, 4}, set()).model_copy(update={"requests": 7})
    again = plan_again(files.storage, moved, first, folder="again")
    assert files.apply(again.parts, {2, 3, 4}) == {2, 3}
    assert (again.id, again.target, again.part_size, again.full) == ("p", first.target, 2, full)
    assert (again.based_on, again.replaces) == ("1/7/before", full)
    assert all(p.members.path.startswith("again/") for p in again.parts)


def test_planning_again_replaces_an_audience_that_is_unknown_now(files: Files) -> None:
    first = files.plan(files.state({1, 2}, set()), {2, 3})
    again = plan_again(files.storage, State(audience="a"), first, folder="again")
    assert [(p.action, files.read(p.members)) for p in again.parts] == [(Action.REPLACE, {2, 3})]


def test_a_difference_fits_only_while_nothing_is_sent(files: Files) -> None:
    state = files.state({1, 2}, set())
    plan = files.plan(state, {2, 3})
    assert plan.fits(state)
    assert not plan.fits(state.model_copy(update={"plan_id": "other"}))  # a lost ledger counts anew
    assert not plan.fits(state.model_copy(update={"settled": Settled()})), "nothing is known any more"
    assert not plan.fits(state.model_copy(update={"requests": 1}))
    assert not plan.fits(state.model_copy(update={"audience_id": "another"}))
    assert not plan.fits(state.model_copy(update={"parts": plan.parts}))
    assert not plan.model_copy(update={"based_on": None}).fits(State(audience="a"))


def test_a_replace_fits_anywhere(files: Files) -> None:
    plan = files.plan(files.state({1, 2}, set()), {2, 3}, full=True)
    assert plan.fits(State(audience="a", plan_id="other"))


# --- Routes --------------------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` calls for three members at most, two of them can be replaced, a part by calls holds two."""
    monkeypatch.setattr(routes, "AUTO_APPLY_MEMBERS", 3)
    monkeypatch.setattr(routes, "APPLY_REPLACE_MEMBERS", 2)
    monkeypatch.setattr(chunk, "APPLY_PART_MEMBERS", 2)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("route", "target", "taken"),
    [
        ("auto", {2, 3, 4, 5}, Route.APPLY),  # 1 leaves, 4 and 5 come
        ("auto", {2, 3, 4, 5, 6}, Route.BULK),
        ("bulk", {2, 3, 4}, Route.BULK),
        ("apply", {4, 5, 6, 7}, Route.APPLY),
        ("auto", {1, 2, 3}, None),
    ],
)
def test_the_size_of_the_difference_decides(
    files: Files, route: RouteChoice, target: set[int], taken: Route | None
) -> None:
    state = files.state({1, 2, 3}, set())
    plan = files.plan(state, target, route=route)
    assert plan.route is taken
    assert {part.route for part in plan.parts} == ({taken} if taken else set())
    assert plan.wanted_route == route
    assert files.apply(plan.parts, {1, 2, 3}) == target
    most = 2 if taken is Route.APPLY else 3
    assert all(part.members.count <= most for part in plan.parts)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("route", ["auto", "apply"])
def test_only_what_fits_into_one_call_is_replaced_by_calls(files: Files, route: RouteChoice) -> None:
    unknown = State(audience="a")
    small, large = files.plan(unknown, {1, 2}, route=route), files.plan(unknown, {1, 2, 3}, route=route)
    assert [(p.action, p.route, p.members.count) for p in small.parts] == [(Action.REPLACE, Route.APPLY, 2)]
    assert [(p.action, p.route, p.members.count) for p in large.parts] == [(Action.REPLACE, Route.BULK, 3)]
    assert large.uses_calls_from_empty
    full = files.plan(files.state({1, 2, 3}, set()), {1, 2, 3}, route=route, full=True)
    assert (full.route, full.uses_calls_from_empty) == (Route.BULK, False)


@pytest.mark.usefixtures("few")
def test_a_large_target_goes_to_nobody_by_bulk_unless_calls_are_asked_for(files: Files) -> None:
    for route, calls in (("auto", False), ("apply", True), ("bulk", False)):
        plan = files.plan(State(audience="a"), {1, 2, 3, 4}, route=route)  # type: ignore[arg-type]  # of the three
        assert plan.uses_calls_from_empty is calls


def test_smaller_parts_are_kept_by_calls_too(files: Files) -> None:
    plan = files.plan(files.state(set(), set()), {1, 2, 3}, part_size=1, route="apply")
    assert [part.members.count for part in plan.parts] == [1, 1, 1]


@pytest.mark.usefixtures("few")
def test_planning_again_chooses_anew(files: Files) -> None:
    first = files.plan(files.state({1, 2}, set()), {1, 2, 3}, route="auto")
    again = plan_again(files.storage, files.state(set(), {7}), first, folder="again")
    assert (first.route, again.route, again.wanted_route) == (Route.APPLY, Route.BULK, "auto")


def test_a_plan_can_go_by_bulk_as_it_is(files: Files) -> None:
    plan = files.plan(files.state({1, 2}, set()), {2, 3}, route="auto")
    bulk = plan.by_bulk()
    assert (plan.route, bulk.route) == (Route.APPLY, Route.BULK)
    assert [(p.action, p.members) for p in bulk.parts] == [(p.action, p.members) for p in plan.parts]


def test_a_plan_of_before_there_were_routes_is_read(files: Files) -> None:
    plan = files.plan(files.state({1, 2}, set()), {2, 3})
    document = plan.model_dump(mode="json", exclude={"wanted_route"})
    for part in document["parts"]:
        del part["route"]
    assert Plan.model_validate(document) == plan
