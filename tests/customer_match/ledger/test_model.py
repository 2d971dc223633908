"""The ledger against a service that crashes, loses and refuses: certain ⊆ truth ⊆ possible, always."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from include.customer_match.chunk import plan_parts
from include.customer_match.digests import Digests
from include.customer_match.ledger.state import Action, Part, Request
from include.customer_match.ledger.store import Ledger
from include.customer_match.ledger.view import windows
from include.customer_match.members import read_members, write_members

PEOPLE = st.sets(st.integers(0, 9))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def digests_of(people: set[int]) -> Digests:
    return np.array([[person] * 32 for person in sorted(people)], dtype=np.uint8).reshape(-1, 32)


class Machine(RuleBasedStateMachine):
    """Runs come and go; the service does all, some or none of what it was sent; only files remember."""

    storage_type: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.storage = self.storage_type()
        self.ledger = Ledger(self.storage, "ledgers/a", "a")
        self.truth: set[int] = set()
        self.queue: dict[str, tuple[Part, set[int]]] = {}  # requests that the service has not finished
        self.done: dict[str, set[int]] = {}  # finished requests and the members it refused
        self.counter = 0

    def people(self, reference: Any) -> set[int]:
        return {int(row[0]) for array in read_members(self.storage, reference) for row in array}

    def write(self, people: set[int]) -> Any:
        self.counter += 1
        return write_members(self.storage, f"staged/{self.counter}", [digests_of(people)])

    @initialize(by_hand=st.just(set()) | PEOPLE)
    def audience_was_made(self, by_hand: set[int]) -> None:
        self.truth = by_hand
        entry = self.ledger.load()
        self.ledger.write(entry, entry.state.with_audience("1", created=not by_hand))

    @rule(wanted=PEOPLE.filter(bool), full=st.booleans(), part_size=st.integers(1, 4))
    @precondition(lambda self: not self.ledger.load().state.in_flight)
    def new_run(self, wanted: set[int], full: bool, part_size: int) -> None:
        self.begin(wanted, full, part_size)

    def begin(self, target: set[int], full: bool, part_size: int) -> None:
        entry = self.ledger.load()
        self.counter += 1
        plan = plan_parts(
            self.storage, entry.state, self.write(target), plan_id=f"p{self.counter}",
            folder=f"plans/{self.counter}", part_size=part_size, full=full,
        )  # fmt: skip
        assert [p.action for p in plan.parts].count(Action.REPLACE) == int(plan.replaces)
        assert all(0 < p.members.count <= part_size for p in plan.parts)
        entry = self.ledger.settle(entry, entry.state)
        self.ledger.write(entry, entry.state.planned(plan.id, plan.parts, NOW))
        self.target = target

    @rule(wanted=PEOPLE.filter(bool))
    @precondition(lambda self: not self.ledger.load().state.in_flight)
    def good_run(self, wanted: set[int]) -> None:
        """Nothing goes wrong, and the audience is right: now there is something to lose."""
        self.begin(wanted, full=False, part_size=3)
        while self.ledger.load().state.next_part is not None:
            self.send(refused=set(), arrives=True)
            self.service_works(share=2)
            self.look()
            self.bounds_hold()
        assert self.truth == wanted

    @rule(refused=PEOPLE, arrives=st.booleans())
    @precondition(lambda self: not (s := self.ledger.load().state).in_flight and s.next_part is not None)
    def send(self, refused: set[int], arrives: bool) -> None:
        entry = self.ledger.load()
        index = entry.state.next_part
        assert index is not None
        self.counter += 1
        request = Request(id=str(self.counter), upload_url="u", requested_at=NOW)
        self.ledger.write(entry, entry.state.requested(index, request))
        if arrives:
            self.queue[request.id] = (entry.state.parts[index], refused)

    @rule(share=st.sampled_from([0, 1, 2]))
    @precondition(lambda self: self.queue)
    def service_works(self, share: int) -> None:
        """All of the file is done, or it fails after some members."""
        identifier, (part, refused) = self.queue.popitem()
        refused = self.do(part, refused, share)
        if share == 2:
            self.done[identifier] = refused

    def do(self, part: Part, refused: set[int], share: int) -> set[int]:
        """Change the truth by all of a part (2) or by some of it; the members that were refused."""
        members = self.people(part.members)
        refused = refused & members
        done = members - refused
        if share < 2:
            done = {person for person in done if person % 2 == share}
        match part.action:
            case Action.ADD:
                self.truth = self.truth | done
            case Action.REMOVE:
                self.truth = self.truth - done
            case Action.REPLACE:
                self.truth = self.truth | done if share == 1 else set(done)
        return refused

    @rule(refused=PEOPLE, share=st.sampled_from([0, 1, 2]))
    @precondition(lambda self: not (s := self.ledger.load().state).in_flight and s.next_part is not None)
    def send_by_calls(self, refused: set[int], share: int) -> None:
        """All calls are done and answered, or one fails: nothing names them then."""
        entry = self.ledger.load()
        index = entry.state.next_part
        assert index is not None
        entry = self.ledger.write(entry, entry.state.requested(index, None))
        refused = self.do(entry.state.parts[index], refused, share)
        if share == 2:
            reference = self.write(refused) if refused else None
            self.ledger.write(entry, entry.state.confirmed(index, reference, {}))

    @rule()
    @precondition(lambda self: self.ledger.load().state.in_flight)
    def look(self) -> None:
        entry = self.ledger.load()
        [index] = entry.state.in_flight
        request = entry.state.parts[index].request
        assert request
        if request.id in self.done:
            refused = self.done[request.id]
            reference = self.write(refused) if refused else None
            self.ledger.write(entry, entry.state.confirmed(index, reference, {}))
        elif request.id not in self.queue:
            self.ledger.write(entry, entry.state.came_to_nothing(index))

    @invariant()
    def bounds_hold(self) -> None:
        certain: set[int] = set()
        possible: set[int] = set()
        known = True
        for window in windows(self.storage, self.ledger.load().state):
            certain |= {int(d[0]) for d in window.digests[window.bounds.certain]}
            if window.bounds.possible is None:
                known = False
            else:
                possible |= {int(d[0]) for d in window.digests[window.bounds.possible]}
        assert certain <= self.truth
        if known and self.ledger.load().state.settled.known:
            assert self.truth <= possible

    def teardown(self) -> None:
        """After everything that happened, one good run makes it right."""
        while self.queue:
            self.service_works(share=2)
        if self.ledger.load().state.in_flight:
            self.look()
        self.good_run({1, 3, 5, 7})
        entry = self.ledger.load()
        self.ledger.settle(entry, entry.state)
        self.bounds_hold()


@pytest.fixture(autouse=True)
def _in_memory(new_storage: Any) -> None:
    Machine.storage_type = new_storage


@pytest.mark.slow
def test_bounds_hold_whatever_happens() -> None:
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=150, stateful_step_count=20, deadline=None)
    )
