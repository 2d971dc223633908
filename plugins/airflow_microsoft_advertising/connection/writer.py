"""Reads and writes an Airflow connection in the metadata database, for commands and pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_microsoft_advertising.connection.port import PORT
from airflow_microsoft_advertising.connection.token_store import VARIABLE_PREFIX, variable_name
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE
from customer_match.errors import ConfigurationError
from customer_match.redaction import logger
from microsoft_advertising.pasted import trim

if TYPE_CHECKING:
    from airflow.models.connection import Connection
    from sqlalchemy.orm import Session

__all__ = [
    "SavedConnection",
    "Written",
    "read_connection",
    "remove_connection",
    "renewed_token_name",
    "saved_ids",
    "write_connection",
    "write_fields",
]

log = logger(__name__)


@dataclass(frozen=True)
class SavedConnection:
    """The fields of a connection that a sign-in reads or changes.

    Attributes:
        client_id: Client id of the app registration.
        client_secret: Its secret; empty for a public application.
        extra: The other fields of the form by name, including secrets.
        description: The connection's description, which pages show as its name; None: do not change it.
    """

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)
    description: str | None = None


@dataclass(frozen=True)
class Written:
    """Result of writing a connection.

    Attributes:
        made: Whether the connection is new.
        encrypted: Whether its secrets are encrypted in the metadata database.
    """

    made: bool
    encrypted: bool


def saved_ids(session: Session) -> list[str]:
    """Return the ids of all connections to Microsoft Advertising in the metadata database.

    Raises:
        ConfigurationError: The metadata database cannot be read.
    """
    from airflow.models.connection import Connection  # noqa: PLC0415 (imports the metadata database)
    from sqlalchemy import select  # noqa: PLC0415

    query = select(Connection.conn_id).where(Connection.conn_type == CONNECTION_TYPE)
    with _reading():
        return sorted(map(str, session.scalars(query)))


def read_connection(conn_id: str, session: Session) -> SavedConnection | None:
    """Read a connection; None if there is none.

    Raises:
        ConfigurationError: It is of another type, or the metadata database or the secrets cannot be read.
    """
    row = _row(conn_id, session)
    if row is None:
        return None
    if row.conn_type != CONNECTION_TYPE:
        raise ConfigurationError(
            f"The Airflow connection {conn_id!r} is of type {row.conn_type!r}, not {CONNECTION_TYPE!r}. "
            "Name another connection with `--connection`."
        )
    with _decrypting(conn_id):
        extra = dict(row.extra_dejson)
        return SavedConnection(row.login or "", row.password or "", extra=extra, description=row.description)


def write_connection(conn_id: str, new: SavedConnection, session: Session) -> Written:
    """Create or change a connection. Fields that `new` does not name do not change, except a missing port.

    If the sign-in changes, the renewed token of the previous one is deleted, unless another connection has that too.
    """
    from airflow.models.connection import Connection  # noqa: PLC0415 (imports the metadata database)

    before, row = read_connection(conn_id, session), _row(conn_id, session)
    if row is None:
        row = Connection(conn_id=conn_id, conn_type=CONNECTION_TYPE, description="Microsoft Advertising")
        session.add(row)
    if new.description is not None:
        row.description = new.description
    row.login, row.port = new.client_id, row.port or PORT
    row.set_password(new.client_secret)
    row.set_extra(json.dumps({**(before.extra if before else {}), **new.extra}))
    if before:
        _forget_renewed_token(before, session)
    return Written(made=before is None, encrypted=bool(row.is_extra_encrypted))


def write_fields(conn_id: str, fields: Mapping[str, str], session: Session) -> None:
    """Change some fields in the extra of a connection, and nothing else of it.

    Raises:
        ConfigurationError: The metadata database has no such connection, or one of another type; or it cannot be read.
    """
    saved, row = read_connection(conn_id, session), _row(conn_id, session)
    if saved is None or row is None:
        raise ConfigurationError(
            f"Airflow's metadata database has no connection {conn_id!r}. Create it (`customer-match login`); if a "
            "secrets backend defines it, change its fields there."
        )
    row.set_extra(json.dumps({**saved.extra, **fields}))


def remove_connection(conn_id: str, session: Session) -> None:
    """Remove a connection, and the renewed token of its sign-in unless another connection has the same sign-in.

    The connection may have secrets that cannot be decrypted; a warning then says that the renewed token remains.
    """
    from airflow.models.connection import Connection  # noqa: PLC0415
    from sqlalchemy import delete  # noqa: PLC0415

    try:
        before = read_connection(conn_id, session)
    except ConfigurationError:
        log.warning(
            "The secrets of the connection %r cannot be decrypted, so its renewed refresh token, if there is one, was "
            "not found. Delete Variables that begin with %s and that no connection uses.",
            conn_id, VARIABLE_PREFIX,
        )  # fmt: skip
        before = None
    session.execute(delete(Connection).where(Connection.conn_id == conn_id))
    if before:
        _forget_renewed_token(before, session)


def renewed_token_name(saved: SavedConnection) -> str | None:
    """Return the name of the Variable for the renewed token of a connection; None without a sign-in."""
    token = trim(str(saved.extra.get("refresh_token") or ""))
    return variable_name(trim(saved.client_id), token) if token else None


def _forget_renewed_token(before: SavedConnection, session: Session) -> None:
    """Delete the Variable of a connection that was changed or removed, if no saved connection uses it any more."""
    from airflow.models.variable import Variable  # noqa: PLC0415

    session.flush()
    if (name := renewed_token_name(before)) and name not in _renewed_names(session):
        Variable.delete(name, session=session)


def _renewed_names(session: Session) -> set[str | None]:
    """Return the names for all saved connections; those that cannot be decrypted use none."""
    names = set()
    for conn_id in saved_ids(session):
        with suppress(ConfigurationError):
            saved = read_connection(conn_id, session)
            names.add(renewed_token_name(saved) if saved else None)
    return names


def _row(conn_id: str, session: Session) -> Connection | None:
    from airflow.models.connection import Connection  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    with _reading(), _decrypting(conn_id):
        return session.scalars(select(Connection).where(Connection.conn_id == conn_id)).one_or_none()


@contextmanager
def _reading() -> Iterator[None]:
    """Translate errors of the metadata database."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"Airflow's metadata database cannot be read ({type(error).__name__}). Run `airflow db migrate`, "
            "and run this command with the same settings as Airflow (AIRFLOW_HOME, AIRFLOW__DATABASE__…)."
        ) from None  # the cause may show the database's address


@contextmanager
def _decrypting(conn_id: str) -> Iterator[None]:
    """Translate errors of decryption. Airflow decrypts the password when it loads a row, and other fields on access."""
    from airflow.sdk.exceptions import AirflowException  # noqa: PLC0415
    from cryptography.fernet import InvalidToken  # noqa: PLC0415

    try:
        yield
    except (AirflowException, InvalidToken, ValueError) as error:
        raise ConfigurationError(
            f"The secrets of the Airflow connection {conn_id!r} cannot be decrypted ({type(error).__name__}). Run "
            "this command with Airflow's own Fernet key ([core] fernet_key), or delete the connection."
        ) from None  # the cause may show what was saved
