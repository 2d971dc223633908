"""The routes that remove exports."""

from __future__ import annotations

from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Response, status

from airflow_microsoft_advertising.web.answers import see, with_script
from airflow_microsoft_advertising.web.editing.removal import Removal, newest_ending, removal_html
from airflow_microsoft_advertising.web.editing.routes import stored_file
from airflow_microsoft_advertising.web.forms import PostedDep
from airflow_microsoft_advertising.web.found_export import DagId
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.listing import list_exports
from airflow_microsoft_advertising.web.rights import rights_of
from airflow_microsoft_advertising.web.templates import render
from customer_match.drafts.folder import ExportsFolder
from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder
from customer_match.redaction import logger, without_addresses

__all__ = ["router"]

log = logger(__name__)

router = APIRouter(dependencies=[Depends(requires_access_dag("PUT"))])


@router.get("/exports/{dag_id}/remove")
def ask(dag_id: DagId, session: SessionDep, user: GetUserDep, frame: FrameDep) -> Response:
    """Show which audiences an export has, and ask what becomes of them."""
    return _page(dag_id, session, user, frame)


@router.post("/exports/{dag_id}/remove")
def remove(
    dag_id: DagId, session: SessionDep, user: GetUserDep, frame: FrameDep, posted: PostedDep
) -> Response:
    """Remove the file of an export; its audiences stay as they are now."""
    folder = ExportsFolder(exports_folder())
    stored = stored_file(folder, dag_id)
    try:
        stored.ensure_is(posted.text("digest"))
        folder.remove(stored)
    except ConfigurationError as error:
        return _page(dag_id, session, user, frame, without_addresses(str(error)))
    log.info("%s removed %s", user.get_name(), stored.path)
    return see(f"{API_ROOT_PATH}customer-match/exports/{quote(dag_id)}/removed?lang={frame.language.code}")


@router.get("/exports/{dag_id}/removed")
def removed(dag_id: DagId, frame: FrameDep) -> Response:
    """Say that an export was removed."""
    return with_script(render("removed.html.j2", frame, export=dag_id), frame)


def _page(dag_id: str, session: SessionDep, user: GetUserDep, frame: FrameDep, failure: str = "") -> Response:
    folder = ExportsFolder(exports_folder())
    named = next((one for one in folder.exports() if one.name == dag_id), None)
    removal = Removal(
        stored=stored_file(folder, dag_id),
        names=[one.audience or one.table for one in named.segments if not one.is_pattern] if named else [],
        export=next(iter(list_exports([dag_id], session)), None),
        run=newest_ending(dag_id, session),
        is_writable=folder.is_writable,
        may_run=dag_id in rights_of(user, get_auth_manager(), [dag_id]).run,
        failure=failure,
    )
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if failure else status.HTTP_200_OK
    return with_script(removal_html(dag_id, removal, frame), frame, code)
