"""Looks a connection up as tasks do: in a secrets backend, the environment, and the metadata database."""

from __future__ import annotations

from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

__all__ = ["find_connection"]


def find_connection(conn_id: str) -> Connection | None:
    """Find a connection; None if the API server knows none of this id. Workers may still know one."""
    try:
        return Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return None
