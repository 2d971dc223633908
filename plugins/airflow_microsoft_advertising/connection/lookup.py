"""Checks whether Airflow has a connection, and whether the connection's extra fields have known names."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.provider_info import get_provider_info
from customer_match.errors import ConfigurationError, TransientError

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["check_fields", "missing_connection"]

_OTHER_NAMES: Final = {
    "cid": "customer_id",
    "aid": "account_id",
    "url": "base_url",
    "host": "base_url",  # not the similar `hosts`: the hosts in that field receive tokens
    "env": "environment",
}


def check_fields(connection: Connection) -> list[str]:
    """Return the names of unknown extra fields that do not resemble a known one.

    Raises:
        ConfigurationError: A name resembles a known one. With `enviroment`, production would be used unnoticed.
    """
    known = set(get_provider_info()["connection-types"][0]["conn-fields"])
    unknown = [str(key) for key in connection.extra_dejson if key not in known]
    for key in unknown:
        word = re.sub("[^a-z0-9]+", "_", key.lower())
        near = [_OTHER_NAMES[word]] if word in _OTHER_NAMES else get_close_matches(word, known, 1, 0.75)
        if near:
            raise ConfigurationError(
                f"The Airflow connection {connection.conn_id!r} has an unknown extra field {key!r}. "
                f"Rename it to {near[0]!r}, or remove it."
            )
    return unknown


def missing_connection(conn_id: str, advice: str) -> ConfigurationError | TransientError:
    """Return the error for a connection that Airflow's lookup did not find.

    The lookup also says "not found" if the api-server did not answer (observed: Airflow 3.3.2), and then no operator
    needs to act. So this asks once more, without the lookup, in a way that distinguishes the two cases.

    Args:
        conn_id: The connection.
        advice: What to do if there is none: a sentence or two.
    """
    if _is_missing(conn_id):
        return ConfigurationError(f"There is no Airflow connection {conn_id!r}. {advice}")
    return TransientError(f"Airflow's api-server did not answer the request for the connection {conn_id!r}.")


def _is_missing(conn_id: str) -> bool:
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    supervisor = getattr(runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:  # neither a task nor a trigger: only these ask the api-server
        return True
    from airflow.sdk.exceptions import ErrorType  # noqa: PLC0415 (loaded only if there is a supervisor)
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection  # noqa: PLC0415

    try:
        answer = supervisor.send(GetConnection(conn_id=conn_id))
    except Exception:  # noqa: BLE001 (whatever the error: it does not say that the connection is missing)
        return False
    return isinstance(answer, ErrorResponse) and answer.error is ErrorType.CONNECTION_NOT_FOUND
