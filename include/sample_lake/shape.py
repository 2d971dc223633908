"""What a shape of sample lakes is: a name, a description, and a function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.sample_lake.expected import Expected
from include.sample_lake.lake import Lake

__all__ = ["Sample", "Shape", "State", "shape"]


@dataclass(frozen=True)
class State:
    """What a run must find.

    Attributes:
        segments: What each segment must become, by its table.
        date: End of the data interval of the run; None: a run of today.
    """

    segments: Mapping[str, Expected]
    date: datetime | None = None


@dataclass(frozen=True)
class Sample:
    """A sample that was written.

    Attributes:
        export: Keys of the export file that reads it; those of `source` without its root.
        states: What runs must find; the first is what is tried first.
    """

    export: Mapping[str, Any]
    states: Sequence[State]


@dataclass(frozen=True)
class Shape:
    """A shape that a lake may have.

    Attributes:
        name: Of its folder, and of its export file.
        description: What it is, in one line.
        write: Writes a sample of it.
    """

    name: str
    description: str
    write: Callable[[Lake], Sample]


def shape(name: str, description: str) -> Callable[[Callable[[Lake], Sample]], Shape]:
    """Make a shape of the function that writes it; in a module of `shapes`, that is all it takes."""
    return lambda write: Shape(name, description, write)
