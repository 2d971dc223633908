"""The web pages of this project: an application that Airflow's API server mounts.

Each route asks Airflow whether the user may read the DAG. There is no page that describes the routes, because it would
be open to everyone. This module is imported by the API server only: FastAPI is large.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Annotated, Final
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Path, Request, Response, status
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse

from airflow_microsoft_advertising.pages.reports import NoReport, read_report
from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger, without_addresses

__all__ = ["create_app"]

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

may_read_runs = Depends(requires_access_dag("GET", DagAccessEntity.RUN))


def create_app() -> FastAPI:
    """Make the application."""
    app = FastAPI(title="Customer Match", openapi_url=None, docs_url=None, redoc_url=None)
    app.middleware("http")(_add_headers)
    app.exception_handler(HTTPException)(_ask_for_login)
    app.get("/reports/{dag_id}/{run_id}", dependencies=[may_read_runs])(_report)
    return app


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
    response.headers.update(_HEADERS)
    return response
