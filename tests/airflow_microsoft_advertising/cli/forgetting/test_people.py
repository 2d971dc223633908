"""How `customer-match forget` gets addresses: hidden, piped, from a file; what it refuses before it does anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match.erasure.register import KEY_NAME, Register
from customer_match.errors import ConfigurationError
from tests.terminal import Terminal, plain

pytestmark = pytest.mark.slow

ADDRESS = "eve@canary-mail.example"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace of the only export, to an account that cannot be reached."""
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv(f"AIRFLOW_VAR_{KEY_NAME.upper()}", "5e" * 32)
    (tmp_path / "exports").mkdir()
    keys = {
        "cid": 1, "aid": 2, "source": str(tmp_path / "lake"), "workspace": str(tmp_path / "workspace"),
        "segments": ["Gold"], "email": "Email", "connection": "missing",
    }  # fmt: skip
    (tmp_path / "exports" / "autumn.yaml").write_text(yaml.safe_dump(keys))
    return tmp_path / "workspace"


def forget(*arguments: str, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["forget", *arguments], input=given)
    assert "canary" not in result.output + str(result.exception)
    return result


def refused(result: Result, words: str) -> None:
    assert isinstance(result.exception, ConfigurationError)
    assert words in str(result.exception)


def test_an_address_as_argument_is_refused_and_not_repeated(workspace: Path) -> None:
    refused(forget(ADDRESS, "--yes"), "the shell's history and the list of processes would keep them")
    assert not workspace.exists()


@pytest.mark.parametrize("given", ["", "\n\n", f"{ADDRESS}\nnot an address\n"])
def test_wrong_input_changes_nothing(workspace: Path, given: str) -> None:
    refused(forget("--yes", given=given), "Nothing was changed")
    assert not workspace.exists()


def test_nobody_is_erased_without_confirmation(workspace: Path) -> None:
    refused(forget(given=f"{ADDRESS}\n"), "--yes")
    assert not workspace.exists()


def test_a_file_that_is_no_text_and_options_that_exclude_each_other(workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.xlsx"
    file.write_bytes(b"PK\x03\x04\xff\xfe")
    refused(forget("--file", str(file), "--yes"), "it is not text in UTF-8")
    assert forget("--pending", "--file", str(file)).exit_code == 2
    assert forget("--file", str(tmp_path / "missing"), "--yes").exit_code == 2
    assert not workspace.exists()


@pytest.mark.usefixtures("workspace")
def test_without_a_valid_export_nothing_can_be_done(tmp_path: Path) -> None:
    (tmp_path / "exports" / "autumn.yaml").write_text("cid: nonsense")
    refused(forget("--yes", given=ADDRESS), "no valid export file")


def test_a_terminal_does_not_show_the_address(workspace: Path) -> None:
    """The account cannot be reached: the person is kept out from now on, and the rest is pending."""
    terminal = Terminal("forget", env=os.environ, columns=200)
    terminal.answer("SHA-256 hash (not shown): ", ADDRESS)
    terminal.answer("Erase 1 person from all audiences of 1 export", "y")
    assert terminal.end() == 1
    shown = plain(terminal.raw)
    assert "canary" not in shown
    assert "Account 2: There is no Airflow connection 'missing'" in shown
    assert "pending" in shown
    assert workspace.is_dir()
    [request] = (workspace / "erasure" / "requests").iterdir()
    assert "canary" not in request.read_text()
    from fsspec.implementations.local import LocalFileSystem

    from customer_match.workspace.workspace import Workspace

    assert Register(Workspace(LocalFileSystem(), str(workspace))).number == 1


def test_a_question_is_hidden_too_and_leaves_nothing(workspace: Path) -> None:
    terminal = Terminal("lookup", env=os.environ, columns=200)
    terminal.answer("SHA-256 hash (not shown): ", ADDRESS)
    assert terminal.end() == 1
    shown = plain(terminal.raw)
    assert "canary" not in shown
    assert "no audiences" in shown
    assert "There is no Airflow connection 'missing'" in shown
    assert not workspace.exists()
    as_argument = CliRunner().invoke(app, ["lookup", ADDRESS])
    refused(as_argument, "Start `customer-match lookup` and type the address")


def test_ctrl_c_at_the_question_changes_nothing(workspace: Path) -> None:
    terminal = Terminal("forget", env=os.environ, columns=200)
    terminal.until("SHA-256 hash (not shown): ")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert not workspace.exists()


def test_a_hash_comes_with_advice(workspace: Path) -> None:
    terminal = Terminal("forget", env=os.environ, columns=200)
    terminal.answer("SHA-256 hash (not shown): ", "ab" * 32)
    assert "If you know the address, give that." in terminal.until("This cannot be undone")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert not workspace.exists()


@pytest.mark.usefixtures("workspace")
def test_a_new_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_microsoft_advertising.erasure.key.make_key", lambda: (b"\x5e" * 32, True))
    result = forget("--yes", given=ADDRESS)
    assert "stored in the Airflow Variable 'customer_match_erasure_secret'. Keep a copy" in result.stderr
    assert "5e5e" not in result.output
