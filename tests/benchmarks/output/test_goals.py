"""Which figures fall short of which goals."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.output.goals import (
    GOALS,
    Goal,
    check,
    difference,
    field,
    for_each,
    less,
    verdict_line,
)
from benchmarks.registry import CASES


def result(name: str = "a", n: int = 10, case: str = "case a", **fields: Any) -> dict[str, Any]:
    return {"name": name, "case": case, "n": n, "cpu_seconds": 2.0, "seconds": 4.0, **fields}


def test_every_goal_is_one_of_a_case_and_a_size_that_are_measured() -> None:
    sizes = {case.name: {*case.sizes, *case.large} for case in CASES}
    assert [goal for goal in GOALS if goal.name not in sizes] == []
    assert [goal for goal in GOALS if goal.n is not None and goal.n not in sizes[goal.name]] == []


@pytest.mark.parametrize(
    ("figure", "wanted"),
    [
        (field("peak"), 7.0),
        (field("other"), None),
        (less("cpu_seconds"), 3.0),
        (less("seconds"), None),
        (for_each("cpu_seconds"), 0.2),
        (difference("seconds", "work"), 3.0),
        (difference("seconds", "other"), None),
    ],
)
def test_figures(figure: Any, wanted: float | None) -> None:
    one = result(peak=7.0, baseline_cpu_seconds=6.0, work=1.0)
    assert figure(one) == wanted


def test_goals_are_met_or_not_or_were_not_measured() -> None:
    most = Goal("a", None, "MB", field("peak"), "at most", 100, "case a")
    least = Goal("a", 10, "times less", field("gain"), "at least", 14)
    missing = Goal("b", 1_000, "times less", field("gain"), "at least", 14)
    results = [result(peak=100, gain=13.96), result(n=20, peak=100.1), result(case="other", peak=900)]
    verdicts = check(results, [most, least, missing])
    assert [verdict.met for verdict in verdicts] == [True, False, False, None]
    assert [verdict_line(verdict) for verdict in verdicts] == [
        "met           case a, 10: MB: at most 100; measured 100",
        "FALLS SHORT   case a, 20: MB: at most 100; measured 100",
        "FALLS SHORT   case a, 10: times less: at least 14; measured 14",
        "not measured  b, 1,000: times less: at least 14",
    ]
