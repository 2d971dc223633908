"""The listener for runs of exports: it creates missing pools at the start, and sets the run's note at the end.

Both need the metadata database, which tasks cannot access. A listener runs in the scheduler, in the session that
changes the run.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from airflow_microsoft_advertising.pages.task_names import name_tasks
from airflow_microsoft_advertising.pools import ensure_pools, small_pools
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

__all__ = ["NOTE_KEY"]

NOTE_KEY = "customer_match_note"
_SCHEDULER = "airflow.cli.commands.scheduler_command"
"""Module of the command `airflow scheduler`; no other process of Airflow imports it (3.3 and 3.4)."""
_NOTE_LIMIT = 1000  # characters: the column's size in the metadata database

log = logger(__name__)


@hookimpl
def on_starting(component: object) -> None:  # noqa: ARG001 (Airflow's signature)
    """Import the modules of the tasks once, if this is a scheduler that forks tasks, before it forks their workers."""
    if _SCHEDULER in sys.modules and _forks_tasks():
        from airflow_microsoft_advertising.preload import preload  # noqa: PLC0415 (in this scheduler only)

        preload()


def _forks_tasks() -> bool:
    """Whether tasks are forked from this process: the LocalExecutor, or one of several executors, does that."""
    from airflow.executors.executor_loader import ExecutorLoader  # noqa: PLC0415 (as above)

    names = ExecutorLoader.get_executor_names()
    return multiprocessing.get_start_method() == "fork" and any(
        name.module_path.endswith(".LocalExecutor") for name in names
    )


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001 (Airflow's signature)
    """Create the customer's pool if it is missing, before a task waits for it."""
    from sqlalchemy.orm import object_session  # noqa: PLC0415 (in the scheduler only)

    session = object_session(dag_run)
    dag = getattr(dag_run, "dag", None)
    if session is None or dag is None:
        return
    for name in ensure_pools({task.pool for task in dag.tasks}, session):
        log.warning(
            "The pool %s was missing and was created. You can change its slots under Admin > Pools.", name
        )
    needs = {task.pool: task.pool_slots for task in sorted(dag.tasks, key=lambda task: task.pool_slots)}
    for name, slots in small_pools(needs, session).items():
        log.error(
            "The pool %s has %d slots, but the task upload_batch of %s takes %d and never starts. Raise the slots "
            "under Admin > Pools, or set `segments_per_task: 1` in the export file.",
            name,
            slots,
            dag_run.dag_id,
            needs[name],
        )


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Set the report's summary as the note of the run, and name its tasks that have not run."""
    _describe(dag_run, msg)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Set the report's summary as the note of the run: it names the failed segments and the reasons.

    A run that was stopped has no report yet. Its note says why, and which segments were not finished.
    """
    _describe(dag_run, msg)


def _describe(dag_run: DagRun, msg: str) -> None:
    from sqlalchemy.orm import object_session  # noqa: PLC0415 (where runs end only)

    from airflow_microsoft_advertising.stopped_runs import note_of_stopped, was_timed_out  # noqa: PLC0415
    from customer_match.runs.report_text import is_summary  # noqa: PLC0415

    session = object_session(dag_run)
    if session is None:
        return
    # Cleared tasks may have made a report of an earlier try, which does not count after a time-out.
    summary = None if was_timed_out(msg) else _summary(dag_run, session)
    note = summary or note_of_stopped(dag_run, msg, session)
    if note:  # a run of an export
        name_tasks(dag_run, session)
    # A user's note is kept; one of this project is replaced after tasks were cleared.
    if note and (not dag_run.note or is_summary(dag_run.note)):
        dag_run.note = note[:_NOTE_LIMIT]


def _summary(dag_run: DagRun, session: Session) -> str | None:
    """Return what a task of the run left as a note; None if none did."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415 (as above)

    # `report` leaves it, or the task of a file that is not valid; the newest one comes first.
    query = XComModel.get_many(key=NOTE_KEY, run_id=dag_run.run_id, dag_ids=dag_run.dag_id, limit=1)
    row = session.scalars(query).first()
    summary = XComModel.deserialize_value(row) if row else None
    return summary if isinstance(summary, str) else None
