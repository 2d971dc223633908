"""A stand-in for Airflow, for rows that kill none of its programs: the tasks of a run as threads of one process.

A row takes a second or two here, and a minute of CPU time under the real scheduler. Operators and triggers are real,
with their deferrals, retries, skips and failures; only Airflow itself is missing. This shows quickly what a row does;
the matrix under the real scheduler proves it.
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

from airflow_microsoft_advertising.batch_operator import UploadBatchOperator
from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.run.batches.group import Group, groups_of, run_step
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
from customer_match.runs.records import Step

__all__ = ["InProcess"]

_POLLS = {"first": 0.3, "longest": 3.0}

_Works = tuple[tuple[str, Callable[[], Any]], ...]
"""The tasks of a mapped instance by name, and the work of each; a result of None ends it."""


@dataclass
class _Run:
    """A run and the states of its tasks, by task and segment."""

    tasks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    state: str = "queued"


@dataclass
class InProcess:
    """The functions of Airflow and its API that `World` uses.

    Attributes:
        exports: The folder of export files.
        clock: The file with the clock's shift.
    """

    exports: Path
    clock: Path
    _runs: dict[tuple[str, str], _Run] = field(default_factory=dict, init=False)
    _one_at_a_time: dict[str, threading.Lock] = field(default_factory=dict, init=False)

    @property
    def api(self) -> InProcess:
        """Return itself."""
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
        """Return a run's task instances."""
        return [dict(task) for task in self._runs[dag_id, run_id].tasks.values()]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, dict[str, str]]:
        """Return the state of each task, by the name of its segment."""
        states: dict[str, dict[str, str]] = {}
        for (task_id, name), task in list(self._runs[dag_id, run_id].tasks.items()):
            states.setdefault(task_id, {})[name] = task["state"]
        return states

    def log(self, dag_id: str, run_id: str, task_id: str, *_: Any) -> str:
        """Return the errors of the tasks of this name, of all segments."""
        tasks = self.instances(dag_id, run_id)
        return "\n".join(task["messages"] for task in tasks if task["task_id"] == task_id)

    def wait_for_dag(self, dag_id: str) -> None:
        """Do nothing: a DAG exists as soon as its file exists."""

    def trigger(self, dag_id: str, due: datetime | None = None, **conf: Any) -> str:
        """Start a run, optionally as if it were due at another time."""
        run_id = f"by_hand_{datetime.now(UTC):%Y%m%dT%H%M%S_%f}"
        due = due or datetime.now(UTC)
        run = self._runs[dag_id, run_id] = _Run()
        export = load_export(self.exports / f"{dag_id}.yaml")
        assert isinstance(export, Export)
        lock = self._one_at_a_time.setdefault(dag_id, threading.Lock())
        dag_run = _DagRun(export, ExportRun(export, run_id, due, **conf), run, lock)
        threading.Thread(target=dag_run.run_all, daemon=True).start()
        return run_id

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float) -> str:
        """Wait for the end of a run; return its state."""
        run = self._runs[dag_id, run_id]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if run.state in {"success", "failed"}:
                return run.state
            time.sleep(0.05)
        raise TimeoutError(f"{dag_id} still is {run.state}: {self.task_states(dag_id, run_id)}")


@dataclass(frozen=True)
class _DagRun:
    """Runs one DAG run, from the selection to the report."""

    export: Export
    steps: ExportRun
    run: _Run
    lock: threading.Lock

    def run_all(self) -> None:
        with self.lock:
            self.run.state = "running"
            segments = select_segments(self.steps)
            works = [self._works(group) for group in groups_of(self.steps, segments)]
            threads = [threading.Thread(target=self._do, args=work, daemon=True) for work in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            reported = self._try("report", "", lambda: write_report(self.steps, segments), retries=1)
            failed = reported is None or reported.failed
            self.run.state = "failed" if failed else "success"

    def _do(self, name: str, works: _Works) -> None:
        for task, work in works:
            if self._try(f"segment.{task}", name, work, retries=self.export.retries) is None:
                return

    def _works(self, group: Group) -> tuple[str, _Works]:
        """Return the name of a mapped task instance, and the work of its tasks."""
        if group.is_batch:
            return group.names, self._works_of_batch(group)
        [segment] = group.segments
        return segment.audience, (
            ("validate", lambda: validate_segment(self.steps, segment)),
            ("normalise", lambda: normalise_segment(self.steps, segment)),
            ("chunk", lambda: chunk_segment(self.steps, segment)),
            ("upload", lambda: self._upload("upload", segment.audience, lambda: self._operator(segment))),
        )

    def _works_of_batch(self, group: Group) -> _Works:
        """Return the work of the tasks of a batch."""

        def do(step: Step) -> bool:
            run_step(self.steps, self._context(), group, step)
            return True

        def upload() -> bool:
            self._upload("upload_batch", group.names, lambda: self._batch_operator(group))
            return True

        return (
            ("validate", lambda: do(Step.VALIDATE)),
            ("normalise", lambda: do(Step.NORMALISE)),
            ("chunk", lambda: do(Step.CHUNK)),
            ("upload_batch", upload),
        )

    def _try(self, task_id: str, name: str, work: Callable[[], Any], *, retries: int) -> Any:
        """Run a task with retries; return its result, or None if it failed or was skipped."""
        task = self.run.tasks[task_id, name] = {
            "task_id": task_id, "map_index": 0, "state": "running", "try_number": 1, "messages": "",
        }  # fmt: skip
        while True:
            try:
                found = work()
            except (AirflowSkipException, AirflowFailException) as end:
                task["messages"] = str(end)
                task["state"] = "skipped" if isinstance(end, AirflowSkipException) else "failed"
                return None
            except Exception as error:  # noqa: BLE001 (Airflow retries after any error)
                task["messages"] = str(error)
                if task["try_number"] > retries:
                    task["state"] = "failed"
                    return None
                task["try_number"] += 1
                time.sleep(0.3)
            else:
                task["state"] = "success"
                return found

    def _upload(self, task_id: str, name: str, operator: Callable[[], Any]) -> Any:
        """Run an upload like Airflow: a new operator resumes after each deferral."""
        task, context = self.run.tasks[f"segment.{task_id}", name], self._context()
        step: Callable[[], Any] = lambda: operator().execute(context)  # noqa: E731 (replaced below)
        while True:
            task["state"] = "running"
            try:
                return step()
            except TaskDeferred as waiting:
                task["state"] = "deferred"
                event = asyncio.run(_fire(waiting.trigger))
                method = waiting.method_name
                step = lambda: getattr(operator(), method)(context, event)  # noqa: B023, E731

    def _context(self) -> Any:
        """Return what tasks read of Airflow's context."""
        steps = self.steps
        dag_run = SimpleNamespace(
            dag_id=self.export.name,
            run_id=steps.run_id,
            run_after=steps.interval_end,
            data_interval_start=None,
            data_interval_end=None,
            logical_date=None,
            run_type="manual",
            triggering_user_name=None,
            start_date=None,
        )
        chosen = {"dry_run": steps.dry_run, "ignore_guards": steps.ignore_guards, "force": steps.force}
        return {
            "dag_run": dag_run,
            "params": {"mode": "full" if steps.full else "difference", **chosen},
            "ti": SimpleNamespace(max_tries=self.export.retries),
        }

    def _operator(self, segment: Segment) -> UploadAudienceOperator:
        return UploadAudienceOperator(
            task_id="upload",
            segment=self.steps.upload_values(segment),
            poll_schedule=_POLLS,
            **upload_arguments(self.export),
        )

    def _batch_operator(self, group: Group) -> UploadBatchOperator:
        return UploadBatchOperator(
            task_id="upload_batch", export=self.export, group=group.to_values(), poll_schedule=_POLLS
        )


async def _fire(trigger: Any) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger did not fire")
