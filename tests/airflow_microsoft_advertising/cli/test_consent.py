"""`customer-match consent`: the text, who agreed, and the agreement given and withdrawn, in Airflow's database."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.models.crypto import get_fernet
from airflow.sdk.exceptions import AirflowFailException
from airflow.utils.session import create_session
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.connection.writer import SavedConnection, read_connection, write_connection
from customer_match.data_privacy import current_text_id, privacy_text
from customer_match.errors import ConfigurationError
from tests.airflow_microsoft_advertising.conftest import AGREED, EXTRA, SECRETS, Connect, assert_no_secret
from tests.terminal import COMMAND, Terminal, plain

CONN_ID = "ads_of_the_consent_tests"


@pytest.fixture
def saved(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A connection in the metadata database that nobody has agreed for."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    with create_session() as session:
        write_connection(CONN_ID, SavedConnection("client", SECRETS["client_secret"], EXTRA), session)
    yield CONN_ID
    with sqlite3.connect(airflow_db) as raw:
        raw.execute("DELETE FROM connection WHERE conn_id = ?", [CONN_ID])
    get_fernet.cache_clear()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["consent", *arguments])
    assert_no_secret(result.output)
    return result


def extra_of(conn_id: str) -> dict[str, str]:
    with create_session() as session:
        found = read_connection(conn_id, session)
    assert found is not None
    assert (found.client_id, found.client_secret) == ("client", SECRETS["client_secret"])
    return found.extra


def test_the_text_needs_no_connection() -> None:
    result = run("show")
    assert result.exit_code == 0
    shown = " ".join(result.output.split())
    assert all(paragraph in shown for paragraph in privacy_text())
    assert f"Text {current_text_id()}." in shown
    assert privacy_text("fr")[0] in " ".join(run("show", "--language", "fr").output.split())


def test_given_shown_and_withdrawn(saved: str) -> None:
    nobody = run("show", saved)
    assert nobody.exit_code == 1
    assert f"Connection {saved}: nobody has agreed" in nobody.output

    given = run("give", saved, "--name", "Jane  Doe")
    assert f"Connection {saved}: agreed to by Jane Doe on 20" in given.output, given.exception
    found = extra_of(saved)
    assert {key: found[key] for key in EXTRA} == EXTRA, "nothing else changes"
    assert (found["privacy_agreed_by"], found["privacy_text"]) == ("Jane Doe", current_text_id())

    withdrawn = run("withdraw", saved, "--name", "Bob")
    assert "Exports stop at their next run; audiences keep their members." in withdrawn.output
    assert extra_of(saved)["privacy_agreed_by"] == ""
    assert extra_of(saved)["privacy_withdrawn"].startswith("Bob, 20")
    assert run("show", saved).exit_code == 1


def test_a_connection_of_the_environment_is_shown_but_not_changed(connect: Connect) -> None:
    connect("ads", extra=EXTRA | AGREED)
    shown = run("show", "ads", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout) == {
        "text": current_text_id(),
        "connection": "ads",
        "agreement": {"by": "Jane Doe", "on": "2026-01-31T10:20:30Z", "text": current_text_id()},
    }
    for arguments in (("give", "ads", "--name", "Bob"), ("withdraw", "ads", "--name", "Bob")):
        refused = run(*arguments)
        assert isinstance(refused.exception, ConfigurationError)
        assert "environment variable AIRFLOW_CONN_ADS" in str(refused.exception)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["", "  ", "jane@example.com", "Jane\x1b[2J"])
def test_a_name_that_is_none(saved: str, name: str) -> None:
    for command in ("give", "withdraw"):
        refused = run(command, saved, "--name", name)
        assert isinstance(refused.exception, ConfigurationError)
        assert "That is no name" in str(refused.exception)
    assert "privacy_agreed_by" not in extra_of(saved)


@pytest.mark.usefixtures("airflow_db")
def test_a_connection_that_there_is_not() -> None:
    for command in (("give", "nothing", "--name", "Jane"), ("show", "nothing")):
        refused = run(*command)
        assert isinstance(refused.exception, ConfigurationError | AirflowFailException)
        assert "no" in str(refused.exception)
        assert "connection 'nothing'" in str(refused.exception)


@pytest.mark.system
def test_a_person_reads_the_text_and_types_a_name(saved: str) -> None:
    terminal = Terminal("consent", "give", saved, env=dict(os.environ))
    terminal.answer("To agree, type your name, as reports shall repeat it", "Jane Doe")
    assert terminal.end() == 0, terminal.raw
    shown = " ".join(plain(terminal.raw).split())
    assert shown.index(privacy_text()[0]) < shown.index("To agree, type your name")
    assert extra_of(saved)["privacy_agreed_by"] == "Jane Doe"


@pytest.mark.system
def test_where_nobody_can_be_asked_the_option_is_named(saved: str) -> None:
    done = subprocess.run(
        [COMMAND, "consent", "give", saved],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Use --name." in done.stderr
    assert "privacy_agreed_by" not in extra_of(saved)
