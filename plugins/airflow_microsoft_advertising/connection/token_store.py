"""Stores the newest refresh token of a connection in an Airflow Variable.

Tasks and triggers may write Variables, but not connections. Airflow encrypts Variables in its metadata database, and
hides the values of those with "token" in their names on its pages and in logs.

The Variable's name is derived from the refresh token of the connection. So after a new sign-in, a token of an earlier
one is never used. Connections that share a sign-in share its renewed tokens, including the copy without a name that
the button *Test* makes of a connection.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Final

from airflow.sdk import Connection

from airflow_microsoft_advertising.connection.metadata_database import has_metadata_database
from airflow_microsoft_advertising.connection.variables import (
    has_supervisor,
    mask,
    read_variable,
    write_variable,
)
from customer_match.redaction import logger
from microsoft_advertising.account import Account

__all__ = ["VARIABLE_PREFIX", "VariableTokenStore", "token_store", "variable_name"]

VARIABLE_PREFIX: Final = "microsoft_advertising_refresh_token"

log = logger(__name__)


def token_store(connection: Connection, account: Account) -> VariableTokenStore:
    """Return the token store of a connection."""
    name = variable_name(account.client_id, account.refresh_token.get_secret_value())
    return VariableTokenStore(name, connection.conn_id, account.client_id)


def variable_name(client_id: str, refresh_token: str) -> str:
    """Return the name of the Variable for the successors of a refresh token. It does not reveal the token."""
    fingerprint = hashlib.sha256(f"{client_id}\n{refresh_token}".encode()).hexdigest()[:16]
    return f"{VARIABLE_PREFIX}_{fingerprint}"


class VariableTokenStore:
    """Stores a refresh token in an Airflow Variable; see `TokenStore`.

    Works in tasks, in the triggerer, in the API server and on the command line.

    Args:
        name: Name of the Variable.
        conn_id: Id of the connection, for warnings.
        client_id: The application, for the Variable's description. (Several connections may share the Variable.)
    """

    def __init__(self, name: str, conn_id: str, client_id: str) -> None:
        self._name = name
        self._conn_id = conn_id
        self._description = f"Renewed refresh token of the application {client_id}, written by the hook."

    def load(self) -> str | None:
        """Return the token that was stored last; None if there is none, or, with a warning, if it cannot be read."""
        if not (has_supervisor() or has_metadata_database()):
            return None
        try:
            token = read_variable(self._name)
        except Exception as error:  # noqa: BLE001 (the connection's own token may work)
            log.warning(
                "The Airflow Variable %s cannot be read (%s). The refresh token from the connection %r is used, "
                "although the Variable may hold a newer one.",
                self._name, type(error).__name__, self._conn_id,
            )  # fmt: skip
            return None
        if token:
            mask(token)
        return token or None

    def save(self, refresh_token: str) -> None:
        """Store a token. If this fails, log a warning."""
        mask(refresh_token)
        if not (has_supervisor() or has_metadata_database()):
            _warn_of_no_database(self._conn_id)
            return
        try:
            write_variable(self._name, refresh_token, self._description)
        except Exception as error:  # noqa: BLE001 (the token is valid even if it cannot be stored)
            log.warning(
                "The renewed refresh token of the connection %r could not be stored in the Airflow Variable %s (%s). "
                "The previous one remains valid for some time (Microsoft documents no fixed lifetime). Allow tasks to "
                "write Variables, or sign in again from time to time (`customer-match login`).",
                self._conn_id, self._name, type(error).__name__,
            )  # fmt: skip


@functools.cache
def _warn_of_no_database(conn_id: str) -> None:
    """Warn once per process, because a run opens many clients."""
    log.warning(
        "The renewed refresh token of the connection %r is not stored: Airflow has no metadata database here. The "
        "previous one remains valid for some time (Microsoft documents no fixed lifetime).",
        conn_id,
    )
