"""Base of the export model: how sections are checked, and how faults name their keys."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

__all__ = ["Faults", "KeyPath", "Section"]

KeyPath = tuple[str | int, ...]
"""The path to a value of the file: keys of mappings and indices (from 0) of lists."""


class Faults(ValueError):
    """Several faults inside one value, each with its path below that value; a ValueError alone carries only one."""

    def __init__(self, faults: Sequence[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = tuple(faults)


class Section(BaseModel):
    """A mapping of the file: immutable, no unknown keys, text without surrounding spaces."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
