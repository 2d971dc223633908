"""Decisions on what guards have found: who approved or refused which figures, when and why.

They are files beside the records of the segment in its run, `decisions/<number>.json`, which never change: of two
people who decide at the same time, one succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, field_validator

from customer_match.redaction import without_addresses
from customer_match.runs.findings import Finding, keys_of, words_of

__all__ = ["REASON_LENGTH", "Decision", "Decisions", "Verdict", "not_approved", "remarks_on"]

REASON_LENGTH: Final = 500
"""Characters that a reason may have."""


class Verdict(StrEnum):
    """What a person has decided."""

    APPROVED = "approved"
    REFUSED = "refused"


class Decision(BaseModel):
    """A decision on what the guards of one step have found.

    Attributes:
        verdict: Whether the segment may go on with these figures.
        by: Name of the user who decided.
        at: When, UTC.
        why: The reason.
        findings: What the person has seen.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    by: str
    at: datetime
    why: str
    findings: tuple[Finding, ...]

    @field_validator("by", "why")
    @classmethod
    def _without_addresses(cls, value: str) -> str:
        return without_addresses(value)

    @property
    def signature(self) -> str:
        """Who decided what, when and why, for example `Approved by anna on 2026-06-01 12:00 UTC: as planned`."""
        return f"{self.verdict.capitalize()} by {self._who_and_when}: {self.why}"

    @property
    def sentence(self) -> str:
        """The signature as a sentence."""
        return f"{self.signature.rstrip('.')}."

    @property
    def words(self) -> str:
        """The signature, and what was approved. What was refused is in the message of the failure."""
        if self.verdict is Verdict.REFUSED:
            return self.sentence
        return f"{self.sentence} What was approved: {' '.join(words_of(self.findings))}"

    @property
    def _who_and_when(self) -> str:
        return f"{self.by} on {self.at:%Y-%m-%d %H:%M} UTC"

    def is_on(self, findings: Sequence[Finding]) -> bool:
        """Whether it is about exactly these findings."""
        return self.findings == tuple(findings)

    def approves(self, finding: Finding) -> bool:
        """Whether a segment with this finding may go on: a figure that is worse than the approved one may not."""
        return self.verdict is Verdict.APPROVED and any(map(finding.is_no_worse_than, self.findings))

    def remark_on(self, findings: Sequence[Finding]) -> str:
        """What to say about this decision where a segment is stopped again; empty if it was about other guards."""
        if not set(keys_of(self.findings)).intersection(keys_of(findings)):
            return ""
        if self.verdict is Verdict.REFUSED:
            return self.sentence
        return f"These figures are worse than those that were approved by {self._who_and_when}."


def not_approved(findings: Iterable[Finding], decisions: Iterable[Decision]) -> list[Finding]:
    """The findings with which a segment may not go on."""
    known = list(decisions)
    return [finding for finding in findings if not any(one.approves(finding) for one in known)]


def remarks_on(findings: Sequence[Finding], decisions: Iterable[Decision]) -> list[str]:
    """What to say about earlier decisions in the run where a segment is stopped again."""
    return [words for one in decisions if (words := one.remark_on(findings))]


class DecisionStorage(Protocol):
    """The part of a workspace that decisions need."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file, or raise FileExistsError if it exists."""

    def list(self, relative: str, /) -> Sequence[str]:
        """Names in a folder, sorted; none if there is no such folder."""


class Decisions:
    """The decisions on one segment in one run.

    Args:
        storage: The workspace.
        folder: The segment's folder of this run.
    """

    def __init__(self, storage: DecisionStorage, folder: str) -> None:
        self._storage = storage
        self._folder = f"{folder}/decisions"

    def read(self) -> tuple[Decision, ...]:
        """Read all of them, the oldest first."""
        return tuple(
            Decision.model_validate_json(self._storage.read_bytes(f"{self._folder}/{name}"))
            for name in self._storage.list(self._folder)
        )

    def add(self, decision: Decision, *, after: int) -> None:
        """Keep a decision.

        Args:
            decision: The decision.
            after: How many there were when the person decided.

        Raises:
            FileExistsError: Somebody else has decided in the meantime.
        """
        self._storage.create(
            f"{self._folder}/{after + 1:04d}.json", decision.model_dump_json(indent=1).encode()
        )
