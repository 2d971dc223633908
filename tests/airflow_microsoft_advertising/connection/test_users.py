"""What the auth managers tell about users: in requests with the user, in tasks with the name alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from airflow_microsoft_advertising.connection.sharing import AirflowUser
from airflow_microsoft_advertising.connection.users import airflow_user, user_named

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"


@pytest.fixture(autouse=True)
def _users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ada:admin,otto:op,anna:user,vera:viewer")


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize(
    ("role", "changes"), [("admin", True), ("op", True), ("user", False), ("viewer", False)]
)
def test_the_user_of_a_request(role: str, *, changes: bool) -> None:
    user = SimpleAuthManagerUser(username="anna", role=role)
    found = airflow_user(user, "ads", SimpleAuthManager())
    assert found == AirflowUser("anna", frozenset({role}), is_administrator=changes)


@pytest.mark.usefixtures("airflow_db")
def test_a_user_with_several_roles_as_fab_has_them() -> None:
    roles = [SimpleNamespace(name="Marketing"), SimpleNamespace(name="Viewer")]
    user = SimpleNamespace(get_name=lambda: "anna", roles=roles)
    manager = SimpleNamespace(is_authorized_connection=lambda **_: False)
    found = airflow_user(user, "ads", manager)  # type: ignore[arg-type]  # what is used of it
    assert found == AirflowUser("anna", frozenset({"Marketing", "Viewer"}), is_administrator=False)


@pytest.mark.parametrize(
    ("name", "roles", "changes"),
    [("ada", {"admin"}, True), ("otto", {"op"}, True), ("anna", {"user"}, False), ("nobody", (), False)],
)
def test_a_name_in_a_task_with_the_simple_auth_manager(name: str, roles: set[str], *, changes: bool) -> None:
    assert user_named(name, "ads") == AirflowUser(name, frozenset(roles), is_administrator=changes)


def test_where_all_are_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    assert user_named("Anonymous", "ads").is_administrator


def test_of_other_auth_managers_a_task_knows_the_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", FAB)
    assert user_named("ada", "ads") == AirflowUser("ada", None, is_administrator=None)
