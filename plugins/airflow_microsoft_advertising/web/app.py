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
from airflow_microsoft_advertising.web.answers import add_headers
from airflow_microsoft_advertising.web.same_origin import refuse_other_sites

__all__ = ["create_app"]

_ROUTERS = (viewing.router,)


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
    app.exception_handler(HTTPException)(_ask_for_login)
    for router in _ROUTERS:
        app.include_router(router)
    return app


async def _ask_for_login(request: Request, error: Exception) -> Response:
    """Send a browser without a login to Airflow's login page, which leads back; answer 401 to everything else."""
    assert isinstance(error, HTTPException)  # noqa: S101 (as it is registered)
    is_browser = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if error.status_code == status.HTTP_401_UNAUTHORIZED and is_browser:
        return RedirectResponse(f"{API_ROOT_PATH}api/v2/auth/login?next={quote(request.url.path, safe='')}")
    return await http_exception_handler(request, error)
