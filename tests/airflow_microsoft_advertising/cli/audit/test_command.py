"""`customer-match audit`: shows, verifies and exports the trail; the real command in a terminal too."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.audit.recording import trail_of
from airflow_microsoft_advertising.cli.exports import find_export
from airflow_microsoft_advertising.cli.history.lookup import open_workspace
from airflow_microsoft_advertising.cli.main import app, main
from customer_match.audit.chain import Head
from customer_match.audit.events import Event
from customer_match.audit.trail import Trail
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.customer_match.audit.trails import ended, run_through, segment, started
from tests.terminal import Terminal

pytestmark = pytest.mark.slow

DAY = datetime(2026, 5, 1, 5, tzinfo=UTC)


@pytest.fixture
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Connect) -> Trail:
    """The trail of an export with two runs; Airflow keeps its last entry."""
    connect()
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    (tmp_path / "autumn.yaml").write_text(
        f"cid: 1\naid: 2\nsource: {tmp_path}/lake\nworkspace: {tmp_path}/workspace\nemail: Email\nsegments: [Gold]\n"
    )
    export = find_export("autumn")
    found = trail_of(export, open_workspace(export))
    run_through(found, "run 1", "Gold", "Silver", at=DAY)
    run_through(found, "run 2", "Gold", at=DAY + timedelta(days=1))
    return found


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def failing(arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says as it ends with 1."""
    monkeypatch.setattr("sys.argv", ["customer-match", "audit", *arguments.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    return capsys.readouterr().err


def file_of(trail: Trail, tmp_path: Path, place: int) -> Path:
    """A file of the trail."""
    return sorted((tmp_path / "workspace" / trail.folder).iterdir())[place]


def head_of(trail: Trail) -> Head:
    head = trail.verify().head
    assert head is not None
    return head


class TestVerify:
    def test_a_sound_trail(self, trail: Trail) -> None:
        result = call("verify", "autumn")
        assert result.exit_code == 0
        assert result.stdout == (
            "The audit trail of autumn is sound: 7 entries, from 1 to 7. It has the entry 7 that is kept elsewhere.\n"
            f"Last entry: {head_of(trail)}\n"
        )
        values = json.loads(call("verify", "autumn", "--json").stdout)
        assert values == {
            "sound": True, "entries": 7, "first": 1, "head": str(head_of(trail)), "known": str(head_of(trail)),
            "faults": [],
        }  # fmt: skip

    def test_a_changed_byte(self, trail: Trail, tmp_path: Path) -> None:
        path = file_of(trail, tmp_path, 1)
        path.write_bytes(path.read_bytes().replace(b'"members":3', b'"members":4', 1))
        result = call("verify", "autumn")
        assert result.exit_code == 1
        assert result.stdout == (
            "The audit trail of autumn has been changed or damaged:\n"
            f"- {trail.folder}/0000000002.jsonl, line 1: entry 2 does not match its hash: it was changed\n"
        )
        assert json.loads(call("verify", "autumn", "--json").stdout)["sound"] is False

    def test_a_cut_off_end(self, trail: Trail, tmp_path: Path) -> None:
        file_of(trail, tmp_path, -1).unlink()
        result = call("verify", "autumn")
        assert result.exit_code == 1
        assert "The trail ends at entry 5, but entry 7 is known to have been written" in result.stdout

    def test_an_end_that_only_a_note_of_somebody_knows(
        self, trail: Trail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        noted = str(head_of(trail))
        monkeypatch.setattr("airflow_microsoft_advertising.audit.heads.has_metadata_database", lambda: False)
        file_of(trail, tmp_path, -1).unlink()
        result = call("verify", "autumn")
        assert result.exit_code == 0
        assert (
            "compared with no entry that is kept elsewhere, so a cut-off end would not be found"
            in result.stdout
        )
        assert call("verify", "autumn", "--head", noted).exit_code == 1

    @pytest.mark.parametrize("head", ["7", "x:y", "0:y", "7:"])
    def test_an_entry_that_is_none(self, trail: Trail, head: str) -> None:
        result = call("verify", "autumn", "--head", head)
        assert result.exit_code == 2
        assert "Write the number of an entry" in result.stderr

    def test_a_file_of_an_auditor(self, trail: Trail, tmp_path: Path) -> None:
        path = tmp_path / "trail.jsonl"
        assert call("export", "autumn", "--save", str(path)).exit_code == 0
        assert call("verify", "autumn", "--file", str(path)).exit_code == 0
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:2] + lines[3:]))
        result = call("verify", "autumn", "--file", str(path))
        assert result.exit_code == 1
        assert f"{path}, line 3: entry 3 is missing before entry 4" in result.stdout

    def test_a_file_that_is_not_there(
        self, trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = failing("verify autumn --file nowhere.jsonl", monkeypatch, capsys)
        assert said.startswith("nowhere.jsonl cannot be read (No such file or directory).")

    def test_a_trail_without_entries(self, trail: Trail, tmp_path: Path) -> None:
        (tmp_path / "spring.yaml").write_text((tmp_path / "autumn.yaml").read_text())
        result = call("verify", "spring")
        assert (result.exit_code, result.stdout) == (0, "The audit trail of spring has no entry yet.\n")


class TestShow:
    def test_the_newest_entries(self, trail: Trail) -> None:
        head, *rows = call("show", "autumn", "-n", "3").stdout.splitlines()
        assert head.split() == [
            "entry", "time", "(UTC)", "event", "run", "kind", "user", "audience", "result", "members",
        ]  # fmt: skip
        assert [row.split()[0] for row in rows] == ["5", "6", "7"]
        assert rows[0].split() == [
            "5",
            "2026-05-02",
            "05:00:00",
            "run",
            "started",
            "run",
            "2",
            "manual",
            "maria",
            "?",
        ]
        assert rows[1].split()[-3:] == ["Gold", "delivered", "3"]

    def test_one_run_as_json_lines(self, trail: Trail) -> None:
        lines = call("show", "autumn", "--run", "run 1", "--json").stdout.splitlines()
        assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3, 4]

    def test_a_run_without_an_end(self, trail: Trail) -> None:
        trail.append([started("run 3")], DAY)
        trail.append([started("run 1")], DAY)
        trail.append([ended("run 1", 0)], DAY)
        said = call("show", "autumn").stdout
        assert "The run run 3, which began at 2026-05-01T05:00:00.000000Z, has no `run ended` entry" in said
        assert said.count("has no `run ended` entry") == 1

    def test_an_unknown_run(
        self, trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = failing("show autumn --run x", monkeypatch, capsys)
        assert said == "The audit trail of autumn has no run 'x'. Its newest runs: run 1, run 2.\n"

    def test_no_entry(
        self,
        trail: Trail,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "spring.yaml").write_text((tmp_path / "autumn.yaml").read_text())
        said = failing("show spring", monkeypatch, capsys)
        assert said.startswith("The audit trail of spring has no entry yet.")

    def test_a_damaged_line(
        self,
        trail: Trail,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        path = file_of(trail, tmp_path, 1)
        path.write_bytes(b"[]\n" + path.read_bytes())
        said = failing("show autumn", monkeypatch, capsys)
        assert (
            "0000000002.jsonl, line 1, is not an entry of an audit trail. `customer-match audit verify`"
            in said
        )


class Approved(Event):
    """An event of a later release."""

    event: str = "finding approved"
    by: str


class TestExport:
    def test_csv(self, trail: Trail, tmp_path: Path) -> None:
        trail.append([Approved(by="maria")], DAY)
        path = tmp_path / "trail.csv"
        result = call("export", "autumn", "--save", str(path))
        assert (result.exit_code, result.stdout) == (0, f"Saved the audit trail of autumn as {path}.\n")
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        assert [row["sequence"] for row in rows] == [str(number) for number in range(1, 9)]
        assert (rows[1]["rejected"], rows[1]["members"], rows[1]["added"]) == ('{"missing": 1}', "3", "")
        assert (rows[-1]["event"], rows[-1]["by"]) == ("finding approved", "maria")
        assert list(rows[0])[:4] == ["sequence", "time", "export", "event"]
        assert list(rows[0])[-2:] == ["previous", "hash"]

    def test_parquet(self, trail: Trail, tmp_path: Path) -> None:
        trail.append([Approved(by="maria")], DAY)
        path = tmp_path / "trail.PARQUET"
        assert call("export", "autumn", "--save", str(path)).exit_code == 0
        table = pq.read_table(path)
        types = {
            name: table.schema.field(name).type for name in ("time", "members", "full", "tables", "by", "cid")
        }
        assert types == {
            "time": pa.timestamp("us", tz="UTC"), "members": pa.int64(), "full": pa.bool_(), "tables": pa.string(),
            "by": pa.string(), "cid": pa.string(),
        }  # fmt: skip
        rows = table.to_pylist()
        assert (rows[0]["time"], rows[0]["full"]) == (DAY, False)
        assert (rows[1]["members"], json.loads(rows[1]["rejected"])) == (3, {"missing": 1})

    def test_json_lines_are_the_trail_itself(self, trail: Trail, tmp_path: Path) -> None:
        content = b"".join(file.content for file in trail.read())
        path = tmp_path / "trail.jsonl"
        assert call("export", "autumn", "--save", str(path)).exit_code == 0
        assert path.read_bytes() == content
        assert call("export", "autumn").stdout_bytes == content

    def test_another_ending(
        self, trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = failing("export autumn --save trail.xlsx", monkeypatch, capsys)
        assert said.startswith("The name of the file ends with '.xlsx', which is no format of this command.")

    def test_a_file_that_cannot_be_written(
        self, trail: Trail, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = failing("export autumn --save nowhere/trail.csv", monkeypatch, capsys)
        assert said.startswith("nowhere/trail.csv cannot be written (No such file or directory).")


def test_the_real_command_in_a_terminal(trail: Trail, tmp_path: Path) -> None:
    trail.append([segment("run 3", "Größe"), ended("run 3", 1)], DAY)
    terminal = Terminal("audit", "verify", "autumn", env=os.environ)
    shown = terminal.until("Last entry: ")
    assert terminal.end() == 0
    assert "sound: 9 entries, from 1 to 9." in " ".join(shown.split())
