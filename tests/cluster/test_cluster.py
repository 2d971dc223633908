"""Several workers that share only the workspace: exact audiences, also if one of them is killed in mid-run."""

from __future__ import annotations

import time

import pytest

from customer_match_demo.tables import churn_tables
from tests.cluster.conftest import FIGURES, ROUNDS, Installation, segment_tables
from tests.cluster.usage import RunFigures

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3_600)]

CHURN = 0.01


def test_one_worker_and_two_workers(installation: Installation, pytestconfig: pytest.Config) -> None:
    """Both do the same work, in turn; how long it takes is shown at the end and not compared."""
    figures: list[RunFigures] = []
    idle: dict[str, float] = {}
    pytestconfig.stash[FIGURES] = (figures, idle)
    for number in range(ROUNDS):
        for count, word in ((1, "one"), (2, "two")):
            installation.cluster.scale(count)
            idle |= {**installation.memory(), **idle}  # with one worker
            figures.append(installation.measure(f"{word}-{number}", count))


@pytest.mark.parametrize("step", ["normalise", "upload"])
def test_a_worker_is_killed(installation: Installation, step: str) -> None:
    name = f"killed-{step}"
    installation.write(segment_tables())
    installation.cluster.scale(2)
    run_id = installation.trigger(name)
    instance = _kill_the_worker_of(installation, name, run_id, step)
    assert installation.wait(name, run_id) == "success"
    assert len(installation.cluster.workers) == 1
    tries = {
        one["map_index"]: one["try_number"]
        for one in installation.api.instances(name, run_id)
        if one["task_id"] == f"segment.{step}"
    }
    assert tries[instance] > 1, "it was not in mid-run"
    assert installation.faults(name, run_id) == []

    installation.write(churn_tables(installation.tables, CHURN))
    run_id = installation.trigger(name)
    assert installation.wait(name, run_id) == "success"
    assert installation.faults(name, run_id) == []


def _kill_the_worker_of(installation: Installation, name: str, run_id: str, step: str) -> int:
    """Kill a worker that runs a task of a step; return the task's index among those of the step."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        for one in installation.api.instances(name, run_id):
            is_running = one["task_id"] == f"segment.{step}" and one["state"] == "running" and one["pid"]
            if is_running and (worker := installation.cluster.worker_of(one["pid"])):
                installation.cluster.kill_worker(worker)
                return int(one["map_index"])
        time.sleep(0.1)
    raise AssertionError(f"no task of {step} was seen running")
