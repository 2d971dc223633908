"""What a guard has found: the figures in words for people, and as numbers that can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, field_validator

from customer_match.redaction import without_addresses_in

__all__ = ["Finding", "keys_of", "version_of", "words_of"]


class Finding(BaseModel):
    """A violation of a guard.

    Attributes:
        words: The figures, and what to check; one or more sentences.
        keys: The guard's keys under `guards`.
        figures: What was measured, by name; the larger, the worse.
    """

    model_config = ConfigDict(frozen=True)

    words: str
    keys: tuple[str, ...]
    figures: dict[str, float]

    @field_validator("words", "figures", mode="before")
    @classmethod
    def _without_addresses(cls, value: object) -> object:
        return without_addresses_in(value)

    def is_no_worse_than(self, other: Finding) -> bool:
        """Whether the other finding has all of these figures, and none of them is worse here."""
        return all(
            name in other.figures and value <= other.figures[name] for name, value in self.figures.items()
        )


def words_of(findings: Iterable[Finding | None]) -> tuple[str, ...]:
    """The findings as sentences."""
    return tuple(finding.words for finding in findings if finding)


def keys_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The keys of all findings, each once."""
    return tuple(dict.fromkeys(key for finding in findings for key in finding.keys))


def version_of(findings: Iterable[Finding]) -> str:
    """Identify findings, so that a decision is never kept for other figures than those that a person has seen."""
    text = "\n".join(finding.model_dump_json() for finding in findings)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
