"""Settings of an installation, and that it leaves nothing running."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from customer_match.project import PROJECT
from customer_match_demo import stack as module
from customer_match_demo.processes import Program
from customer_match_demo.stack import Stack, shared_settings

ACCOUNT = {
    "base_url": "http://127.0.0.1:1", "client_id": "client", "client_secret": "very-secret",
    "refresh_token": "refresh-secret", "developer_token": "developer-secret", "customer_id": "1", "account_id": "2",
}  # fmt: skip


def start(folder: Path, code: str, name: str = "p") -> Program:
    return Program.start(name, [sys.executable, "-c", code], log=folder / f"{name}.log", env={}, cwd=folder)


def test_settings_come_from_the_file() -> None:
    settings = shared_settings()
    assert settings["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert all(key.startswith("AIRFLOW") and value for key, value in settings.items())


def test_airflow_gets_only_the_settings_of_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/somebody/elses")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "x")
    stack = Stack(tmp_path, settings={"AIRFLOW__API__WORKERS": "3", "CUSTOMER_MATCH_EXPORTS": "here"})
    stack.account = ACCOUNT
    env = stack.environment
    assert env["AIRFLOW__CORE__DAGS_FOLDER"] == str(PROJECT / "dags")
    assert "AIRFLOW_CONN_OTHER" not in env
    assert env["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert (env["AIRFLOW__API__WORKERS"], env["CUSTOMER_MATCH_EXPORTS"]) == ("3", "here")
    assert env.items() >= shared_settings().items()
    connection = json.loads(env["AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT"])
    assert (connection["login"], connection["password"]) == ("client", "very-secret")
    assert connection["extra"]["base_url"] == "http://127.0.0.1:1"


def test_a_saved_connection_is_not_in_the_environment(tmp_path: Path) -> None:
    """Airflow would prefer it to the one on its page."""
    stack = Stack(tmp_path, connection_in_environment=False)
    stack.account = ACCOUNT
    assert not [name for name in stack.environment if name.startswith("AIRFLOW_CONN_")]


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    stack = Stack(tmp_path, settings={"AIRFLOW_CONN_LAKE": "lake-secret"})
    stack.account, stack.password = ACCOUNT, "admin-secret"
    assert "-secret" not in repr(stack)


def test_the_account_is_read_from_the_simulators_line(tmp_path: Path) -> None:
    code = "import json, time; print('starting'); print(json.dumps({'base_url': 'u', 'customer_id': 7}), flush=True)"
    program = start(tmp_path, f"{code}; time.sleep(60)")
    try:
        assert module._read_account(program) == {"base_url": "u", "customer_id": "7"}
    finally:
        program.stop()


def test_a_simulator_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = start(tmp_path, "raise SystemExit('the port is taken')")
    with pytest.raises(RuntimeError, match="the port is taken"):
        module._read_account(program)


def test_what_was_started_is_stopped_if_the_rest_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Program] = []

    def simulator_starts(self: Stack) -> None:
        started.append(start(tmp_path, "import time; time.sleep(60)"))
        self.programs.append(started[0])

    def airflow_does_not(self: Stack) -> None:
        raise RuntimeError("Airflow did not start")

    monkeypatch.setattr(Stack, "_start_simulator", simulator_starts)
    monkeypatch.setattr(Stack, "_start_airflow", airflow_does_not)
    with pytest.raises(RuntimeError, match="Airflow did not start"), Stack(tmp_path / "new"):
        pass
    assert not started[0].running
