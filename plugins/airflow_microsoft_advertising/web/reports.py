"""Finds the report of a run in the workspace of its export, for the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.lake.workspaces import open_workspace
from customer_match.runs.folders import report_file, report_page

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.orm import Session

    from customer_match.workspace.workspace import Workspace

__all__ = [
    "UPLOAD",
    "NoReport",
    "connection_of",
    "read_report",
    "workspace_of",
    "workspace_of_run",
    "workspace_root_of",
]

UPLOAD: Final = "segment.upload"
"""The task of an export's DAG whose arguments name the workspace."""


class NoReport(Exception):
    """There is no such report. The message says why, for people."""


def read_report(dag_id: str, run_id: str, session: Session, *, as_json: bool = False) -> str:
    """Read the report of a run, as an HTML page or as JSON.

    The path in the workspace is made of the ids alone, by a rule that lets no id point to another folder.

    Args:
        dag_id: The DAG; the name of its export.
        run_id: The run.
        session: Session of the metadata database.
        as_json: Whether to read it as JSON.

    Raises:
        NoReport: The DAG is none of an export, or its run has no report yet.
        CustomerMatchError: The workspace cannot be opened.
    """
    workspace = workspace_of_run(dag_id, run_id, session)
    path = report_file(dag_id, run_id) if as_json else report_page(dag_id, run_id)
    try:
        return workspace.read_bytes(path).decode()
    except FileNotFoundError:
        raise NoReport(
            f"The run {run_id} of {dag_id} has no report in the workspace. The task `report` makes it at the end of a "
            "run; if a segment cannot even be selected, there is none: see the log of `select`."
        ) from None


def workspace_of_run(dag_id: str, run_id: str, session: Session) -> Workspace:
    """Open the workspace that the DAG had when the run began; its serialised form says where it is.

    Raises:
        NoReport: There is no such run, or it is none of an export.
        CustomerMatchError: The workspace cannot be opened.
    """
    from airflow.models.dagbag import DBDagBag  # noqa: PLC0415 (in the API server only)
    from airflow.models.dagrun import DagRun  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    dag = DBDagBag(load_op_links=False).get_dag_for_run(run, session=session) if run else None
    workspace = workspace_of(dag)
    if workspace is None:
        raise NoReport(f"There is no run {run_id} of an export {dag_id}.")
    return workspace


def workspace_of(dag: SerializedDAG | None) -> Workspace | None:
    """Open the workspace that a serialised DAG names; None if it is not the DAG of an export.

    Raises:
        CustomerMatchError: The workspace cannot be opened.
    """
    task = dag.task_dict.get(UPLOAD) if dag else None
    root, connection = getattr(task, "workspace_root", None), getattr(task, "workspace_conn_id", None)
    return None if root is None else open_workspace(connection, root)


def connection_of(dag: SerializedDAG) -> str:
    """Id of the connection to Microsoft Advertising that a serialised DAG names; empty if it names none."""
    return str(getattr(dag.task_dict.get(UPLOAD), "microsoft_advertising_conn_id", ""))


def workspace_root_of(dag: SerializedDAG) -> str:
    """Location of the workspace that a serialised DAG names; empty if it names none."""
    return str(getattr(dag.task_dict.get(UPLOAD), "workspace_root", ""))
