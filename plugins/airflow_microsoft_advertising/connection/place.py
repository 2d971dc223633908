"""Where a connection is defined: in an environment variable, under Admin > Connections, or in a secrets backend."""

from __future__ import annotations

import os

__all__ = ["place_of", "variable_of"]


def variable_of(conn_id: str) -> str | None:
    """Return the environment variable that takes precedence over the connection; None if there is none."""
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    return name if os.environ.get(name) else None


def place_of(conn_id: str) -> str:
    """Return where a user corrects a connection: words that follow "Correct it"."""
    if variable := variable_of(conn_id):
        return f"in the environment variable {variable}"
    from airflow.sdk.configuration import conf  # noqa: PLC0415 (takes a second)

    backend = " or in the secrets backend" if conf.get("secrets", "backend", fallback="") else ""
    return f"under Admin > Connections{backend}"
