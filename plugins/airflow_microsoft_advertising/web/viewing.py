"""The routes that show something: all exports, one export, a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dagbag import DBDagBag
from fastapi import APIRouter, Depends, Path, Query, Response, status
from fastapi.responses import HTMLResponse

from airflow_microsoft_advertising.web.answers import message, with_script
from airflow_microsoft_advertising.web.export_page import Past, export_html, past_of
from airflow_microsoft_advertising.web.exports_page import Asked, exports_html
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.listing import list_exports
from airflow_microsoft_advertising.web.reports import NoReport, read_report, workspace_of
from airflow_microsoft_advertising.web.rights import rights_of
from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger, without_addresses

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG

__all__ = ["MAX_ID", "router"]

MAX_ID: Final = 250
"""Characters of the id of a DAG or a run in Airflow's metadata database."""

log = logger(__name__)

router = APIRouter()

_may_read_dags = Depends(requires_access_dag("GET"))
_may_read_runs = Depends(requires_access_dag("GET", DagAccessEntity.RUN))


@router.get("/exports", dependencies=[_may_read_dags])
def exports(
    *,
    session: SessionDep,
    user: GetUserDep,
    frame: FrameDep,
    q: Annotated[str, Query(max_length=200)] = "",
    show: Annotated[str, Query(max_length=20)] = "all",
    sort: Annotated[str, Query(max_length=20)] = "title",
) -> Response:
    """Show all exports that the user may read."""
    manager = get_auth_manager()
    found = list_exports(manager.get_authorized_dag_ids(user=user, method="GET"), session)
    rights = rights_of(user, manager, [export.dag_id for export in found])
    return with_script(exports_html(found, Asked(q, show, sort), rights, frame), frame)


@router.get("/exports/{dag_id}", dependencies=[_may_read_runs])
def export(
    dag_id: Annotated[str, Path(max_length=MAX_ID)], session: SessionDep, user: GetUserDep, frame: FrameDep
) -> Response:
    """Show one export and its last runs."""
    dag = DBDagBag(load_op_links=False).get_latest_version_of_dag(dag_id, session=session)
    found = list_exports([dag_id], session)
    if not found or dag is None:
        return message("No export", f"There is no export {dag_id}.", status.HTTP_404_NOT_FOUND)
    rights = rights_of(user, get_auth_manager(), [dag_id])
    return with_script(export_html(found[0], _past(dag, dag_id), dag.doc_md or "", rights, frame), frame)


def _past(dag: SerializedDAG, export: str) -> Past:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return Past(fault=without_addresses(str(error)))
    return past_of(workspace, export) if workspace else Past()


@router.get("/reports/{dag_id}/{run_id}", dependencies=[_may_read_runs])
def report(
    dag_id: Annotated[str, Path(max_length=MAX_ID)],
    run_id: Annotated[str, Path(max_length=MAX_ID)],
    session: SessionDep,
) -> Response:
    """Show the report of a run of an export."""
    try:
        return HTMLResponse(read_report(dag_id, run_id, session))
    except NoReport as error:
        return message("No report", str(error), status.HTTP_404_NOT_FOUND)
    except CustomerMatchError as error:
        log.warning("The report of the run %s of %s cannot be read: %s", run_id, dag_id, error)
        return message("The report cannot be read", str(error), status.HTTP_502_BAD_GATEWAY)
