"""Notes of runs that were stopped before their task `report`: by their time limit, or by a user.

They are made where Airflow ends the run, in the scheduler or the API server, from the metadata database alone: nothing
there may wait for a storage. After a time-out, the DAG's failure callback writes the report (`alerts/reporting.py`), to
which the note links already.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_microsoft_advertising.pages.note import with_links
from airflow_microsoft_advertising.pools import PREFIX
from customer_match.runs.report_text import stopped_by_hand, stopped_by_time_limit

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

__all__ = ["note_of_stopped", "was_timed_out"]

_UPLOADS = {"segment.upload", "segment.upload_batch"}


def was_timed_out(msg: str) -> bool:
    """Whether Airflow's message about a run says that its time limit ended it."""
    return msg == "timed_out"


def note_of_stopped(dag_run: DagRun, msg: str, session: Session) -> str | None:
    """Return the note of a run that was stopped; None if it was not, or if it is no run of an export.

    Args:
        dag_run: The run.
        msg: Airflow's message about its end.
        session: Session of the metadata database.
    """
    dag: Any = getattr(dag_run, "dag", None)
    if dag is None or not any(task.pool.startswith(PREFIX) for task in dag.tasks):
        return None
    by_hand = re.search(r"manually set to `(\w+)`", msg)
    if was_timed_out(msg):
        words = stopped_by_time_limit(dag.dagrun_timeout.total_seconds() / 3600)
    elif by_hand:
        words = stopped_by_hand(by_hand[1])
    else:
        return None
    names = _unfinished(_instances(dag_run, session))
    text = f"{words}\nNot finished: {', '.join(names)}." if names else words
    return with_links(text, dag_run.dag_id, dag_run.run_id) if was_timed_out(msg) else text


def _instances(dag_run: DagRun, session: Session) -> Iterable[Any]:
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 (where runs end only)
    from sqlalchemy import select  # noqa: PLC0415

    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    return session.scalars(select(TaskInstance).where(*of_run)).all()


def _unfinished(instances: Iterable[Any]) -> list[str]:
    """Return the names of the mapped tasks whose segments were not uploaded, in their order."""
    names: dict[int, str] = {}
    states: dict[int, set[str]] = defaultdict(set)
    for one in instances:
        if one.map_index < 0:
            continue
        names[one.map_index] = one.rendered_map_index or names.get(one.map_index, "")
        if one.task_id in _UPLOADS:
            states[one.map_index].add(str(one.state))
    return [names[index] or f"segment {index}" for index in sorted(names) if "success" not in states[index]]
