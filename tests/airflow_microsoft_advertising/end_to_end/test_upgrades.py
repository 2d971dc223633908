"""A workspace of the first release goes on with this one; one of a release to come is left alone."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match.errors import TerminalError
from customer_match.formats import NewerFormat
from customer_match.ledger.encoding import FORMAT
from customer_match.release import release
from customer_match.runs.report import RunReport
from customer_match_demo.stack import account_connection
from microsoft_advertising.retrying import RetryPolicy
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

FIRST = Path(__file__).parent / "samples" / "release_0_1_0.zip"
THEIRS = "/srv/customer-match"
"""Where the workspace was written."""


WRITTEN = datetime(2026, 11, 30, 22, 34, tzinfo=UTC)
LATER = datetime(2026, 12, 20, 5, tzinfo=UTC)
"""The lease of the killed run has expired, and what it has staged may be deleted."""


class Installation:
    """The export of the first release, with its workspace, and a service that holds what it had sent."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.api = simulator.api
        with zipfile.ZipFile(FIRST) as archive:
            archive.extractall(folder)
            for name in archive.namelist():
                os.utime(folder / name, (WRITTEN.timestamp(), WRITTEN.timestamp()))
        self.export = folder / "exports" / "autumn.yaml"
        self.export.write_text(self.export.read_text().replace(THEIRS, str(folder)))
        self.workspace = folder / "workspace"
        for audience in json.loads((folder / "service.json").read_text()):
            made = self.api.create(audience["name"], Description=audience["description"])
            assert made == audience["id"], "a new simulator counts as the one before"
            self.api.apply(made, "Add", audience["members"])

    def write(self, table: str, numbers: range) -> None:
        rows = "".join(f"{number},{table.lower()}-{number}@example.com\n" for number in numbers)
        (self.folder / "lake" / table / "part-0.csv").write_text(f"CustomerId,Email\n{rows}")

    def holds(self, audience_id: str, table: str, numbers: range) -> bool:
        wanted = [hashlib.sha256(f"{table}-{number}@example.com".encode()).hexdigest() for number in numbers]
        return self.api.members(audience_id) == sorted(wanted)

    def states(self, audience: str) -> list[Path]:
        return sorted(self.workspace.glob(f"ledgers/*/{audience}-*/states/*.json"))

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.workspace.rglob("*") if path.is_file())
        return {str(path.relative_to(self.workspace)): path.read_bytes() for path in found}


@pytest.fixture
def at(tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    simulator = Simulator(tmp_path / "simulator")
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    connect(**account_connection(simulator.ready))
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "exports"))
    with time_machine.travel(LATER):
        yield Installation(tmp_path, simulator)
    simulator.end()


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def run() -> list[dict[str, Any]]:
    """The segments of a run that has succeeded."""
    ended = command("run", "autumn", "--json")
    assert ended.exit_code == 0, (ended.output, ended.exception)
    found: list[dict[str, Any]] = json.loads(ended.stdout)["segments"]
    return found


def test_a_workspace_of_the_first_release_goes_on(at: Installation) -> None:
    """The upload in progress is resumed, nothing is replaced, and nothing of the first release is changed."""
    before = at.files()
    assert command("ledger", "verify", "Silver").stdout.startswith("Valid."), "it is read without a run"
    assert "47 certain, 50 possible" in command("ledger", "show", "Gold").stdout
    assert at.files() == before
    reports = [
        RunReport.model_validate_json(one) for name, one in before.items() if name.endswith("report.json")
    ]
    assert [len(one.segments) for one in reports] == [2, 2]

    gold, silver = run()
    assert (gold["outcome"], silver["outcome"]) == ("delivered", "unchanged")
    assert not gold["replaced"]
    assert at.holds("800000001", "gold", range(6, 56))
    assert at.holds("800000002", "silver", range(1, 26))
    after = at.files()
    assert after["workspace.json"] == before["workspace.json"], "the workspace keeps its id and format"
    kept = [name for name in before if "/states/" in name]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    first = json.loads(at.states("gold")[-1].read_text().splitlines()[0])
    assert (first["format"], first["release"]) == (FORMAT, release())

    at.write("Gold", range(10, 60))
    at.write("Silver", range(2, 27))
    assert [(one["outcome"], one["replaced"]) for one in run()] == [("delivered", False)] * 2
    assert at.holds("800000001", "gold", range(10, 60))
    assert at.holds("800000002", "silver", range(2, 27))
    assert [one["run_id"] for one in json.loads(command("history", "autumn", "--json").stdout)]
    assert command("clean", "autumn").exit_code == 0
    assert [
        name for name in at.files() if name.startswith("runs/") and name.endswith("members.parquet")
    ] == []


@pytest.mark.lengthy
def test_a_ledger_of_a_release_to_come_is_not_replaced(at: Installation) -> None:
    """A worker that an upgrade forgot stops, and the rest goes on; then the documented way back."""
    run()
    newest = at.states("gold")[-1]
    first, _, rest = newest.read_bytes().partition(b"\n")
    header = json.loads(first) | {"format": FORMAT + 1, "release": "0.9.0"}
    newest.write_bytes(json.dumps(header).encode() + b"\n" + rest)
    at.write("Gold", range(10, 60))
    at.write("Silver", range(2, 27))
    before, sent = at.files(), at.api.members("800000001")

    ended = command("run", "autumn", "--json")
    assert ended.exit_code == 1
    gold, silver = json.loads(ended.stdout)["segments"]
    assert (gold["outcome"], silver["outcome"]) == ("failed", "delivered")
    for words in (
        f"{newest.relative_to(at.workspace)} of the workspace was written by release 0.9.0 of this project in format 7",
        "Nothing was changed. Update this project here",
        "docs/operations.md",
    ):
        assert words in gold["message"]
    ledgers = {name: one for name, one in before.items() if "/gold-" in name and name.startswith("ledgers/")}
    after = at.files()
    assert {name: after.get(name) for name in ledgers if "/leases/" not in name} == {
        name: one for name, one in ledgers.items() if "/leases/" not in name
    }
    assert at.api.members("800000001") == sent
    for refused in (command("ledger", "show", "Gold"), command("ledger", "forget", "Gold", "--yes")):
        assert isinstance(refused.exception, NewerFormat)

    (at.workspace / "ledgers").rename(at.workspace / "ledgers-of-the-newer-release")
    replaced = run()
    assert [one["replaced"] for one in replaced] == [True, True]
    assert at.holds("800000001", "gold", range(10, 60))
    assert at.holds("800000002", "silver", range(2, 27))


def test_a_workspace_of_a_release_to_come_is_left_alone(at: Installation) -> None:
    marker = at.workspace / "workspace.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"format": 2, "release": "0.9.0"}))
    before, sent = at.files(), at.api.members("800000001")
    ended = command("run", "autumn")
    assert isinstance(ended.exception, TerminalError)
    assert "The workspace (workspace.json) was written by release 0.9.0" in str(ended.exception)
    with at.export.open("a") as file:
        file.write("staged_days: 1\n")  # so that there is something to delete
    for other in (command("clean", "autumn"), command("ledger", "forget", "Gold", "--yes")):
        assert isinstance(other.exception, TerminalError), other.output
    assert at.files() == before
    assert at.api.members("800000001") == sent
    assert command("ledger", "show", "Gold").exit_code == 0, "it can be looked at"
