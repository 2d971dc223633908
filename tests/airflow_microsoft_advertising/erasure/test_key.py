"""The key of the registers: from any secrets backend, made once, never shown."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.models.crypto import get_fernet
from airflow.models.variable import Variable
from airflow.sdk.log import redact
from cryptography.fernet import Fernet

from airflow_microsoft_advertising.connection import metadata_database
from airflow_microsoft_advertising.erasure.kept_out import read_erased
from airflow_microsoft_advertising.erasure.key import make_key, read_key
from customer_match.erasure.people import read_people
from customer_match.erasure.register import KEY_NAME, Register
from customer_match.errors import ConfigurationError, TransientError
from customer_match.workspace.workspace import Workspace

IN_THE_ENVIRONMENT = f"AIRFLOW_VAR_{KEY_NAME.upper()}"


@pytest.fixture
def database(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tests' metadata database without a key of ours, before and after."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    monkeypatch.delenv(IN_THE_ENVIRONMENT, raising=False)
    get_fernet.cache_clear()

    def tidy() -> None:
        with sqlite3.connect(airflow_db) as raw:
            raw.execute("DELETE FROM variable WHERE key = ?", (KEY_NAME,))

    tidy()
    yield airflow_db
    tidy()
    get_fernet.cache_clear()


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    missing = tmp_path / "airflow.db"
    monkeypatch.setattr(metadata_database, "_sqlite_file", lambda: missing)
    monkeypatch.delenv(IN_THE_ENVIRONMENT, raising=False)
    return missing


def test_it_is_made_once_encrypted_and_hidden(database: Path) -> None:
    key, is_new = make_key()
    assert is_new
    assert len(key) == 32
    assert make_key() == (key, False)
    assert read_key() == key
    with sqlite3.connect(database) as raw:
        [(value, encrypted)] = raw.execute(
            "SELECT val, is_encrypted FROM variable WHERE key = ?", (KEY_NAME,)
        ).fetchall()
    assert encrypted
    assert key.hex() not in value
    assert redact("anything", KEY_NAME) == "***"  # Airflow's rule, by name
    assert redact(f"a log line with {key.hex()} in it") == "a log line with *** in it"


@pytest.mark.usefixtures("no_database")
def test_it_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    key = secrets.token_hex(32)
    monkeypatch.setenv(IN_THE_ENVIRONMENT, f" {key.upper()} ")
    assert make_key() == (bytes.fromhex(key), False)
    assert read_key() == bytes.fromhex(key)


def test_without_a_database_it_must_be_provided(no_database: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no metadata database.*openssl rand -hex 32.*AIRFLOW_VAR_"):
        make_key()
    assert not no_database.exists()


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("wrong", ["", "secret", "0" * 63, "g" * 64])
def test_a_wrong_value_is_refused_and_not_shown(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IN_THE_ENVIRONMENT, wrong)
    with pytest.raises(ConfigurationError, match="64 hex digits") as error:
        make_key()
    assert not wrong or f"{wrong!r}" not in str(error.value)


@pytest.mark.usefixtures("database")
def test_a_backend_that_fails_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("hidden")

    monkeypatch.setattr(Variable, "get", fail)
    with pytest.raises(TransientError, match="cannot be read \\(ConnectionError\\)") as error:
        read_key()
    assert "hidden" not in str(error.value)


@pytest.mark.usefixtures("no_database")
def test_a_run_needs_it_only_if_somebody_was_erased(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a run would send who asked to be forgotten: it stops."""
    assert read_erased(workspace) is None
    digests = read_people(["ann@contoso.com"]).digests
    Register(workspace).add(b"\x01" * 32, digests)
    with pytest.raises(ConfigurationError, match=r"does not exist\. Nothing is exported"):
        read_erased(workspace)
    assert read_erased(workspace, since=1) is None
    monkeypatch.setenv(IN_THE_ENVIRONMENT, "01" * 32)
    erased = read_erased(workspace)
    assert erased
    assert erased.among(digests).all()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    from fsspec.implementations.local import LocalFileSystem

    return Workspace(LocalFileSystem(), str(tmp_path / "workspace"))
