"""The routes of connections. Airflow's auth manager decides who may add, change or remove one.

Users who may not read connections see only the names of those that are shared with them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from fastapi import APIRouter, Cookie, Depends, HTTPException, Response, status
from fastapi.responses import JSONResponse
from sqlalchemy import select

from airflow_microsoft_advertising.connection.consent import agreed_fields, recorded_name, withdrawn_fields
from airflow_microsoft_advertising.connection.sharing import may_use
from airflow_microsoft_advertising.connection.soap_use import change_to_rest
from airflow_microsoft_advertising.connection.users import airflow_user
from airflow_microsoft_advertising.connection.writer import (
    SavedConnection,
    remove_connection,
    write_connection,
    write_fields,
)
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.links import airflow_url
from airflow_microsoft_advertising.web.answers import see, with_script
from airflow_microsoft_advertising.web.connections import signing_in
from airflow_microsoft_advertising.web.connections.access import ConnectionId, is_allowed, may, may_add
from airflow_microsoft_advertising.web.connections.accounts import choose_account, reachable_accounts
from airflow_microsoft_advertising.web.connections.form import PROBLEMS, Form
from airflow_microsoft_advertising.web.connections.listing import (
    ListedConnection,
    as_connection,
    find_connection,
    list_connections,
)
from airflow_microsoft_advertising.web.connections.pages import (
    Shown,
    accounts_html,
    form_html,
    list_html,
    removal_html,
    return_html,
)
from airflow_microsoft_advertising.web.forms import PostedDep
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.data_privacy import PrivacyAgreement, current_text_id
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.redaction import logger, without_addresses

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["router"]

log = logger(__name__)

router = APIRouter()

_may_add = Depends(may_add)
_may_change = Depends(may("PUT"))
_may_remove = Depends(may("DELETE"))

_DONE: Final = {
    "agree": "agreed to data privacy for",
    "withdraw": "withdrew the agreement to data privacy for",
    "to-rest": "changed to REST",
}
"""What actions have done, for the log."""
_OF_COOKIE: Final = f"{API_ROOT_PATH}customer-match/connections"


# --- List, add, edit ---------------------------------------------------------------------------------------


@router.get("/connections")
def connections(session: SessionDep, user: GetUserDep, frame: FrameDep) -> Response:
    """Show the connections that the user may read or use."""
    found = list_connections(session)
    changeable = {one.conn_id for one in found if is_allowed("PUT", user, one.conn_id)}
    visible = [one for one in found if one.conn_id in changeable or _is_shared(one, user)]
    page = list_html(visible, changeable, may_add=is_allowed("POST", user, None), frame=frame)
    return with_script(page, frame)


def _is_shared(one: ListedConnection, user: Any) -> bool:
    if one.saved is None:
        return False
    person = airflow_user(user, one.conn_id, get_auth_manager())
    return may_use(as_connection(one.conn_id, one.saved), person)


@router.get("/connections/new", dependencies=[_may_add])
def new(user: GetUserDep, frame: FrameDep) -> Response:
    """Show the form of a new connection. Who adds it may use it: tasks of some Airflows know no administrators."""
    return _page(Form(users=user.get_name()), Shown(redirect_uri=_redirect_uri()), frame)


@router.post("/connections/new", dependencies=[_may_add])
def add(user: GetUserDep, frame: FrameDep, posted: PostedDep) -> Response:
    """Add a connection, with the agreement to data privacy."""
    form = Form.posted(posted)
    problems = dict(form.problems(None))
    if not problems and _exists(form.conn_id):
        problems["conn_id"] = PROBLEMS["taken"]
    if problems:
        return _page(form, Shown(redirect_uri=_redirect_uri(), errors=problems), frame)
    made = form.changed(SavedConnection())
    made.extra.update(agreed_fields(_agreement(user)))
    with create_session() as session:
        write_connection(form.conn_id, made, session)
    log.info("%s added the connection %s and agreed to data privacy", user.get_name(), form.conn_id)
    return see(f"{_path(form.conn_id)}?lang={frame.language.code}")


@router.get("/connection/{connection_id}", dependencies=[_may_change])
def connection(
    connection_id: ConnectionId, session: SessionDep, user: GetUserDep, frame: FrameDep
) -> Response:
    """Show one connection: its form, its agreement, its sign-in."""
    found = _found(connection_id, session)
    return _page(Form.of(found), _shown(found, user), frame)


@router.post("/connection/{connection_id}", dependencies=[_may_change])
def change(connection_id: ConnectionId, user: GetUserDep, frame: FrameDep, posted: PostedDep) -> Response:
    """Save the form, agree or withdraw, change to REST, or test the connection: the field `action` says which."""
    with create_session() as session:
        found = _found(connection_id, session)
    match posted.text("action"):
        case "agree":
            _write(connection_id, agreed_fields(_agreement(user)))
        case "withdraw":
            _write(connection_id, withdrawn_fields(recorded_name(user.get_name()), datetime.now(UTC)))
        case "to-rest":
            with create_session() as session:
                change_to_rest(connection_id, session)
        case "test":
            works, words = MicrosoftAdvertisingHook(connection_id).test_connection()
            result = {"success": words} if works else {"failure": words}
            return _page(Form.of(found), _shown(found, user, **result), frame)
        case _:
            form = Form.posted(posted, connection_id)
            if problems := form.problems(found.saved or SavedConnection()):
                return _page(form, _shown(found, user, errors=problems), frame)
            with create_session() as session:
                write_connection(connection_id, form.changed(found.saved or SavedConnection()), session)
    done = _DONE.get(posted.text("action"), "changed")
    log.info("%s %s the connection %s", user.get_name(), done, connection_id)
    return see(f"{_path(connection_id)}?lang={frame.language.code}")


# --- Sign-in -----------------------------------------------------------------------------------------------


@router.post("/connection/{connection_id}/sign-in", dependencies=[_may_change])
def sign_in(connection_id: ConnectionId, user: GetUserDep) -> Response:
    """Begin a sign-in: answer with the address of the authority's page, which a script opens."""
    try:
        address, begun = signing_in.begin(connection_id, user.get_id())
    except CustomerMatchError as error:
        return JSONResponse({"failure": without_addresses(str(error))}, status.HTTP_422_UNPROCESSABLE_CONTENT)
    answer = JSONResponse({"address": address})
    answer.set_cookie(
        signing_in.COOKIE,
        begun.sealed(),
        max_age=signing_in.SECONDS,
        path=_OF_COOKIE,
        secure=airflow_url().startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/connections/signed-in")
def returned(_: GetUserDep, frame: FrameDep) -> Response:
    """Show the page that the browser comes back to. Its script posts the answer, which no server has seen yet."""
    return with_script(return_html(None, frame), frame)


@router.post("/connections/signed-in")
def signed_in(
    user: GetUserDep,
    frame: FrameDep,
    posted: PostedDep,
    cookie: Annotated[str | None, Cookie(alias=signing_in.COOKIE)] = None,
) -> Response:
    """Finish a sign-in, and let the user choose an account."""
    try:
        begun = signing_in.opened(cookie, user.get_id())
        if not is_allowed("PUT", user, begun.conn_id):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Airflow does not let you change this connection.")
        signing_in.finish(begun, {name: posted.text(name) for name in posted.values})
    except CustomerMatchError as error:
        page = return_html(without_addresses(str(error)), frame)
        answer = with_script(page, frame, status.HTTP_422_UNPROCESSABLE_CONTENT)
    else:
        log.info("%s signed in for the connection %s", user.get_name(), begun.conn_id)
        answer = see(f"{_path(begun.conn_id)}/account?lang={frame.language.code}")
    answer.delete_cookie(signing_in.COOKIE, path=_OF_COOKIE)
    return answer


@router.get("/connection/{connection_id}/account", dependencies=[_may_change])
def accounts(connection_id: ConnectionId, session: SessionDep, frame: FrameDep) -> Response:
    """Ask the service for the accounts that the user who signed in can reach, and show them."""
    return _accounts(_found(connection_id, session), frame)


@router.post("/connection/{connection_id}/account", dependencies=[_may_change])
def choose(connection_id: ConnectionId, user: GetUserDep, frame: FrameDep, posted: PostedDep) -> Response:
    """Save the account that the user has chosen."""
    try:
        choose_account(connection_id, posted.text("account"))
    except CustomerMatchError as error:
        with create_session() as session:
            return _accounts(_found(connection_id, session), frame, failure=without_addresses(str(error)))
    log.info("%s chose an account for the connection %s", user.get_name(), connection_id)
    return see(f"{_path(connection_id)}?lang={frame.language.code}")


def _accounts(found: ListedConnection, frame: Frame, failure: str | None = None) -> Response:
    try:
        reachable = reachable_accounts(found.conn_id)
    except CustomerMatchError as error:
        reachable, failure = (), without_addresses(str(error))
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if failure else status.HTTP_200_OK
    return with_script(accounts_html(found, reachable, failure, frame), frame, code)


# --- Removal -----------------------------------------------------------------------------------------------


@router.get("/connection/{connection_id}/remove", dependencies=[_may_remove])
def ask_to_remove(connection_id: ConnectionId, session: SessionDep, frame: FrameDep) -> Response:
    """Show which exports depend on a connection, and ask whether it shall be removed."""
    return with_script(removal_html(_found(connection_id, session), frame), frame)


@router.post("/connection/{connection_id}/remove", dependencies=[_may_remove])
def remove(connection_id: ConnectionId, user: GetUserDep, frame: FrameDep) -> Response:
    """Remove a connection and its renewed token. Exports that use it are detached: runs fail and say what to do."""
    with create_session() as session:
        _found(connection_id, session)
        remove_connection(connection_id, session)
    log.info("%s removed the connection %s", user.get_name(), connection_id)
    return see(f"{API_ROOT_PATH}customer-match/connections?lang={frame.language.code}")


# --- What the routes share ---------------------------------------------------------------------------------


def _path(conn_id: str) -> str:
    return f"{API_ROOT_PATH}customer-match/connection/{quote(conn_id, safe='')}"


def _found(conn_id: str, session: Session) -> ListedConnection:
    found = find_connection(conn_id, session)
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no connection {conn_id} here.")
    return found


def _exists(conn_id: str) -> bool:
    with create_session() as session:
        return session.scalar(select(Connection.id).where(Connection.conn_id == conn_id)) is not None


def _agreement(user: Any) -> PrivacyAgreement:
    return PrivacyAgreement(by=recorded_name(user.get_name()), on=datetime.now(UTC), text=current_text_id())


def _write(conn_id: str, fields: dict[str, str]) -> None:
    with create_session() as session:
        write_fields(conn_id, fields, session)


def _redirect_uri() -> str | None:
    try:
        return signing_in.redirect_uri()
    except ConfigurationError:
        return None


def _shown(found: ListedConnection, user: Any, **more: Any) -> Shown:
    may_remove = is_allowed("DELETE", user, found.conn_id)
    return Shown(found, _redirect_uri(), may_remove=may_remove, **more)


def _page(form: Form, shown: Shown, frame: Frame) -> Response:
    is_wrong = bool(shown.errors or shown.failure)
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if is_wrong else status.HTTP_200_OK
    return with_script(form_html(form, shown, frame), frame, code)
