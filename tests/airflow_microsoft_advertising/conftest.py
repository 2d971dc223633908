"""What the plugin's tests share: connections, and the simulator as a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from customer_match.data_privacy import current_text_id
from customer_match_demo.stack import account_connection
from tests.microsoft_advertising_simulator.api import Simulator

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Connect = Callable[..., str]

SECRETS = {
    "client_secret": "hidden-client-secret",
    "refresh_token": "hidden-refresh-token",
    "developer_token": "hidden-developer-token",
}
EXTRA = {
    "refresh_token": SECRETS["refresh_token"],
    "developer_token": SECRETS["developer_token"],
    "customer_id": "190000001",
    "account_id": "180000001",
}
AGREED = {
    "privacy_agreed_by": "Jane Doe",
    "privacy_agreed_on": "2026-01-31T10:20:30+00:00",
    "privacy_text": current_text_id(),
}
"""An agreement to data privacy, without which no export runs."""


def assert_no_secret(text: str) -> None:
    assert not [name for name, value in SECRETS.items() if value in text]


@pytest.fixture(autouse=True)
def _no_wait_in_the_worker(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Deferrable tasks defer at once, unless the test is about the wait before that."""
    if request.node.get_closest_marker("worker_wait") is None:
        monkeypatch.setattr("airflow_microsoft_advertising.waiting.WORKER_WAIT", timedelta(0))


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, airflow_db: Path) -> Connect:
    """Make an Airflow connection: `connect("id", password="…", extra={…})`; the rest as in a usable one.

    The metadata database is there, as renewed tokens are kept in it.
    """

    def made(conn_id: str = "microsoft_advertising_default", **changes: Any) -> str:
        fields = {
            "conn_type": "microsoft_advertising",
            "login": "some-client-id",
            "password": SECRETS["client_secret"],
            "extra": EXTRA | AGREED,
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields | changes))
        return conn_id

    return made


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator for the session; it works without delay."""
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    yield simulator
    simulator.end()


@pytest.fixture
def simulator(running_simulator: Simulator, connect: Connect) -> Iterator[Simulator]:
    """The session's simulator, and the connection `microsoft_advertising_default` to it."""
    connect(**account_connection(running_simulator.ready))
    yield running_simulator
    running_simulator.api.control("faults", method="DELETE")
    settings = {"queue_seconds": 0, "processing_seconds": 0, "calls_per_minute": 6_000}
    running_simulator.api.control("settings", settings)


@pytest.fixture
def session(airflow_db: Path) -> Iterator[Session]:
    """A session of the metadata database whose work is undone."""
    from airflow import settings
    from sqlalchemy.orm import Session

    assert settings.engine is not None
    with settings.engine.connect() as connection, connection.begin() as transaction:
        with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()
