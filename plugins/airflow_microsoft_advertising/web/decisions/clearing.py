"""Lets a run go on after a decision: clears its tasks with Airflow's own functions, as its pages do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow.api_fastapi.common.dagbag import resolve_run_on_latest_version
from airflow.models.dagbag import DBDagBag
from airflow.models.taskinstance import clear_task_instances
from airflow.models.xcom import XComModel
from airflow.sdk.execution_time.xcom import resolve_xcom_backend
from airflow.utils.state import DagRunState, TaskInstanceState

from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.orm import Session

__all__ = ["StillRunning", "go_on", "make_report"]

log = logger(__name__)

_REPORT: Final = "report"
_EVENTS: Final = "publish"
"""The task that sends the events of the audiences; runs of earlier releases do not have it."""
_OF_SEGMENTS: Final = "segment."
"""How the ids of the tasks begin that are mapped over the segments."""


class StillRunning(Exception):
    """A task that would be cleared is running, although its run has ended: somebody has given the run a state."""


def go_on(run: DagRun, audience: str, session: Session) -> None:
    """Clear the failed tasks of a segment, those that did not run because of them, the events and the report.

    If Airflow no longer knows which tasks have the segment, the failed tasks of all segments are cleared.

    Args:
        run: The run, which has ended.
        audience: The segment's audience.
        session: Session of the metadata database.

    Raises:
        StillRunning: A task is running; nothing was cleared.
    """
    dag, index = _dag_of(run, session), _map_index(run, audience, session)
    ids = [one for one in dag.task_dict if one.startswith(_OF_SEGMENTS)]
    tasks = ids if index is None else [(one, index) for one in ids]
    failed = dag.clear(task_ids=tasks, run_id=run.run_id, only_failed=True, dry_run=True, session=session)
    last = [one for one in (_EVENTS, _REPORT) if one in dag.task_dict]
    _clear(run, [*failed, *_tasks_of(dag, run, last, session)], session)


def make_report(run: DagRun, session: Session) -> None:
    """Clear the report of a run alone, so that it is made again.

    Args:
        run: The run, which has ended.
        session: Session of the metadata database.

    Raises:
        StillRunning: The task is running; nothing was cleared.
    """
    _clear(run, _tasks_of(_dag_of(run, session), run, [_REPORT], session), session)


def _dag_of(run: DagRun, session: Session) -> SerializedDAG:
    dag = DBDagBag(load_op_links=False).get_dag_for_run(run, session=session)
    assert dag is not None  # noqa: S101 (its workspace was opened with it)
    return dag


def _tasks_of(dag: SerializedDAG, run: DagRun, ids: Sequence[str], session: Session) -> list[TaskInstance]:
    return dag.clear(task_ids=[*ids], run_id=run.run_id, dry_run=True, session=session)


def _clear(run: DagRun, instances: list[TaskInstance], session: Session) -> None:
    if any(one.state == TaskInstanceState.RUNNING for one in instances):
        raise StillRunning
    clear_task_instances(
        instances,
        session,
        DagRunState.QUEUED,
        run_on_latest_version=resolve_run_on_latest_version(None, run.dag_id, session),
    )


def _map_index(run: DagRun, audience: str, session: Session) -> int | None:
    """The index of the mapped tasks that have a segment; None if it is not known."""
    query = XComModel.get_many(
        key="return_value", run_id=run.run_id, dag_ids=run.dag_id, task_ids="select", limit=1
    )
    row = session.scalars(query).first()
    groups = resolve_xcom_backend().deserialize_value(row) if row else ()  # type: ignore[no-untyped-call]
    if not isinstance(groups, Sequence) or isinstance(groups, str):  # a reference of an XCom backend
        return None
    return next((index for index, group in enumerate(groups) if audience in _audiences(group)), None)


def _audiences(group: dict[str, Any]) -> Iterable[str]:
    """The audiences of a group of segments, as the task `select` passes it on."""
    return [segment.get("audience", "") for segment in group.get("segments", [group])]
