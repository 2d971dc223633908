"""The routes that add, edit and duplicate exports. Nothing here starts a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import APIRouter, Depends, HTTPException, Query, Response, status
from sqlalchemy import select

from airflow_microsoft_advertising.web.answers import see, with_script
from airflow_microsoft_advertising.web.editing.draft import Origin
from airflow_microsoft_advertising.web.editing.editor import Editor
from airflow_microsoft_advertising.web.editing.form import Form
from airflow_microsoft_advertising.web.editing.page import Page, form_html
from airflow_microsoft_advertising.web.editing.resources import Resources
from airflow_microsoft_advertising.web.forms import Posted, PostedDep
from airflow_microsoft_advertising.web.found_export import MAX_ID, DagId
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.templates import Frame, render
from customer_match.drafts.folder import ExportsFolder, StoredFile
from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder
from customer_match.redaction import logger, without_addresses

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["may_add", "router", "stored_file"]


log = logger(__name__)

router = APIRouter()

Copied = Annotated[str, Query(alias="copy", max_length=MAX_ID)]


def may_add(user: GetUserDep) -> None:
    """Refuse users who may not edit DAGs as such: a new export has no DAG yet, whose rights could be asked.

    Raises:
        HTTPException: 403.
    """
    if not get_auth_manager().is_authorized_dag(method="PUT", user=user):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN, "You may not add exports: you may not edit DAGs in Airflow."
        )


_may_add = Depends(may_add)
_may_edit = Depends(requires_access_dag("PUT"))


@router.get("/new", dependencies=[_may_add])
def new(session: SessionDep, user: GetUserDep, frame: FrameDep, copied: Copied = "") -> Response:
    """Show the form of a new export, or of a copy of another one."""
    editor = _editor(session, user, copied, is_copy=True)
    form = Form.of(editor.origin.values)
    return _shown(editor.page(form.as_copy() if copied else form, copied), frame)


@router.post("/new", dependencies=[_may_add])
def add(
    session: SessionDep, user: GetUserDep, frame: FrameDep, posted: PostedDep, copied: Copied = ""
) -> Response:
    """Find segments, show the file of a new export, or write it."""
    editor = _editor(session, user, copied, is_copy=True)
    return _answer(editor, Form.posted(posted), posted, frame, copied)


@router.get("/exports/{dag_id}/edit", dependencies=[_may_edit])
def edit(dag_id: DagId, session: SessionDep, user: GetUserDep, frame: FrameDep) -> Response:
    """Show the form of an export."""
    editor = _editor(session, user, dag_id)
    return _shown(editor.page(Form.of(editor.origin.values, dag_id)), frame)


@router.post("/exports/{dag_id}/edit", dependencies=[_may_edit])
def change(
    dag_id: DagId, session: SessionDep, user: GetUserDep, frame: FrameDep, posted: PostedDep
) -> Response:
    """Find segments, show the changed file of an export, or write it."""
    editor = _editor(session, user, dag_id)
    return _answer(editor, Form.posted(posted, dag_id), posted, frame)


@router.get("/exports/{dag_id}/saved", dependencies=[_may_edit])
def saved(dag_id: DagId, frame: FrameDep) -> Response:
    """Say that an export was saved, and what comes next."""
    return with_script(render("saved.html.j2", frame, export=dag_id), frame)


def _editor(session: Any, user: Any, name: str, *, is_copy: bool = False) -> Editor:
    """The work on the file of an export; without a name, on a new one.

    Raises:
        HTTPException: 403, 404: There is no such file here, or the user may not read the export.
    """
    manager, folder = get_auth_manager(), ExportsFolder(exports_folder())
    readable = manager.get_authorized_dag_ids(user=user, method="GET")
    if is_copy and name and name not in readable:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not read the export that you want to copy.")
    origin = Origin(stored_file(folder, name), is_copy) if name else Origin()
    resources = Resources(user, manager, [one for one in folder.exports() if one.name in readable])
    connections = tuple(resources.connections(session))
    return Editor(folder, resources, origin, connections, datetime.now(UTC), _taken(session))


def _taken(session: Session) -> frozenset[str]:
    """The ids of all DAGs, those of other people too."""
    return frozenset(session.scalars(select(DagModel.dag_id)))


def stored_file(folder: ExportsFolder, name: str) -> StoredFile:
    """Find the file of an export.

    Raises:
        HTTPException: 404: It is not in the folder, or cannot be read.
    """
    try:
        stored = folder.find(name)
    except ConfigurationError as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND, str(error)) from None
    if stored is None:
        raise HTTPException(
            status.HTTP_404_NOT_FOUND,
            f"Airflow's API server does not find the file of {name} in {folder.path}. Set CUSTOMER_MATCH_EXPORTS for "
            "the API server to the folder of export files, or change the file where it is.",
        )
    return stored


def _answer(editor: Editor, form: Form, posted: Posted, frame: Frame, copied: str = "") -> Response:
    action = posted.text("action")
    if action == "find":
        return _shown(editor.found(form, copied), frame)
    draft = editor.draft(form)
    page = replace(editor.page(form, copied), draft=draft, digest=posted.text("digest"))
    if action == "download" and not draft.problems:
        disposition = {"Content-Disposition": f'attachment; filename="{draft.path.name}"'}
        return Response(draft.text, media_type="application/yaml", headers=disposition)
    if action != "save" or draft.problems:
        return _shown(page, frame)
    try:
        path = editor.save(form, draft, posted.text("digest"))
    except ConfigurationError as error:
        return _shown(replace(page, failure=without_addresses(str(error)), draft=None), frame)
    log.info("%s wrote %s", editor.resources.user.get_name(), path)
    return see(f"{API_ROOT_PATH}customer-match/exports/{quote(form.name)}/saved?lang={frame.language.code}")


def _shown(page: Page, frame: Frame) -> Response:
    is_wrong = bool(page.failure or (page.draft and page.draft.problems))
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if is_wrong else status.HTTP_200_OK
    return with_script(form_html(page, frame), frame, code)
