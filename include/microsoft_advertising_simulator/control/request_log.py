"""The log of calls with time, operation and outcome, but never tokens, URLs with secrets, or bodies."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["LoggedCall", "RequestLog"]

_MAX_CALLS: Final = 20_000


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call.

    Args:
        time: Simulated time, ISO 8601.
        path: Route, with placeholders for ids that grant access.
        status: HTTP status; 0 if the connection was closed without an answer.
        codes: Error codes of the answer, PartialErrors included.
        seconds: Real time taken.
        fault: Kind of the injected fault, if any.
    """

    time: str
    method: str
    path: str
    operation: str
    status: int
    codes: tuple[int, ...]
    seconds: float
    fault: str | None


class RequestLog:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[LoggedCall] = deque(maxlen=_MAX_CALLS)
        self._lock = threading.Lock()

    def add(self, call: LoggedCall) -> None:
        """Append a call."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Delete all calls."""
        with self._lock:
            self._calls.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """All calls as JSON-ready dicts."""
        with self._lock:
            return [asdict(call) for call in self._calls]
