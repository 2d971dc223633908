"""Tracks calls that may take effect after their caller has stopped: the ledger records each before it is made.

The record includes the latest time at which the call can take effect. `customer_match.ledger.unanswered_calls`
explains why.
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

__all__ = ["CallTracker", "UnansweredCallsPending", "await_unanswered_calls", "may_land_until"]

LIFE: Final = timedelta(seconds=CALL_LANDS_SECONDS)


def may_land_until(now: datetime) -> datetime:
    """The latest time at which a call that is made now, and gets no answer, may take effect."""
    return now + LIFE


class UnansweredCallsPending(TransientError):
    """Calls of an earlier run may still reach the service, and would undo what this run sends.

    Args:
        audience: Name of the audience.
        until: The latest time at which they can take effect.
        now: The present time.
    """

    def __init__(self, audience: str, until: datetime, *, now: datetime) -> None:
        super().__init__(
            f"An earlier run made calls to the audience {audience!r} and received no answer, for example because it "
            f"was killed. They may still take effect until {until:%Y-%m-%d %H:%M:%S} UTC and would undo what this "
            "run sends, so this run waits until then.",
            retry_after=(until - now).total_seconds(),
        )


def await_unanswered_calls(ledger: Ledger, files: Files, entry: Entry, plan: Plan, *, now: datetime) -> Entry:
    """Check, before a plan is recorded, that no unanswered call can undo it.

    A plan that sends nothing has the same target as the plan before it, which was checked when it was sent.

    Returns:
        The ledger's entry without the calls that can no longer take effect.

    Raises:
        UnansweredCallsPending: The plan has to wait.
        LedgerConflict: Another run is writing to the audience.
    """
    state = entry.state.with_living_calls(now, LIFE)
    ours = [call for call in state.late if call.audience_id == state.audience_id]
    relevant = [call for call in ours if plan.parts or call.action is None]
    waits = [call.until for call in conflicting_calls(files, relevant, plan.target)]
    if not waits:
        return Entry(entry.number, state)
    if {call.until for call in state.late} - {call.until for call in entry.state.late}:
        # Times written by a clock that is ahead were shortened: recorded, so that they do not move with each check.
        entry = ledger.write(entry, state)
    raise UnansweredCallsPending(ledger.audience, max(waits), now=now)


class CallTracker:
    """Records the calls of one part in the ledger while they are made.

    Args:
        ledger: The ledger of the audience.
        entry: Its newest entry, in which the part is planned or was sent before.
        index: Index of the part.
        now: Returns the present time.
    """

    def __init__(self, ledger: Ledger, entry: Entry, index: int, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._index = index
        self._now = now
        self._unanswered = False
        self._noted = now()
        self._began = time.monotonic()
        intent = entry.state.requested(index, None, lands_until=may_land_until(self._noted))
        self.entry = ledger.write(entry, intent)

    @property
    def lands_until(self) -> datetime | None:
        """The latest time at which repeated calls may still take effect; None if every call was answered."""
        return may_land_until(self._now()) if self._unanswered else None

    def before_each(self) -> None:
        """Before each call: check that no other run has taken over, and keep the ledger's record up to date.

        Raises:
            LedgerConflict: Another run has written to the ledger.
        """
        self._ledger.check_newest(self.entry)
        if self._age() > CALLS_NOTED_SECONDS:
            now, began = self._now(), time.monotonic()
            noted = self.entry.state.with_part(self._index, lands_until=may_land_until(now))
            self.entry = self._ledger.write(self.entry, noted)
            self._noted, self._began = now, began

    @contextmanager
    def each_try(self) -> Iterator[None]:
        """Around each try of a call: check that it starts in time, and note if it gets no answer.

        Raises:
            TransientError: The try would start too late, for example after the machine was suspended.
        """
        if self._age() > CALL_BEGINS_SECONDS:
            raise TransientError(
                "A call was not repeated because too much time has passed since the part was started. The whole part "
                "is sent again."
            )
        try:
            yield
        except (ConfigurationError, TerminalError):
            raise  # the service's answer
        except BaseException as error:
            self._unanswered = self._unanswered or not getattr(error, "undone", False)
            raise

    def _age(self) -> float:
        """Seconds since the ledger's record, by the clock that advanced more: one of them stops during suspension."""
        return max(time.monotonic() - self._began, (self._now() - self._noted).total_seconds())
