"""The web pages of this project: an application that Airflow's API server mounts.

Each route asks Airflow whether the user may read the DAG, or shows only the DAGs that the user may read. Changes are
accepted from Airflow's own pages only. There is no page that describes the routes, because it would be open to
everyone. This module is imported by the API server only: FastAPI is large.
"""

from __future__ import annotations

from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse

from airflow_microsoft_advertising.web import viewing
from airflow_microsoft_advertising.web.answers import add_headers, message
from airflow_microsoft_advertising.web.audit import routes as audit
from airflow_microsoft_advertising.web.connections import routes as connections
from airflow_microsoft_advertising.web.decisions import routes as decisions
from airflow_microsoft_advertising.web.editing import removing
from airflow_microsoft_advertising.web.editing import routes as editing
from airflow_microsoft_advertising.web.erasures import routes as erasures
from airflow_microsoft_advertising.web.same_origin import refuse_other_sites

__all__ = ["create_app"]

_ROUTERS = (
    viewing.router,
    editing.router,
    removing.router,
    audit.router,
    erasures.router,
    connections.router,
    decisions.router,
)


def create_app() -> FastAPI:
    """Make the application."""
    app = FastAPI(
        title="Customer Match",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_other_sites)],
    )
    app.middleware("http")(add_headers)
    app.exception_handler(HTTPException)(_refusal)
    for router in _ROUTERS:
        app.include_router(router)
    return app


async def _refusal(request: Request, error: Exception) -> Response:
    """Answer a browser with a page; without a login, with Airflow's login page, which leads back."""
    assert isinstance(error, HTTPException)  # noqa: S101 (as it is registered)
    if "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, error)
    if error.status_code != status.HTTP_401_UNAUTHORIZED:
        return message("This is not possible", str(error.detail), error.status_code)
    if request.method != "GET":
        return await http_exception_handler(request, error)
    return RedirectResponse(f"{API_ROOT_PATH}api/v2/auth/login?next={quote(request.url.path, safe='')}")
