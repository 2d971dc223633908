"""What injected faults make of uploads: decided once for each, when it is due."""

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
    """Fates of uploads; kept in memory only, like the rules.

    Args:
        rules: The rules in force.
        clock: Tells until when an upload is held.
        settings: The settings in force now.
    """

    def __init__(self, rules: FaultRules, clock: Clock, settings: Callable[[], Settings]) -> None:
        self._rules = rules
        self._clock = clock
        self._settings = settings
        self._failures: dict[str, Failure | None] = {}
        self._held: dict[str, float] = {}
        self._lock = threading.Lock()

    def held_until(self, request_id: str) -> float:
        """The time of the simulated clock before which an upload must stay in progress; 0 = none."""
        with self._lock:
            self._decide(request_id)
            return self._held.get(request_id, 0.0)

    def failure(self, request_id: str) -> Failure | None:
        """How an upload is to fail, if it is."""
        with self._lock:
            self._decide(request_id)
            return self._failures[request_id]

    def forget(self, request_id: str) -> None:
        """The upload has ended."""
        with self._lock:
            self._failures.pop(request_id, None)
            self._held.pop(request_id, None)

    def let_go(self) -> None:
        """No upload is held any longer."""
        with self._lock:
            self._held.clear()

    def held(self) -> dict[str, float]:
        """Until when uploads are held, by request id."""
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
