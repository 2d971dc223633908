"""Who may use a connection: users and roles that it names, and always those who may change it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_microsoft_advertising.connection.sharing import AirflowUser, Sharing, may_use, sharing_of

ANNA = AirflowUser("anna", frozenset({"User"}), is_administrator=False)
ADA = AirflowUser("ada", frozenset({"Admin"}), is_administrator=True)
ONLY_A_NAME = AirflowUser("anna")


def connection(**extra: Any) -> Connection:
    return Connection(conn_id="ads", conn_type="microsoft_advertising", extra=json.dumps(extra))


@pytest.mark.parametrize("extra", [{}, {"used_by": None}, {"used_by": " "}])
def test_a_connection_without_the_field_is_not_restricted(extra: dict[str, Any]) -> None:
    assert sharing_of(connection(**extra)) is None
    assert may_use(connection(**extra), ONLY_A_NAME)


@pytest.mark.parametrize(
    ("used_by", "user", "allowed"),
    [
        ("administrators", ADA, True),
        ("administrators", ANNA, False),
        ("administrators", ONLY_A_NAME, False),
        ("anna", ANNA, True),
        ("bob , anna", ONLY_A_NAME, True),
        ("Anna", ANNA, False),
        ("anna-maria", ANNA, False),
        ("role:user", ANNA, True),
        ("role: User", ANNA, True),
        ("role:User", ONLY_A_NAME, False),
        ("role:anna", ANNA, False),
        ("user", ANNA, False),
        ("role:Op", ADA, True),
        (",", ANNA, False),
    ],
)
def test_users_roles_and_administrators(used_by: str, user: AirflowUser, *, allowed: bool) -> None:
    assert may_use(connection(used_by=used_by), user) is allowed


def test_the_value_of_the_field_names_administrators_users_and_roles_in_order() -> None:
    sharing = Sharing.of(["role:User", "bob", " anna", ""])
    assert str(sharing) == "administrators, anna, bob, role:User"
    assert sharing_of(connection(used_by=str(sharing))) == sharing
