"""Numbered files that never change (`0000000042.json`): states of ledgers, leases, and audit trails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Numbered", "file_name", "numbered"]


class Numbered(NamedTuple):
    """The content of a folder of numbered files.

    Attributes:
        numbers: The numbers, sorted.
        foreign: Names that are not numbered: copies made by a user, an editor or a synchronisation program. They are
            ignored.
    """

    numbers: list[int]
    foreign: list[str]


def file_name(number: int, suffix: str = ".json") -> str:
    """The name of a numbered file."""
    return f"{number:010d}{suffix}"


def numbered(names: Iterable[str], suffix: str = ".json") -> Numbered:
    """Separate numbered files from others."""
    numbers, foreign = [], []
    for name in names:
        stem = name.removesuffix(suffix)
        if stem != name and stem.isascii() and stem.isdigit() and file_name(int(stem), suffix) == name:
            numbers.append(int(stem))
        else:
            foreign.append(name)
    return Numbered(sorted(numbers), foreign)
