"""All cases of `make bench`. A new one is one entry of `CASES`, and its goals are entries of `output/goals.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.airflow_cost import many_segments, one_segment
from benchmarks.cases import DATA_PATH, JOIN
from benchmarks.lake import read_lake
from benchmarks.shapes import SHAPES
from benchmarks.simulator import simulate
from benchmarks.stages import LIBRARIES, STAGES
from benchmarks.triggerer import poll_uploads
from benchmarks.variants import BOTH, CSV, LARGE

__all__ = ["CASES", "Case", "Measure", "chosen"]

Measure = Callable[[int, int], Iterable[dict[str, Any]]]
"""Measures a case of some size in some rounds; returns entries of the results, as `measuring.compared` makes them."""


@dataclass(frozen=True)
class Case:
    """A case of the bench.

    Attributes:
        name: Its name on the command line and in the results.
        measure: Measures it.
        sizes: Sizes that are always measured.
        large: Sizes that are measured with FULL=1 too.
        rounds: How often it and its baseline are measured, in turns.
        large_rounds: How often, with the large sizes.
    """

    name: str
    measure: Measure
    sizes: tuple[int, ...] = ()
    large: tuple[int, ...] = ()
    rounds: int = 3
    large_rounds: int = 3

    def plan(self, *, full: bool, rounds: int | None = None) -> list[tuple[int, int]]:
        """Return the sizes that are measured, each with its number of rounds.

        Args:
            full: Whether with the large sizes.
            rounds: What is asked for instead of the case's own numbers.
        """
        usual = [(size, rounds or self.rounds) for size in self.sizes]
        return usual + [(size, rounds or self.large_rounds) for size in self.large if full]


CASES: Final = (
    Case("data-path", DATA_PATH, sizes=(100_000, 500_000), large=(1_000_000, 4_000_000)),
    Case("policy-both", BOTH, sizes=(500_000,)),
    Case("csv", CSV, sizes=(500_000,)),
    Case("large", LARGE, large=(20_000_000,), large_rounds=1),
    *(Case(f"stage-{name}", stage, sizes=(500_000,), large=(4_000_000,)) for name, stage in STAGES.items()),
    *(Case(f"library-{name}", library, sizes=(500_000,)) for name, library in LIBRARIES.items()),
    Case("join", JOIN, large=(10_000_000,), large_rounds=1),
    Case("lake", read_lake, sizes=(500_000,), rounds=5),
    Case("many-files", SHAPES["many-files"], sizes=(5_000,)),
    Case("many-columns", SHAPES["many-columns"], sizes=(2_000,)),
    Case("one-row-group", SHAPES["one-row-group"], sizes=(5_000_000,)),
    Case("simulator", simulate, sizes=(500_000,), large=(4_000_000,)),
    Case("triggerer", poll_uploads, sizes=(1_000,)),
    Case("many-segments", many_segments, sizes=(20,), large=(200,), large_rounds=1),
    Case("one-segment", one_segment, sizes=(500_000,)),
)


def chosen(names: Sequence[str]) -> list[Case]:
    """Return the cases of some names, or whose names begin with one of them and a hyphen; all without names.

    Raises:
        ValueError: There is no such case.
    """
    if not names:
        return list(CASES)
    for name in names:
        if not any(_is_named(case, name) for case in CASES):
            known = ", ".join(case.name for case in CASES)
            raise ValueError(f"There is no case {name!r}. The cases are {known}.")
    return [case for case in CASES if any(_is_named(case, name) for name in names)]


def _is_named(case: Case, name: str) -> bool:
    return case.name == name or case.name.startswith(f"{name}-")
