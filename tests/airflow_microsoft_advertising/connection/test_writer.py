"""What writing and removing a connection leaves behind of its sign-in, in Airflow's metadata database."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.models.crypto import get_fernet
from airflow.utils.session import create_session
from cryptography.fernet import Fernet

from airflow_microsoft_advertising.connection.token_store import (
    VARIABLE_PREFIX,
    VariableTokenStore,
    variable_name,
)
from airflow_microsoft_advertising.connection.writer import (
    SavedConnection,
    read_connection,
    remove_connection,
    write_connection,
)

FIRST, SECOND = "ads_of_the_writer_tests", "ads_of_the_writer_tests_too"
TOKEN, OTHER_TOKEN = "hidden-first-token", "hidden-second-token"


@pytest.fixture(autouse=True)
def _database(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tests' metadata database, with a key, and afterwards without what these tests save."""
    new_key(monkeypatch)
    yield
    with sqlite3.connect(airflow_db) as raw:
        raw.execute("DELETE FROM connection WHERE conn_id LIKE 'ads_of_the_writer_tests%'")
        raw.execute(f"DELETE FROM variable WHERE key LIKE '{VARIABLE_PREFIX}%'")
    get_fernet.cache_clear()


def new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()


def save(conn_id: str, token: str = TOKEN, client_id: str = "client", **extra: Any) -> None:
    with create_session() as session:
        new = SavedConnection(client_id, "hidden-secret", {"refresh_token": token, **extra})
        write_connection(conn_id, new, session)


def renewed(token: str = TOKEN, client_id: str = "client") -> VariableTokenStore:
    return VariableTokenStore(variable_name(client_id, token), "any", client_id)


def remove(conn_id: str) -> None:
    with create_session() as session:
        remove_connection(conn_id, session)


def test_a_removed_connection_leaves_no_renewed_token() -> None:
    save(FIRST)
    renewed().save("hidden-renewed-token")
    renewed(OTHER_TOKEN).save("hidden-token-of-another-sign-in")
    remove(FIRST)
    assert renewed().load() is None
    assert renewed(OTHER_TOKEN).load() == "hidden-token-of-another-sign-in"
    with create_session() as session:
        assert read_connection(FIRST, session) is None


@pytest.mark.parametrize("spelling", [TOKEN, f" {TOKEN}\n", f'"{TOKEN}"'])
def test_a_token_that_was_pasted_with_white_space_is_the_same_sign_in(spelling: str) -> None:
    save(FIRST, spelling)
    renewed().save("hidden-renewed-token")
    remove(FIRST)
    assert renewed().load() is None


def test_the_token_stays_as_long_as_a_connection_shares_the_sign_in() -> None:
    save(FIRST, account_id="1")
    save(SECOND, f"{TOKEN} ", account_id="2")
    renewed().save("hidden-renewed-token")
    remove(FIRST)
    assert renewed().load() == "hidden-renewed-token"
    save(SECOND, OTHER_TOKEN)
    assert renewed().load() is None, "the last one has signed in again"


@pytest.mark.parametrize("again", [{"token": OTHER_TOKEN}, {"token": ""}, {"client_id": "other"}])
def test_another_sign_in_forgets_the_renewed_token(again: dict[str, str]) -> None:
    save(FIRST)
    renewed().save("hidden-renewed-token")
    save(SECOND, account_id="2")
    save(FIRST, **again)
    assert renewed().load() == "hidden-renewed-token", "the other connection uses it"
    save(SECOND, **again)
    assert renewed().load() is None


def test_a_change_of_other_fields_keeps_it() -> None:
    save(FIRST)
    renewed().save("hidden-renewed-token")
    save(FIRST, transport="rest")
    assert renewed().load() == "hidden-renewed-token"


@pytest.mark.faults
def test_secrets_of_a_lost_key(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The connection goes, and the log says what remains; those of others do not stop a removal."""
    save(FIRST)
    new_key(monkeypatch)
    save(SECOND)
    renewed().save("hidden-renewed-token")
    remove(SECOND)
    assert renewed().load() is None, "the other connection cannot be used"
    remove(FIRST)
    [warning] = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert f"secrets of the connection {FIRST!r} cannot be decrypted" in warning
    assert VARIABLE_PREFIX in warning
    with create_session() as session:
        assert read_connection(FIRST, session) is None
