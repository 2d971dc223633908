"""`customer-match connections to-rest`: connections in all places that Airflow knows, on SOAP, REST, or unreadable."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.models.crypto import get_fernet
from airflow.utils.session import create_session
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.connection.writer import SavedConnection, read_connection, write_connection
from customer_match.errors import ConfigurationError
from microsoft_advertising.limits import SOAP_ENDS
from tests.airflow_microsoft_advertising.conftest import EXTRA, SECRETS, Connect, assert_no_secret
from tests.terminal import COMMAND

OLD, NEW = "ads_of_the_rest_tests", "ads_of_the_rest_tests_too"
SOAP = EXTRA | {"transport": "soap", "note": "kept"}
BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


@pytest.fixture(autouse=True)
def _database(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A connection on SOAP and one on REST in the metadata database."""
    new_key(monkeypatch)
    save(OLD, SOAP)
    save(NEW, EXTRA)
    yield
    with sqlite3.connect(airflow_db) as raw:
        raw.execute("DELETE FROM connection WHERE conn_id LIKE 'ads_of_the_rest_tests%'")
    get_fernet.cache_clear()


@pytest.fixture
def in_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set one of Airflow's own secrets backends up, with connections."""

    def written(**connections: Any) -> None:
        file = tmp_path / "connections.json"
        file.write_text(json.dumps(connections))
        monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", BACKEND)
        monkeypatch.setenv(
            "AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(file)})
        )

    return written


def new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()


def save(conn_id: str, extra: dict[str, str]) -> None:
    with create_session() as session:
        write_connection(conn_id, SavedConnection("client", SECRETS["client_secret"], extra, "Ours"), session)


def saved(conn_id: str) -> SavedConnection:
    with create_session() as session:
        found = read_connection(conn_id, session)
    assert found is not None
    return found


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["connections", "to-rest", *arguments])
    assert_no_secret(result.output)
    return result


def rows(result: Result) -> list[tuple[str, str, str | None, str]]:
    found = json.loads(result.stdout)
    assert found["soap_ends"] == SOAP_ENDS.isoformat() == "2027-01-31"
    return [(one["connection"], one["place"], one["name"], one["state"]) for one in found["connections"]]


def test_a_dry_run_changes_nothing() -> None:
    shown = run("--dry-run")
    assert shown.exit_code == 1
    assert shown.stdout == (
        f"Connection {OLD}: uses SOAP in the metadata database, and would be changed to REST.\n"
    )
    assert rows(run("--dry-run", "--json")) == [(OLD, "metadata database", None, "to change")]
    assert saved(OLD).extra == SOAP


def test_all_are_changed_and_nothing_else_of_them() -> None:
    before = saved(NEW)
    done = run("--json")
    assert done.exit_code == 0, done.output
    assert rows(done) == [(OLD, "metadata database", None, "changed")]
    assert saved(OLD).extra == SOAP | {"transport": "rest"}
    assert (saved(OLD).client_secret, saved(OLD).description) == (SECRETS["client_secret"], "Ours")
    assert saved(NEW) == before
    again = run()
    assert (again.exit_code, again.stdout) == (0, "No connection uses SOAP.\n")


def test_only_those_that_are_named_are_changed() -> None:
    save(NEW, SOAP)
    done = run(NEW)
    assert (done.exit_code, done.stdout) == (
        0, f"Connection {NEW}: was changed to REST. Test it: Browse > Audience connections.\n"
    )  # fmt: skip
    assert saved(NEW).extra["transport"] == "rest"
    assert saved(OLD).extra["transport"] == "soap"


@pytest.mark.parametrize("spelling", [" soap", "soap\n"])
def test_a_transport_with_white_space(spelling: str) -> None:
    save(OLD, SOAP | {"transport": spelling})
    assert rows(run("--json")) == [(OLD, "metadata database", None, "changed")]


def test_those_of_the_environment_are_named_with_what_to_change(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON, a URI, another type, and one that takes precedence over a saved one."""
    connect("json", extra=SOAP)
    connect(OLD, extra=SOAP)
    connect("modern")
    connect("lake", conn_type="wasb", extra={"transport": "soap"})
    monkeypatch.setenv("AIRFLOW_CONN_URI", "microsoft-advertising://c:s@/?transport=soap")
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", "{of another program")
    done = run()
    assert done.exit_code == 1
    change = "Set `transport` to rest there (in JSON: in `extra`)."
    assert done.stdout.splitlines() == [
        f"Connection {OLD}: uses SOAP in the environment variable AIRFLOW_CONN_{OLD.upper()}. {change}",
        f"Connection {OLD}: was changed to REST. Test it: Browse > Audience connections.",
        f"Connection json: uses SOAP in the environment variable AIRFLOW_CONN_JSON. {change}",
        f"Connection uri: uses SOAP in the environment variable AIRFLOW_CONN_URI. {change}",
    ]
    assert rows(run("uri", "modern", "--json")) == [
        ("uri", "environment variable", "AIRFLOW_CONN_URI", "change by hand")
    ]


def test_those_of_a_secrets_backend_are_named(
    in_a_backend: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For the ids that exports name, that hooks use by default, and that are saved; others when they are named."""
    other = {"conn_type": "microsoft_advertising", "extra": SOAP}
    in_a_backend(
        of_an_export=other, microsoft_advertising_default=other, not_known=other, lake={"conn_type": "wasb"}
    )
    export = "cid: 1\naid: 2\nconnection: of_an_export\nsource: lake\nsegments: [Gold]\nemail: Email\n"
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "autumn.yaml").write_text(export)
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "exports"))
    by_hand = ("secrets backend", "LocalFilesystemBackend", "change by hand")
    found = rows(run("--json"))
    assert [one for one in found if one[0] != OLD] == [
        ("microsoft_advertising_default", *by_hand), ("of_an_export", *by_hand)
    ]  # fmt: skip
    assert rows(run("not_known", "--json")) == [("not_known", *by_hand)]
    assert "in the secrets backend LocalFilesystemBackend. Set `transport`" in run("not_known").stdout


@pytest.mark.faults
def test_what_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, in_a_backend: Callable[..., None], tmp_path: Path
) -> None:
    """Those of a lost key, a variable without a meaning, a backend that fails; the others are changed all the same."""
    save(NEW, SOAP)
    new_key(monkeypatch)
    save("ads_of_the_rest_tests_after", SOAP)
    monkeypatch.setenv(f"AIRFLOW_CONN_{NEW.upper()}", "{not JSON, hidden-client-secret")
    done = run("--json")
    assert done.exit_code == 1
    assert rows(done) == [
        (OLD, "metadata database", None, "unreadable"),
        ("ads_of_the_rest_tests_after", "metadata database", None, "changed"),
        (NEW, "environment variable", f"AIRFLOW_CONN_{NEW.upper()}", "unreadable"),
        (NEW, "metadata database", None, "unreadable"),
    ]
    assert "cannot be decrypted (InvalidToken)" in run().stdout
    in_a_backend()
    (tmp_path / "connections.json").unlink()
    asked = run("ads_of_the_rest_tests_after")
    assert asked.exit_code == 1
    assert "secrets backend LocalFilesystemBackend cannot be read: FileNotFoundError." in asked.stdout


@pytest.mark.bad_input
def test_an_id_that_there_is_not_changes_nothing() -> None:
    refused = run(OLD, "nothing")
    assert isinstance(refused.exception, ConfigurationError)
    assert "No connection to Microsoft Advertising has the id nothing. Nothing was changed." in str(
        refused.exception
    )
    assert saved(OLD).extra == SOAP


@pytest.mark.system
def test_the_command_itself() -> None:
    done = subprocess.run(
        [COMMAND, "connections", "to-rest", OLD], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Connection {OLD}: was changed to REST. Test it: Browse > Audience connections.\n"
    assert saved(OLD).extra["transport"] == "rest"
