"""Removes erased members from one audience, and nobody else, whatever state the audience and its ledger are in.

The members to remove are those that the ledger calls possible and the register calls erased. So nothing is sent to an
audience that never had them, and a later call can complete what an earlier one could not, without their addresses.
If the ledger does not know the audience's members, all digests of this request are sent: removing a member who is not
there does nothing. The data interval and the counts of the table stay as they are: the next run of the export goes on
from them.

A run that read the ledger before an erasure must not write to it afterwards, as it may be about to send an erased
member. Therefore the ledger gets a new state even if there is nobody to remove.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np

from customer_match.erasure.evidence import Outcome, Removal
from customer_match.erasure.register import Erased
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.parts import Part
from customer_match.ledger.state import State
from customer_match.ledger.store import Entry, Storage
from customer_match.ledger.unanswered_calls import calls_that_bring
from customer_match.ledger.view import is_known, windows
from customer_match.members.digests import Digests, empty
from customer_match.members.files import DamagedMembers
from customer_match.planning.plan import removal_parts
from customer_match.redaction import logger
from customer_match.routes import Route, RouteChoice
from customer_match_delivery.bulk import Waiting
from customer_match_delivery.call_tracking import LIFE, UnansweredCallsPending
from customer_match_delivery.calls import CallsNotSupported, calls_of
from customer_match_delivery.generation import GenerationKeeper, distrust_of
from customer_match_delivery.marks import Mark, mark_in
from customer_match_delivery.part_loop import PartLoop
from microsoft_advertising.client import Client

__all__ = ["MemberRemoval"]

log = logger(__name__)

_PART_SIZE: Final = 1_000_000


class _Sent(NamedTuple):
    parts: tuple[Part, ...] = ()
    uploads: tuple[str, ...] = ()
    was_unknown: bool = False


def _now() -> datetime:
    return datetime.now(UTC)


class MemberRemoval:
    """Removes erased members from one audience. The caller holds its lease.

    Args:
        client: The client of the service.
        ledgers: The ledgers of the account.
        storage: The workspace.
        audience: Name of the audience, as its ledger has it.
        audience_id: Its id, if it was found at the service; None: that of the ledger.
        owner: The mark that the audience gets if its description has none.
        erased: The erased members.
        given: The digests of this request, sorted: shape (n, 32).
        plan_id: Id of the removal, the same for each try of a request; usable in a path.
        route: The route that the export wants.
        accept_terms: Whether files and calls accept the Customer Match terms.
        before_sending: Called before each part is sent; an exception stops the removal.
        now: Returns the present time.
    """

    def __init__(
        self,
        *,
        client: Client,
        ledgers: Ledgers,
        storage: Storage,
        audience: str,
        erased: Erased,
        given: Digests,
        owner: Mark,
        plan_id: str,
        audience_id: str | None = None,
        route: RouteChoice = "auto",
        accept_terms: bool = False,
        before_sending: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._client = client
        self._ledgers = ledgers
        self._ledger = ledgers.of(audience)
        self._storage = storage
        self._audience = audience
        self._audience_id = audience_id
        self._owner = owner
        self._erased = erased
        self._given = given
        self._plan_id = plan_id
        self._route: RouteChoice = route
        self.before_sending = before_sending
        self._now = now
        self._result: Removal | None = None
        self._loop = PartLoop(
            client=client,
            ledger=self._ledger,
            storage=storage,
            plan_id=plan_id,
            folder=f"{self._ledger.folder}/bounds/{plan_id}",
            accept_terms=accept_terms,
            now=now,
        )

    def start(self) -> None:
        """Find the audience, compare it with its ledger, and decide whether there is anybody to remove.

        Raises:
            TransientError: The service or the workspace cannot answer now, or another run writes to the ledger.
            CustomerMatchError: The service refuses.
        """
        try:
            self._start()
        except DamagedMembers:
            if not self._ledger.distrust(self._ledger.load()):
                raise
            self._start()

    def _start(self) -> None:
        entry = self._ledger.load()
        audience_id = self._audience_id or entry.state.audience_id
        found = self._client.get_audience(audience_id) if audience_id else None
        if found is None:
            self._end_without_audience(entry)
            return
        state = self._compared(entry.state, found.id, found.description)
        self._generations = GenerationKeeper(
            self._client, self._ledgers, self._audience, mark_in(found.description) or self._owner
        )
        entry = self._ledger.write(entry, state)  # see the module's docstring: also if nothing changes
        self._generations.note(found, entry.number)
        if not state.parts and not len(self._members_to_remove(state)):
            self._end(Outcome.NOT_A_MEMBER if is_known(state) else Outcome.UNKNOWN, entry)

    def advance(self) -> Waiting | Removal:
        """Do everything that is possible without waiting.

        Returns:
            The upload to wait for before the next call, or the result.

        Raises:
            TransientError: A later call may succeed.
            CustomerMatchError: The service refuses.
        """
        while self._result is None:
            try:
                if waiting := self._loop.advance(self):
                    return waiting
            except DamagedMembers:
                if not self._ledger.distrust(self._ledger.load()):
                    raise
        return self._result

    def ensure_planned(self, entry: Entry) -> Entry:
        """Settle what earlier runs left, and record the removal in the ledger."""
        if entry.state.plan_id == self._plan_id and entry.state.parts:
            return entry
        if entry.state.parts:
            entry = self._ledger.settle(entry, entry.state.resumed())
        state = entry.state
        members = self._members_to_remove(state)
        if not len(members):
            return entry
        self._await_unanswered_calls(state, members)
        # Beside the bounds, so that the ledger deletes them, whoever settles this plan.
        folder = f"{self._ledger.folder}/bounds/{entry.number + 1:010d}"
        parts = removal_parts(self._storage, members, folder=folder, part_size=_PART_SIZE, route=self._route)
        planned = state.planned(
            self._plan_id, parts, state.interval_end, state.table, at=state.planned_at, forced=state.forced
        )
        return self._generations.claim(entry, planned)

    def without_calls(self, error: CallsNotSupported) -> Entry:
        """Use Bulk uploads instead, whatever the export wants: an erasure must not depend on that."""
        return self._ledger.write(error.entry, error.entry.state.by_bulk())

    def finish(self, entry: Entry) -> None:
        """Settle the ledger."""
        if entry.state.parts:
            entry = self._ledger.settle(entry, self._generations.confirm(entry))
        known = is_known(entry.state)
        self._end(Outcome.NOT_A_MEMBER if known else Outcome.UNKNOWN, entry)

    def _compared(self, state: State, audience_id: str, description: str) -> State:
        """The state, distrusted if it is not about this audience as it is now."""
        if not state.describes(audience_id):
            mark = mark_in(description) or self._owner
            state = state.with_audience(audience_id, created=False, segment=mark.key)
        reason = distrust_of(state, description, self._ledgers)
        return state.distrusted(reason) if reason else state

    def _members_to_remove(self, state: State) -> Digests:
        """The erased members whom the audience may have, sorted; if that is unknown, all digests of this request."""
        if not is_known(state):
            return self._given
        found = [empty()]
        for window in windows(self._storage, state):
            assert window.bounds.possible is not None  # noqa: S101 (called only if it is known)
            possible = window.digests[window.bounds.possible]
            found.append(possible[self._erased.among(possible)])
        return np.concatenate(found)

    def _await_unanswered_calls(self, state: State, members: Digests) -> None:
        now = self._now()
        late = [c for c in state.with_living_calls(now, LIFE).late if c.audience_id == state.audience_id]
        if waits := [call.until for call in calls_that_bring(self._storage, late, members)]:
            raise UnansweredCallsPending(self._audience, max(waits), now=now)

    def _end_without_audience(self, entry: Entry) -> None:
        """The service has no such audience: forget its members here too. The next run creates it."""
        if entry.state.audience_id and entry.state.moved_to is None:
            self._ledger.forget()
            entry = self._ledger.load()
        self._end(Outcome.NO_AUDIENCE, entry)

    def _end(self, outcome: Outcome, entry: Entry) -> None:
        """Delete what the ledger does not need, and gather the evidence; an earlier try may have sent the removal."""
        self._ledger.delete_earlier_bounds(entry)
        sent = self._sent()
        refused = sum(part.refused.count for part in sent.parts if part.refused)
        if sent.parts:
            outcome = Outcome.REFUSED if refused else Outcome.REMOVED
        self._result = Removal(
            outcome=outcome,
            audience_id=None if outcome is Outcome.NO_AUDIENCE else entry.state.audience_id,
            removed=sum(part.members.count for part in sent.parts) - refused,
            refused=refused,
            uploads=sent.uploads,
            calls=calls_of(part for part in sent.parts if part.route is Route.APPLY),
            ledger_state=entry.number,
            ledger_was_unknown=sent.was_unknown,
            at=self._now(),
        )

    def _sent(self) -> _Sent:
        """What the ledger's states say about this removal, if the service has confirmed all of it."""
        states = [state for _, state in self._ledger.history() if state and state.plan_id == self._plan_id]
        requests: dict[int, str] = {}
        sent = _Sent()
        for state in states:
            requests |= {i: part.request.id for i, part in enumerate(state.parts) if part.request}
            if state.parts and state.next_part is None:
                uploads = (requests[i] for i, part in enumerate(state.parts) if part.route is Route.BULK)
                sent = _Sent(state.parts, tuple(uploads), not state.settled.known)
        return sent
