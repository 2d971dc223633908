"""The export that a route is about: its DAG as Airflow stores it, and what the list of exports shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from airflow.models.dagbag import DBDagBag
from fastapi import HTTPException, Path, status

from airflow_microsoft_advertising.web.listing import ListedExport, list_exports

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.orm import Session

__all__ = ["MAX_ID", "DagId", "FoundExport", "find_export"]

MAX_ID: Final = 250
"""Characters of the id of a DAG or a run in Airflow's metadata database."""

DagId = Annotated[str, Path(max_length=MAX_ID)]
"""The part of a route's path that names the DAG of an export."""


class FoundExport(NamedTuple):
    """An export.

    Attributes:
        dag: The newest version of its DAG.
        listed: What the list of exports shows of it.
    """

    dag: SerializedDAG
    listed: ListedExport


def find_export(dag_id: str, session: Session) -> FoundExport:
    """Find an export by its DAG.

    Raises:
        HTTPException: 404: There is no DAG of this name, or it is not the DAG of an export.
    """
    dag = DBDagBag(load_op_links=False).get_latest_version_of_dag(dag_id, session=session)
    listed = list_exports([dag_id], session)
    if not listed or dag is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no export {dag_id}.")
    return FoundExport(dag, listed[0])
