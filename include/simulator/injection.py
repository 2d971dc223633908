"""Fault injection: which call fails, how often, and in which way."""

from __future__ import annotations

import random
import threading
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ANY_OPERATION", "PROCESS_DOWNLOAD", "PROCESS_UPLOAD", "FaultKind", "FaultRule", "FaultRules"]

ANY_OPERATION: Final = "*"
PROCESS_UPLOAD: Final = "ProcessUpload"
"""Not a call: the processing of an accepted file (kind ``fault`` only), which then ends as Failed."""
PROCESS_DOWNLOAD: Final = "ProcessDownload"
"""Likewise for a download, asked when the call for it comes."""
_PROCESSING: Final = (PROCESS_UPLOAD, PROCESS_DOWNLOAD)


class FaultKind(StrEnum):
    """Ways to fail."""

    FAULT = "fault"
    DELAY = "delay"
    HANG = "hang"
    DROP = "drop"
    DROP_AFTER_ACCEPT = "drop_after_accept"
    TRUNCATE = "truncate"
    RAW = "raw"


class FaultRule(BaseModel):
    """One injected fault.

    Args:
        operation: Name as in the request log, or ``*``.
        kind: ``fault`` answers `code` in the operation's own fault format (for ``Token``: `error`);
            ``delay`` waits `seconds` and goes on; ``hang`` waits `seconds` and drops;
            ``drop`` closes the connection instead of working; ``drop_after_accept`` works, then closes
            without an answer; ``truncate`` closes after `bytes` of the answer's body;
            ``raw`` answers `status` and `body` as they are.
        nth: The first matching call that it strikes, counted from now (1 = the next).
        times: How many calls it strikes; None = all.
        probability: Chance to strike each call that nth and times let through.
        code: For ``fault``: error code.
        error: For ``fault`` on ``Token``: OAuth error symbol.
        status: HTTP status for ``raw``; for ``fault`` it overrides the usual one.
        retry_after: Adds a Retry-After header (seconds) to ``raw`` and ``fault``.
    """

    model_config = ConfigDict(extra="forbid")

    operation: str = ANY_OPERATION
    kind: FaultKind
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)
    code: int = 0
    error: str = "invalid_grant"
    status: int | None = Field(default=None, ge=100, le=599)
    body: str = ""
    content_type: str = "text/html"
    seconds: float = Field(default=3600.0, ge=0)
    bytes: int = Field(default=0, ge=0)
    retry_after: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _processing_only_fails(self) -> FaultRule:
        if self.operation in _PROCESSING and self.kind is not FaultKind.FAULT:
            raise ValueError(f"{self.operation} knows the kind 'fault' only")
        return self


class FaultRules:
    """The rules in force; kept in memory only."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()
        self._random = random.Random(2026)  # noqa: S311 - chance of a test, repeatable

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force; earlier rules come first."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()

    def listed(self) -> list[FaultRule]:
        """Rules in force, with what is left of nth and times."""
        with self._lock:
            return [rule.model_copy() for rule in self._rules]

    def take(self, operation: str) -> FaultRule | None:
        """The rule that strikes this call, if any; counts the call against every matching rule before it."""
        with self._lock:
            for rule in self._rules:
                if rule.operation in (operation, ANY_OPERATION) and self._strikes(rule):
                    self._rules = [kept for kept in self._rules if kept.times != 0]
                    return rule
            return None

    def _strikes(self, rule: FaultRule) -> bool:
        if rule.nth > 1:
            rule.nth -= 1
            return False
        if self._random.random() >= rule.probability:
            return False
        if rule.times is not None:
            rule.times -= 1
        return True
