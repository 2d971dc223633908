"""Figures of a cluster's runs: what is counted, and how it is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cluster.usage import RunFigures, cpu_seconds, descendants, memory, save, table

RUNS = [
    RunFigures(1, 30.0, {"workers": 20.0, "Redis": 0.5}, 11, 1.0, 60.0),
    RunFigures(2, 20.0, {"workers": 22.0, "Redis": 0.7}, 14, 1.2, 60.0),
    RunFigures(1, 40.0, {"workers": 24.0, "Redis": 0.7}, 13, 1.2, 60.0),
]


def test_medians_are_beside_each_other() -> None:
    lines = table(RUNS, {"workers": 400.4}).splitlines()
    assert lines[0].split() == ["medians", "1", "worker(s)", "2", "worker(s)"]
    assert lines[1].split()[-2:] == ["35.0", "20.0"]
    assert lines[2].split()[-2:] == ["22.6", "22.7"]
    assert lines[3].split() == ["workers", "22.0", "22.0"]
    assert "2 run(s) with 1, 1 run(s) with 2" in lines
    assert lines[-1].endswith("workers 400")


def test_all_runs_are_saved(tmp_path: Path) -> None:
    save(tmp_path / "new" / "figures.json", RUNS, {"Redis": 6.0})
    document = json.loads((tmp_path / "new" / "figures.json").read_text())
    assert [run["seconds"] for run in document["runs"]] == [30.0, 20.0, 40.0]
    assert document["idle_memory_mb"] == {"Redis": 6.0}


def test_a_process_has_time_and_memory() -> None:
    ours = descendants(os.getpid())
    assert ours[0].pid == os.getpid()
    assert cpu_seconds(ours[:1]) > 0
    assert memory(ours[:1]) > 1


def test_a_process_that_has_ended_has_no_descendants() -> None:
    assert descendants(2**22 + 1) == []
