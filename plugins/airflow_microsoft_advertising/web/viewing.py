"""The routes that show something: all exports, one export, a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Path, Query, Response, status
from fastapi.responses import HTMLResponse

from airflow_microsoft_advertising.web.answers import message, with_script
from airflow_microsoft_advertising.web.connection_lookup import find_connection
from airflow_microsoft_advertising.web.connections.listing import connections_of
from airflow_microsoft_advertising.web.export_page import Past, Problem, export_html, past_of
from airflow_microsoft_advertising.web.exports_page import Asked, exports_html
from airflow_microsoft_advertising.web.found_export import MAX_ID, DagId, find_export
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.ledgers_page import ledgers_html, ledgers_of
from airflow_microsoft_advertising.web.listing import list_exports, run_states
from airflow_microsoft_advertising.web.reports import NoReport, connection_of, read_report, workspace_of
from airflow_microsoft_advertising.web.rights import rights_of
from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger, without_addresses
from customer_match.safe_names import slug

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.orm import Session

    from airflow_microsoft_advertising.web.listing import ListedExport
    from airflow_microsoft_advertising.web.templates import Frame

__all__ = ["Problem", "router", "show_export"]

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
    listed = list_exports(manager.get_authorized_dag_ids(user=user, method="GET"), session)
    found = _with_detached(listed, session)
    rights = rights_of(user, manager, [export.dag_id for export in found])
    return with_script(exports_html(found, Asked(q, show, sort), rights, frame), frame)


def _with_detached(exports: Sequence[ListedExport], session: Session) -> list[ListedExport]:
    """Mark the exports whose connection does not exist; each connection is looked up once."""
    named = connections_of([export.dag_id for export in exports], session)
    missing = {conn_id for conn_id in set(named.values()) if find_connection(conn_id) is None}
    return [
        replace(export, detached=named[export.dag_id]) if named.get(export.dag_id) in missing else export
        for export in exports
    ]


@router.get("/exports/{dag_id}", dependencies=[_may_read_runs])
def export(dag_id: DagId, session: SessionDep, user: GetUserDep, frame: FrameDep) -> Response:
    """Show one export and its last runs."""
    return show_export(dag_id, session, user, frame)


def show_export(
    dag_id: str,
    session: Session,
    user: BaseUser,
    frame: Frame,
    *,
    problem: Problem | None = None,
    code: int = status.HTTP_200_OK,
) -> Response:
    """Answer with the page of one export.

    Args:
        dag_id: Its DAG.
        session: Session of the metadata database.
        user: Who sees it.
        frame: What all pages need.
        problem: Why a decision of the user was not kept; None normally.
        code: The status of the answer.
    """
    found = find_export(dag_id, session)
    past = _past(found.dag, dag_id, session)
    rights = rights_of(user, get_auth_manager(), [dag_id])
    page = export_html(
        found.listed,
        past,
        found.dag.doc_md or "",
        rights,
        frame,
        problem=problem,
        detached=_detached(found.dag),
    )
    return with_script(page, frame, code)


def _detached(dag: SerializedDAG) -> str:
    """The connection of an export, if it does not exist."""
    connection = connection_of(dag)
    return connection if connection and find_connection(connection) is None else ""


def _past(dag: SerializedDAG, export: str, session: Session) -> Past:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return Past(fault=without_addresses(str(error)))
    return past_of(workspace, export, lambda ids: run_states(export, ids, session)) if workspace else Past()


@router.get("/exports/{dag_id}/ledgers", dependencies=[_may_read_runs])
def ledgers(dag_id: DagId, session: SessionDep, frame: FrameDep) -> Response:
    """Show what the ledgers of an export know of its audiences."""
    found = find_export(dag_id, session)
    try:
        known = ledgers_of(found.dag, found.listed, frame.now)
    except CustomerMatchError as error:
        log.warning("The ledgers of %s cannot be read: %s", dag_id, error)
        return message("The ledgers cannot be read", str(error), status.HTTP_502_BAD_GATEWAY)
    return with_script(ledgers_html(found.listed, known, frame), frame)


@router.get("/reports/{dag_id}/{run_id}", dependencies=[_may_read_runs])
def report(
    dag_id: DagId,
    run_id: Annotated[str, Path(max_length=MAX_ID)],
    session: SessionDep,
) -> Response:
    """Show the report of a run of an export."""
    return _answer(dag_id, run_id, session, HTMLResponse)


@router.get("/reports/{dag_id}/{run_id}/{file}", dependencies=[_may_read_runs])
def report_to_keep(
    dag_id: DagId,
    run_id: Annotated[str, Path(max_length=MAX_ID)],
    file: Literal["report.html", "report.json"],
    session: SessionDep,
) -> Response:
    """Send the report of a run as a file to keep, which no browser opens within Airflow's pages."""
    name = f"{slug(dag_id)}-{slug(run_id)}.{file.rpartition('.')[2]}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}

    def as_file(content: str) -> Response:
        kind = "application/json" if file == "report.json" else "text/html"
        return Response(content, headers=headers, media_type=f"{kind}; charset=utf-8")

    return _answer(dag_id, run_id, session, as_file, as_json=file == "report.json")


def _answer(
    dag_id: str, run_id: str, session: Session, answer: Callable[[str], Response], *, as_json: bool = False
) -> Response:
    """Answer with a report, or say why there is none."""
    try:
        return answer(read_report(dag_id, run_id, session, as_json=as_json))
    except NoReport as error:
        return message("No report", str(error), status.HTTP_404_NOT_FOUND)
    except CustomerMatchError as error:
        log.warning("The report of the run %s of %s cannot be read: %s", run_id, dag_id, error)
        return message("The report cannot be read", str(error), status.HTTP_502_BAD_GATEWAY)
