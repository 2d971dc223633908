"""Whether there is a metadata database; asking makes none."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.configuration import conf

from airflow_microsoft_advertising.connection import metadata_database
from airflow_microsoft_advertising.connection.metadata_database import (
    has_metadata_database,
    require_metadata_database,
)
from airflow_microsoft_advertising.connection.token_store import VariableTokenStore
from customer_match.errors import ConfigurationError


def at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(conf, "get", lambda *_, **__: address)


def test_a_missing_or_empty_file_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "airflow.db"
    at(monkeypatch, f"sqlite:///{file}")
    assert not has_metadata_database()
    with pytest.raises(ConfigurationError, match=r"Set AIRFLOW_HOME.*airflow db migrate"):
        require_metadata_database()
    file.touch()
    assert not has_metadata_database()
    file.write_bytes(b"SQLite format 3")
    assert has_metadata_database()
    require_metadata_database()
    at(monkeypatch, f"sqlite:///{file}?timeout=30")
    assert has_metadata_database()


def test_of_other_databases_nothing_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "postgresql+psycopg2://airflow@db/airflow")
    assert has_metadata_database()


def test_without_a_database_renewed_tokens_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metadata_database, "_sqlite_file", lambda: tmp_path / "airflow.db")
    store = VariableTokenStore("name", "ads-without-database", "client")
    assert store.load() is None
    store.save("hidden-token")
    store.save("hidden-token")
    told = [record.getMessage() for record in caplog.records if "ads-without-database" in record.getMessage()]
    assert len(told) == 1
    assert "no metadata database" in told[0]
    assert "hidden-token" not in caplog.text
    assert not list(tmp_path.iterdir())
