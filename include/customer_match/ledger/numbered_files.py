"""Numbered files that never change (`0000000042.json`): states of ledgers, and leases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Numbered", "file_name", "numbered"]


class Numbered(NamedTuple):
    """What lies in a folder of numbered files.

    Attributes:
        numbers: Sorted.
        foreign: Names that are no number's: copies that a person, an editor or a synchroniser has made. They count for
            nothing, whatever is in them.
    """

    numbers: list[int]
    foreign: list[str]


def file_name(number: int) -> str:
    """The name of a numbered file."""
    return f"{number:010d}.json"


def numbered(names: Iterable[str]) -> Numbered:
    """Tell numbered files from others."""
    numbers, foreign = [], []
    for name in names:
        stem = name.removesuffix(".json")
        if stem != name and stem.isascii() and stem.isdigit() and file_name(int(stem)) == name:
            numbers.append(int(stem))
        else:
            foreign.append(name)
    return Numbered(sorted(numbers), foreign)
