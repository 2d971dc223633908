"""`customer-match run` and `reconcile`: what they do, print and end with; against the simulator, as processes too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from airflow.models import Connection
from airflow.utils.session import create_session
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.audit.recording import trail_of
from airflow_microsoft_advertising.cli import execution as local_command
from airflow_microsoft_advertising.cli.execution import Options, parse_date
from airflow_microsoft_advertising.cli.exports import find_export
from airflow_microsoft_advertising.cli.history.lookup import open_workspace
from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.cli.progress import show_progress
from airflow_microsoft_advertising.run import export_run as steps
from customer_match.audit.table import entries_of, unfinished_runs
from customer_match.errors import ConfigurationError
from customer_match.export.loading import InvalidExport
from customer_match.export.model import Export
from customer_match.ledger import store
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match_delivery import call_tracking, delivery
from customer_match_demo.expected import expected
from customer_match_demo.stack import account_connection
from customer_match_demo.tables import churn_tables, demo_tables, write_tables
from tests.microsoft_advertising_simulator.api import Simulator

TABLES = demo_tables(0.0008)[:2]
EXPORT = {"cid": 190000001, "aid": 180000001, "source": "lake", "segments": "all", "email": "Email"}


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def saved(folder: Path, name: str, **keys: Any) -> None:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(EXPORT | keys))


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    saved(tmp_path, "autumn", timezone="Europe/Berlin")
    return tmp_path


class Called:
    """Replaces the run: records its options, and returns a report."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, outcome: Outcome = Outcome.DELIVERED) -> None:
        self.options: list[tuple[Export, Options]] = []
        self.outcome = outcome
        monkeypatch.setattr(local_command, "_run", self)

    def __call__(self, export: Export, options: Options) -> RunReport:
        self.options.append((export, options))
        return RunReport(
            export=export.name,
            title=export.title,
            run_id="cli__now",
            interval_end=datetime(2026, 5, 1, tzinfo=UTC),
            finished=datetime(2026, 5, 1, tzinfo=UTC),
            dry_run=options.dry_run,
            full=options.full,
            segments=(SegmentReport(segment="Gold", audience="Gold", outcome=self.outcome),),
        )


# --- What is asked for ---------------------------------------------------------------------------------------


def test_the_options_reach_the_run(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch)
    flags = ["--segment", "Gold", "--segment", "Silver", "--full", "--dry-run", "--ignore-guards", "--force"]
    assert run("run", "autumn", *flags, "--date", "2026-01-31").exit_code == 0
    [(export, options)] = called.options
    assert export.name == "autumn"
    assert list(options.segments) == ["Gold", "Silver"]
    assert (options.full, options.dry_run, options.ignore_guards, options.force) == (True, True, True, True)
    assert options.interval_end == datetime(2026, 1, 30, 23, tzinfo=UTC), "the export's time zone"


def test_nothing_is_chosen_by_default(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch)
    result = run("run", "autumn")
    assert called.options[0][1] == Options()
    assert "1 of 1 segment succeeded." in result.stdout


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.DELIVERED, 0), (Outcome.FAILED, 1)])
def test_the_report_as_json_and_the_exit_status(
    exports: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, status: int
) -> None:
    Called(monkeypatch, outcome)
    result = run("run", "autumn", "--json")
    assert result.exit_code == status
    assert json.loads(result.stdout)["segments"][0]["outcome"] == outcome


def test_a_date_with_an_offset_and_an_invalid_one(exports: Path) -> None:
    export = find_export("autumn")
    assert parse_date("2026-01-31T05:00+00:00", export) == datetime(2026, 1, 31, 5, tzinfo=UTC)
    assert parse_date(None, export) is None
    with pytest.raises(typer.BadParameter, match="is not a date"):
        parse_date("yesterday", export)
    assert run("run", "autumn", "--date", "yesterday").exit_code == 2
    assert run("run").exit_code == 2


@pytest.mark.bad_input
def test_a_missing_export_and_an_invalid_one(exports: Path) -> None:
    saved(exports, "winter", typo=1)
    with pytest.raises(ConfigurationError, match=r"did you mean 'autumn'\?.*Exports: autumn, winter"):
        find_export("autum")
    with pytest.raises(InvalidExport, match="typo"):
        find_export("winter")
    saved(exports, "winter", where="Score >")
    with pytest.raises(InvalidExport, match=r"winter.yaml, line \d, where: cannot be parsed"):
        find_export("winter")


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """As in a terminal; a process that a script has started in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_a_stopped_command_ends_with_130(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):

        def stop(*_: Any, number: int = number) -> Any:
            os.kill(os.getpid(), number)
            time.sleep(5)

        monkeypatch.setattr(local_command, "_run", stop)
        before = signal.getsignal(signal.SIGTERM)
        result = run("run", "autumn")
        assert result.exit_code == 130
        assert "The next run continues" in result.stderr
        assert signal.getsignal(signal.SIGTERM) is before


# --- reconcile -----------------------------------------------------------------------------------------------


def test_reconcile_is_a_full_run(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch)
    assert run("reconcile", "autumn", "--segment", "Gold", "--yes").exit_code == 0
    [(_, options)] = called.options
    assert options == Options(segments=["Gold"], full=True)


def test_reconcile_explains_and_asks(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch)
    monkeypatch.setattr("airflow_microsoft_advertising.cli.reconcile._is_interactive", lambda: True)
    refused = run("reconcile", "autumn", answer="n\n")
    assert refused.exit_code == 1
    assert "Each whole audience is replaced" in refused.output
    assert "all segments of the export 'autumn'" in refused.output
    assert not called.options
    assert run("reconcile", "autumn", answer="y\n").exit_code == 0
    assert len(called.options) == 1


def test_reconcile_does_nothing_without_a_terminal(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch)
    result = run("reconcile", "autumn")
    assert isinstance(result.exception, ConfigurationError)
    assert "--yes" in str(result.exception)
    assert not called.options


# --- What is shown -------------------------------------------------------------------------------------------


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from customer_match.export.segments import Segment

    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    gold = Segment(table="Gold", audience="Gold [1]")
    with show_progress() as notify:
        for what in ("validate", "upload", "upload: part 1 of 2, waiting", "done"):
            notify(gold, what)
    shown = capsys.readouterr().err
    assert "Gold [1]" in shown
    assert "done" in shown


# --- Against the simulator -----------------------------------------------------------------------------------


class Installation:
    """One export in its own folder, and its lists in the simulator."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.api = folder, simulator.api
        unique = uuid.uuid4().hex[:8]  # the simulator is the session's
        self.name = f"spring-{unique}"
        self.audiences = {table.table: f"{table.table} {unique}" for table in TABLES}
        self.write(TABLES)
        self.keys: dict[str, Any] = {
            "source": str(folder / "lake"),
            "workspace": str(folder / "workspace"),
            "segments": [self.segment(0), self.segment(1)],
            "route": "bulk",
            "profiles_per_part": 300,
            "retry_delay_seconds": 0,
        }
        self.export()

    def export(self, **keys: Any) -> None:
        """Change keys of the export file."""
        self.keys |= keys
        saved(self.folder, self.name, **self.keys)

    def segment(self, place: int) -> dict[str, str]:
        table, name = list(self.audiences.items())[place]
        return {"table": table, "audience": name}

    def until(self, condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Wait for a moment of a process."""
        deadline = time.monotonic() + 120
        while not condition():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def write(self, tables: Any) -> None:
        write_tables(str(self.folder / "lake"), tables)

    def lists(self) -> list[Any]:
        return [a for a in self.api.control("audiences") if a["name"] in self.audiences.values()]

    def list_of(self, audience: str) -> str:
        [found] = [a for a in self.api.control("audiences") if a["name"] == audience and not a["deleted"]]
        return str(found["id"])

    @property
    def exact(self) -> bool:
        return all(self.exact_of(place) for place in range(len(self.audiences)))

    def exact_of(self, place: int) -> bool:
        table, audience = list(self.audiences.items())[place]
        members = expected(str(self.folder / "lake" / table)).members
        return bool(self.api.members(self.list_of(audience)) == members)


class Ahead(datetime):
    """A clock that is ten years ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=3650)


def started(*arguments: str) -> subprocess.Popen[str]:
    """The command as a separate process."""
    command = [sys.executable, "-c", "from airflow_microsoft_advertising.cli.main import main; main()"]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


@pytest.fixture
def installation(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    return Installation(tmp_path, simulator)


@pytest.mark.system
@pytest.mark.timeout(180)
def test_a_run_the_next_one_and_a_reconciliation(installation: Installation) -> None:
    first = run("run", installation.name, "--json")
    assert first.exit_code == 0, first.output
    assert installation.exact
    assert {one["outcome"] for one in json.loads(first.stdout)["segments"]} == {"delivered"}

    installation.write(churn_tables(TABLES, 0.1))
    second = run("run", installation.name)
    assert second.exit_code == 0, second.output
    assert "2 of 2 segments succeeded." in second.stdout
    assert "upload" in second.stderr
    assert installation.exact

    audience = next(iter(installation.audiences.values()))
    id_ = installation.list_of(audience)
    assert installation.api.apply(id_, "Remove", installation.api.members(id_)[:7]).status_code == 200
    assert run("run", installation.name).exit_code == 0
    assert not installation.exact, "changes by hand are not reported"
    assert run("reconcile", installation.name, "--yes", "--segment", audience).exit_code == 0
    assert installation.exact


@pytest.mark.system
@pytest.mark.timeout(180)
def test_a_date_in_the_future_is_rejected_and_force_leaves_one(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It blocks no audience. After a machine's clock was ten years ahead, runs fail until one uses `--force`."""
    refused = run("run", installation.name, "--date", "2136-01-01")
    assert isinstance(refused.exception, ConfigurationError)
    assert "ends at 2136-01-01 00:00 UTC" in str(refused.exception)
    assert not installation.lists()

    with monkeypatch.context() as ahead:
        for module in (local_command, steps, delivery, store):
            ahead.setattr(module, "datetime", Ahead)
        assert run("run", installation.name).exit_code == 0
    installation.write(churn_tables(TABLES, 0.1))
    stuck = run("run", installation.name, "--json")
    assert stuck.exit_code == 1
    messages = [one["message"] for one in json.loads(stuck.stdout)["segments"]]
    assert all("--force" in message for message in messages), messages
    assert run("run", installation.name, "--force").exit_code == 0
    assert installation.exact
    installation.write(churn_tables(TABLES, 0.2))
    assert run("run", installation.name).exit_code == 0
    assert installation.exact


@pytest.mark.system
@pytest.mark.timeout(180)
def test_the_connection_may_be_in_the_metadata_database(
    installation: Installation, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT")
    missing = run("run", installation.name, "--json")
    assert missing.exit_code == 1
    assert isinstance(missing.exception, ConfigurationError)
    assert "There is no Airflow connection" in str(missing.exception)
    assert "customer-match login" in str(missing.exception)
    dry = run("run", installation.name, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "This dry run does not sign in" in dry.stderr
    fields = account_connection(simulator.ready)
    fields["extra"] = json.dumps(fields["extra"])
    connection = Connection(conn_id="microsoft_advertising_default", **fields)
    with create_session() as session:
        session.add(connection)
    try:
        assert run("run", installation.name).exit_code == 0
    finally:
        with create_session() as session:
            session.delete(connection)
    assert installation.exact
    assert "_AIRFLOW_PROCESS_CONTEXT" not in os.environ


@pytest.mark.system
@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130)])
def test_a_stopped_run_is_continued(installation: Installation, number: signal.Signals, status: int) -> None:
    """While its upload is in progress: the next run awaits the upload, but not the lease of the dead process."""
    installation.api.control(
        "faults", {"operation": "ProcessUpload", "kind": "delay", "seconds": 3600, "times": 2}
    )
    before = len(installation.api.control("uploads"))
    process = started("run", installation.name)
    installation.until(
        lambda: len([u for u in installation.api.control("uploads")[before:] if u["accepted"]]) >= 2, process
    )
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert ("The next run continues" in said) == (number is signal.SIGTERM)
    installation.api.control("faults", method="DELETE")
    assert run("run", installation.name).exit_code == 0
    assert installation.exact
    sent = [u for u in installation.api.control("uploads")[before:] if u["accepted"]]
    parts = sum(
        -(-len(expected(str(installation.folder / "lake" / t)).members) // 300)
        for t in installation.audiences
    )
    assert len(sent) == parts, "nothing was sent twice"
    export = find_export(installation.name)
    trail = trail_of(export, open_workspace(export))
    entries = entries_of(trail.read())
    assert trail.verify().sound
    first, requests = entries[0]["run_id"], [one for entry in entries for one in entry.get("requests", ())]
    if number is signal.SIGKILL:
        assert list(unfinished_runs(entries)) == [first]
    else:
        assert unfinished_runs(entries) == {}
        [end] = [one for one in entries if (one["event"], one["run_id"]) == ("run ended", first)]
        assert end["message"] == "The run was stopped."
        assert len(requests) >= 2, "what it had sent"


@pytest.mark.lengthy
@pytest.mark.system
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_calls_of_a_killed_run_land_after_the_next_one_took_over(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The members that they add have left the segment: the next run waits until no such call can take effect."""
    installation.export(route="apply", profiles_per_part=10_000, segments=[installation.segment(0)])
    assert run("run", installation.name).exit_code == 0
    installation.write(churn_tables(TABLES, 0.2))
    installation.api.control(
        "faults", {"operation": "ApplyCustomerListUserData", "kind": "late", "seconds": 3600, "times": 4}
    )
    process = started("run", installation.name)
    installation.until(lambda: installation.api.control("faults")[0]["times"] < 4, process)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL

    installation.write(TABLES)
    monkeypatch.setattr(call_tracking, "LIFE", timedelta(seconds=20))
    landing = threading.Timer(10, lambda: installation.api.control("faults", method="DELETE"))
    landing.start()
    began = time.monotonic()
    again = run("run", installation.name)
    landing.join()
    assert again.exit_code == 0, again.output
    assert time.monotonic() - began > 20
    assert "received no answer" in again.stderr
    time.sleep(1)
    assert installation.exact_of(0)
