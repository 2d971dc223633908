"""Tasks behind a failure are called after their segments, over a real metadata database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_microsoft_advertising.pages.task_names import name_tasks
from tests.airflow_microsoft_advertising.test_listener import dag_run

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

__all__ = ["dag_run"]


def add(session: Session, run: DagRun, task_id: str, *names: str | None) -> None:
    """Add the mapped instances of a task, with the names that they got when they ran."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import insert

    shared = {"dag_id": run.dag_id, "run_id": run.run_id, "pool": "default_pool", "pool_slots": 1}
    table = TaskInstance.__table__
    for index, name in enumerate(names):
        values = shared | {"task_id": task_id, _index_of(table): index, "rendered_map_index": name}
        session.execute(insert(table).values(**values))


def _index_of(table: Any) -> str:
    """The name of the column with the index of a mapped instance; Airflow 3.4 calls it otherwise (3.4.0b2)."""
    return "region_index" if "region_index" in table.c else "map_index"


def names(session: Session, run: DagRun, task_id: str) -> list[str | None]:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    table = TaskInstance.__table__
    query = select(table.c.rendered_map_index).where(table.c.dag_id == run.dag_id, table.c.task_id == task_id)
    return list(session.scalars(query.order_by(table.c[_index_of(table)])))


def test_tasks_that_have_not_run_get_the_names_of_those_that_have(session: Session, dag_run: DagRun) -> None:
    add(session, dag_run, "segment.validate", "Gold", "Silver", None)
    add(session, dag_run, "segment.upload", "Gold", None, None)
    name_tasks(dag_run, session)
    assert names(session, dag_run, "segment.validate") == ["Gold", "Silver", None]
    assert names(session, dag_run, "segment.upload") == ["Gold", "Silver", None]


def test_other_mapped_tasks_keep_their_numbers(session: Session, dag_run: DagRun) -> None:
    add(session, dag_run, "segment.validate", "Gold")
    add(session, dag_run, "theirs", None)
    name_tasks(dag_run, session)
    assert names(session, dag_run, "theirs") == [None]


@pytest.mark.parametrize("names_there", [(), (None, None)])
def test_without_any_name_nothing_changes(
    session: Session, dag_run: DagRun, names_there: tuple[None, ...]
) -> None:
    add(session, dag_run, "segment.upload", *names_there)
    name_tasks(dag_run, session)
    assert names(session, dag_run, "segment.upload") == list(names_there)
