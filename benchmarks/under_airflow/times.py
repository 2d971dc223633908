"""What the tasks of a run spent their time with, from the times that Airflow keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

__all__ = ["TaskTimes", "task_times", "time_of"]

_STARTS, _DEFERRED = "running", "deferred"
_ENDS = {"success", "failed", "up_for_retry", "skipped", "up_for_reschedule"}


@dataclass(frozen=True)
class TaskTimes:
    """The times of one task, all its mapped instances together, in seconds.

    Attributes:
        task: Its id.
        instances: How many it has.
        starts: How often a process was started for one.
        queued: From the time that an instance was queued until it ran; without resumed ones, whose time Airflow
            overwrites.
        running: In processes, from the call that reports the start; so with the parsing of the DAG and imports.
        deferred: From the time that an instance deferred until it ran again.
        began: When the first instance ran, after the trigger.
        ended: When the last one ended, after the trigger.
    """

    task: str
    instances: int
    starts: int
    queued: float
    running: float
    deferred: float
    began: float
    ended: float


def time_of(text: str) -> float:
    """Return a time of Airflow's REST API in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def task_times(
    instances: Iterable[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], *, triggered: float
) -> list[TaskTimes]:
    """Sum up the times of each task, in the order in which they began.

    Args:
        instances: Task instances, as Airflow's REST API describes them; those that never ran are left out.
        events: Entries of the audit log; Airflow writes one whenever an instance starts, defers or ends.
        triggered: When the run was triggered, in seconds since 1970.
    """
    logged: dict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
    for event in events:
        if event["event"] in {_STARTS, _DEFERRED, *_ENDS} and event.get("task_id"):
            key = (event["task_id"], event["map_index"] if event["map_index"] is not None else -1)
            logged[key].append((time_of(event["when"]), event["event"]))
    tasks: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for instance in instances:
        if instance["start_date"] and instance["end_date"]:
            tasks[instance["task_id"]].append(instance)
    times = [_times(task, found, logged, triggered) for task, found in tasks.items()]
    return sorted(times, key=lambda each: (each.began, each.ended))


def _times(
    task: str,
    instances: Sequence[Mapping[str, Any]],
    logged: Mapping[tuple[str, int], list[tuple[float, str]]],
    triggered: float,
) -> TaskTimes:
    starts, running, deferred, queued = 0, 0.0, 0.0, 0.0
    for instance in instances:
        began, ended = time_of(instance["start_date"]), time_of(instance["end_date"])
        moves = sorted(logged.get((task, instance["map_index"]), []))
        starts += sum(event == _STARTS for _, event in moves) or 1
        waited = _waited(moves)
        deferred += waited
        running += ended - began - waited
        if instance["queued_when"] and (since := time_of(instance["queued_when"])) <= began:
            queued += began - since
    return TaskTimes(
        task=task,
        instances=len(instances),
        starts=starts,
        queued=round(queued, 3),
        running=round(running, 3),
        deferred=round(deferred, 3),
        began=round(min(time_of(each["start_date"]) for each in instances) - triggered, 3),
        ended=round(max(time_of(each["end_date"]) for each in instances) - triggered, 3),
    )


def _waited(moves: Sequence[tuple[float, str]]) -> float:
    """Seconds from each time that an instance deferred until it started again."""
    seconds = 0.0
    for (when, event), (following, _) in pairwise(moves):
        if event == _DEFERRED:
            seconds += following - when
    return seconds
