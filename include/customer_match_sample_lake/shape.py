"""What a shape of sample lakes is: a name, a description, and a function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_match_sample_lake.expected import Expected
from customer_match_sample_lake.lake import Lake

__all__ = ["Figures", "Sample", "Shape", "State", "shape"]

Figures = list[dict[str, Any]]
"""What runs must find, in numbers: of each state its date (ISO) or None, and its segments."""


@dataclass(frozen=True)
class State:
    """What a run must find.

    Attributes:
        segments: What each segment must become, by its table.
        date: End of the data interval of the run; None: a run of today.
    """

    segments: Mapping[str, Expected]
    date: datetime | None = None

    def figures(self) -> dict[str, Any]:
        """All of it in numbers, for JSON; no digest, no address."""
        segments = {table: expected.counts() for table, expected in self.segments.items()}
        return {"date": self.date.isoformat() if self.date else None, "segments": segments}


@dataclass(frozen=True)
class Sample:
    """A sample that was written.

    Attributes:
        export: Keys of the export file that reads it; those of `source` without its root.
        states: What runs must find; the first is what is tried first.
    """

    export: Mapping[str, Any]
    states: Sequence[State]

    def figures(self) -> Figures:
        """What runs must find, in numbers, for JSON."""
        return [state.figures() for state in self.states]


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
