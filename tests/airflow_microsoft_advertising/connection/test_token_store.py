"""Renewed refresh tokens in Airflow Variables: in tasks, outside of tasks, and if they cannot be written."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.models.crypto import get_fernet
from airflow.sdk.log import redact
from cryptography.fernet import Fernet

from airflow_microsoft_advertising.connection import token_store as module
from airflow_microsoft_advertising.connection.fields import account_of
from airflow_microsoft_advertising.connection.token_store import (
    VariableTokenStore,
    token_store,
    variable_name,
)
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match_demo.stack import account_connection
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment
from tests.airflow_microsoft_advertising.connection.test_fields import connection, with_extra
from tests.microsoft_advertising_simulator.api import Simulator

NAME = variable_name("app", "hidden-first-token")


@pytest.fixture
def database(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tests' metadata database, with a key, and without Variables of ours before and after."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()

    def tidy() -> None:
        with sqlite3.connect(airflow_db) as raw:
            raw.execute(f"DELETE FROM variable WHERE key LIKE '{module.VARIABLE_PREFIX}%'")

    tidy()
    yield airflow_db
    tidy()
    get_fernet.cache_clear()


def rows(database: Path) -> dict[str, tuple[str, bool, str]]:
    """Our Variables in the database: value, whether it is encrypted, description."""
    with sqlite3.connect(database) as raw:
        found = raw.execute("SELECT key, val, is_encrypted, description FROM variable").fetchall()
    return {
        key: (val, bool(e), text) for key, val, e, text in found if key.startswith(module.VARIABLE_PREFIX)
    }


# --- The name ----------------------------------------------------------------------------------------------


def test_the_name_depends_on_the_connections_token_and_does_not_reveal_it() -> None:
    name = variable_name("app", "hidden-first-token")
    assert re.fullmatch(r"microsoft_advertising_refresh_token_[0-9a-f]{16}", name)
    assert name != variable_name("app", "hidden-other-token")
    assert name != variable_name("other", "hidden-first-token")


def test_airflow_hides_values_of_such_a_name() -> None:
    """Airflow's own rule, by name, which its page of Variables and its logs use."""
    assert redact("hidden-first-token", NAME) == "***"


def test_a_new_sign_in_has_another_variable_and_a_copy_of_the_connection_the_same() -> None:
    """The button Test makes a copy under a random id."""
    first, again = connection(), with_extra(refresh_token="hidden-second-token")
    copy = connection(conn_id="Xq3")
    names = [token_store(conn, account_of(conn))._name for conn in (first, again, copy)]
    assert names[0] != names[1]
    assert names[0] == names[2]


# --- Beside tasks: API server, command line ----------------------------------------------------------------


def test_the_token_is_encrypted_in_the_metadata_database(database: Path) -> None:
    store = VariableTokenStore(NAME, "ads", "app")
    assert store.load() is None
    store.save("hidden-renewed-token")
    store.save("hidden-newest-token")
    assert store.load() == "hidden-newest-token"
    value, encrypted, description = rows(database)[NAME]
    assert encrypted
    assert "application app" in description
    assert "hidden" not in value + description
    # By another process: to close the file here would release SQLite's locks on it.
    files = [str(path) for path in database.parent.glob(f"{database.name}*")]
    content = subprocess.run(["cat", *files], capture_output=True, check=True).stdout
    assert NAME.encode() in content
    assert b"hidden-newest-token" not in content


def test_the_token_is_masked_after_its_first_use(database: Path) -> None:
    store = VariableTokenStore(NAME, "ads", "app")
    store.save("hidden-saved-token-1")
    assert redact("a log line with hidden-saved-token-1 in it") == "a log line with *** in it"
    assert "hidden-saved-token-1" not in str(redact({"anything": "hidden-saved-token-1"}))


# --- In tasks and triggers ---------------------------------------------------------------------------------


class Supervisor:
    """The supervisor of a task's process: stores Variables, or refuses to."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.sent: list[str] = []
        self.refuses: set[str] = set()

    def send(self, message: Any) -> Any:
        from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
        from airflow.sdk.execution_time.comms import ErrorResponse, VariableResult

        kind = type(message).__name__
        self.sent.append(kind)
        if kind in self.refuses:
            denied = ErrorResponse(error=ErrorType.PERMISSION_DENIED, detail={"status_code": 403})
            if kind == "GetVariable":
                return denied
            raise AirflowRuntimeError(denied)
        if kind == "GetVariable":
            if message.key not in self.kept:
                return ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": message.key})
            return VariableResult(key=message.key, value=self.kept[message.key])
        if kind == "PutVariable":
            self.kept[message.key] = message.value
        return None


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    from airflow.sdk.execution_time import task_runner

    made = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    return made


@pytest.mark.filterwarnings("error::DeprecationWarning")  # what Airflow's own models say in a task
def test_in_a_task_it_goes_through_the_supervisor(supervisor: Supervisor) -> None:
    store = VariableTokenStore(NAME, "ads", "app")
    assert store.load() is None
    store.save("hidden-renewed-token")
    assert supervisor.kept == {NAME: "hidden-renewed-token"}
    assert store.load() == "hidden-renewed-token"
    assert {"GetVariable", "PutVariable", "MaskSecret"} <= set(supervisor.sent)


@pytest.mark.faults
def test_a_task_that_may_not_write_warns_and_continues(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.refuses = {"PutVariable"}
    VariableTokenStore(NAME, "ads", "app").save("hidden-renewed-token")
    [record] = [record for record in caplog.records if record.name == module.__name__]
    assert record.levelno == logging.WARNING
    message = record.getMessage()
    assert f"connection 'ads' could not be stored in the Airflow Variable {NAME}" in message
    assert "Allow tasks to write Variables" in message
    assert "hidden" not in caplog.text


@pytest.mark.faults
def test_a_task_that_may_not_read_warns_and_continues(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.kept[NAME] = "hidden-renewed-token"
    supervisor.refuses = {"GetVariable"}
    assert VariableTokenStore(NAME, "ads", "app").load() is None
    assert f"Variable {NAME} cannot be read (AirflowSecretsBackendAccessDenied)" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.faults
def test_a_database_that_does_not_answer_is_only_a_warning(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise OSError("hidden-renewed-token")

    monkeypatch.setattr("airflow.models.variable.Variable.get", gone)
    monkeypatch.setattr("airflow.models.variable.Variable.set", gone)
    store = VariableTokenStore(NAME, "ads", "app")
    assert store.load() is None
    store.save("hidden-renewed-token")
    assert caplog.text.count("OSError") == 2
    assert "hidden" not in caplog.text


# --- Through the hook, against the simulator ----------------------------------------------------------------


@pytest.fixture
def one_time(simulator: Simulator, database: Path) -> Iterator[Simulator]:
    """The connection has its own sign-in, and each refresh token works once."""
    sign_in_anew(simulator)
    simulator.api.control("settings", {"strict_rotation": True})
    yield simulator
    simulator.api.control("settings", {"strict_rotation": False})
    sign_in_anew(simulator)


def sign_in_anew(simulator: Simulator) -> None:
    """A refresh token of a new sign-in, on the connection; earlier ones are revoked."""
    levers = {"revoke_refresh": True, "issue_refresh": True}
    simulator.ready["refresh_token"] = simulator.api.control("tokens", levers)["refresh_token"]
    os.environ["AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT"] = json.dumps(account_connection(simulator.ready))


@pytest.mark.system
def test_each_client_starts_with_the_newest_token(one_time: Simulator) -> None:
    """The connection's own token is used up after the first call, but everything works."""
    first = one_time.ready["refresh_token"]
    for _ in range(3):
        works, message = MicrosoftAdvertisingHook().test_connection()
        assert works, message
    kept = VariableTokenStore(variable_name(one_time.ready["client_id"], first), "any", "any").load()
    assert kept not in (None, first)
    assert one_time.api.token_request(refresh_token=first).json()["error"] == "invalid_grant"
    assert one_time.api.token_request(refresh_token=str(kept)).status_code == 200


@pytest.mark.system
def test_a_new_sign_in_ignores_the_stored_token(one_time: Simulator) -> None:
    assert MicrosoftAdvertisingHook().test_connection()[0]
    one_time.api.control("tokens", {"revoke_refresh": True})
    assert "Sign in again" in MicrosoftAdvertisingHook().test_connection()[1]
    sign_in_anew(one_time)
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert works, message


PROGRAM = """
import sys
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
print("ready", flush=True)
sys.stdin.readline()
for _ in range(2):
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert works, message
"""


@pytest.mark.system
def test_processes_share_the_token_in_the_metadata_database(one_time: Simulator) -> None:
    """Three processes with Airflow's own Variables, two clients each, one after the other."""
    one_time.api.fault("Token", "delay", seconds=1, times=3)  # all have looked before one gets its answer
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in running:
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None, process.communicate()[1]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 3, said
    assert not [text for text in said if "sim-refresh" in text[0] + text[1]]


def test_the_store_implements_the_protocol_of_the_client(database: Path) -> None:
    account = account_of(connection())
    source = TokenSource(account, Environment.named("production"), token_store(connection(), account))
    source.close()
