"""Sliding-window call limits (117, 4204, 3227)."""

from __future__ import annotations

import threading
from collections import defaultdict, deque

__all__ = ["SlidingWindow"]


class SlidingWindow:
    """Counts events per key within the last `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._events: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def admit(self, key: str, *, now: float, limit: int) -> bool:
        """Record an event of `key`, unless the window already has `limit` of them; returns whether it was recorded."""
        with self._lock:
            events = self._events[key]
            while events and events[0] <= now - self._seconds:
                events.popleft()
            if len(events) >= limit:
                return False
            events.append(now)
            return True
