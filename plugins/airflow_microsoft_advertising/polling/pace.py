"""The pace of all polls of one customer in an event loop: never many at once, and none while the service throttles."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from customer_match.redaction import logger
from customer_match_delivery.backoff import wait_seconds

__all__ = ["POLLS_IN_FLIGHT", "Pace"]

log = logger(__name__)

POLLS_IN_FLIGHT: Final = 16
"""Polls at the same time in one event loop, of all customers. More would only delay other triggers: what a poll costs
grows with the number of open connections, which httpcore 1.0.9 goes through several times for each (observed)."""

_INTERVAL: Final = 1 / 200
"""Seconds between two polls of one customer. A thousand triggers that start at once are polled within five seconds."""

_INTERVAL_AFTER_THROTTLING: Final = 60 / 1_000
"""The same in the minute after a wait. The service counts calls within a minute (documented); it does not document how
many are allowed."""

_WINDOW: Final = 60.0


class Pace:
    """Says when the next poll of a customer may be sent.

    Args:
        customer_id: For messages.
        in_flight: Limits the polls in flight; shared by all customers of the event loop.
    """

    def __init__(self, customer_id: str, in_flight: asyncio.Semaphore) -> None:
        self._customer_id = customer_id
        self._in_flight = in_flight
        self._next = -math.inf
        self._resumes = -math.inf
        self._clock = asyncio.get_running_loop().time

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; the poll is sent within the `async with` statement."""
        while True:
            await self._wait_for_slot()
            async with self._in_flight:
                if not self._is_throttled():
                    yield
                    return

    def delay(self, seconds: float) -> None:
        """Delay all polls, because the service asks for a wait of so many seconds.

        Args:
            seconds: The wait. Answers to polls that were in flight at the same time do not add to it.
        """
        if not self._is_throttled():
            log.warning(
                "The service asks for a wait of %.0f s: all polls for the customer %s are delayed.",
                seconds,
                self._customer_id,
            )
        self._resumes = max(self._resumes, self._clock() + wait_seconds(seconds))
        self._next = max(self._next, self._resumes)

    def _is_throttled(self) -> bool:
        return self._clock() < self._resumes

    async def _wait_for_slot(self) -> None:
        now = self._clock()
        slot = max(now, self._next)
        recent = slot < self._resumes + _WINDOW
        self._next = slot + (_INTERVAL_AFTER_THROTTLING if recent else _INTERVAL)
        if slot > now:
            await asyncio.sleep(slot - now)
