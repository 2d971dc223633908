"""Names of mapped tasks that have not run: Airflow gives a mapped task its name (`map_index_template`) when it runs.

So the tasks behind a failure, and those that are skipped, are called 0, 1, 2 (observed: 3.3.2). All tasks of a mapped
instance work for the same segments: at the end of a run, those without a name get that of a task that has run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

__all__ = ["name_tasks"]

_GROUP: Final = "segment."
"""Prefix of the mapped tasks of an export's DAG."""


def name_tasks(dag_run: DagRun, session: Session) -> None:
    """Name the mapped tasks of a run of an export that have not run, in the session that changes the run."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 (in the scheduler only)
    from sqlalchemy import select, update  # noqa: PLC0415

    stored = TaskInstance._rendered_map_index  # noqa: SLF001 (what is public gives the index in place of a name)
    query = select(TaskInstance.id, TaskInstance.map_index, stored).where(
        TaskInstance.dag_id == dag_run.dag_id,
        TaskInstance.run_id == dag_run.run_id,
        TaskInstance.map_index >= 0,
        TaskInstance.task_id.startswith(_GROUP),
    )
    tasks = session.execute(query).all()
    names = {index: name for _, index, name in tasks if name}
    unnamed = [
        {"id": key, stored.key: names[index]} for key, index, name in tasks if not name and index in names
    ]
    if unnamed:
        session.execute(update(TaskInstance), unnamed)
