"""What all parts of the model of an export file share: how sections are checked, and how faults name their keys."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

__all__ = ["Faults", "KeyPath", "Section"]

KeyPath = tuple[str | int, ...]
"""The way to a value of the file: keys of mappings and indices (from 0) of lists."""


class Faults(ValueError):
    """Faults inside one value, each with its path below it; pydantic alone would carry a single one."""

    def __init__(self, faults: Sequence[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = tuple(faults)


class Section(BaseModel):
    """A mapping of the file: immutable, without unknown keys, text without spaces around it."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
