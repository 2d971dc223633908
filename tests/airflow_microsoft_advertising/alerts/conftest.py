"""What the tests of alerts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import Lake
from tests.alert_receivers import WebServer, web_server


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    """A small lake, and the connection of its export."""
    connect()
    return Lake(tmp_path)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A receiver of alerts, to which repeated tries go at once."""
    monkeypatch.setattr("airflow_microsoft_advertising.alerts.sending._FIRST_WAIT_SECONDS", 0)
    with web_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_WEB", server.connection())
        yield server
