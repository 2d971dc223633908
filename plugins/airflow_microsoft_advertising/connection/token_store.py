"""Where the newest refresh token of a connection is kept: in an Airflow Variable.

Tasks and triggers may write Variables, but no connections. Airflow encrypts Variables in its metadata database,
and hides the values of those whose names speak of a token from its pages and logs.

The Variable's name follows from the refresh token that stands on the connection, so that a token of an earlier
sign-in is never used once a human has signed in again, while connections that share a sign-in share its renewals,
also the nameless copy that the button *Test* makes of a connection.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from airflow.sdk import Connection

from customer_match.redaction import logger
from microsoft_advertising.account import Account

__all__ = ["VariableTokenStore", "token_store", "variable_name"]

NAME = "microsoft_advertising_refresh_token"

log = logger(__name__)


def token_store(connection: Connection, account: Account) -> VariableTokenStore:
    """The store for a connection."""
    name = variable_name(account.client_id, account.refresh_token.get_secret_value())
    return VariableTokenStore(name, connection.conn_id, account.client_id)


def variable_name(client_id: str, refresh_token: str) -> str:
    """Of the Variable that keeps the successors of a refresh token. It does not give the token away."""
    fingerprint = hashlib.sha256(f"{client_id}\n{refresh_token}".encode()).hexdigest()[:16]
    return f"{NAME}_{fingerprint}"


class VariableTokenStore:
    """Keeps a refresh token as an Airflow Variable; see `TokenStore`.

    Works in tasks, in the triggerer, in the API server and on the command line.

    Args:
        name: Of the Variable.
        conn_id: The connection, for warnings.
        client_id: The application, for people who meet the Variable. (Not the connection: several may share it.)
    """

    def __init__(self, name: str, conn_id: str, client_id: str) -> None:
        self._name = name
        self._conn_id = conn_id
        self._description = (
            f"Renewed sign-in to Microsoft Advertising of application {client_id}; kept by the hook."
        )

    def load(self) -> str | None:
        """The token that was stored last; None, with a warning, if it cannot be read."""
        try:
            token: str | None = _get(self._name)
        except Exception as error:  # noqa: BLE001 (the connection's own token may do)
            log.warning(
                "The Airflow Variable %s cannot be read (%s): the refresh token of the connection %r is used "
                "as it stands there. A renewed one may be newer.",
                self._name, type(error).__name__, self._conn_id,
            )  # fmt: skip
            return None
        if token:
            _mask(token)
        return token or None

    def save(self, refresh_token: str) -> None:
        """Store a token; warns if it cannot be."""
        _mask(refresh_token)
        try:
            _set(self._name, refresh_token, self._description)
        except Exception as error:  # noqa: BLE001 (the token in hand is good, whatever becomes of its copy)
            log.warning(
                "The renewed refresh token of the connection %r could not be kept in the Airflow Variable %s "
                "(%s). The one before stays valid for some time (Microsoft documents no fixed one). Allow tasks "
                "to write Variables, or sign in again from time to time (`customer-match login`).",
                self._conn_id, self._name, type(error).__name__,
            )  # fmt: skip


def _by_supervisor() -> bool:
    """Whether this is a task or a trigger, which reach Airflow through their supervisor only.

    Airflow's own models tell it in the same way (airflow/models/variable.py, 3.3).
    """
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(runner, "SUPERVISOR_COMMS", None) is not None


def _get(name: str) -> Any:
    if _by_supervisor():
        from airflow.sdk import Variable  # noqa: PLC0415 (either this one or the other)

        return Variable.get(name, default=None)
    from airflow.models.variable import Variable as Row  # noqa: PLC0415 (imports the metadata database)

    return Row.get(name, default_var=None)


def _set(name: str, value: str, description: str) -> None:
    if _by_supervisor():
        from airflow.sdk import Variable  # noqa: PLC0415

        Variable.set(name, value, description)
        return
    from airflow.models.variable import Variable as Row  # noqa: PLC0415

    Row.set(name, value, description)


def _mask(token: str) -> None:
    """Keep it out of every log, whatever may come to print it."""
    from airflow.sdk.log import mask_secret  # noqa: PLC0415 (sets logging up)

    mask_secret(token)
