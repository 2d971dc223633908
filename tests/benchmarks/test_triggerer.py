"""Many uploads in one event loop: both ways poll the same uploads, and the entry has its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks import triggerer
from benchmarks.triggerer import WAYS, Polled, measure, poll_uploads


@pytest.mark.lengthy
@pytest.mark.system
@pytest.mark.parametrize("way", WAYS)
def test_all_uploads_are_polled_by_the_schedule(way: str) -> None:
    measured = measure(way, 10, 8.0, {"first": 1.0, "share": 0.0})
    assert measured.polls >= 10
    assert measured.seconds >= 1
    assert measured.lag_p50_ms <= measured.lag_p99_ms <= measured.lag_max_ms
    assert measured.late_p50_ms <= measured.late_p99_ms <= measured.late_max_ms
    assert measured.cpu_seconds > 0


def test_the_entry_has_medians_of_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Polled(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    rounds: Iterator[Polled] = iter(
        replace(one, cpu_seconds=cpu, lag_p99_ms=lag)
        for cpu, lag in [(2, 20), (4, 900), (3, 30), (6, 800), (1, 40), (9, 700)]
    )
    monkeypatch.setattr(triggerer, "measure", lambda *_: next(rounds))
    [entry] = poll_uploads(1_000, 3)
    assert (entry["n"], entry["cpu_seconds"], entry["baseline_cpu_seconds"], entry["ratio"]) == (
        1_000,
        2,
        6,
        3,
    )
    assert (entry["lag_p99_ms"], entry["baseline_lag_p99_ms"], entry["polls"]) == (30, 800, 4)
