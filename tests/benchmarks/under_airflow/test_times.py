"""How the times of Airflow's REST API are summed up."""

from __future__ import annotations

from typing import Any

from benchmarks.under_airflow.times import TaskTimes, task_times, time_of


def at(second: float) -> str:
    return f"2026-11-30T12:00:{second:09.6f}Z"


def instance(task: str, index: int, queued: float, began: float, ended: float) -> dict[str, Any]:
    times = {"queued_when": at(queued), "start_date": at(began), "end_date": at(ended)}
    return {"task_id": task, "map_index": index, **times}


def event(task: str, index: int | None, when: float, name: str) -> dict[str, Any]:
    return {"task_id": task, "map_index": index, "when": at(when), "event": name}


def test_times_are_summed_by_task_in_the_order_in_which_they_began() -> None:
    instances = [
        instance("upload", 0, queued=9, began=5, ended=14),  # queued again when it resumed
        instance("upload", 1, queued=5, began=6, ended=8),
        instance("select", -1, queued=1, began=1.5, ended=3),
        {"task_id": "never", "map_index": -1, "queued_when": None, "start_date": None, "end_date": None},
    ]
    events = [
        event("upload", 0, 12, "running"),  # in any order
        event("upload", 0, 5, "running"),
        event("upload", 0, 7, "deferred"),
        event("upload", 0, 14, "success"),
        event("upload", 1, 6, "running"),
        event("upload", 1, 8, "success"),
        event("select", None, 1.5, "running"),
        event("select", None, 2, "something else"),
        {"task_id": None, "map_index": None, "when": at(0), "event": "trigger_dag_run"},
    ]
    assert task_times(instances, events, triggered=time_of(at(1))) == [
        TaskTimes("select", 1, 1, queued=0.5, running=1.5, deferred=0.0, began=0.5, ended=2.0),
        TaskTimes("upload", 2, 3, queued=1.0, running=6.0, deferred=5.0, began=4.0, ended=13.0),
    ]


def test_without_events_each_instance_started_once() -> None:
    [times] = task_times([instance("select", -1, 1, 2, 3)], [], triggered=time_of(at(0)))
    assert (times.starts, times.running, times.deferred) == (1, 1.0, 0.0)
