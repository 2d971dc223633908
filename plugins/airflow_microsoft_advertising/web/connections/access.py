"""What a user may do with connections, as dependencies of routes: Airflow's auth manager decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.connection import Connection
from fastapi import HTTPException, Path, status

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod

__all__ = ["ConnectionId", "is_allowed", "may", "may_add"]

ConnectionId = Annotated[str, Path(max_length=250)]


def is_allowed(method: ResourceMethod, user: Any, connection_id: str | None) -> bool:
    """Whether a user may do something with a connection; None: with connections as such."""
    team = Connection.get_team_name(connection_id) if connection_id else None
    details = ConnectionDetails(conn_id=connection_id, team_name=team)
    return get_auth_manager().is_authorized_connection(method=method, details=details, user=user)


def may(method: ResourceMethod) -> Callable[..., None]:
    """Make the dependency of a route that refuses users who may not do something with its connection.

    Airflow's own (`requires_access_connection`) reads the body as JSON if there are teams; these pages send forms.
    """

    def check(connection_id: ConnectionId, user: GetUserDep) -> None:
        if not is_allowed(method, user, connection_id):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Airflow does not let you change this connection.")

    return check


def may_add(user: GetUserDep) -> None:
    """Refuse users who may not add connections.

    Raises:
        HTTPException: 403.
    """
    if not is_allowed("POST", user, None):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Airflow does not let you add connections.")
