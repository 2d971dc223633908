"""What exports cost under Airflow: how runs are compared, and one comparison for real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks import airflow_cost
from benchmarks.airflow_cost import many_segments, one_segment
from benchmarks.under_airflow.runs import Run
from benchmarks.under_airflow.times import TaskTimes
from customer_match_demo.tables import DemoTable

FIELDS = {"case", "n", "seconds", "cpu_seconds", "peak_rss_mb", "baseline", "baseline_seconds", "ratio"}


class Runs:
    """Stands for a running Airflow; the rounds take 10, 30 and 20 seconds."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.dags, self.commands = iter([99.0, 10.0, 30.0, 20.0]), iter([1.0, 3.0, 2.0])

    @classmethod
    @contextmanager
    def open(cls, exports: Mapping[str, Sequence[DemoTable]]) -> Iterator[Runs]:
        opened.append(exports)
        yield runs

    def idle_cpu(self, seconds: float) -> float:
        return 0.1

    def dag(self, name: str) -> Run:
        return self._run(name, next(self.dags))

    def command(self, name: str) -> Run:
        return self._run(name, next(self.commands))

    def _run(self, name: str, seconds: float) -> Run:
        self.asked.append(name)
        task = TaskTimes("select", 1, 1, 0, seconds, 0, 0, seconds)
        return Run(
            seconds=seconds,
            ledger_seconds=seconds / 2,
            cpu_seconds=2 * seconds,
            peak_rss_mb=100,
            simulator_cpu_seconds=1,
            work_seconds=4,
            tasks=[task],
        )


runs: Runs
opened: list[Mapping[str, Sequence[DemoTable]]]


@pytest.fixture
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    global runs, opened
    runs, opened = Runs(), []
    monkeypatch.setattr(airflow_cost, "AirflowRuns", Runs)


@pytest.mark.usefixtures("_stand_in")
def test_medians_of_runs_in_turns_after_a_first_one() -> None:
    [result] = many_segments(5, 3)
    assert runs.asked == ["warm_up", "command_0", "dag_0", "command_1", "dag_1", "command_2", "dag_2"]
    [exports] = opened
    assert set(exports) == set(runs.asked)
    sizes = {
        name: {n for table in tables for n in table.profiles.numbers} for name, tables in exports.items()
    }
    assert {name: len(numbers) for name, numbers in sizes.items()} == {
        **dict.fromkeys(runs.asked, 5_000),
        "warm_up": 1_000,
    }
    assert result.keys() >= FIELDS
    wanted: dict[str, Any] = {
        "n": 5,
        "seconds": 20,
        "cpu_seconds": 40,
        "baseline_seconds": 2,
        "baseline_cpu_seconds": 4,
        "ratio": 0.1,
        "cpu_seconds_above_idle": 38,
        "work_seconds": 4,
        "rounds": 3,
    }
    assert {name: result[name] for name in wanted} == wanted
    assert [task["running"] for task in result["tasks"]] == [20]  # of the run with the median time


@pytest.mark.usefixtures("_stand_in")
def test_one_segment_is_timed_until_its_ledger_is_committed() -> None:
    [result] = one_segment(70, 3)
    assert [len(table.profiles) for table in opened[0]["dag_0"]] == [70]
    assert (result["seconds"], result["baseline_seconds"], result["run_seconds"]) == (10, 1, 20)


@pytest.mark.lengthy
@pytest.mark.system
@pytest.mark.timeout(600)
def test_two_small_segments_under_a_real_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_cost, "IDLE_SECONDS", 1.0)
    [result] = many_segments(2, 1, profiles=30)
    assert result.keys() >= FIELDS
    for figure in ("seconds", "cpu_seconds", "baseline_seconds", "baseline_cpu_seconds", "work_seconds"):
        assert 0 < result[figure] < 600, figure
    assert 100 < result["baseline_peak_rss_mb"] < result["peak_rss_mb"]
    assert {task["task"].rpartition(".")[2] for task in result["tasks"]} >= {"validate", "upload", "report"}
