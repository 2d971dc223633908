"""Medians, ratios, and the order in which both sides are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import measuring
from benchmarks.measuring import Comparison, Job, Measured, compared, median


def ours(_source: Path, _folder: Path) -> None: ...


def other(_source: Path, _folder: Path) -> None: ...


def prepare(folder: Path, size: int) -> Path:
    folder.mkdir()
    (folder / "size").write_text(str(size))
    return folder


def test_each_figure_has_its_own_median() -> None:
    runs = [Measured(1, 30, 200), Measured(9, 10, 100), Measured(2, 20, 900)]
    assert median(runs) == Measured(2, 20, 200)


def test_both_sides_are_measured_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    rounds = {"ours": iter([1.0, 9.0, 2.0]), "other": iter([30.0, 20.0, 10.0])}

    def measure(job: Job, source: Path, _: object) -> Measured:
        asked.append(job.run.__name__)
        assert (source / "size").read_text() == "20"
        seconds = next(rounds[job.run.__name__])
        return Measured(seconds=seconds, cpu_seconds=2 * seconds, peak_rss_mb=100 * seconds)

    monkeypatch.setattr(measuring, "measure", measure)
    [result] = Comparison("case", Job(ours), "baseline", Job(other), prepare)(20, 3)
    assert asked == ["ours", "other"] * 3  # so that both meet the same noise
    assert result == {
        "case": "case",
        "n": 20,
        "seconds": 2.0,
        "cpu_seconds": 4.0,
        "peak_rss_mb": 200.0,
        "baseline": "baseline",
        "baseline_seconds": 20.0,
        "baseline_cpu_seconds": 40.0,
        "baseline_peak_rss_mb": 2000.0,
        "ratio": 10.0,
        "ratio_of": "cpu_seconds",
        "rounds": 3,
    }


def test_a_ratio_may_be_of_time_and_an_entry_may_have_more_fields() -> None:
    result = compared(
        "case", 1, Measured(2, 1, 1), "b", Measured(3, 9, 1), rounds=1, ratio_of="seconds", lag=5
    )
    assert (result["ratio"], result["ratio_of"], result["lag"]) == (1.5, "seconds", 5)
