"""A shape of sample lakes: a name, a description, and the function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_match_sample_lake.expected import Expected
from customer_match_sample_lake.lake import Lake

__all__ = ["Figures", "Sample", "Shape", "State", "shape"]

Figures = list[dict[str, Any]]
"""Expected results of runs, as counts: for each state its date (ISO) or None, and its segments."""


@dataclass(frozen=True)
class State:
    """Expected result of a run.

    Attributes:
        segments: Expected result of each segment, by table.
        date: End of the run's data interval; None: a run of today.
    """

    segments: Mapping[str, Expected]
    date: datetime | None = None

    def figures(self) -> dict[str, Any]:
        """Return all counts, for JSON; no digest and no address."""
        segments = {table: expected.counts() for table, expected in self.segments.items()}
        return {"date": self.date.isoformat() if self.date else None, "segments": segments}


@dataclass(frozen=True)
class Sample:
    """A sample that was written.

    Attributes:
        export: Keys of the export file that reads it; `source` lacks its root.
        states: Expected results of runs; the first is tried first.
    """

    export: Mapping[str, Any]
    states: Sequence[State]

    def figures(self) -> Figures:
        """Return the expected results of runs as counts, for JSON."""
        return [state.figures() for state in self.states]


@dataclass(frozen=True)
class Shape:
    """A shape that a lake may have.

    Attributes:
        name: Name of its folder and of its export file.
        description: One line for users.
        write: Writes a sample of it.
    """

    name: str
    description: str
    write: Callable[[Lake], Sample]


def shape(name: str, description: str) -> Callable[[Callable[[Lake], Sample]], Shape]:
    """Return a decorator that makes a shape of the function that writes it."""
    return lambda write: Shape(name, description, write)
