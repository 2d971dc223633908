"""The profile of the data path: what each stage costs for a row, and how far that is from its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.output.results import Result

__all__ = ["Share", "profile", "profile_table"]

_IN_C: Final = {"read": 60, "normalise and judge": 87, "hash": 51, "distinct": 62, "write": 42}
"""Nanoseconds of CPU for a row, of code made for one processor with instructions for SHA-256: decoding by pyarrow;
trimming, lower case and checks; one block; buckets, sorted by eight bytes with ties checked; an encoder made for rows
of this shape. Measured once with 4,000,000 profiles on an AMD EPYC of family 26. This project uses wheels only, and
none of that code."""
_STAGES: Final = ("read", "judge", "distinct", "parts", "write")
"""The stages that the first export of a segment goes through; a difference takes the place of the parts later."""


@dataclass(frozen=True)
class Share:
    """One stage, in nanoseconds of CPU for a row.

    Attributes:
        stage: Its name.
        ours: What it costs.
        of_all: Its share of all stages, 0 to 1.
        limit: What the same libraries need at least; None if the stage is ours alone.
        in_c: The best that is known; None if unknown.
    """

    stage: str
    ours: float
    of_all: float
    limit: float | None
    in_c: float | None


def profile(results: Sequence[Result], size: int) -> list[Share]:
    """Return the stages in their order, from the cases `stage-…` of one size; nothing if one is missing.

    What `judge` costs is split: hashing alone, which is measured as its limit, and all the rest.
    """
    found = {str(r["name"]).removeprefix("stage-"): r for r in results if r["n"] == size}
    if not set(_STAGES) <= found.keys():
        return []
    costs = {name: _nanoseconds(found[name], "cpu_seconds") for name in _STAGES}
    limits: dict[str, float | None] = {
        name: _nanoseconds(found[name], "baseline_cpu_seconds") for name in _STAGES
    }
    hashing = limits["judge"] or 0.0
    split = {"normalise and judge": costs["judge"] - hashing, "hash": hashing}
    ordered = {"read": costs["read"], **split, **{name: costs[name] for name in _STAGES[2:]}}
    limits |= {"normalise and judge": None, "hash": hashing}
    return [
        Share(name, cost, cost / sum(ordered.values()), limits[name], _IN_C.get(name))
        for name, cost in ordered.items()
    ]


def _nanoseconds(result: Mapping[str, float], figure: str) -> float:
    return result[figure] / result["n"] * 1e9


def profile_table(shares: Sequence[Share]) -> list[str]:
    """The profile as lines of a Markdown table, which a terminal shows well enough."""
    lines = ["| stage | ns a row | share | limit | in C |", "|---|--:|--:|--:|--:|"]
    return lines + [
        f"| {share.stage} | {share.ours:.0f} | {share.of_all:.0%} | {_shown(share.limit)} | {_shown(share.in_c)} |"
        for share in shares
    ]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
