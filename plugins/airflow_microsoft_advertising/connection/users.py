"""What Airflow's auth manager tells about a user: for requests to the API server, and by name in tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.connection.sharing import AirflowUser

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager

__all__ = ["airflow_user", "user_named"]

_SIMPLE: Final = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


def airflow_user(user: Any, conn_id: str, manager: BaseAuthManager[Any]) -> AirflowUser:
    """Describe the user of a request to the API server.

    Args:
        user: As `GetUserDep` gives it; each auth manager has a class of its own.
        conn_id: The connection that the user wants to use.
        manager: Airflow's auth manager.
    """
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails  # noqa: PLC0415
    from airflow.models.connection import Connection  # noqa: PLC0415 (in the API server only)

    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    changes = manager.is_authorized_connection(method="PUT", details=details, user=user)
    return AirflowUser(user.get_name(), _roles(user), is_administrator=changes)


def _roles(user: Any) -> frozenset[str]:
    """Names of the roles: the simple auth manager knows one, FAB several, others none."""
    one = getattr(user, "role", None)
    several = getattr(user, "roles", None) or ()
    return frozenset([str(one)] * bool(one)) | {str(getattr(role, "name", role)) for role in several}


def user_named(name: str, conn_id: str) -> AirflowUser:
    """Describe a user in a task, where only the name is known.

    Only the simple auth manager has its users in Airflow's settings, which tasks can read; others keep them in the
    metadata database or elsewhere.
    """
    from airflow.sdk.configuration import conf  # noqa: PLC0415 (takes a second)

    if conf.get("core", "auth_manager", fallback=_SIMPLE) != _SIMPLE:
        return AirflowUser(name)
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails  # noqa: PLC0415
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager  # noqa: PLC0415

    if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
        return AirflowUser(name, frozenset(), is_administrator=True)
    user = next((one for one in SimpleAuthManager.get_users() if one.username == name), None)
    if user is None:
        return AirflowUser(name, frozenset(), is_administrator=False)
    manager: BaseAuthManager[Any] = SimpleAuthManager()  # type: ignore[no-untyped-call]
    details = ConnectionDetails(conn_id=conn_id)
    changes = manager.is_authorized_connection(method="PUT", details=details, user=user)
    return AirflowUser(name, _roles(user), is_administrator=changes)
