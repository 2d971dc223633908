"""Finds the connections that use SOAP, wherever they are defined, and changes those in the metadata database to REST.

Airflow asks the secrets backend first, then the environment, then the metadata database. All three are looked at,
because a definition that another one hides today may be used tomorrow. A backend cannot be listed, so it is asked for
given ids only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.connection.fields import uses_soap
from airflow_microsoft_advertising.connection.writer import read_connection, saved_ids, write_fields
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE
from customer_match.errors import ConfigurationError
from microsoft_advertising.transport.choice import TransportName

if TYPE_CHECKING:
    from airflow.secrets import BaseSecretsBackend
    from sqlalchemy.orm import Session

__all__ = ["Definition", "Place", "change_to_rest", "definitions"]

_PREFIX: Final = "AIRFLOW_CONN_"


class Place(StrEnum):
    """Where a connection is defined."""

    BACKEND = "secrets backend"
    ENVIRONMENT = "environment variable"
    DATABASE = "metadata database"


@dataclass(frozen=True)
class Definition:
    """A definition of a connection to Microsoft Advertising.

    Attributes:
        conn_id: The id of the connection.
        place: Where it is defined.
        name: The variable, or the class of the backend; empty for the database.
        transport: Its transport; None if it cannot be read.
        fault: Why it cannot be read; None normally.
    """

    conn_id: str
    place: Place
    name: str = ""
    transport: TransportName | None = None
    fault: str | None = None


def definitions(session: Session, conn_ids: Iterable[str], *, and_all: bool) -> list[Definition]:
    """Find definitions by id.

    Args:
        session: Of the metadata database.
        conn_ids: Ids to look for everywhere.
        and_all: Whether to find all others in the database and in the environment, too.
    """
    wanted = set(conn_ids)
    saved, variables = saved_ids(session), _variables()
    if and_all:
        wanted |= set(saved)
    found = [_of_database(conn_id, session) for conn_id in saved if conn_id in wanted]
    upper = {conn_id.upper(): conn_id for conn_id in sorted(wanted)}
    for name, text in variables.items():
        of = name.removeprefix(_PREFIX)
        one = _of_variable(upper.get(of, of.lower()), name, text) if and_all or of in upper else None
        if one and (of in upper or not one.fault):  # a text that nobody can read may be of any type
            found.append(one)
    found += [one for conn_id in sorted(wanted) for one in _of_backends(conn_id)]
    return sorted(found, key=lambda one: (one.conn_id, list(Place).index(one.place)))


def change_to_rest(conn_id: str, session: Session) -> None:
    """Change a connection in the metadata database to REST, and nothing else of it.

    Raises:
        ConfigurationError: The database has no such connection, or it cannot be read.
    """
    write_fields(conn_id, {"transport": TransportName.REST.value}, session)


def _of_database(conn_id: str, session: Session) -> Definition:
    try:
        saved = read_connection(conn_id, session)
    except ConfigurationError as error:
        return Definition(conn_id, Place.DATABASE, fault=str(error))
    return Definition(conn_id, Place.DATABASE, transport=_transport(saved.extra if saved else {}))


def _variables() -> Mapping[str, str]:
    return {
        name: os.environ[name] for name in sorted(os.environ) if name.startswith(_PREFIX) and os.environ[name]
    }


def _of_variable(conn_id: str, name: str, text: str) -> Definition | None:
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend  # noqa: PLC0415

    backend = EnvironmentVariablesBackend()
    return _read(conn_id, Place.ENVIRONMENT, name, partial(backend.deserialize_connection, conn_id, text))


def _of_backends(conn_id: str) -> list[Definition]:
    found = (
        _read(conn_id, Place.BACKEND, name, partial(backend.get_connection, conn_id))
        for name, backend in _backends().items()
    )
    return [one for one in found if one]


def _backends() -> Mapping[str, BaseSecretsBackend]:
    """The secrets backends that an administrator has set for Airflow and for its workers, by the class."""
    from airflow.configuration import get_custom_secret_backend  # noqa: PLC0415
    from airflow.models.connection import Connection  # noqa: PLC0415

    found = {}
    for backend in (get_custom_secret_backend(), get_custom_secret_backend(worker_mode=True)):
        if backend is not None:
            backend._set_connection_class(Connection)  # noqa: SLF001 (as Airflow does before it asks one)
            found[type(backend).__name__] = backend
    return found


def _read(conn_id: str, place: Place, name: str, get: Callable[[], Any]) -> Definition | None:
    """Read a definition; None if there is none, or it is of another type."""
    try:
        connection = get()
        if connection is None or connection.conn_type != CONNECTION_TYPE:
            return None
        return Definition(conn_id, place, name, _transport(connection.extra_dejson))
    except Exception as error:  # noqa: BLE001 (a backend may raise anything; a variable may hold anything)
        return Definition(conn_id, place, name, fault=type(error).__name__)


def _transport(extra: Mapping[str, Any]) -> TransportName:
    return TransportName.SOAP if uses_soap(extra) else TransportName.REST
