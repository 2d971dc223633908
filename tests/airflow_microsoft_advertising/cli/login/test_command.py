"""`customer-match login` from the button in the browser to a connection that works."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from airflow.models.crypto import get_fernet
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.login import command as sign_in_command
from airflow_microsoft_advertising.cli.login.proof import choose_account
from airflow_microsoft_advertising.cli.login.request import EnvironmentName, Login, collect, keep_values
from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.connection.port import PORT
from airflow_microsoft_advertising.connection.token_store import VariableTokenStore, variable_name
from airflow_microsoft_advertising.connection.writer import SavedConnection, read_connection, write_connection
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE
from customer_match.errors import ConfigurationError
from microsoft_advertising.models import AccountInfo
from tests.airflow_microsoft_advertising.cli.login.pressing_browser import main as browse
from tests.airflow_microsoft_advertising.cli.login.pressing_browser import press
from tests.microsoft_advertising_simulator.api import Simulator

SCRIPT = Path(sys.executable).parent / "customer-match"
BROWSER = Path(__file__).with_name("pressing_browser.py")
CONN_ID = "ads_of_the_login_tests"


@dataclass
class Terminal:
    """The command in this process: what its browser presses, and what the user pastes."""

    simulator: Simulator
    folder: Path
    button: str = "accept"
    opened: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[], str]] = field(default_factory=dict)

    def run(self, *options: str, web: bool = True, secret: str | None = None) -> Result:
        ready = self.simulator.ready
        given = {
            "--connection": CONN_ID,
            "--client-id": ready["client_id" if web else "public_client_id"],
            "--base-url": ready["base_url"],
            "--developer-token-file": self.file("developer-token", ready["developer_token"]),
        }
        if web:
            given["--client-secret-file"] = self.file("secret", secret or ready["client_secret"])
        else:
            options = ("--public", *options)
        given = {key: value for key, value in given.items() if key not in options}
        return CliRunner().invoke(app, ["login", *sum(given.items(), ()), *options])

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content + "\n")
        return str(path)

    def open(self, address: str) -> bool:
        self.opened.append(address)
        browse(self.button, address)
        return True

    def ask(self, what: str, *, hidden: bool = False) -> str:
        self.asked.append(what)
        return self.answers[what]()

    def show(self, address: str) -> None:
        self.opened.append(address)

    def address_after(self, button: str = "accept") -> str:
        """Return the content of the address bar after a button was pressed."""
        return str(press(button, self.opened[-1]).headers["Location"])


@pytest.fixture
def database(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The metadata database with a key, cleaned of what these tests write."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    yield airflow_db
    with sqlite3.connect(airflow_db) as raw:
        raw.execute("DELETE FROM connection WHERE conn_id = ?", [CONN_ID])
        raw.execute("DELETE FROM variable WHERE key LIKE 'microsoft_advertising%'")
    get_fernet.cache_clear()


@pytest.fixture
def terminal(
    running_simulator: Simulator, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    made = Terminal(running_simulator, tmp_path)
    monkeypatch.setenv("BROWSER", "some-browser")
    monkeypatch.setattr(sign_in_command.webbrowser, "open", made.open)
    before = running_simulator.api.control("settings")
    yield made
    running_simulator.api.control("faults", method="DELETE")
    running_simulator.api.control("settings", before)


@pytest.fixture
def pasting(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal without a browser."""
    monkeypatch.setattr(sign_in_command, "ask", terminal.ask)
    monkeypatch.setattr(sign_in_command, "_print_address", terminal.show)
    return terminal


def saved(conn_id: str = CONN_ID) -> SavedConnection | None:
    from airflow.utils.session import create_session

    with create_session() as session:
        return read_connection(conn_id, session)


def message(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, ConfigurationError), result.exception
    return str(result.exception)


# --- In the browser ----------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("web", [True, False])
def test_a_first_sign_in_makes_the_connection(terminal: Terminal, database: Path, web: bool) -> None:
    result = terminal.run("--json", web=web)
    assert result.exit_code == 0, (result.output, result.exception)
    ready = terminal.simulator.ready
    assert json.loads(result.stdout) == {
        "connection": CONN_ID,
        "made": True,
        "environment": "other",
        "registration": "web" if web else "public",
        "user_id": "17000001",
        "customer_id": ready["customer_id"],
        "account_id": ready["account_id"],
        "account": "Simulated account",
    }
    made = saved()
    assert made
    assert made.client_secret == (ready["client_secret"] if web else "")
    assert made.extra["developer_token"] == ready["developer_token"]
    assert made.extra["refresh_token"] not in result.output
    assert "sim-" not in result.output.replace(ready["base_url"], "")
    assert "response_mode=form_post" in terminal.opened[0]
    with sqlite3.connect(database) as raw:
        rows = raw.execute("SELECT port FROM connection WHERE conn_id = ?", [CONN_ID]).fetchall()
    assert rows == [(PORT,)], "without a port, Airflow's page cannot test it"


@pytest.mark.system
def test_signing_in_again_needs_no_options_and_keeps_the_rest(terminal: Terminal) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    terminal.run()
    first = saved()
    assert first
    with create_session() as session:
        row = session.query(Connection).filter_by(conn_id=CONN_ID).one()
        row.description = "ours"
        row.set_extra(json.dumps({**first.extra, "transport": "rest", "note": "kept"}))
    kept = variable_name(first.client_id, first.extra["refresh_token"])
    VariableTokenStore(kept, CONN_ID, "app").save("renewed-of-the-first")
    result = CliRunner().invoke(app, ["login", "--connection", CONN_ID])
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stdout.splitlines()[-1] == f"The Airflow connection {CONN_ID} was updated."
    assert "simulated.user" in result.stdout
    again = saved()
    assert again
    changed = {key for key in again.extra if again.extra[key] != first.extra.get(key)} - {"signed_in_on"}
    assert changed == {"refresh_token", "transport", "note"}
    assert (again.client_id, again.client_secret) == (first.client_id, first.client_secret)
    with create_session() as session:
        assert session.query(Connection).filter_by(conn_id=CONN_ID).one().description == "ours"
    assert VariableTokenStore(kept, CONN_ID, "app").load() is None, "the old sign-in's token lies around"


@pytest.mark.system
def test_the_connection_gets_the_newest_one_time_token(terminal: Terminal) -> None:
    """The verification itself renews the token."""
    terminal.simulator.api.control("settings", {"strict_rotation": True})
    assert terminal.run().exit_code == 0
    made = saved()
    assert made
    answer = terminal.simulator.api.token_request(refresh_token=made.extra["refresh_token"])
    assert answer.status_code == 200, answer.text


@pytest.mark.system
@pytest.mark.bad_input
def test_declining_changes_nothing(terminal: Terminal) -> None:
    terminal.button = "decline"
    assert "the user declined" in message(terminal.run())
    assert saved() is None


@pytest.mark.system
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--client-id", "nobodys"), "No sign-in was completed"),
        (("--account-id", "5", "--customer-id", "190000001"), "account id"),
        (("--account-id", "5"), r"no account with these ids.*--account-id"),
        (("--customer-id", "here", "--account-id", "there"), "must be digits"),
        (("--tenant", "a/b"), "The tenant must be given by"),
        (("--base-url", "ftp://x"), "must look like"),
    ],
)
def test_errors_are_reported_and_nothing_is_written(
    terminal: Terminal, options: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "nobodys" in options:
        terminal.button = "none"  # the page only says that the application is unknown
    assert re.search(words, message(terminal.run(*options, "--timeout", "1")))
    assert saved() is None


@pytest.mark.system
@pytest.mark.bad_input
def test_wrong_secrets_are_reported(terminal: Terminal) -> None:
    found = message(terminal.run(secret="not-the-secret"))
    assert "AADSTS7000215" in found
    assert "not-the-secret" not in found
    wrong = terminal.file("wrong", "not-the-developer-token")
    found = message(terminal.run("--developer-token-file", wrong))
    assert "developer token" in found
    assert "not-the-developer-token" not in found
    assert saved() is None


@pytest.mark.system
@pytest.mark.bad_input
def test_a_port_in_use_is_reported(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port}" in message(terminal.run("--port", port))
    assert terminal.opened == []


@pytest.mark.system
def test_a_connection_of_the_environment_gives_a_warning(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", "{}")
    result = terminal.run()
    assert result.exit_code == 0
    assert f"AIRFLOW_CONN_{CONN_ID.upper()} is set" in result.stderr


@pytest.mark.system
def test_a_missing_fernet_key_gives_a_warning(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Fernet" not in terminal.run().stderr
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    get_fernet.cache_clear()
    assert "cannot be decrypted" in message(terminal.run())
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    assert "Airflow's own Fernet key" in message(terminal.run())
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    get_fernet.cache_clear()
    with sqlite3.connect(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].removeprefix("sqlite:///")) as raw:
        raw.execute("DELETE FROM connection WHERE conn_id = ?", [CONN_ID])
    assert "no Fernet key" in terminal.run("--json").stderr


# --- Pasted address -------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("web", [True, False])
def test_without_a_browser_the_address_is_pasted(pasting: Terminal, web: bool) -> None:
    tries = iter(["nothing", "http://localhost/?nothing", None])
    pasting.answers["Address"] = lambda: next(tries) or pasting.address_after()
    result = pasting.run("--no-browser", web=web)
    assert result.exit_code == 0, (result.output, result.exception)
    assert pasting.asked == ["Address"] * 3
    page = "http%3A%2F%2Flocalhost&" if web else "%2Fcommon%2Foauth2%2Fnativeclient&"
    assert page in pasting.opened[-1]
    assert saved()


@pytest.mark.system
def test_another_redirect_uri_is_pasted_too(pasting: Terminal) -> None:
    pasting.simulator.api.control("settings", {"web_redirect_uris": ["https://app.example/back"]})
    pasting.answers["Address"] = pasting.address_after
    assert pasting.run("--redirect-uri", "https://app.example/back").exit_code == 0


@pytest.mark.system
@pytest.mark.bad_input
def test_a_wrong_address_may_be_pasted_again(pasting: Terminal) -> None:
    pasting.answers["Address"] = lambda: "nothing"
    assert "contains no answer" in message(pasting.run("--no-browser"))
    pasting.answers["Address"] = lambda: "http://localhost/?code=c&state=of-another"
    assert "another sign-in" in message(pasting.run("--no-browser"))
    pasting.answers["Address"] = lambda: pasting.address_after("decline")
    assert "the user declined" in message(pasting.run("--no-browser"))

    def late() -> str:
        address = pasting.address_after()
        pasting.simulator.api.control("clock", {"advance_seconds": 301})
        return address

    pasting.answers["Address"] = late
    assert "has expired" in message(pasting.run("--no-browser"))
    assert saved() is None


# --- Values asked for, and values of the connection -------------------------------------------------


def answering(monkeypatch: pytest.MonkeyPatch, **answers: str) -> list[tuple[str, bool]]:
    asked: list[tuple[str, bool]] = []

    def ask(what: str, *, hidden: bool = False) -> str:
        asked.append((what, hidden))
        return answers[what.replace(" ", "_")]

    monkeypatch.setattr("airflow_microsoft_advertising.cli.login.request.ask", ask)
    return asked


def test_secrets_are_asked_for_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(
        monkeypatch, Client_secret="s", Developer_token="d", **{"Application_(client)_id": "app"}
    )
    found = collect(Login(CONN_ID), SavedConnection())
    assert asked == [("Application (client) id", False), ("Client secret", True), ("Developer token", True)]
    assert found.client_secret
    assert found.client_secret.get_secret_value() == "s"
    assert found.environment.name == "production"
    assert "'s'" not in repr(found)


def test_secrets_come_from_the_environment_before_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch)
    before = SavedConnection("app", "old-secret", {"developer_token": "old-token"})
    monkeypatch.setenv("CUSTOMER_MATCH_CLIENT_SECRET", "new-secret")
    found = collect(Login(CONN_ID), before)
    assert found.client_secret
    assert found.client_secret.get_secret_value() == "new-secret"
    assert found.developer_token.get_secret_value() == "old-token"
    assert asked == []


def test_the_secret_of_another_application_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, Client_secret="s")
    before = SavedConnection("app", "old-secret", {"developer_token": "old-token"})
    collect(Login(CONN_ID, client_id="other"), before)
    assert asked == [("Client secret", True)]


def test_a_public_connection_stays_public(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    before = SavedConnection("app", "", {"developer_token": "old-token"})
    assert collect(Login(CONN_ID), before).client_secret is None


def test_the_sandbox_has_a_universal_developer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    before = SavedConnection(
        "app", "", {"environment": "production", "developer_token": "mine", "account_id": "1"}
    )
    login = Login(CONN_ID, environment=EnvironmentName.SANDBOX)
    carried = keep_values(login, before)
    assert carried.extra == {"environment": "production"}
    found = collect(login, carried)
    assert found.developer_token.get_secret_value() == "BBD37VB98"
    assert (found.place["environment"], found.environment.sandbox) == ("sandbox", True)
    assert keep_values(Login(CONN_ID), before) == before
    assert keep_values(Login(CONN_ID, environment=EnvironmentName.PRODUCTION), before) == before


def test_a_connection_without_environment_is_for_production(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    before = SavedConnection("app", "", {"developer_token": "mine", "account_id": "1"})
    login = Login(CONN_ID, environment=EnvironmentName.SANDBOX)
    assert collect(login, keep_values(login, before)).developer_token.get_secret_value() == "BBD37VB98"
    assert keep_values(login, before).extra == {}
    assert keep_values(Login(CONN_ID, environment=EnvironmentName.PRODUCTION), before) == before


@pytest.mark.system
def test_further_hosts_of_another_environment_are_removed(terminal: Terminal) -> None:
    """These hosts would get tokens."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    extra = {"environment": "sandbox", "hosts": "files.example.com", "transport": "rest"}
    with create_session() as session:
        row = Connection(conn_id=CONN_ID, conn_type=CONNECTION_TYPE)
        row.set_extra(json.dumps(extra))
        session.add(row)
    assert terminal.run().exit_code == 0
    made = saved()
    assert made
    assert (made.extra["environment"], made.extra["hosts"], made.extra["transport"]) == ("other", "", "rest")
    with create_session() as session:
        row = session.query(Connection).filter_by(conn_id=CONN_ID).one()
        row.set_extra(json.dumps({**made.extra, "hosts": "files.example.com"}))
    assert terminal.run().exit_code == 0
    again = saved()
    assert again
    assert again.extra["hosts"] == "files.example.com", "it is the same environment"


@pytest.mark.system
def test_the_agreement_to_data_privacy_is_kept_but_not_for_another_place(terminal: Terminal) -> None:
    def agreed_by() -> str:
        found = saved()
        assert found
        return str(found.extra.get("privacy_agreed_by"))

    without = terminal.run()
    assert without.exit_code == 0
    assert "No export runs with this connection yet: nobody has agreed to data privacy." in without.stderr
    assert f"`customer-match consent give {CONN_ID}`" in without.stderr
    assert terminal.run("--agree-data-privacy", "Jane Doe").exit_code == 0
    assert agreed_by() == "Jane Doe"
    again = terminal.run()
    assert agreed_by() == "Jane Doe"
    assert "data privacy" not in again.stderr
    place = "localhost".join(terminal.simulator.ready["base_url"].split("127.0.0.1"))
    assert "nobody has agreed" in terminal.run("--base-url", place).stderr
    assert agreed_by() == ""
    assert terminal.run("--agree-data-privacy", "Bob").exit_code == 0
    assert agreed_by() == "Bob"


@pytest.mark.bad_input
@pytest.mark.system
def test_an_address_is_no_name_to_agree_with(terminal: Terminal) -> None:
    assert "not an e-mail address" in message(terminal.run("--agree-data-privacy", "jane@example.com"))
    assert saved() is None


@pytest.mark.bad_input
def test_an_invalid_environment_names_the_connection() -> None:
    login = Login(CONN_ID, environment=EnvironmentName.OTHER)
    with pytest.raises(ConfigurationError, match=f"'{CONN_ID}' has the environment 'other'"):
        collect(login, SavedConnection())


@pytest.mark.parametrize(("pasted", "known"), [(" app ", "app"), ("\u200bapp", "app"), ("app", "app\n")])
def test_white_space_around_a_client_id_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, pasted: str, known: str
) -> None:
    """Otherwise a public one would be asked for a secret, and a web one for a secret that is known."""
    asked = answering(monkeypatch)
    extra = {"developer_token": "token"}
    public = collect(Login(CONN_ID, client_id=pasted), SavedConnection(known, "", extra))
    web = collect(Login(CONN_ID, client_id=pasted), SavedConnection(known, "kept", extra))
    assert (public.client_id, public.client_secret) == ("app", None)
    assert web.client_secret
    assert (web.client_id, web.client_secret.get_secret_value()) == ("app", "kept")
    assert asked == []


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"", "is empty"), (b"\xff\xfe", "not text")]
)
def test_secrets_may_come_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, words: str
) -> None:
    answering(monkeypatch)
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        collect(Login(CONN_ID, client_id="app", client_secret_file=path), SavedConnection())


def account(number: int, customer: str = "9") -> AccountInfo:
    return AccountInfo(id=str(number), name=f"Account {number}", customer_id=customer)


def test_the_user_chooses_between_several_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    several = [account(1), account(2), account(3, "8")]
    for number in ("0", "4", "x", ""):
        monkeypatch.setattr("airflow_microsoft_advertising.cli.login.proof.ask", lambda _, n=number: n)
        with pytest.raises(ConfigurationError, match="not one of the numbers"):
            choose_account(several, account_id="", customer_id="")
    monkeypatch.setattr("airflow_microsoft_advertising.cli.login.proof.ask", lambda _: "2")
    assert choose_account(several, account_id="", customer_id="") == {"account_id": "2", "customer_id": "9"}
    monkeypatch.delattr("airflow_microsoft_advertising.cli.login.proof.ask")
    assert choose_account(several, account_id="1", customer_id="") == {"account_id": "1", "customer_id": "9"}
    assert choose_account(several, account_id="", customer_id="8") == {"account_id": "3", "customer_id": "8"}
    with pytest.raises(ConfigurationError, match="has access to no account\\. Sign in"):
        choose_account([], account_id="", customer_id="")


# --- The metadata database ---------------------------------------------------------------------------------


@pytest.mark.bad_input
def test_a_connection_of_another_type_is_not_changed(terminal: Terminal) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Connection(conn_id=CONN_ID, conn_type="wasb", login="theirs"))
    assert "is of type 'wasb'" in message(terminal.run())
    assert terminal.opened == []
    with create_session() as session, pytest.raises(ConfigurationError, match="wasb"):
        write_connection(CONN_ID, SavedConnection("app", "s", {}), session)


@pytest.mark.bad_input
def test_a_missing_metadata_database_is_reported_before_the_sign_in(tmp_path: Path) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with Session(engine) as session, pytest.raises(ConfigurationError, match="airflow db migrate"):
        read_connection(CONN_ID, session)


def test_a_repr_shows_no_secret() -> None:
    assert "hidden" not in repr(SavedConnection("app", "hidden", {"refresh_token": "hidden"}))


# --- As a separate program -------------------------------------------------------------------------------


@pytest.fixture
def installation(airflow_db: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a separate Airflow."""
    with sqlite3.connect(airflow_db) as there, sqlite3.connect(tmp_path / "airflow.db") as here:
        there.backup(here)  # a copy of the file would release SQLite's locks on it
        here.execute("PRAGMA journal_mode = DELETE")
        here.execute("DELETE FROM variable")  # other tests of the session store tokens without a key
        here.execute("DELETE FROM connection")
        here.commit()
        here.execute("VACUUM")
    return {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
    }


def options(simulator: Simulator, *more: str) -> list[str]:
    ready = simulator.ready
    return [str(SCRIPT), "login", "--client-id", ready["client_id"], "--base-url", ready["base_url"], *more]


CHECK = """
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
works, message = MicrosoftAdvertisingHook().test_connection()
assert works, message
print(message)
"""


@pytest.mark.system
def test_the_program_from_the_button_to_the_hook(
    running_simulator: Simulator, installation: dict[str, str], tmp_path: Path
) -> None:
    """The steps of a new user: sign in, then press Test in Airflow (which runs in the API server)."""
    ready = running_simulator.ready
    secrets = {
        "CUSTOMER_MATCH_CLIENT_SECRET": ready["client_secret"],
        "CUSTOMER_MATCH_DEVELOPER_TOKEN": ready["developer_token"],
        "BROWSER": f"{sys.executable} {BROWSER} accept %s",
    }
    done = subprocess.run(
        options(running_simulator, "--json"),
        env=installation | secrets,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["made"] is True
    server = installation | {"_AIRFLOW_PROCESS_CONTEXT": "server"}
    checked = subprocess.run(
        [sys.executable, "-c", CHECK], env=server, capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "simulated.user" in checked.stdout
    shown = done.stdout + done.stderr + checked.stdout + checked.stderr
    for secret in ("sim-refresh", "sim-access", "sim-code", ready["client_secret"], ready["developer_token"]):
        assert secret not in shown
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (b"sim-refresh", b"sim-access", ready["client_secret"].encode()):
        assert secret not in content, "Airflow was to encrypt it"


@pytest.mark.system
def test_the_program_with_a_pasted_address(
    running_simulator: Simulator, installation: dict[str, str]
) -> None:
    """Secrets are asked for too, and nothing that is typed is shown."""
    ready = running_simulator.ready
    with subprocess.Popen(
        options(running_simulator, "--no-browser"),
        env=installation,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(f"{ready['client_secret']}\n{ready['developer_token']}\n")
        process.stdin.flush()
        said = ""
        while not (address := re.search(r"^http\S+/authorize\?\S+$", said, re.MULTILINE)):
            line = process.stderr.readline()
            assert line, said
            said += line
        process.stdin.write(f"{press('accept', address[0]).headers['Location']}\n")
        process.stdin.flush()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + said + err
    assert "The Airflow connection microsoft_advertising_default was created." in out
    for secret in ("sim-refresh", ready["client_secret"], ready["developer_token"]):
        assert secret not in out + said + err


@pytest.mark.system
def test_the_program_can_be_interrupted(running_simulator: Simulator, installation: dict[str, str]) -> None:
    secrets = {
        "CUSTOMER_MATCH_CLIENT_SECRET": "s",
        "CUSTOMER_MATCH_DEVELOPER_TOKEN": "d",
        "BROWSER": f"{sys.executable} {BROWSER} nothing %s",
    }
    with subprocess.Popen(
        options(running_simulator),
        env=installation | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        while "/authorize?" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert out == ""


def test_secrets_are_not_options() -> None:
    for option in ("--client-secret", "--developer-token", "--refresh-token"):
        done = CliRunner().invoke(app, ["login", option, "x"])
        assert done.exit_code == 2
