"""The port of connections: the service uses none, but Airflow's page cannot test a connection that has none.

For an empty port the page of Airflow 3.3 sends 0 with *Test*. The API server takes that for another address than the
stored one, and answers 400 (apache/airflow pull request 73298, fixed in 3.4). So connections are saved with a port.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE

if TYPE_CHECKING:
    from airflow.models.connection import Connection

__all__ = ["PORT", "fill_in_ports"]

PORT: Final = 443
"""The port of HTTPS. Nothing reads it."""


def fill_in_ports() -> None:
    """Let this process save no connection of our type without a port, for example from the form.

    Does nothing in a process that has not loaded Airflow's models: it saves no connections.
    """
    models = sys.modules.get("airflow.models.connection")
    if models is None:
        return
    from sqlalchemy import event  # noqa: PLC0415 (loaded with the models)

    for moment in ("before_insert", "before_update"):
        if not event.contains(models.Connection, moment, _fill_in):
            event.listen(models.Connection, moment, _fill_in)


def _fill_in(_mapper: object, _session: object, connection: Connection) -> None:
    if connection.conn_type == CONNECTION_TYPE and connection.port is None:
        connection.port = PORT
