"""Calls that may land when their caller is gone: the ledger knows of each before it is made, and for how long it lives.

`customer_match.ledger.unanswered_calls` says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match.ledger.store import Entry, Ledger
from customer_match.ledger.unanswered_calls import conflicting_calls
from customer_match.members.files import Files
from customer_match.planning.plan import Plan
from microsoft_advertising.limits import (
    CALL_BEGINS_SECONDS,
    CALL_LANDS_SECONDS,
    CALLS_NOTED_SECONDS,
)

__all__ = ["CallTracker", "UnansweredCallsPending", "await_unanswered_calls", "lives_until"]

LIFE: Final = timedelta(seconds=CALL_LANDS_SECONDS)


def lives_until(now: datetime) -> datetime:
    """Until when a call may take effect that is made now and has no answer."""
    return now + LIFE


class UnansweredCallsPending(TransientError):
    """Calls of an earlier run may still reach the service, and would undo what this one is to send.

    Args:
        audience: Name of the audience.
        until: When none of them can live any more.
        now: The present time.
    """

    def __init__(self, audience: str, until: datetime, *, now: datetime) -> None:
        super().__init__(
            f"An earlier run has made calls to the audience {audience!r} and has had no answer: it was killed, say. "
            f"They may still take effect until {until:%Y-%m-%d %H:%M:%S} UTC, and would undo what this run is to "
            "send, so it waits until then.",
            retry_after=(until - now).total_seconds(),
        )


def await_unanswered_calls(ledger: Ledger, files: Files, entry: Entry, plan: Plan, *, now: datetime) -> Entry:
    """Make sure that nothing that is still on its way can undo a plan; before any of it is written down.

    A plan that sends nothing has the target of the one before it, which was sent when nothing could undo it.

    Returns:
        The ledger's entry, where what is dead by now is gone.

    Raises:
        UnansweredCallsPending: It has to wait.
        LedgerConflict: Another run is at work on the audience.
    """
    state = entry.state.with_living_calls(now, LIFE)
    ours = [call for call in state.late if call.audience_id == state.audience_id]
    feared = [call for call in ours if plan.parts or call.action is None]
    waits = [call.until for call in conflicting_calls(files, feared, plan.target)]
    if not waits:
        return Entry(entry.number, state)
    if {call.until for call in state.late} - {call.until for call in entry.state.late}:
        entry = ledger.write(entry, state)  # of a clock that is ahead: they do not live on with each look
    raise UnansweredCallsPending(ledger.audience, max(waits), now=now)


class CallTracker:
    """The calls of one part, while they are made.

    Args:
        ledger: The audience's.
        entry: What it says now: that the part is planned, or was sent before.
        index: The part's place.
        now: Tells the time.
    """

    def __init__(self, ledger: Ledger, entry: Entry, index: int, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._index = index
        self._now = now
        self._unanswered = False
        self._noted = now()
        self._began = time.monotonic()
        intent = entry.state.requested(index, None, lands_until=lives_until(self._noted))
        self.entry = ledger.write(entry, intent)

    @property
    def lands_until(self) -> datetime | None:
        """Until when calls may land that were made again because their answers were lost; None if all were answered."""
        return lives_until(self._now()) if self._unanswered else None

    def before_each(self) -> None:
        """Before each call: no other run has taken over, and the ledger says that calls are made now.

        Raises:
            LedgerConflict: Another run has.
        """
        self._ledger.check_newest(self.entry)
        if self._age() > CALLS_NOTED_SECONDS:
            now, began = self._now(), time.monotonic()
            noted = self.entry.state.with_part(self._index, lands_until=lives_until(now))
            self.entry = self._ledger.write(self.entry, noted)
            self._noted, self._began = now, began

    @contextmanager
    def each_try(self) -> Iterator[None]:
        """Around each try of a call: it begins in time, and it is remembered if it has no answer.

        Raises:
            TransientError: It would begin too late, as after a sleep of the machine.
        """
        if self._age() > CALL_BEGINS_SECONDS:
            raise TransientError(
                "A call was not made again because the first one was long ago; the part is sent again as a whole."
            )
        try:
            yield
        except (ConfigurationError, TerminalError):
            raise  # the service's answer
        except BaseException as error:
            self._unanswered = self._unanswered or not getattr(error, "undone", False)
            raise

    def _age(self) -> float:
        """Seconds since the ledger was told, by whichever clock has gone further: one stands still in a sleep."""
        return max(time.monotonic() - self._began, (self._now() - self._noted).total_seconds())
