"""What Airflow's metadata database knows of the connections to Microsoft Advertising. No service is asked."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow.models.connection import Connection
from airflow.models.dag import DagModel, DagTag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.variable import Variable
from airflow.sdk import Connection as TaskConnection
from sqlalchemy import select

from airflow_microsoft_advertising.connection.consent import agreement_of
from airflow_microsoft_advertising.connection.fields import uses_soap
from airflow_microsoft_advertising.connection.place import variable_of
from airflow_microsoft_advertising.connection.sharing import Sharing, sharing_of
from airflow_microsoft_advertising.connection.writer import (
    SavedConnection,
    read_connection,
    renewed_token_name,
    saved_ids,
)
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE
from airflow_microsoft_advertising.tags import TAG
from customer_match.errors import ConfigurationError
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from customer_match.data_privacy import PrivacyAgreement

__all__ = [
    "Dependent",
    "ListedConnection",
    "as_connection",
    "connections_of",
    "dependents",
    "find_connection",
    "list_connections",
]

_UPLOAD: Final = "segment.upload"
"""The task of an export's DAG whose arguments name the connection."""


class Dependent(NamedTuple):
    """An export that uses a connection: its DAG and its title."""

    dag_id: str
    title: str


@dataclass(frozen=True)
class ListedConnection:
    """One connection.

    Attributes:
        conn_id: Its id.
        saved: Its fields, with secrets, which no page shows; None if they cannot be read.
        sharing: With whom it is shared; None: not restricted.
        agreement: The agreement to data privacy; None without one.
        fault: What is wrong with its fields; None normally.
        signed_in_on: When a user signed in for it, UTC; None if it is not known.
        is_renewed: Whether its tokens were renewed since.
        variable: The environment variable that takes precedence over it here; None if there is none.
        exports: The exports that use it.
    """

    conn_id: str
    saved: SavedConnection | None
    sharing: Sharing | None = None
    agreement: PrivacyAgreement | None = None
    fault: str | None = None
    signed_in_on: datetime | None = None
    is_renewed: bool = False
    variable: str | None = None
    exports: tuple[Dependent, ...] = ()

    @property
    def name(self) -> str:
        """Its display name; without one, its id."""
        return (self.saved.description if self.saved else None) or self.conn_id

    @property
    def is_signed_in(self) -> bool:
        """Whether it has a refresh token."""
        return bool(self.field("refresh_token"))

    @property
    def uses_soap(self) -> bool:
        """Whether it is among those that have to be changed before SOAP ends."""
        return self.saved is not None and uses_soap(self.saved.extra)

    def field(self, name: str) -> str:
        """A field of the extra; empty if it has none."""
        return str(self.saved.extra.get(name) or "") if self.saved else ""


def list_connections(session: Session) -> list[ListedConnection]:
    """List all connections to Microsoft Advertising, by name."""
    using = dependents(session)
    found = [_listed(conn_id, using.get(conn_id, ()), session) for conn_id in saved_ids(session)]
    return sorted(found, key=lambda one: (one.name.casefold(), one.conn_id))


def find_connection(conn_id: str, session: Session) -> ListedConnection | None:
    """Find one connection; None if there is none of this id and of our type."""
    query = select(Connection.conn_id).where(
        Connection.conn_type == CONNECTION_TYPE, Connection.conn_id == conn_id
    )
    if session.scalar(query) is None:
        return None
    return _listed(conn_id, dependents(session).get(conn_id, ()), session)


def as_connection(conn_id: str, saved: SavedConnection) -> TaskConnection:
    """Return saved fields as the kind of connection that the rules read."""
    return TaskConnection(
        conn_id=conn_id, conn_type=CONNECTION_TYPE, login=saved.client_id, extra=json.dumps(saved.extra)
    )


def _listed(conn_id: str, exports: Sequence[Dependent], session: Session) -> ListedConnection:
    variable = variable_of(conn_id)
    try:
        saved = read_connection(conn_id, session)
    except ConfigurationError as error:
        return ListedConnection(conn_id, None, fault=str(error), variable=variable, exports=tuple(exports))
    assert saved is not None  # noqa: S101 (it was found, and is of our type)
    connection, agreement, fault = as_connection(conn_id, saved), None, None
    try:
        agreement = agreement_of(connection)
    except ConfigurationError as error:
        fault = without_addresses(str(error))
    return ListedConnection(
        conn_id,
        saved,
        sharing=sharing_of(connection),
        agreement=agreement,
        fault=fault,
        signed_in_on=_moment(saved.extra.get("signed_in_on")),
        is_renewed=_is_renewed(saved, session),
        variable=variable,
        exports=tuple(exports),
    )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _is_renewed(saved: SavedConnection, session: Session) -> bool:
    name = renewed_token_name(saved)
    return name is not None and session.scalar(select(Variable.id).where(Variable.key == name)) is not None


def dependents(session: Session) -> Mapping[str, Sequence[Dependent]]:
    """Return the exports that use each connection, by title; what other DAGs use is not known."""
    of_exports = select(DagTag.dag_id).where(DagTag.name == TAG)
    query = select(DagModel).where(DagModel.dag_id.in_(of_exports), DagModel.is_stale.is_(False))
    titles = {dag.dag_id: dag.dag_display_name for dag in session.scalars(query)}
    found: dict[str, list[Dependent]] = defaultdict(list)
    for dag_id, conn_id in connections_of(titles, session).items():
        found[conn_id].append(Dependent(dag_id, titles[dag_id]))
    return {conn_id: sorted(exports, key=lambda one: one.title) for conn_id, exports in found.items()}


def connections_of(dag_ids: Collection[str], session: Session) -> dict[str, str]:
    """Return the id of the connection of each export that names one.

    The DAGs are read as they are stored: making objects of them would take ten times as long.
    """
    stored = SerializedDagModel.get_latest_serialized_dags(dag_ids=list(dag_ids), session=session)
    return {str(one.dag_id): conn_id for one in stored if (conn_id := _connection_of(one.data))}


def _connection_of(data: Any) -> str | None:
    tasks = (data or {}).get("dag", {}).get("tasks", ())
    values = (task.get("__var", task) for task in tasks)
    return next(
        (one.get("microsoft_advertising_conn_id") for one in values if one.get("task_id") == _UPLOAD), None
    )
