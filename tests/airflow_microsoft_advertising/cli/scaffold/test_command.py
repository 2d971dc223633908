"""`customer-match new`: from options and from answers in a terminal; what it writes is valid and overwrites nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match.errors import ConfigurationError
from customer_match.export.loading import load_export
from customer_match.export.schedule import Schedule
from customer_match_demo.stack import account_connection
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.microsoft_advertising_simulator.api import Simulator
from tests.terminal import Terminal


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("Gold", "Silver"):
        folder = tmp_path / "lake" / name
        folder.mkdir(parents=True)
        rows = pa.table(
            {"Id": [1], "MailAddress": ["anna@example.org"], "AdsConsent": [True], "Opt": ["Yes"]}
        )
        pq.write_table(rows, folder / "part-0.parquet")
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "exports"))
    return tmp_path / "lake"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments])


def test_options_and_what_the_lake_tells(lake: Path, connect: Connect) -> None:
    connect()
    result = run("spring", "--root", str(lake))
    assert result.exit_code == 0, result.output
    file = lake.parent / "exports/spring.yaml"
    assert result.stdout == f"Wrote {file}.\n"
    assert f"customer-match validate {file} --tables" in result.stderr
    export = load_export(file)
    assert (export.cid, export.aid) == ("190000001", "180000001"), "the connection's"
    assert export.email.columns == ("MailAddress",)
    assert (export.has_patterns, export.schedule, export.consent) == (True, None, None)
    assert "anna" not in file.read_text()


def test_every_option(lake: Path, connect: Connect) -> None:
    connect("ads")
    options = (
        "--connection ads --cid 1 --aid 2 --segment Gold --segment No* --email id --consent Opt --consent-value Yes "
        "--consent-value true --schedule @daily --workspace work --folder"
    )
    folder = lake.parent / "other"
    result = run("spring", "--root", str(lake), *options.split(), str(folder))
    assert result.exit_code == 0, result.output
    export = load_export(folder / "spring.yaml")
    assert (export.connection, export.cid, export.aid, export.schedule) == (
        "ads",
        "1",
        "2",
        Schedule(cron="@daily"),
    )
    assert [one.table for one in export.segments] == ["Gold", "No*"]
    assert export.consent
    assert export.consent.allow == ("Yes", "true"), "a column of text holds text"
    assert export.workspace.root == "work"


def test_values_of_consent_have_the_type_of_the_column(lake: Path, connect: Connect) -> None:
    connect()
    result = run("spring", "--root", str(lake), "--consent", "AdsConsent", "--no-input")
    assert result.exit_code == 0, result.output
    consent = load_export(lake.parent / "exports/spring.yaml").consent
    assert consent
    assert consent.allow == (True,)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "{lake}"], "NAME is missing, and there is no terminal to ask"),
        (["spring"], "--root is missing"),
        (["spring", "--root", "{lake}", "--consent-value", "Yes"], "--consent-value needs --consent"),
        (["spring", "--root", "{lake}", "--consent", "Opt"], "--consent-value is missing"),
        (["spring", "--root", "{lake}/none"], "--email is missing"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_written(
    lake: Path, connect: Connect, arguments: list[str], words: str
) -> None:
    connect()
    result = run(*(one.format(lake=lake) for one in arguments))
    assert isinstance(result.exception, ConfigurationError), result.output
    assert words in str(result.exception)
    assert not (lake.parent / "exports").exists()


WRONG = {
    "a name": ("", "NAME: 'my export!' is not a valid name: it may contain only letters A to Z"),
    "a cid": ("--cid x", "--cid: must be"),
    "a schedule": ("--schedule @dayly", "--schedule: is not a schedule"),
    "a lake": ("--lake lake", "--root: "),
    "a column": (
        "--email Mailadress",
        "--email: The table 'Gold' has no column 'Mailadress'. Did you mean 'MailAddress'? It has: Id, MailAddress,",
    ),
    "a column of a pattern": ("--segment S* --email X", "The table 'Silver' has no column 'X'. It has: Id,"),
    "a table": (
        "--segment Gold --segment Sliver",
        "--segment: There is no table 'Sliver'. Did you mean 'Silver'? Tables found: Gold, Silver.",
    ),
    "a consent": ("--consent Optt --consent-value Yes", "no column 'Optt'. Did you mean 'Opt'?"),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("mistake", WRONG)
def test_an_option_that_is_wrong_is_refused(lake: Path, connect: Connect, mistake: str) -> None:
    connect()
    options, words = WRONG[mistake]
    name = "my export!" if mistake == "a name" else "spring"
    result = run(name, "--root", str(lake), *options.split())
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())
    assert not (lake.parent / "exports").exists()


@pytest.mark.bad_input
def test_a_header_that_holds_a_person_is_not_shown(lake: Path, connect: Connect) -> None:
    connect()
    (lake / "Gold/part-0.parquet").unlink()
    (lake / "Gold/part-0.csv").write_text("Id,ab" + "12" * 31 + "\n1,x\n")
    result = run("spring", "--root", str(lake), "--segment", "Gold", "--email", "Mail")
    assert result.exit_code == 2
    assert "[a value]" in result.stderr
    assert "1212" not in result.output


@pytest.mark.bad_input
@pytest.mark.parametrize("suffix", ["yaml", "yml"])
def test_nothing_is_overwritten(lake: Path, connect: Connect, suffix: str) -> None:
    connect()
    file = lake.parent / f"exports/spring.{suffix}"
    file.parent.mkdir()
    file.write_text("mine")
    result = run("spring", "--root", str(lake))
    assert "exists already, and is not overwritten" in str(result.exception)
    assert file.read_text() == "mine"


@pytest.mark.bad_input
@pytest.mark.parametrize("folder", ["lake/Gold/part-0.parquet", "lake/Gold/part-0.parquet/below", "x" * 300])
def test_a_folder_that_cannot_be_written(lake: Path, connect: Connect, folder: str) -> None:
    connect()
    result = run("spring", "--root", str(lake), "--folder", str(lake.parent / folder))
    assert isinstance(result.exception, ConfigurationError), result.output
    assert "spring.yaml cannot be written (" in str(result.exception)


@pytest.fixture
def terminal(lake: Path, running_simulator: Simulator) -> Iterator[Terminal]:
    connection = json.dumps(account_connection(running_simulator.ready))
    env = {**os.environ, "AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": connection}
    terminal = Terminal("new", env=env, cwd=lake.parent)
    yield terminal
    terminal.kill()


@pytest.mark.system
def test_a_new_user_answers_questions(lake: Path, terminal: Terminal) -> None:
    terminal.answer("Name of the export", "bad name")
    terminal.answer("it may contain only letters", "spring")
    terminal.answer("Airflow connection to Microsoft Advertising [microsoft_advertising_default]", "")
    terminal.answer("Customer id (cid) [190000001]", "")
    terminal.answer("Account id (aid) [180000001]", "")
    terminal.answer("Folder of the tables", "lake")
    terminal.answer("Segments: all, or names", "Gold, Sliver")
    terminal.answer("Did you mean 'Silver'?", "Gold, Silver")
    terminal.answer("E-mail column [MailAddress]", "Mailaddres")
    terminal.answer("Did you mean 'MailAddress'?", "")
    terminal.answer("(perhaps AdsConsent)", "AdsConsent")
    terminal.answer("Values that mean consent", "")
    terminal.answer("Schedule, such as", "0 5 * * *")
    assert terminal.end() == 0
    assert "Tables found: Gold, Silver" in terminal.raw
    export = load_export(lake.parent / "exports/spring.yaml")
    assert [one.table for one in export.segments] == ["Gold", "Silver"]
    assert export.source.root == str(lake), "begins at the current folder"
    assert export.schedule == Schedule(cron="0 5 * * *")
    checked = CliRunner().invoke(app, ["validate", "spring", "--tables"])
    assert checked.exit_code == 0, checked.output


@pytest.mark.system
def test_ctrl_c_writes_nothing(lake: Path, terminal: Terminal) -> None:
    terminal.answer("Name of the export", "spring")
    terminal.until("Airflow connection to Microsoft Advertising [")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.raw
    assert not (lake.parent / "exports").exists()
