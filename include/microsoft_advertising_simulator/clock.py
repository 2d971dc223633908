"""The simulator's clock: real time plus an offset that users and tests can increase."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "iso"]


class Clock:
    """A clock in seconds since the epoch that can be moved forward.

    Args:
        offset: Seconds ahead of real time (kept across restarts by the storage).
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """The simulated time in seconds since the epoch."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> float:
        """Move the clock forward and notify all listeners; returns the new offset."""
        with self._lock:
            self.offset += seconds
        for listener in self._listeners:
            listener()
        return self.offset

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every move."""
        self._listeners.append(listener)


def iso(seconds: float) -> str:
    """Epoch seconds as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
