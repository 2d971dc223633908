"""Checks whether Airflow has a connection, and whether the connection's extra fields have known names."""

from __future__ import annotations

import json
import os
import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.connection.place import variable_of
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE, get_provider_info
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
_STANDARD_FIELDS: Final = {"client_id": "Client ID (`login`)", "client_secret": "Client secret (`password`)"}
_OLD_PREFIX: Final = f"extra__{CONNECTION_TYPE}__"
"""How Airflow 2 named the fields of a form in Extra."""
_KEYS: Final = frozenset({"conn_type", "description", "login", "password", "host", "port", "schema", "extra"})
"""Keys of a connection in JSON."""


def check_fields(connection: Connection) -> list[str]:
    """Return the names of unknown extra fields that do not resemble a known one.

    Raises:
        ConfigurationError: A name resembles a known one. With `enviroment`, production would be used unnoticed.
    """
    known = set(get_provider_info()["connection-types"][0]["conn-fields"])
    unknown = [str(key) for key in connection.extra_dejson if key not in known]
    for key in unknown:
        word = re.sub("[^a-z0-9]+", "_", key.lower().removeprefix(_OLD_PREFIX))
        if word in _STANDARD_FIELDS:
            raise ConfigurationError(
                f"The Airflow connection {connection.conn_id!r} has the extra field {key!r}. Enter its value as "
                f"{_STANDARD_FIELDS[word]}, and remove it from Extra."
            )
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
    if variable := variable_of(conn_id):
        return ConfigurationError(
            f"The environment variable {variable} holds no connection that Airflow can read: "
            f"{_describe_fault(os.environ[variable].strip())}"
        )
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


def _describe_fault(text: str) -> str:
    """Say why Airflow cannot read a connection, and what to do. The text is not repeated: it holds secrets."""
    if not text.startswith("{"):
        return (
            "it is neither JSON nor a URI. In a URI, characters such as / # + % in values must be percent-encoded; in "
            "JSON they need no encoding."
        )
    try:
        values = json.loads(text)
    except ValueError as error:
        at = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return f"it is not valid JSON ({at}). Check quotes, commas and brackets there."
    if unknown := sorted(set(values) - _KEYS):
        return (
            f"the keys {', '.join(unknown)} are unknown. Known are {', '.join(sorted(_KEYS))}; all other fields of the "
            "form belong into the object `extra`."
        )
    return "one of its values has the wrong type: texts are in quotes, and `extra` is an object."
