"""The command `make live-check`: it does nothing unless the user confirms and names an account."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_microsoft_advertising.cli import live_check
from customer_match.errors import ConfigurationError
from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising_live_check.check import Record
from tests.microsoft_advertising_simulator.api import Simulator

VARIABLES = {
    "MICROSOFT_ADVERTISING_CLIENT_ID": "client", "MICROSOFT_ADVERTISING_REFRESH_TOKEN": "refresh",
    "MICROSOFT_ADVERTISING_DEVELOPER_TOKEN": "developer", "MICROSOFT_ADVERTISING_CUSTOMER_ID": "1",
    "MICROSOFT_ADVERTISING_ACCOUNT_ID": "2", "MICROSOFT_ADVERTISING_ENVIRONMENT": "sandbox",
}  # fmt: skip


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check must not start."""

    def run(*_: object, **__: object) -> Record:
        raise AssertionError("the check began")

    monkeypatch.setattr(live_check, "run", run)


@pytest.mark.usefixtures("never")
def test_nothing_is_done_without_confirmation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert live_check.main([]) == 2
    assert live_check.main(["--slow", "--connection", "somewhere"]) == 2
    told = capsys.readouterr().err
    assert "create one customer list" in told
    assert "Nothing was done." in told


@pytest.mark.usefixtures("never")
def test_an_account_must_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert live_check.main(["--yes"]) == 1
    told = capsys.readouterr().err
    assert all(name in told for name in VARIABLES)


@pytest.mark.usefixtures("never")
def test_the_folder_of_the_record_must_be_writable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "file").touch()
    assert live_check.main(["--yes", "--output", str(tmp_path / "file" / "below")]) == 1
    assert "below cannot be written (Not a directory). Name a place" in capsys.readouterr().err


def test_variables_name_account_and_environment() -> None:
    account, environment = live_check.from_environment(VARIABLES)
    assert (account.client_id, account.customer_id, account.client_secret) == ("client", "1", None)
    assert (environment.name, environment.sandbox) == ("sandbox", True)
    stand_in = VARIABLES | {"MICROSOFT_ADVERTISING_ENVIRONMENT": "http://127.0.0.1:1"}
    assert live_check.from_environment(stand_in)[1].name == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"MICROSOFT_ADVERTISING_REFRESH_TOKEN": ""}, "set MICROSOFT_ADVERTISING_REFRESH_TOKEN"),
        ({"MICROSOFT_ADVERTISING_ENVIRONMENT": "elsewhere"}, "no environment"),
        ({"MICROSOFT_ADVERTISING_ACCOUNT_ID": "x1"}, "The value of MICROSOFT_ADVERTISING_ACCOUNT_ID"),
    ],
)
def test_invalid_variables_are_reported(changes: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        live_check.from_environment(VARIABLES | changes)


@pytest.mark.usefixtures("never")
def test_an_unknown_connection_is_reported(capsys: pytest.CaptureFixture[str], airflow_db: Path) -> None:
    assert airflow_db.exists()
    assert live_check.main(["--yes", "--connection", "no_such_connection"]) == 1
    assert "There is no Airflow connection" in capsys.readouterr().err


@pytest.mark.parametrize("left", [(), ("5",)])
def test_a_remaining_list_gives_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], left: tuple[str, ...]
) -> None:
    def run(account: Account, environment: Environment, *, slow: bool, tell: object) -> Record:
        assert (account.client_id, environment.name, slow, callable(tell)) == (
            "client",
            "sandbox",
            True,
            True,
        )
        return Record(datetime.now(UTC), environment.name, (), (), 1, 2, left)

    monkeypatch.setattr(live_check, "run", run)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert live_check.main(["--yes", "--slow", "--output", str(tmp_path / "new")]) == len(left)
    assert "0 confirmed, 0 refuted" in capsys.readouterr().out
    [written] = (tmp_path / "new").glob("*.json")
    assert json.loads(written.read_text())["all_lists_deleted"] is not bool(left)


@pytest.mark.system
def test_the_command_checks_a_stand_in_by_a_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = Simulator(tmp_path / "data")
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    ready = simulator.ready
    extra = {key: ready[key] for key in ("refresh_token", "developer_token", "customer_id", "account_id")}
    connection = {
        "conn_type": "microsoft_advertising", "login": ready["client_id"], "password": ready["client_secret"],
        "extra": extra | {"environment": "other", "base_url": ready["base_url"]},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_LIVE", json.dumps(connection))
    monkeypatch.setattr("microsoft_advertising_live_check.session._FIRST_WAIT", 0.05)
    try:
        assert live_check.main(["--yes", "--connection", "live", "--output", str(tmp_path / "record")]) == 0
    finally:
        simulator.end()
    told = capsys.readouterr().out
    assert "all lists of the check are deleted" in told
    assert " 0 refuted" in told
