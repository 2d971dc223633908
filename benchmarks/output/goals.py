"""What the figures of the bench should be, and which of them fall short.

All goals are here. They are relations to a baseline that was measured in the same run, or amounts of memory; amounts
of time only where the goal is one (a quiet machine of two cores is meant).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.output.results import Result

__all__ = ["GOALS", "Goal", "Verdict", "check", "verdict_line"]

Figure = Callable[[Result], float | None]
"""Takes a figure from an entry; None if it was not measured."""


@dataclass(frozen=True)
class Goal:
    """One goal.

    Attributes:
        name: Name of the case.
        n: Its size; None: any.
        words: What the figure is, for people.
        figure: The figure.
        bound: Whether the limit is the most or the least that is wanted.
        limit: The limit.
        case: Beginning of the entry's words, where a case has several entries of one size.
    """

    name: str
    n: int | None
    words: str
    figure: Figure
    bound: Literal["at most", "at least"]
    limit: float
    case: str = ""

    def holds(self, figure: float) -> bool:
        """Whether a figure reaches the goal."""
        return figure <= self.limit if self.bound == "at most" else figure >= self.limit

    def applies_to(self, result: Result) -> bool:
        """Whether it is a goal of this entry."""
        return (
            result["name"] == self.name
            and self.n in {None, result["n"]}
            and str(result["case"]).startswith(self.case)
        )


@dataclass(frozen=True)
class Verdict:
    """A goal beside a figure; without an entry and a figure: not measured."""

    goal: Goal
    result: Result | None = None
    figure: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None if it was not measured."""
        return None if self.figure is None else self.goal.holds(self.figure)


def check(results: Sequence[Result], goals: Sequence[Goal] = ()) -> list[Verdict]:
    """Compare results with goals (default: all), in the order of the goals."""
    return [verdict for goal in goals or GOALS for verdict in _verdicts(goal, results)]


def _verdicts(goal: Goal, results: Sequence[Result]) -> Iterator[Verdict]:
    found = [result for result in results if goal.applies_to(result)]
    figures = [(result, goal.figure(result)) for result in found]
    measured = [Verdict(goal, result, figure) for result, figure in figures if figure is not None]
    yield from measured or [Verdict(goal)]


def verdict_line(verdict: Verdict) -> str:
    """A verdict for a terminal."""
    goal = verdict.goal
    wanted = f"{goal.words}: {goal.bound} {goal.limit:g}"
    if verdict.figure is None or verdict.result is None:
        size = f", {goal.n:,}" if goal.n is not None else ""
        return f"not measured  {goal.case or goal.name}{size}: {wanted}"
    state = "met         " if verdict.met else "FALLS SHORT "
    return (
        f"{state}  {verdict.result['case']}, {verdict.result['n']:,}: {wanted}; measured {verdict.figure:.3g}"
    )


def field(name: str) -> Figure:
    """A field of the entry."""
    return lambda result: result.get(name)


def less(name: str) -> Figure:
    """How many times less than the baseline: `seconds` or `cpu_seconds` of the baseline, divided by ours."""
    return lambda result: _divided(result.get(f"baseline_{name}"), result[name])


def for_each(name: str) -> Figure:
    """A field, divided by the size."""
    return lambda result: _divided(result.get(name), result["n"])


def difference(name: str, other: str) -> Figure:
    """A field less another."""
    return lambda result: result[name] - result[other] if name in result and other in result else None


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None or not by else value / by


_CPU, _WALL, _MEMORY = "times the baseline's CPU", "times the baseline's time", "MB at the peak"
_ONE = "one column from Azurite"

GOALS: Final = (
    Goal("many-segments", 20, _CPU, field("cpu_times_baseline"), "at most", 5),
    Goal("many-segments", 200, _CPU, field("cpu_times_baseline"), "at most", 3),
    Goal("many-segments", 200, "CPU seconds a segment", for_each("cpu_seconds"), "at most", 0.5),
    Goal("one-segment", 500_000, "seconds to the committed ledger", field("seconds"), "at most", 15),
    Goal(
        "one-segment",
        500_000,
        "of these, seconds of scheduling, starts and imports",
        difference("seconds", "work_seconds"),
        "at most",
        7,
    ),
    Goal("triggerer", 1_000, "ms of event-loop lag (99 %)", field("lag_p99_ms"), "at most", 50),
    Goal("triggerer", 1_000, _MEMORY, field("peak_rss_mb"), "at most", 300),
    Goal("data-path", 500_000, "times less CPU than the SDK's way", less("cpu_seconds"), "at least", 14),
    Goal("data-path", 4_000_000, "times less CPU than the SDK's way", less("cpu_seconds"), "at least", 16),
    Goal("data-path", 4_000_000, "times less time than the SDK's way", less("seconds"), "at least", 18),
    Goal("data-path", 4_000_000, _MEMORY, field("peak_rss_mb"), "at most", 350),
    Goal("large", 20_000_000, _MEMORY, field("peak_rss_mb"), "at most", 450),
    Goal(
        "large",
        20_000_000,
        "times the CPU a row of a fifth of the profiles",
        lambda result: _divided(result.get("cpu_times_baseline"), 5),
        "at most",
        1.15,
    ),
    Goal("policy-both", 500_000, _CPU, field("cpu_times_baseline"), "at most", 1.4),
    Goal("csv", 500_000, _CPU, field("cpu_times_baseline"), "at most", 1.4),
    Goal("stage-difference", 4_000_000, "seconds", field("seconds"), "at most", 1),
    Goal("stage-difference", 4_000_000, _MEMORY, field("peak_rss_mb"), "at most", 600),
    *(
        Goal("lake", None, _WALL, field("seconds_times_baseline"), "at most", limit, f"{_ONE} ({layout}")
        for layout, limit in (
            ("4 files, row groups of 62,500)", 0.95),
            ("4 files, row groups of 12,500)", 0.95),
            ("20 files, row groups of 25,000)", 0.95),
            ("20 files of Delta Lake", 0.95),
            ("4 files, csv)", 1.05),
            ("20 files, csv)", 1.05),
        )
    ),
    # That tables of unusual shapes stay within bounds is wanted; the numbers are ours.
    *(
        goal
        for name, size in (("many-files", 5_000), ("many-columns", 2_000), ("one-row-group", 5_000_000))
        for goal in (
            Goal(name, size, _CPU, field("cpu_times_baseline"), "at most", 2.5),
            Goal(name, size, _MEMORY, field("peak_rss_mb"), "at most", 300),
        )
    ),
)
