"""One part by calls: how they are cut, how many at a time, and what becomes of a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.members.files import write_members
from customer_match.routes import (
    APPLY_PART_MEMBERS,
    APPLY_REPLACE_MEMBERS,
    AUTO_APPLY_MEMBERS,
    Route,
)
from customer_match_delivery import calls as applying
from customer_match_delivery.calls import apply_part, calls_of
from customer_match_delivery.refusals import Refusals
from microsoft_advertising import models
from microsoft_advertising.client import Client
from microsoft_advertising.limits import MAX_ITEMS_PER_CALL, MAX_PARALLEL_CALLS
from microsoft_advertising.models import ItemError
from tests.customer_match_delivery.in_memory import digests_of
from tests.memory_storage import MemoryStorage

STORAGE = MemoryStorage()


@pytest.fixture(autouse=True)
def _small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "MAX_ITEMS_PER_CALL", 3)


def part_of(count: int, action: Action = Action.ADD) -> Part:
    """The people 1, 2, … in one part."""
    members = write_members(STORAGE, f"people-{count}", [digests_of(range(1, count + 1))])
    return Part(action=action, members=members, route=Route.APPLY)


class Calls:
    """Notes calls, and answers each with what `answer` says of its people."""

    def __init__(self, answer: Callable[[list[int]], list[ItemError]] = lambda _: []) -> None:
        self.answer = answer
        self.people: list[list[int]] = []
        self.arguments: list[tuple[str, models.Action, bool | None]] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def apply_members(
        self, audience_id: str, action: models.Action, digests: Any, *, accept_terms: bool | None, **_: Any
    ) -> list[ItemError]:
        people = [int(digest[0]) for digest in digests]
        with self._lock:
            self.people.append(people)
            self.arguments.append((audience_id, action, accept_terms))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.answer(people)
        finally:
            with self._lock:
                self.at_once -= 1

    def send(self, part: Part, **options: Any) -> Refusals:
        options = {"audience_id": "7", "before_each": lambda: None} | options
        return apply_part(cast("Client", self), STORAGE, part, **options)


def test_the_limits_of_plan_and_service_fit() -> None:
    assert APPLY_REPLACE_MEMBERS == MAX_ITEMS_PER_CALL, "a Replace is one call"
    assert APPLY_PART_MEMBERS % MAX_ITEMS_PER_CALL == 0
    assert AUTO_APPLY_MEMBERS % MAX_ITEMS_PER_CALL == 0


def test_a_part_is_cut_into_calls() -> None:
    calls = Calls()
    assert len(calls.send(part_of(7))) == 0
    assert sorted(calls.people) == [[1, 2, 3], [4, 5, 6], [7]]
    assert set(calls.arguments) == {("7", models.Action.ADD, None)}
    assert calls_of([part_of(7), part_of(3), part_of(1)]) == 5


@pytest.mark.parametrize("action", Action)
def test_the_action_is_told_in_the_services_words(action: Action) -> None:
    calls = Calls()
    calls.send(part_of(2, action), accept_terms=True)
    assert calls.arguments == [("7", models.Action(action.value.title()), True)]


def test_refused_members_are_found_by_call_and_index() -> None:
    def answer(people: list[int]) -> list[ItemError]:
        return [ItemError(index, 8004, "") for index, person in enumerate(people) if person in {1, 6, 7}]

    refusals = Calls(answer).send(part_of(7))
    written = refusals.write(STORAGE, "refused")
    assert written
    assert written.count == 3
    assert [int(row[0]) for array in applying.read_members(STORAGE, written) for row in array] == [1, 6, 7]


def test_calls_are_made_at_the_same_time_but_not_too_many() -> None:
    together = threading.Barrier(MAX_PARALLEL_CALLS)

    def answer(_: list[int]) -> list[ItemError]:
        together.wait(timeout=30)  # breaks if there are never so many
        return []

    calls = Calls(answer)
    calls.send(part_of(3 * MAX_PARALLEL_CALLS * 3))
    assert calls.most_at_once == MAX_PARALLEL_CALLS
    assert len(calls.people) == 3 * MAX_PARALLEL_CALLS


@pytest.mark.faults
@pytest.mark.parametrize("family", [ConfigurationError, TransientError, TerminalError])
def test_one_failed_call_fails_the_part(family: type[Exception]) -> None:
    def answer(people: list[int]) -> list[ItemError]:
        if people == [4, 5, 6]:
            raise family("that one")
        return []

    calls = Calls(answer)
    with pytest.raises(family, match="that one"):
        calls.send(part_of(200))
    assert len(calls.people) <= MAX_PARALLEL_CALLS + 1, "no more are sent once one has failed"


@pytest.mark.faults
def test_no_call_is_under_way_after_a_failure() -> None:
    """Else one could come to the service after what the next try, or the next run, has sent."""
    ended: list[list[int]] = []

    def answer(people: list[int]) -> list[ItemError]:
        if people == [1, 2, 3]:
            raise TransientError("at once")
        time.sleep(0.2)
        ended.append(people)
        return []

    calls = Calls(answer)
    with pytest.raises(TransientError):
        calls.send(part_of(30))
    assert calls.at_once == 0
    assert sorted([[1, 2, 3], *ended]) == sorted(calls.people)


def test_what_comes_before_each_call_can_stop_them() -> None:
    turns: Iterator[bool] = iter([True, True, False])

    def before_each() -> None:
        if not next(turns):
            raise TransientError("not your turn")

    calls = Calls()
    with pytest.raises(TransientError, match="not your turn"):
        calls.send(part_of(30), before_each=before_each)
    assert sorted(calls.people) == [[1, 2, 3], [4, 5, 6]]


def test_a_replace_is_one_call() -> None:
    """Each would wipe the one before."""
    calls = Calls()
    with pytest.raises(TerminalError, match="4 members does not fit into one call"):
        calls.send(part_of(4, Action.REPLACE))
    assert calls.people == []
    calls.send(part_of(3, Action.REPLACE))
    assert calls.people == [[1, 2, 3]]
