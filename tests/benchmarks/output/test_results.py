"""`.bench/results.json`: a list, in which new entries replace those of the same case and size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.output.results import completed, keep, load, one_line

RESULT: dict[str, Any] = {
    "case": "read it",
    "n": 500_000,
    "seconds": 2.0,
    "cpu_seconds": 3.0,
    "peak_rss_mb": 1234.5,
    "baseline": "plain reading",
    "baseline_seconds": 4.0,
    "ratio": 2.0,
}


def test_what_follows_is_added() -> None:
    result = completed({**RESULT, "baseline_cpu_seconds": 1.0}, "read")
    assert (result["name"], result["cpu_times_baseline"], result["seconds_times_baseline"]) == (
        "read",
        3.0,
        0.5,
    )
    assert "cpu_times_baseline" not in completed(RESULT, "read")


def test_others_stay_and_the_same_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / ".bench" / "results.json"
    assert load(path) == []
    small, large = completed({**RESULT, "n": 1}, "read"), completed(RESULT, "read")
    keep(path, [small, large])
    keep(path, [{**small, "seconds": 7.0}])
    written = json.loads(path.read_text())
    assert written == load(path) == [{**small, "seconds": 7.0}, large]


def test_a_line_says_how_it_compares() -> None:
    assert one_line(completed({**RESULT, "baseline_cpu_seconds": 1.0}, "read")) == (
        "read it, 500,000: 2.0 s, 3.0 s of CPU, 1,234 MB; 3.00 × the CPU and 0.50 × the time of plain reading"
    )
    without = {key: value for key, value in RESULT.items() if key != "baseline_seconds"}
    assert one_line(completed(without, "read")) == "read it, 500,000: 2.0 s, 3.0 s of CPU, 1,234 MB"
