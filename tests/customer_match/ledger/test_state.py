"""The ledger's state machine, step by step."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import ValidationError

from customer_match.ledger.actions import Action
from customer_match.ledger.bounds import Bounds, Flags, Step, fold
from customer_match.ledger.parts import Part, Progress, Request
from customer_match.ledger.state import Settled, State
from customer_match.members.files import MembersFile
from customer_match.routes import Route
from customer_match.table_facts import TableFacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = Request(id="r1", upload_url="https://upload.example/secret", requested_at=NOW)
FILE = MembersFile(path="m", count=1)
REFUSED = MembersFile(path="refused", count=1)


def planned(*actions: Action) -> State:
    parts = tuple(Part(action=action, members=FILE) for action in actions)
    return State(audience="a", audience_id="1").planned("p", parts, NOW)


# --- Transitions ---------------------------------------------------------------------------------------------


def test_a_part_from_plan_to_confirmation() -> None:
    state = planned(Action.REMOVE, Action.ADD)
    assert (state.next_part, state.in_flight) == (0, [])

    state = state.requested(0, REQUEST)
    assert (state.next_part, state.in_flight) == (0, [0])
    assert state.parts[0].progress is Progress.SENT

    state = state.confirmed(0, REFUSED, {"TooNew": 2})
    assert (state.next_part, state.in_flight) == (1, [])
    assert (state.parts[0].request, state.parts[0].refused) == (None, REFUSED)

    state = state.requested(1, REQUEST).confirmed(1, None, {"TooNew": 1, "Odd": 3})
    assert (state.next_part, state.in_flight) == (None, [])
    assert state.refused == {"TooNew": 3, "Odd": 3}


def test_the_uploads_of_a_plan_are_known_until_the_next_plan() -> None:
    """Those that failed too: the service has received them. Calls have no ids."""
    state = planned(Action.ADD, Action.ADD).requested(0, REQUEST).upload_failed(0)
    state = state.requested(0, REQUEST.model_copy(update={"id": "r2"})).confirmed(0, None, {})
    state = state.requested(1, None).confirmed(1, None, {}).at_rest(Settled(known=True))
    assert state.request_ids == ("r1", "r2")
    assert state.planned("q", (), NOW).request_ids == ()


def test_a_part_that_came_to_nothing_stays_sent_and_is_next() -> None:
    state = planned(Action.ADD).requested(0, REQUEST).upload_failed(0)
    assert (state.next_part, state.in_flight) == (0, [])
    assert (state.parts[0].progress, state.parts[0].request) == (Progress.SENT, None)


def test_a_part_by_calls_names_no_request_and_counts_as_one() -> None:
    """A difference that was planned before it does not fit any more, whatever became of the calls."""
    state = planned(Action.ADD).with_part(0, route=Route.APPLY)
    sent = state.requested(0, None)
    assert (sent.next_part, sent.in_flight, sent.requests) == (0, [], 1)
    assert (sent.parts[0].progress, sent.parts[0].request) == (Progress.SENT, None)
    done = sent.requested(0, None).confirmed(0, None, {})
    assert (done.next_part, done.requests) == (None, 2)


def test_what_is_not_confirmed_can_go_by_bulk() -> None:
    state = planned(Action.REMOVE, Action.ADD, Action.ADD)
    for index in range(3):
        state = state.with_part(index, route=Route.APPLY)
    state = state.requested(0, None).confirmed(0, None, {}).requested(1, None).by_bulk()
    assert [part.route for part in state.parts] == [Route.APPLY, Route.BULK, Route.BULK]
    assert [part.progress for part in state.parts] == [Progress.CONFIRMED, Progress.SENT, Progress.PLANNED]


def test_a_state_of_before_there_were_routes_is_read() -> None:
    old = planned(Action.ADD).requested(0, REQUEST)
    document = old.model_dump(mode="json")
    del document["parts"][0]["route"]
    assert State.model_validate(document) == old
    assert old.parts[0].route is Route.BULK


def test_states_do_not_change() -> None:
    state = planned(Action.ADD)
    state.requested(0, REQUEST)
    assert state.parts[0].progress is Progress.PLANNED
    with pytest.raises(ValidationError):
        state.plan_id = "other"  # type: ignore[misc]  # frozen: that is what is tested


def test_a_new_plan_forgets_what_the_last_one_was_refused() -> None:
    state = planned(Action.ADD).requested(0, REQUEST).confirmed(0, None, {"Odd": 1})
    later = datetime(2026, 1, 2, tzinfo=UTC)
    following = state.planned("p2", (), later)
    assert (following.plan_id, following.refused, following.interval_end) == ("p2", {}, later)


def test_the_counts_of_the_table_are_those_of_the_newest_plan() -> None:
    first, second = TableFacts(profiles=10, missing=1), TableFacts(profiles=20)
    state = State(audience="a", audience_id="1").planned("p", (), NOW, first)
    assert state.table == first
    assert State.model_validate_json(state.model_dump_json()).table == first
    assert state.distrusted("torn").table == first, "it is still what the next table is compared with"
    assert state.planned("p2", (), NOW, second).table == second
    assert state.planned("p2", (), NOW).table is None, "a plan of before there were counts"
    assert state.with_audience("2", created=True).table is None


def test_a_state_of_before_there_were_counts_is_read() -> None:
    old = planned(Action.ADD)
    document = old.model_dump(mode="json")
    del document["table"]
    assert State.model_validate(document) == old


def test_an_audience_that_we_created_holds_nobody() -> None:
    state = State(audience="a").with_audience("1", created=True)
    assert state.settled == Settled(known=True)


def test_an_audience_that_was_there_may_hold_anybody() -> None:
    state = State(audience="a").with_audience("1", created=False)
    assert state.settled == Settled(known=False)


def test_the_same_audience_changes_nothing() -> None:
    state = planned(Action.ADD)
    assert state.with_audience("1", created=False) is state


def test_another_audience_of_the_name_ends_what_was_known() -> None:
    state = planned(Action.ADD).requested(0, REQUEST).confirmed(0, None, {"Odd": 1})
    fresh = state.with_audience("2", created=True)
    assert fresh == State(audience="a", audience_id="2", settled=Settled(known=True))


def test_a_state_survives_json() -> None:
    state = planned(Action.REPLACE, Action.ADD).requested(0, REQUEST).confirmed(0, REFUSED, {"Odd": 1})
    assert State.model_validate_json(state.model_dump_json()) == state


@pytest.mark.bad_input
def test_a_state_of_another_version_is_not_understood_by_halves() -> None:
    with pytest.raises(ValidationError, match="expires"):
        State.model_validate({"audience": "a", "expires": 3})


def test_upload_addresses_are_not_shown() -> None:
    assert "secret" not in repr(planned(Action.ADD).requested(0, REQUEST))


# --- Bounds: one member that is in the part, one that is refused, one that is neither -----------------------


def flags(*values: int) -> Flags:
    return np.array(values, dtype=np.bool_)


NONE, ALL = flags(0, 0, 0), flags(1, 1, 1)
MEMBERS, ONE_REFUSED = flags(1, 1, 0), flags(0, 1, 0)


def after(action: Action, progress: Progress, certain: Flags, possible: Flags | None) -> Bounds:
    refused = ONE_REFUSED if progress is Progress.CONFIRMED else NONE
    step = Step(action=action, progress=progress, members=MEMBERS, refused=refused)
    return fold(Bounds(certain=certain, possible=possible), [step])


TABLE = [
    # action, progress, (certain, possible) before and after
    (Action.ADD, Progress.PLANNED, (NONE, NONE), (NONE, NONE)),
    (Action.ADD, Progress.SENT, (NONE, NONE), (NONE, MEMBERS)),
    (Action.ADD, Progress.CONFIRMED, (NONE, NONE), (flags(1, 0, 0), MEMBERS)),
    (Action.REMOVE, Progress.PLANNED, (ALL, ALL), (ALL, ALL)),
    (Action.REMOVE, Progress.SENT, (ALL, ALL), (flags(0, 0, 1), ALL)),
    (Action.REMOVE, Progress.CONFIRMED, (ALL, ALL), (flags(0, 0, 1), flags(0, 1, 1))),
    (Action.REPLACE, Progress.PLANNED, (ALL, ALL), (ALL, ALL)),
    (Action.REPLACE, Progress.SENT, (ALL, ALL), (NONE, ALL)),
    (Action.REPLACE, Progress.SENT, (NONE, NONE), (NONE, MEMBERS)),
    (Action.REPLACE, Progress.CONFIRMED, (ALL, ALL), (flags(1, 0, 0), flags(1, 0, 0))),
]


@pytest.mark.parametrize(("action", "progress", "before", "expected"), TABLE)
def test_the_table_of_the_bounds(
    action: Action, progress: Progress, before: tuple[Flags, Flags], expected: tuple[Flags, Flags]
) -> None:
    bounds = after(action, progress, *before)
    assert bounds.possible is not None
    assert (bounds.certain.tolist(), bounds.possible.tolist()) == tuple(f.tolist() for f in expected)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("progress", Progress)
def test_only_a_confirmed_replace_makes_the_unknown_known(action: Action, progress: Progress) -> None:
    known = after(action, progress, NONE, None).possible is not None
    assert known == (action is Action.REPLACE and progress is Progress.CONFIRMED)


def test_steps_follow_one_another() -> None:
    steps = [
        Step(action=Action.REPLACE, progress=Progress.CONFIRMED, members=flags(1, 0, 0), refused=NONE),
        Step(action=Action.ADD, progress=Progress.CONFIRMED, members=flags(0, 1, 0), refused=NONE),
        Step(action=Action.ADD, progress=Progress.SENT, members=flags(0, 0, 1), refused=NONE),
    ]
    bounds = fold(Bounds(certain=NONE, possible=None), steps)
    assert bounds.possible is not None
    assert (bounds.certain.tolist(), bounds.possible.tolist()) == ([True, True, False], [True, True, True])
