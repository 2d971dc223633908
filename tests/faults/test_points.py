"""Points at which tasks are held: they exist, and hold the intended tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from customer_match.project import PROJECT
from tests.faults import points
from tests.faults.matrix import tasks
from tests.faults.points import FOLDER, POINTS, hold

TASK = {"dag_id": "row-x", "task_id": "segment.upload", "map_index": 0}


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setattr(points, "_task", lambda: TASK)
    points._arrivals.clear()
    return points.order(tmp_path, TASK, "intent")


@pytest.mark.parametrize("name", POINTS)
def test_each_point_is_in_the_code(name: str) -> None:
    found: Any = import_module(POINTS[name].module)
    for attribute in POINTS[name].function.split("."):
        found = getattr(found, attribute)
    assert callable(found)


def test_each_moment_has_a_point() -> None:
    moments = [value for value in vars(tasks).values() if isinstance(value, tasks.Moment)]
    assert {moment.point for moment in moments} == set(POINTS)


def test_a_held_task_waits_until_it_is_released(order: Path) -> None:
    waiting = threading.Thread(target=hold, args=("intent",))
    waiting.start()
    while not order.with_suffix(".held").exists():
        time.sleep(0.01)
    assert json.loads(order.with_suffix(".held").read_text()) == {"pid": os.getpid()}
    assert waiting.is_alive()
    order.with_suffix(".go").touch()
    waiting.join(10)
    assert not waiting.is_alive()
    hold("intent")  # the order is used up: the next process passes


@pytest.mark.parametrize("change", [{"map_index": 1}, {"task_id": "report"}, {"point": "posted"}, {"nth": 2}])
def test_other_tasks_are_not_held(order: Path, change: dict[str, Any]) -> None:
    order.write_text(json.dumps({**json.loads(order.read_text()), **change}))
    hold("intent")
    assert order.exists()


def test_the_nth_task_is_held(order: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "_LONGEST", 0.0)
    points.order(order.parent, TASK, "intent", nth=2)
    hold("intent")
    assert order.exists()
    hold("intent")
    assert order.with_suffix(".held").exists()


def test_nothing_is_held_outside_of_tasks(order: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "_task", lambda: None)
    hold("intent")
    assert order.exists()


def test_functions_hold_at_their_points(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(points, "hold", lambda name: seen.append(f"hold {name}"))

    def work(*values: Any) -> str:
        seen.append("work")
        return "done"

    def write(files: Any, path: str, arrays: Any) -> list[Any]:
        return [seen.append(array) for array in arrays]  # type: ignore[func-returns-value]

    assert points._before(work, "a")(1) == points._after(work, "b")(1) == "done"
    points._amid_writing(write, "c")(None, "path", ["one", "two"])
    assert list(points._amid_reading(lambda: iter("xy"), "d")()) == ["x", "y"]
    points._before_a_state(work, "e")(SimpleNamespace(_target=Path("states/1.json")))
    points._before_a_state(work, "f")(SimpleNamespace(_target=Path("lease/1.json")))
    assert seen == [
        "hold a",
        "work",
        "work",
        "hold b",
        "one",
        "two",
        "hold c",
        "hold d",
        "hold e",
        "work",
        "work",
    ]


@pytest.mark.slow
def test_tasks_of_the_harness_have_all_points(tmp_path: Path) -> None:
    inside = os.pathsep.join(str(PROJECT / path) for path in ("tests/faults/inside", "", "plugins"))
    code = "from customer_match.profiles.staging import write_members as f; print(hasattr(f, '__wrapped__'))"
    for variables, changed in (({FOLDER: str(tmp_path)}, True), ({}, False)):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": inside, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.split() == [str(changed)]
