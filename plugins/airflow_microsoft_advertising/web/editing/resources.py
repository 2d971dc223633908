"""Which connections and folders a user may name in an export. The API server decides, whatever the form says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.models.connection import Connection
from sqlalchemy import select

from airflow_microsoft_advertising.connection.sharing import may_use, sharing_of
from airflow_microsoft_advertising.connection.users import airflow_user
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE
from airflow_microsoft_advertising.web.connection_lookup import find_connection
from airflow_microsoft_advertising.web.editing.spelling import expand
from customer_match.errors import ConfigurationError
from customer_match.export.yaml_document import Problem
from customer_match.project import PROJECT
from customer_match.redaction import may_be_address
from customer_match.storage.location_paths import parse_location

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from sqlalchemy.orm import Session

    from customer_match.export.model import Export

__all__ = ["Resources"]


@dataclass(frozen=True)
class Resources:
    """What a user may name.

    Attributes:
        user: The user, as `GetUserDep` gives it.
        manager: Airflow's auth manager.
        exports: The exports that the user may read: what they name may be named again.
    """

    user: Any
    manager: BaseAuthManager[Any]
    exports: Sequence[Export] = ()

    def connections(self, session: Session) -> list[str]:
        """Ids of the connections to Microsoft Advertising in the metadata database that the user may use."""
        query = select(Connection).where(Connection.conn_type == CONNECTION_TYPE).order_by(Connection.conn_id)
        return [str(one.conn_id) for one in session.scalars(query) if self._may_use(one)]

    def lakes(self) -> list[str]:
        """Ids of the connections of lakes that exports of the user name."""
        return sorted({id_ for export in self.exports for id_ in _lakes_of(export)})

    def problems(self, values: Mapping[str, Any], written: Mapping[str, Any]) -> list[Problem]:
        """What the user may not name.

        Args:
            values: The values of the export file.
            written: The values that the file had; what it named already may stay, except for a connection to
                Microsoft Advertising, which is checked each time.
        """
        found, before = expand(values), expand(written)
        result = list(self._of_connection(str(found.get("connection") or "")))
        for key in ("source", "workspace"):
            folder, old = found.get(key, {}), before.get(key, {})
            if folder.get("connection") != old.get("connection"):
                result += self.of_lake(f"{key}.connection", folder.get("connection"))
            if folder.get("root") != old.get("root"):
                result += self.of_folder(f"{key}.root", folder.get("root"))
        return result

    def of_lake(self, key: str, conn_id: object) -> Iterator[Problem]:
        """What is wrong with naming the connection of a lake: its secrets would be used for this user."""
        if not conn_id or conn_id in self.lakes():
            return
        details = ConnectionDetails(conn_id=str(conn_id), team_name=Connection.get_team_name(str(conn_id)))
        if not self.manager.is_authorized_connection(method="GET", details=details, user=self.user):
            yield Problem(
                None,
                key,
                "is a connection that you may not read in Airflow, and that no export of yours uses. Name another "
                "one, or ask an administrator",
            )

    def of_folder(self, key: str, root: object) -> Iterator[Problem]:
        """What is wrong with naming a local folder: it is read with the rights of Airflow's processes."""
        folder = _local_folder(root) if isinstance(root, str) else None
        if folder is None:
            return
        named = (one.root for export in self.exports for one in (export.source, export.workspace))
        allowed = [PROJECT.resolve(), *filter(None, map(_local_folder, named))]
        if not any(folder.is_relative_to(base) for base in allowed):
            yield Problem(
                None,
                key,
                f"is a folder outside of {PROJECT} that no export of yours uses. Name a folder of a lake, or have the "
                "export file written by somebody who may change the exports folder itself",
            )

    def owner(self, conn_id: str) -> str | None:
        """The owner of an export that the user adds with a connection; None if the export needs none.

        Scheduled runs act for the owner, so they stop when the connection is no longer shared with them. Administrators
        need not be named. No export file holds an address, so users whose names are addresses cannot be named.
        """
        connection = find_connection(conn_id) if conn_id else None
        if connection is None or sharing_of(connection) is None:
            return None
        person = airflow_user(self.user, conn_id, self.manager)
        return None if person.is_administrator or may_be_address(person.name) else person.name

    def _of_connection(self, conn_id: str) -> Iterator[Problem]:
        connection = find_connection(conn_id) if conn_id else None
        if connection is not None and not self._may_use(connection):
            yield Problem(
                None,
                "connection",
                "is a connection that is not shared with you. Choose another one, or ask an administrator to share it",
            )

    def _may_use(self, connection: Connection) -> bool:
        return may_use(connection, airflow_user(self.user, str(connection.conn_id), self.manager))


def _lakes_of(export: Export) -> Iterator[str]:
    yield from (one.connection for one in (export.source, export.workspace) if one.connection)


def _local_folder(root: str) -> Path | None:
    """The folder of a location, as far as it contains no date; None if it is not local, or not valid."""
    try:
        location = parse_location(root)
    except ConfigurationError:  # the loader says what is wrong with it
        return None
    if not location.is_local:
        return None
    return (PROJECT / Path(location.path.split("{{", 1)[0]).expanduser()).resolve()
