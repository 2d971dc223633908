"""The field Extra of a connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_microsoft_advertising.connection.place import place_of
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["field_error", "read_extra"]


def field_error(conn_id: str, field: str, what: str) -> ConfigurationError:
    """Return an error that says what is wrong with a field of a connection, and where to correct it."""
    return ConfigurationError(
        f"The Airflow connection {conn_id!r}: {field} {what}. Correct it {place_of(conn_id)}."
    )


def read_extra(connection: Connection) -> dict[str, Any]:
    """Return the content of Extra. Airflow itself would ignore a malformed one, and log a traceback.

    Raises:
        ConfigurationError: It is not a JSON object; the message does not repeat it, as it may hold a secret.
    """
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise field_error(connection.conn_id, "Extra", "is not a JSON object")
    return extra
