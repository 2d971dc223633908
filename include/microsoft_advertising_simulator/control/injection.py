"""Fault injection: which calls fail, how often, and how."""

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
"""The processing of an accepted file (not a call)."""
PROCESS_DOWNLOAD: Final = "ProcessDownload"
"""The processing of a download (not a call); decided when it is requested."""
JUDGE_ITEMS: Final = "JudgeItems"
"""The check of the items of one file, or of one call of ApplyCustomerListUserData (not a call itself)."""


class FaultKind(StrEnum):
    """Kinds of faults."""

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
        operation: Name as in the request log, ``*`` for any call, or one that is not a call:
            ``ProcessUpload``, ``ProcessDownload``, ``JudgeItems``.
        kind: ``fault`` returns `code` in the operation's own fault format (for ``Token``: `error`);
            ``delay`` waits `seconds` and continues if the client is still connected; ``late`` receives the whole
            call and carries it out after `seconds`, or once the rules are removed, even if the client has gone;
            with a `status`, that is returned at once, like a gateway that times out;
            ``hang`` waits `seconds` and closes the connection;
            ``drop`` closes the connection without carrying the call out; ``drop_after_accept`` carries it out, then
            closes without an answer; ``truncate`` closes after `bytes` of the answer's body; ``shorten`` ends the
            body after `bytes`, as if it were complete;
            ``raw`` returns `status` and `body` unchanged.
            For ``ProcessUpload``: ``fault`` makes the upload end as `state` with `code`, and `applied` is the share
            that takes effect; ``delay`` and ``hang`` keep it InProgress for `seconds` of the simulated clock, or
            until the rules are removed.
            For ``JudgeItems``: ``refuse`` refuses `share` of the valid items with `code`.
        nth: The first matching call that gets the fault, counted from now (1 = the next).
        times: How many calls get the fault; None = all.
        probability: Chance for each call that nth and times allow.
        seed: Seed of that chance, which is repeatable.
        code: For ``fault`` and ``refuse``: error code; for ``Token`` the number after AADSTS, by default 70000.
        error: For ``fault`` on ``Token``: OAuth error code.
        status: HTTP status for ``raw``; for ``fault`` it overrides the default.
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
        """Create the rule's own random generator."""
        self._random = random.Random(self.seed)  # noqa: S311 - chance of a test, repeatable

    @model_validator(mode="after")
    def _check_kind(self) -> FaultRule:
        allowed = _KINDS_OF.get(self.operation, _KINDS_OF_CALLS)
        if self.kind not in allowed:
            raise ValueError(f"{self.operation} supports only these kinds: {', '.join(sorted(allowed))}")
        if self.state in (UploadState.PENDING, UploadState.UPLOADED, UploadState.IN_PROGRESS):
            raise ValueError("state must be a final state of an upload")
        return self

    def matches(self, operation: str) -> bool:
        """Whether it is meant for an operation; ``*`` matches calls only."""
        return self.operation == operation or (self.operation == ANY_OPERATION and operation not in _KINDS_OF)

    def applies(self) -> bool:
        """Count one matching call; returns whether it gets the fault."""
        if self.nth > 1:
            self.nth -= 1
            return False
        if self._random.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultRules:
    """The active rules, in memory only."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()
        self._removals = 0

    def add(self, rule: FaultRule) -> None:
        """Add a rule; earlier rules take precedence."""
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
        """The active rules, with the remaining nth and times."""
        with self._lock:
            return [rule.model_copy() for rule in self._rules]

    def take(self, operation: str) -> FaultRule | None:
        """The rule that applies to this call, if any; counts the call for every matching rule before it."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(operation) and rule.applies():
                    self._rules = [active for active in self._rules if active.times != 0]
                    return rule
            return None


def failure_of(rule: FaultRule, *, replace_is_atomic: bool) -> Failure:
    """The failure that a rule of ``ProcessUpload`` causes; a Replace in two steps has emptied its list by then."""
    applied = 0.0 if rule.applied is None and not replace_is_atomic else rule.applied
    return Failure(rule.state, UploadError(rule.code, code(rule.code).message), applied)


def refusal_of(rule: FaultRule | None) -> Refusal | None:
    """The refusal that a rule of ``JudgeItems`` causes."""
    return None if rule is None else Refusal(rule.code, rule.share)
