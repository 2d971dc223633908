"""Connections are saved with a port, so that Airflow's page can test them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from sqlalchemy import event, select

from airflow_microsoft_advertising.connection import port
from airflow_microsoft_advertising.connection.port import PORT, fill_in_ports
from airflow_microsoft_advertising.plugin import MicrosoftAdvertisingPlugin
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE

MOMENTS = ("before_insert", "before_update")


@pytest.fixture(autouse=True)
def _only_here(airflow_db: Path) -> Iterator[None]:
    """No other test meets what this one adds to Airflow's model."""
    before = {moment for moment in MOMENTS if event.contains(Connection, moment, port._fill_in)}
    yield
    for moment in MOMENTS:
        if moment not in before and event.contains(Connection, moment, port._fill_in):
            event.remove(Connection, moment, port._fill_in)


def save(conn_id: str, conn_type: str, number: int | None) -> int | None:
    """Save a connection; return the port that is stored."""
    with create_session() as session:
        session.add(Connection(conn_id=conn_id, conn_type=conn_type, port=number))
    with create_session() as session:
        row = session.scalars(select(Connection).where(Connection.conn_id == conn_id)).one()
        stored: int | None = row.port
        session.delete(row)
    return stored


@pytest.mark.parametrize(
    ("conn_type", "number", "stored"),
    [
        (CONNECTION_TYPE, None, PORT),
        (CONNECTION_TYPE, 8443, 8443),
        (CONNECTION_TYPE, 0, 0),
        ("wasb", None, None),
    ],
)
def test_only_our_connections_without_a_port_get_one(
    conn_type: str, number: int | None, stored: int | None
) -> None:
    fill_in_ports()
    fill_in_ports()  # once for each process is enough
    assert save("ads", conn_type, number) == stored


def test_the_plugin_does_so_when_it_is_loaded() -> None:
    for moment in MOMENTS:
        if event.contains(Connection, moment, port._fill_in):
            event.remove(Connection, moment, port._fill_in)
    assert save("ads", CONNECTION_TYPE, None) is None
    MicrosoftAdvertisingPlugin.on_load()
    assert save("ads", CONNECTION_TYPE, None) == PORT


def test_a_connection_of_an_earlier_version_gets_one_when_it_is_changed() -> None:
    with create_session() as session:
        session.add(Connection(conn_id="old", conn_type=CONNECTION_TYPE))
    fill_in_ports()
    with create_session() as session:
        session.scalars(select(Connection).where(Connection.conn_id == "old")).one().description = "by hand"
    with create_session() as session:
        row = session.scalars(select(Connection).where(Connection.conn_id == "old")).one()
        assert row.port == PORT
        session.delete(row)
