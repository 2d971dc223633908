"""Fault injection: which call fails, how often, and in which way."""

from __future__ import annotations

import random
import threading
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from microsoft_advertising_simulator.codes import code
from microsoft_advertising_simulator.model import Failure, Refusal, UploadError, UploadState

__all__ = [
    "JUDGE_ITEMS",
    "PROCESS_DOWNLOAD",
    "PROCESS_UPLOAD",
    "FaultKind",
    "FaultRule",
    "FaultRules",
    "failure_of",
    "refusal_of",
]

ANY_OPERATION: Final = "*"
PROCESS_UPLOAD: Final = "ProcessUpload"
"""Not a call: the processing of an accepted file."""
PROCESS_DOWNLOAD: Final = "ProcessDownload"
"""Likewise for a download, asked when the call for it comes."""
JUDGE_ITEMS: Final = "JudgeItems"
"""Not a call: the judging of the items of one file, or of one call of ApplyCustomerListUserData."""


class FaultKind(StrEnum):
    """Ways to fail."""

    FAULT = "fault"
    DELAY = "delay"
    HANG = "hang"
    LATE = "late"
    DROP = "drop"
    DROP_AFTER_ACCEPT = "drop_after_accept"
    TRUNCATE = "truncate"
    SHORTEN = "shorten"
    RAW = "raw"
    REFUSE = "refuse"


_KINDS_OF: Final = MappingProxyType(
    {
        PROCESS_UPLOAD: frozenset({FaultKind.FAULT, FaultKind.DELAY, FaultKind.HANG}),
        PROCESS_DOWNLOAD: frozenset({FaultKind.FAULT}),
        JUDGE_ITEMS: frozenset({FaultKind.REFUSE}),
    }
)
_KINDS_OF_CALLS: Final = frozenset(FaultKind) - {FaultKind.REFUSE}


class FaultRule(BaseModel):
    """One injected fault.

    Args:
        operation: Name as in the request log, ``*`` for any call, or what is no call:
            ``ProcessUpload``, ``ProcessDownload``, ``JudgeItems``.
        kind: ``fault`` answers `code` in the operation's own fault format (for ``Token``: `error`);
            ``delay`` waits `seconds` and goes on, if the client still waits; ``late`` takes the whole call, and
            carries it out after `seconds`, or once the rules are removed, whoever waits: as on its way in a queue;
            with a `status`, that is answered at once, as by a gateway that gives up;
            ``hang`` waits `seconds` and drops;
            ``drop`` closes the connection instead of working; ``drop_after_accept`` works, then closes
            without an answer; ``truncate`` closes after `bytes` of the answer's body; ``shorten`` leaves the
            body after `bytes` out, as if that were all;
            ``raw`` answers `status` and `body` as they are.
            Of ``ProcessUpload``: ``fault`` makes the upload end as `state` with `code`, `applied` says how
            much of it takes effect; ``delay`` and ``hang`` keep it InProgress for `seconds` of the simulated
            clock, or until the rules are removed.
            Of ``JudgeItems``: ``refuse`` refuses `share` of the good items with `code`.
        nth: The first matching call that it strikes, counted from now (1 = the next).
        times: How many calls it strikes; None = all.
        probability: Chance to strike each call that nth and times let through.
        seed: Chance is the same in each run; another seed is another run of luck.
        code: For ``fault`` and ``refuse``: error code; on ``Token`` the number after AADSTS, 70000 if none is given.
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
    seed: int = 2026
    code: int = 0
    error: str = "invalid_grant"
    status: int | None = Field(default=None, ge=100, le=599)
    body: str = ""
    content_type: str = "text/html"
    seconds: float = Field(default=3600.0, ge=0)
    bytes: int = Field(default=0, ge=0)
    retry_after: int | None = Field(default=None, ge=0)
    state: UploadState = UploadState.FAILED
    applied: float | None = Field(default=None, ge=0, le=1)
    share: float = Field(default=1.0, ge=0, le=1)

    _random: random.Random = PrivateAttr()

    def model_post_init(self, _: object) -> None:
        """Start the rule's own run of luck."""
        self._random = random.Random(self.seed)  # noqa: S311 - chance of a test, repeatable

    @model_validator(mode="after")
    def _kind_fits_the_operation(self) -> FaultRule:
        allowed = _KINDS_OF.get(self.operation, _KINDS_OF_CALLS)
        if self.kind not in allowed:
            raise ValueError(f"{self.operation} knows these kinds only: {', '.join(sorted(allowed))}")
        if self.state in (UploadState.PENDING, UploadState.UPLOADED, UploadState.IN_PROGRESS):
            raise ValueError("state must be one in which an upload ends")
        return self

    def matches(self, operation: str) -> bool:
        """Whether it is meant for an operation; ``*`` means calls only."""
        return self.operation == operation or (self.operation == ANY_OPERATION and operation not in _KINDS_OF)

    def strikes(self) -> bool:
        """Count one matching call; whether it is struck."""
        if self.nth > 1:
            self.nth -= 1
            return False
        if self._random.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultRules:
    """The rules in force; kept in memory only."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()
        self._removals = 0

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force; earlier rules come first."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()
            self._removals += 1

    @property
    def removals(self) -> int:
        """How often all rules were removed."""
        return self._removals

    def listed(self) -> list[FaultRule]:
        """Rules in force, with what is left of nth and times."""
        with self._lock:
            return [rule.model_copy() for rule in self._rules]

    def take(self, operation: str) -> FaultRule | None:
        """The rule that strikes this call, if any; counts the call against every matching rule before it."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(operation) and rule.strikes():
                    self._rules = [kept for kept in self._rules if kept.times != 0]
                    return rule
            return None


def failure_of(rule: FaultRule, *, replace_is_atomic: bool) -> Failure:
    """What a rule of ``ProcessUpload`` makes of an upload; a Replace in two steps has begun by then."""
    applied = 0.0 if rule.applied is None and not replace_is_atomic else rule.applied
    return Failure(rule.state, UploadError(rule.code, code(rule.code).message), applied)


def refusal_of(rule: FaultRule | None) -> Refusal | None:
    """Which good items a rule of ``JudgeItems`` refuses."""
    return None if rule is None else Refusal(rule.code, rule.share)
