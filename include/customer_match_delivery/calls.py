"""Route 2 of a part, the synchronous API: calls of up to 1,000 members, several of them in parallel.

A call is done when it is answered. A part is done only when every one of its calls succeeded. If one fails, the part
remains sent and unconfirmed, and the whole part is sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
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
from customer_match.wording import counted
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
    """The service does not support the synchronous API for this audience; the part was not sent.

    Args:
        entry: The ledger's newest entry.
        code: The service's error code.
    """

    def __init__(self, entry: Entry, code: int) -> None:
        super().__init__(f"code {code}, operation not supported")
        self.entry = entry
        self.code = code


@dataclass(frozen=True)
class CallUploads:
    """The calls of one delivery.

    Attributes:
        client: The client of the service.
        ledger: The ledger of the audience.
        files: The storage that holds the parts' members.
        audience: The audience's name.
        accept_terms: Whether calls accept the Customer Match terms.
        now: Returns the present time.
        confirm: Records a finished part; receives the entry, the part's index, the refusals, a name for their file,
            and the latest time at which repeated calls may take effect.
    """

    client: Client
    ledger: Ledger
    files: Files
    audience: str
    accept_terms: bool
    now: Callable[[], datetime]
    confirm: Callable[[Entry, int, Refusals, str, datetime | None], Entry]

    def send(self, entry: Entry, index: int) -> Entry:
        """Send a part, wait until all of its calls are done, and record the result.

        Returns:
            The ledger's newest entry.

        Raises:
            CallsNotSupported: The part must be sent as a Bulk upload.
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
            "Audience %r: part %d of %d (%s, %s) sent in %s, %s refused",
            self.audience,
            index + 1,
            len(entry.state.parts),
            part.action,
            counted(part.members.count, "member"),
            counted(calls_of([part]), "call"),
            counted(len(refusals), "member"),
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
    """Number of calls that these parts need."""
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
    """Send a part by calls, and wait until all of them are done.

    Args:
        client: The client of the service.
        files: The workspace.
        part: The part to send.
        audience_id: Id of the audience.
        before_each: Called before each call; an exception stops the part.
        each_try: Context manager around each try of a call, used from several threads; an exception fails the call.
        accept_terms: Accept the Customer Match terms with each call; None leaves them out of the call.

    Returns:
        The members that the service refused; it accepted all others.

    Raises:
        CustomerMatchError: A call failed; the first in order is raised. No call is in flight any more.
        TerminalError: The part cannot be sent by calls.
    """
    if part.action is Action.REPLACE and part.members.count > MAX_ITEMS_PER_CALL:
        raise TerminalError(
            f"A Replace of {part.members.count} members does not fit into one call, and each call would undo the one "
            "before. This is a bug in the plan: please report it."
        )
    action = models.Action[part.action.name]

    def send(batch: Digests) -> list[ItemError]:
        return client.apply_members(audience_id, action, batch, accept_terms=accept_terms, each_try=each_try)

    members = list(read_members(files, part.members))  # verified as a whole before the first call
    refusals = Refusals(part.members)
    under_way: deque[tuple[int, Future[list[ItemError]]]] = deque()
    # Leaving the pool, also by an exception, awaits the calls in flight.
    with ThreadPoolExecutor(MAX_PARALLEL_CALLS) as pool:
        for start, batch in _batches(members):
            if len(under_way) >= MAX_PARALLEL_CALLS:
                _collect(refusals, *under_way.popleft())
            before_each()
            # The copy gives the thread's log records the fields of this one.
            under_way.append((start, pool.submit(copy_context().run, send, batch)))
        while under_way:
            _collect(refusals, *under_way.popleft())
    return refusals


def _batches(arrays: Iterable[Digests]) -> Iterator[tuple[int, Digests]]:
    """The members of each call, and the position of its first member in the part."""
    position = 0
    for array in arrays:
        for start in range(0, len(array), MAX_ITEMS_PER_CALL):
            yield position + start, array[start : start + MAX_ITEMS_PER_CALL]
        position += len(array)


def _collect(refusals: Refusals, start: int, call: Future[list[ItemError]]) -> None:
    for error in call.result():
        refusals.add(start + error.index, ServiceError(error.code, error.name))
