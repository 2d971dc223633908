"""Airflow in commands, as programs of their own: the user's home stays clean, and no warnings are printed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from airflow_microsoft_advertising.cli import airflow_settings
from airflow_microsoft_advertising.cli.airflow_settings import prepare_airflow
from customer_match_demo.stack import account_connection
from tests.microsoft_advertising_simulator.api import Simulator
from tests.terminal import COMMAND

EXPORT = "cid: 190000001\naid: 180000001\nsource: lake\nsegments: all\nemail: Email\nretries: 0\n"


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without an Airflow, with one export and its table."""
    for folder in ("home", "exports", "lake"):
        (tmp_path / folder).mkdir()
    (tmp_path / "exports/autumn.yaml").write_text(EXPORT)
    (tmp_path / "lake/Gold.csv").write_text("Email\nanna@example.org\n")
    own = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    return own | {
        "HOME": str(tmp_path / "home"),
        "CUSTOMER_MATCH_HOME": str(tmp_path),
        "CUSTOMER_MATCH_EXPORTS": str(tmp_path / "exports"),
        "TMPDIR": str(tmp_path),
    }


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False, input=""
    )


@pytest.mark.lengthy
@pytest.mark.system
def test_no_command_writes_to_the_home_of_a_user_without_airflow(
    running_simulator: Simulator, user: dict[str, str], tmp_path: Path
) -> None:
    signed_in = user | {
        "AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": json.dumps(account_connection(running_simulator.ready))
    }
    for env, status, arguments in (
        (user, 0, ("run", "autumn", "--dry-run")),
        (user, 1, ("run", "autumn")),
        (user, 1, ("login",)),
        (user, 1, ("set-up",)),
        (user, 1, ("ledger", "show", "Gold")),
        (user, 1, ("new", "winter")),
        (signed_in, 0, ("validate", "--tables", "--connection")),
        (signed_in, 0, ("run", "autumn")),
        (signed_in, 0, ("audiences",)),
    ):
        done = run(env, *arguments)
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
    assert not list((tmp_path / "home").iterdir())
    assert not list(tmp_path.glob("customer-match-no-airflow-*")), "removed at the end"
    assert "There is no Airflow here" in run(user, "login").stderr


@pytest.mark.system
def test_a_connection_in_the_database_causes_no_warnings(
    running_simulator: Simulator, user: dict[str, str], airflow_db: Path, tmp_path: Path
) -> None:
    """Airflow warned of the underscore in the connection's type at each look-up: 12 times in a run."""
    home = tmp_path / "airflow"
    home.mkdir()
    with sqlite3.connect(airflow_db) as there, sqlite3.connect(home / "airflow.db") as here:
        there.backup(here)
    env = user | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    fields = json.dumps(account_connection(running_simulator.ready))
    add = ["connections", "add", "microsoft_advertising_default", "--conn-json", fields]
    subprocess.run([COMMAND.parent / "airflow", *add], env=env, capture_output=True, check=True, timeout=120)
    for arguments in (("run", "autumn"), ("audiences",), ("ledger", "verify", "Gold")):
        done = run(env, *arguments)
        assert done.returncode == 0, done.stderr
        assert "RFC3986" not in done.stderr


def test_settings_of_the_user_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__NAMESPACE_LEVELS", "botocore=INFO")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "own"))
    prepare_airflow()
    assert os.environ["AIRFLOW_HOME"] == str(tmp_path / "own")
    assert os.environ["AIRFLOW__LOGGING__NAMESPACE_LEVELS"] == "botocore=INFO airflow.models.connection=ERROR"


def test_an_airflow_in_the_home_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(airflow_settings.tempfile, "mkdtemp", lambda **_: str(tmp_path / "temporary"))
    monkeypatch.setenv("AIRFLOW__LOGGING__NAMESPACE_LEVELS", "")
    (tmp_path / "airflow/workspace").mkdir(parents=True)
    prepare_airflow()
    assert os.environ.pop("AIRFLOW_HOME") == str(tmp_path / "temporary")
    (tmp_path / "airflow/airflow.cfg").touch()
    prepare_airflow()
    assert "AIRFLOW_HOME" not in os.environ
