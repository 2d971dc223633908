"""A stand-in of Airflow for rows that strike no program of it: the tasks of a run as threads of one process.

A row costs a second or two here, and a minute of CPU under the real scheduler. Deferring, triggers, retries, skips
and failures are the real operators' and triggers'; what is missing is Airflow itself. So this tells quickly what a
row does; that it holds, the matrix under the real scheduler tells.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.params import upload_arguments
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.loading import load_export
from customer_match.export.model import Export
from customer_match.export.segments import Segment

__all__ = ["InProcess"]

_POLLS = {"first": 0.3, "longest": 3.0}


@dataclass
class _Run:
    """A run and the states of its tasks, by task and segment."""

    tasks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    state: str = "queued"


@dataclass
class InProcess:
    """What `World` asks of Airflow, and of its API.

    Attributes:
        exports: The folder of export files.
        clock: The file of the clock's shift.
    """

    exports: Path
    clock: Path
    _runs: dict[tuple[str, str], _Run] = field(default_factory=dict, init=False)
    _one_at_a_time: dict[str, threading.Lock] = field(default_factory=dict, init=False)

    @property
    def api(self) -> InProcess:
        """Itself."""
        return self

    # --- The API ---------------------------------------------------------------------------------------------

    def post(self, path: str, body: dict[str, Any]) -> None:
        """POST /connections."""
        assert path == "/connections"
        values = {key: body[key] for key in ("conn_type", "login", "password", "extra") if key in body}
        values["extra"] = json.loads(values["extra"])
        os.environ[f"AIRFLOW_CONN_{body['connection_id'].upper()}"] = json.dumps(values)

    def get(self, path: str, **_: Any) -> Any:
        """GET a run's task instances."""
        _, _, dag_id, _, run_id, what = path.split("/")
        assert what == "taskInstances"
        return {"task_instances": self.instances(dag_id, run_id)}

    def instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """A run's task instances."""
        return [dict(task) for task in self._runs[dag_id, run_id].tasks.values()]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, dict[str, str]]:
        """The state of each task, by the name of its segment."""
        states: dict[str, dict[str, str]] = {}
        for (task_id, name), task in list(self._runs[dag_id, run_id].tasks.items()):
            states.setdefault(task_id, {})[name] = task["state"]
        return states

    def log(self, dag_id: str, run_id: str, task_id: str, *_: Any) -> str:
        """What the tasks of this name, of all segments, ended with."""
        tasks = self.instances(dag_id, run_id)
        return "\n".join(task["said"] for task in tasks if task["task_id"] == task_id)

    def wait_for_dag(self, dag_id: str) -> None:
        """It is there with its file."""

    def trigger(self, dag_id: str, due: datetime | None = None, **conf: Any) -> str:
        """Start a run, as if it had been due at another time than now."""
        run_id = f"by_hand_{datetime.now(UTC):%Y%m%dT%H%M%S_%f}"
        due = due or datetime.now(UTC)
        run = self._runs[dag_id, run_id] = _Run()
        export = load_export(self.exports / f"{dag_id}.yaml")
        assert isinstance(export, Export)
        lock = self._one_at_a_time.setdefault(dag_id, threading.Lock())
        played = _Played(export, ExportRun(export, run_id, due, **conf), run, lock)
        threading.Thread(target=played.play, daemon=True).start()
        return run_id

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float) -> str:
        """Wait for a run's end; its state."""
        run = self._runs[dag_id, run_id]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if run.state in {"success", "failed"}:
                return run.state
            time.sleep(0.05)
        raise TimeoutError(f"{dag_id} still is {run.state}: {self.task_states(dag_id, run_id)}")


@dataclass(frozen=True)
class _Played:
    """One run, from the selection to the report."""

    export: Export
    steps: ExportRun
    run: _Run
    lock: threading.Lock

    def play(self) -> None:
        with self.lock:
            self.run.state = "running"
            segments = select_segments(self.steps)
            threads = [threading.Thread(target=self._segment, args=(s,), daemon=True) for s in segments]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            reported = self._tried("report", "", lambda: write_report(self.steps, segments), retries=1)
            failed = reported is None or reported.failed
            self.run.state = "failed" if failed else "success"

    def _segment(self, segment: Segment) -> None:
        works: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("validate", lambda: validate_segment(self.steps, segment)),
            ("normalise", lambda: normalise_segment(self.steps, segment)),
            ("chunk", lambda: chunk_segment(self.steps, segment)),
            ("upload", lambda: self._uploaded(segment)),
        )
        for name, work in works:
            if self._tried(f"segment.{name}", segment.audience, work, retries=self.export.retries) is None:
                return

    def _tried(self, task_id: str, name: str, work: Callable[[], Any], *, retries: int) -> Any:
        """What a task returns; None if it failed or skipped."""
        task = self.run.tasks[task_id, name] = {
            "task_id": task_id, "map_index": 0, "state": "running", "try_number": 1, "said": "",
        }  # fmt: skip
        while True:
            try:
                found = work()
            except (AirflowSkipException, AirflowFailException) as end:
                task["said"] = str(end)
                task["state"] = "skipped" if isinstance(end, AirflowSkipException) else "failed"
                return None
            except Exception as error:  # noqa: BLE001 (whatever it is, Airflow tries again)
                task["said"] = str(error)
                if task["try_number"] > retries:
                    task["state"] = "failed"
                    return None
                task["try_number"] += 1
                time.sleep(0.3)
            else:
                task["state"] = "success"
                return found

    def _uploaded(self, segment: Segment) -> Any:
        """Like Airflow: each return from the triggerer is another operator."""
        context: Any = {"dag_run": SimpleNamespace(dag_id=self.export.name, run_id=self.steps.run_id)}
        task = self.run.tasks["segment.upload", segment.audience]
        step: Callable[[], Any] = lambda: self._operator(segment).execute(context)  # noqa: E731 (replaced below)
        while True:
            task["state"] = "running"
            try:
                return step()
            except TaskDeferred as waiting:
                task["state"] = "deferred"
                event = asyncio.run(_fired(waiting.trigger))
                method = waiting.method_name
                step = lambda: getattr(self._operator(segment), method)(context, event)  # noqa: B023, E731

    def _operator(self, segment: Segment) -> UploadAudienceOperator:
        return UploadAudienceOperator(
            task_id="upload",
            segment=self.steps.upload_values(segment),
            poll_schedule=_POLLS,
            **upload_arguments(self.export),
        )


async def _fired(trigger: Any) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger did not fire")
