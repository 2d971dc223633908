"""Sends one part by calls of up to 1,000 members, some of them at the same time.

A call is done when it is answered. Nothing is taken for done unless every call of the part was understood: one
that fails leaves the part as it was, sent and unconfirmed, and it is sent again as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

from customer_match.errors import TerminalError
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.members.digests import Digests
from customer_match.members.files import Files, read_members
from customer_match_delivery.refusals import Refusals
from microsoft_advertising import models
from microsoft_advertising.client import Client
from microsoft_advertising.faults import ServiceError
from microsoft_advertising.limits import MAX_ITEMS_PER_CALL, MAX_PARALLEL_CALLS
from microsoft_advertising.models import ItemError

__all__ = ["apply_part", "calls_of"]


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
