"""Route 2 of a part: calls of up to 1,000 members, some of them at the same time.

A call is done when it is answered. Nothing is taken for done unless every call of the part was understood: one
that fails leaves the part as it was, sent and unconfirmed, and it is sent again as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from customer_match.errors import TerminalError
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.ledger.store import Entry, Ledger
from customer_match.members.digests import Digests
from customer_match.members.files import Files, read_members
from customer_match.redaction import logger
from customer_match_delivery.call_tracking import CallTracker
from customer_match_delivery.refusals import Refusals
from microsoft_advertising import models
from microsoft_advertising.client import Client
from microsoft_advertising.faults import ServiceError, ServiceTerminalError
from microsoft_advertising.limits import MAX_ITEMS_PER_CALL, MAX_PARALLEL_CALLS
from microsoft_advertising.models import ItemError

__all__ = ["CallUploads", "CallsNotSupported", "apply_part", "calls_of"]

log = logger(__name__)

_NOT_SUPPORTED: Final = 204  # OperationNotSupported


class CallsNotSupported(Exception):
    """The service takes no members of this audience by calls; the part was not sent.

    Args:
        entry: The ledger's newest entry.
        code: The service's number.
    """

    def __init__(self, entry: Entry, code: int) -> None:
        super().__init__(f"code {code}, operation not supported")
        self.entry = entry
        self.code = code


@dataclass(frozen=True)
class CallUploads:
    """The calls of one delivery.

    Attributes:
        client: The service.
        ledger: The ledger of the audience.
        files: Where the parts' members are.
        audience: The audience's name.
        accept_terms: Whether calls accept the Customer Match terms.
        now: Tells the time.
        confirm: Records that a part is done: gets the entry, the part's index, who was refused, a name for the file of
            these, and until when calls may land that were made again because their answers were lost.
    """

    client: Client
    ledger: Ledger
    files: Files
    audience: str
    accept_terms: bool
    now: Callable[[], datetime]
    confirm: Callable[[Entry, int, Refusals, str, datetime | None], Entry]

    def send(self, entry: Entry, index: int) -> Entry:
        """Send a part, wait until all of it is done, and record that.

        Returns:
            The ledger's newest entry.

        Raises:
            CallsNotSupported: It has to travel by Bulk.
            CustomerMatchError: A call failed.
        """
        tracker, part = CallTracker(self.ledger, entry, index, self.now), entry.state.parts[index]
        try:
            refusals = self._apply(tracker, part, entry.state.audience_id)
        except ServiceTerminalError as error:
            if _NOT_SUPPORTED not in error.codes:
                raise
            raise CallsNotSupported(tracker.entry, _NOT_SUPPORTED) from error
        entry = tracker.entry
        log.info(
            "Audience %r: part %d of %d (%s, %d members) sent in %d calls, %d members refused",
            self.audience,
            index + 1,
            len(entry.state.parts),
            part.action,
            part.members.count,
            calls_of([part]),
            len(refusals),
        )
        return self.confirm(entry, index, refusals, f"call-{entry.number}", tracker.lands_until)

    def _apply(self, tracker: CallTracker, part: Part, audience_id: str | None) -> Refusals:
        assert audience_id is not None  # noqa: S101 (start wrote it)
        return apply_part(
            self.client,
            self.files,
            part,
            audience_id=audience_id,
            before_each=tracker.before_each,
            each_try=tracker.each_try,
            accept_terms=True if self.accept_terms else None,
        )


def calls_of(parts: Iterable[Part]) -> int:
    """Calls that these parts take."""
    return sum(-(-part.members.count // MAX_ITEMS_PER_CALL) for part in parts)


def apply_part(
    client: Client,
    files: Files,
    part: Part,
    *,
    audience_id: str,
    before_each: Callable[[], None],
    each_try: Callable[[], AbstractContextManager[object]] = nullcontext,
    accept_terms: bool | None = None,
) -> Refusals:
    """Send a part, and wait until all of it is done.

    Args:
        client: The service.
        files: The workspace.
        part: What to send.
        audience_id: Where to.
        before_each: Called before each call; what it raises stops the sending.
        each_try: Surrounds each try of a call, from several threads; what it raises fails the call.
        accept_terms: Accept the Customer Match terms with each call; None says nothing about them.

    Returns:
        The members that the service refused; all others are done.

    Raises:
        CustomerMatchError: A call failed, the first one in order counts. No call is under way any more.
        TerminalError: The part cannot travel by calls.
    """
    if part.action is Action.REPLACE and part.members.count > MAX_ITEMS_PER_CALL:
        raise TerminalError(
            f"A Replace of {part.members.count} members does not fit into one call, and each call would wipe the "
            "one before. Please report this: the plan should not hold it."
        )
    action = models.Action[part.action.name]

    def send(batch: Digests) -> list[ItemError]:
        return client.apply_members(audience_id, action, batch, accept_terms=accept_terms, each_try=each_try)

    members = list(read_members(files, part.members))  # known to be the right ones before the first call
    refusals = Refusals(part.members)
    under_way: deque[tuple[int, Future[list[ItemError]]]] = deque()
    # Leaving the pool, by an error too, awaits the calls that are under way.
    with ThreadPoolExecutor(MAX_PARALLEL_CALLS) as pool:
        for start, batch in _batches(members):
            if len(under_way) >= MAX_PARALLEL_CALLS:
                _collect(refusals, *under_way.popleft())
            before_each()
            under_way.append((start, pool.submit(send, batch)))
        while under_way:
            _collect(refusals, *under_way.popleft())
    return refusals


def _batches(arrays: Iterable[Digests]) -> Iterator[tuple[int, Digests]]:
    """What each call holds, and its first member's place in the part."""
    position = 0
    for array in arrays:
        for start in range(0, len(array), MAX_ITEMS_PER_CALL):
            yield position + start, array[start : start + MAX_ITEMS_PER_CALL]
        position += len(array)


def _collect(refusals: Refusals, start: int, call: Future[list[ItemError]]) -> None:
    for error in call.result():
        refusals.add(start + error.index, ServiceError(error.code, error.name))
