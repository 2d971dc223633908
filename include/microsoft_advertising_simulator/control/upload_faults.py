"""Injected faults of uploads: decided once for each upload, when it is due."""

from __future__ import annotations

import threading
from collections.abc import Callable

from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.control.injection import (
    PROCESS_UPLOAD,
    FaultKind,
    FaultRules,
    failure_of,
)
from microsoft_advertising_simulator.model import Failure
from microsoft_advertising_simulator.settings import Settings

__all__ = ["UploadFaults"]


class UploadFaults:
    """The faults of uploads, in memory only, like the rules.

    Args:
        rules: The active rules.
        clock: For the end of a hold.
        settings: Returns the current settings.
    """

    def __init__(self, rules: FaultRules, clock: Clock, settings: Callable[[], Settings]) -> None:
        self._rules = rules
        self._clock = clock
        self._settings = settings
        self._failures: dict[str, Failure | None] = {}
        self._held: dict[str, float] = {}
        self._lock = threading.Lock()

    def held_until(self, request_id: str) -> float:
        """The simulated time until which an upload must stay in progress; 0 = it is not held."""
        with self._lock:
            self._decide(request_id)
            return self._held.get(request_id, 0.0)

    def failure(self, request_id: str) -> Failure | None:
        """The failure of an upload, if it is to fail."""
        with self._lock:
            self._decide(request_id)
            return self._failures[request_id]

    def forget(self, request_id: str) -> None:
        """Remove the faults of a finished upload."""
        with self._lock:
            self._failures.pop(request_id, None)
            self._held.pop(request_id, None)

    def release_all(self) -> None:
        """Stop holding uploads."""
        with self._lock:
            self._held.clear()

    def held(self) -> dict[str, float]:
        """End of the hold of each held upload, by request id."""
        with self._lock:
            return dict(self._held)

    def _decide(self, request_id: str) -> None:
        if request_id in self._failures:
            return
        rule = self._rules.take(PROCESS_UPLOAD)
        fails = rule is not None and rule.kind is FaultKind.FAULT
        atomic = self._settings().replace_is_atomic
        self._failures[request_id] = failure_of(rule, replace_is_atomic=atomic) if rule and fails else None
        if rule is not None and not fails:
            self._held[request_id] = self._clock.now() + rule.seconds
