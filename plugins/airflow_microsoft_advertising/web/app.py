"""The web pages of this project: an application that Airflow's API server mounts.

Each route asks Airflow whether the user may read the DAG, or shows only the DAGs that the user may read. There is no
page that describes the routes, because it would be open to everyone. This module is imported by the API server only:
FastAPI is large.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Final
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_dag,
)
from airflow.models.dagbag import DBDagBag
from airflow.serialization.definitions.dag import SerializedDAG
from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response, status
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse

from airflow_microsoft_advertising.web.export_page import Past, export_html, past_of
from airflow_microsoft_advertising.web.exports_page import Asked, exports_html
from airflow_microsoft_advertising.web.languages import chosen_language, language_of
from airflow_microsoft_advertising.web.listing import list_exports
from airflow_microsoft_advertising.web.reports import NoReport, read_report, workspace_of
from airflow_microsoft_advertising.web.rights import rights_of
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger, without_addresses

__all__ = ["create_app"]

_SCRIPT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
"""For pages with buttons: their own script may run, and talk to Airflow only."""

_HEADERS: Final = {
    # Reports have styles within, and nothing else that a browser would load or run.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
_MESSAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
max-width: 40rem; padding: 0 1rem; overflow-wrap: anywhere; }}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""

log = logger(__name__)

may_read_dags = Depends(requires_access_dag("GET"))
may_read_runs = Depends(requires_access_dag("GET", DagAccessEntity.RUN))


def create_app() -> FastAPI:
    """Make the application."""
    app = FastAPI(title="Customer Match", openapi_url=None, docs_url=None, redoc_url=None)
    app.middleware("http")(_add_headers)
    app.exception_handler(HTTPException)(_ask_for_login)
    app.get("/exports", dependencies=[may_read_dags])(_exports)
    app.get("/exports/{dag_id}", dependencies=[may_read_runs])(_export)
    app.get("/reports/{dag_id}/{run_id}", dependencies=[may_read_runs])(_report)
    return app


def frame_of(
    lang: Annotated[str | None, Query(max_length=20)] = None,
    accept_language: Annotated[str, Header(max_length=1_000)] = "",
) -> Frame:
    """What all pages need, from the request."""
    return Frame(language_of(chosen_language(lang, accept_language)), API_ROOT_PATH, datetime.now(UTC))


FrameDep = Annotated[Frame, Depends(frame_of)]


def _exports(
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
    exports = list_exports(manager.get_authorized_dag_ids(user=user, method="GET"), session)
    rights = rights_of(user, manager, [export.dag_id for export in exports])
    return _with_script(exports_html(exports, Asked(q, show, sort), rights, frame), frame)


def _export(dag_id: Annotated[str, Path(max_length=250)], session: SessionDep, frame: FrameDep) -> Response:
    """Show one export and its last runs."""
    dag = DBDagBag(load_op_links=False).get_latest_version_of_dag(dag_id, session=session)
    found = list_exports([dag_id], session)
    if not found or dag is None:
        return _message("No export", f"There is no export {dag_id}.", status.HTTP_404_NOT_FOUND)
    return _with_script(export_html(found[0], _past(dag, dag_id), dag.doc_md or "", frame), frame)


def _with_script(page: str, frame: Frame) -> Response:
    return HTMLResponse(page, headers={"Content-Security-Policy": _SCRIPT_POLICY.format(nonce=frame.nonce)})


def _past(dag: SerializedDAG, export: str) -> Past:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return Past(fault=without_addresses(str(error)))
    return past_of(workspace, export) if workspace else Past()


def _report(
    dag_id: Annotated[str, Path(max_length=250)],
    run_id: Annotated[str, Path(max_length=250)],
    session: SessionDep,
) -> Response:
    """Show the report of a run of an export."""
    try:
        return HTMLResponse(read_report(dag_id, run_id, session))
    except NoReport as error:
        return _message("No report", str(error), status.HTTP_404_NOT_FOUND)
    except CustomerMatchError as error:
        log.warning("The report of the run %s of %s cannot be read: %s", run_id, dag_id, error)
        return _message("The report cannot be read", str(error), status.HTTP_502_BAD_GATEWAY)


def _message(title: str, text: str, code: int) -> Response:
    return HTMLResponse(_MESSAGE.format(title=escape(title), text=escape(without_addresses(text))), code)


async def _ask_for_login(request: Request, error: Exception) -> Response:
    """Send a browser without a login to Airflow's login page, which leads back; answer 401 to everything else."""
    assert isinstance(error, HTTPException)  # noqa: S101 (as it is registered)
    is_browser = "text/html" in request.headers.get("accept", "")
    if error.status_code == status.HTTP_401_UNAUTHORIZED and is_browser:
        return RedirectResponse(f"{API_ROOT_PATH}api/v2/auth/login?next={quote(request.url.path, safe='')}")
    return await http_exception_handler(request, error)


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
