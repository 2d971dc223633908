"""A table that matched a pattern vanishes: only its own audience is kept, emptied or deleted."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.cli.ledger_lookup import FoundLedger
from airflow_microsoft_advertising.cli.local_run import LocalRun
from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.segments import Segment
from customer_match.ledger.lease import Lease
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.runs.records import Chunked
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import changes_of, summary_of
from customer_match_delivery import delivery
from customer_match_sample_lake.delta import DeltaSample
from microsoft_advertising.limits import CALL_LANDS_SECONDS
from tests.airflow_microsoft_advertising.cli.test_local_run import service
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import DAY, Lake, prepare
from tests.airflow_microsoft_advertising.test_operator import ClosingService
from tests.customer_match_delivery.in_memory import FakeAudience

__all__ = ["service"]

pytestmark = pytest.mark.slow  # each plays several runs, and their files are written durably

ENDINGS = ["empty", "delete"]
TABLES = ("Gold", "Silver", "Bronze")
FIVE = ("anna@example.com", "bob@example.com", "c.lee@example.org", "dora@example.com", "e@example.com")


class Days:
    """An export of all tables of a lake, day after day."""

    def __init__(self, lake: Lake, service: ClosingService) -> None:
        self.lake, self.service = lake, service
        self.day = DAY
        self.keys: dict[str, Any] = {"segments": "all", "route": "bulk"}

    def write(self, *tables: str) -> None:
        for table in tables:
            self.lake.write(table, list(FIVE))

    def remove(self, *tables: str) -> None:
        for table in tables:
            shutil.rmtree(self.lake.folder / "lake" / table)

    def vanish(self, *tables: str) -> None:
        """Remove tables, and do a first run without them."""
        self.remove(*tables)
        self.run()

    def new(self, day: datetime | None = None, **options: Any) -> ExportRun:
        """The next run: of the next day, or of the given one."""
        self.day += timedelta(days=1)
        day = day or self.day
        return self.lake.run(name=f"run {self.day:%d}", interval_end=day, **(self.keys | options))

    def play(self, run: ExportRun, *names: str) -> RunReport:
        return LocalRun(run, sleep=lambda _: None)(names)

    def run(self, *names: str, **options: Any) -> RunReport:
        return self.play(self.new(**options), *names)

    def audience(self, name: str) -> FakeAudience | None:
        found = [one for one in self.service.audiences.values() if one.name == name]
        assert len(found) <= 1
        return found[0] if found else None

    def holds(self, name: str) -> int | None:
        """Members of an audience; None if there is none of this name."""
        found = self.audience(name)
        return len(found.people) if found else None

    def ledger(self, name: str) -> Ledger:
        run = self.lake.run(**self.keys)
        return Ledger(run.workspace, ledger_folder(run.export.aid, name), name)


@pytest.fixture
def days(tmp_path: Path, connect: Connect, service: ClosingService) -> Days:
    connect()
    lake = Lake(tmp_path)
    days = Days(lake, service)
    days.write(*TABLES)
    return days


@pytest.fixture(params=ENDINGS)
def ending(request: pytest.FixtureRequest, days: Days) -> str:
    """Three tables were delivered; the export empties or deletes the audiences of vanished tables."""
    days.run()
    days.keys["vanished"] = request.param
    return str(request.param)


LEFT = {"empty": 0, "delete": None}
OUTCOME = {"empty": Outcome.EMPTIED, "delete": Outcome.DELETED}


def of(report: RunReport, audience: str) -> SegmentReport:
    [found] = [segment for segment in report.segments if segment.audience == audience]
    return found


# --- What happens ------------------------------------------------------------------------------------------


def test_the_audience_is_kept_by_default(days: Days) -> None:
    days.run()
    days.vanish("Gold")
    report = days.run()
    assert {segment.audience for segment in report.segments} == {"Silver", "Bronze"}
    assert days.holds("Gold") == 5
    assert "Gold: the audience is kept unchanged; its table Gold no longer exists." in changes_of(report)
    assert [one.table for one in days.run().vanished] == ["Gold"], "told in every run"


def test_the_first_run_without_the_table_changes_nothing(days: Days, ending: str) -> None:
    """A day's tables may come late, and programs that overwrite a table remove it first."""
    days.remove("Gold")
    run = days.new()
    for _ in range(2):  # its task `select` may be tried again
        report = days.play(run)
        assert days.holds("Gold") == 5
        verb = {"empty": "emptied", "delete": "deleted"}[ending]
        [words] = changes_of(report)
        assert words == (
            "Gold: the audience is kept unchanged; its table Gold no longer exists. If the next run does not find it "
            f"either, the audience is {verb}."
        )
    days.write("Gold")
    days.run()
    days.remove("Gold")
    days.run()
    assert days.holds("Gold") == 5, "it was there in between"
    days.run()
    assert days.holds("Gold") == LEFT[ending]


def test_a_run_for_the_past_without_the_table_does_not_count(days: Days, ending: str) -> None:
    """The table may be newer than that day, and today's table may only be late."""
    days.run()
    days.remove("Gold")
    days.run(day=DAY)
    days.run()
    assert days.holds("Gold") == 5, "the first run of the present that misses it"
    days.run()
    assert days.holds("Gold") == LEFT[ending]


def test_with_ignored_guards_the_second_run_is_not_needed(days: Days, ending: str) -> None:
    days.remove("Gold")
    days.run(dry_run=True)
    days.run(ignore_guards=True)
    assert days.holds("Gold") == LEFT[ending]


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_only_its_audience_is_emptied_or_deleted(days: Days, ending: str, route: str) -> None:
    days.vanish("Gold")
    days.keys["route"] = route
    report = days.run()
    assert days.holds("Gold") == LEFT[ending]
    assert (days.holds("Silver"), days.holds("Bronze")) == (5, 5)
    told = of(report, "Gold")
    assert (told.outcome, told.message) == (OUTCOME[ending], "The table no longer exists.")
    assert told.removed == (5 if ending == "empty" else None)
    assert report.failed == 0
    assert not changes_of(report), "nothing is kept as it is"
    assert f"- Gold: {OUTCOME[ending]}" in summary_of(report)
    assert f'class="outcome {OUTCOME[ending]}"' in html_of(report)


def test_afterwards_the_table_is_no_longer_recorded(days: Days, ending: str) -> None:
    days.vanish("Gold")
    days.run()
    report = days.run()
    assert {segment.audience for segment in report.segments} == {"Silver", "Bronze"}
    assert (report.vanished, days.holds("Gold")) == ((), LEFT[ending])


def test_a_table_that_comes_back_is_delivered_again(days: Days, ending: str) -> None:
    days.vanish("Gold")
    days.run()
    days.write("Gold")
    report = days.run()
    assert (of(report, "Gold").outcome, days.holds("Gold")) == (Outcome.DELIVERED, 5)
    assert report.appeared == ("Gold",)


def test_its_return_during_the_run_is_noticed(days: Days, ending: str) -> None:
    days.vanish("Gold")
    run = days.new()
    [segment] = [one for one in select_segments(run) if one.table == "Gold"]
    days.write("Gold")
    validate_segment(run, segment)
    normalise_segment(run, segment)
    skipped = chunk_segment(run, segment).skipped
    assert skipped == "The table 'Gold' exists again: the next run delivers it."
    assert of(write_report(run, [segment]), "Gold").outcome is Outcome.SKIPPED
    assert days.holds("Gold") == 5


def test_a_table_that_is_overwritten_has_not_vanished(days: Days, ending: str) -> None:
    """Spark removes the old files first, and moves the new ones in when all are written."""
    days.vanish("Gold")
    at_work = days.lake.folder / "lake" / "Gold" / "_temporary" / "0" / "part-0.parquet"
    at_work.parent.mkdir(parents=True)
    at_work.write_bytes(b"PAR1")
    told = of(days.run(), "Gold")
    assert (told.outcome, days.holds("Gold")) == (Outcome.SKIPPED, 5)
    assert "files of a program that is writing it" in str(told.message)
    shutil.rmtree(at_work.parent.parent)
    (at_work.parents[2] / "_SUCCESS").touch()  # nobody was written: an empty table
    assert of(days.run(), "Gold").outcome is Outcome.SKIPPED
    shutil.rmtree(at_work.parents[2])
    assert of(days.run(), "Gold").outcome is OUTCOME[ending]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"part-0.ndjson": b'{"Email": "anna@example.com"}'}, "part-0.ndjson"),
        ({"part-0": b'[{"Email": "anna@example.com"}]'}, "part-0 is JSON"),
        ({"people.dat": b"\0\1\2\3"}, "people.dat is neither"),
        ({"export.log": b"started\n"}, "no column 'Email'"),
        ({"README.md": b"Moved."}, "holds no Parquet or CSV files"),
        ({"part-0.parquet.tmp": b"PAR1"}, "part-0.parquet.tmp"),
        ({".hoodie/hoodie.properties": b"x"}, "Apache Hudi"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_table_whose_files_change_their_format_has_not_vanished(
    days: Days, ending: str, files: dict[str, bytes], words: str
) -> None:
    days.remove("Gold")
    for name, content in files.items():
        path = days.lake.folder / "lake" / "Gold" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for _ in range(3):
        told = of(days.run(), "Gold")
        assert (told.outcome, days.holds("Gold")) == (Outcome.FAILED, 5)
        assert words in str(told.message)
    days.remove("Gold")
    days.write("Gold")
    assert of(days.run(), "Gold").outcome is Outcome.UNCHANGED


def test_a_single_file_that_changes_its_format_has_not_vanished(days: Days, ending: str) -> None:
    lone = days.lake.folder / "lake" / "Lone.csv"
    lone.write_text("Email\nanna@example.com\n")
    days.run()
    lone.rename(lone.with_suffix(".json"))
    for _ in range(2):
        told = of(days.run(), "Lone")
        assert (told.outcome, days.holds("Lone")) == (Outcome.FAILED, 1)
        assert "Lone.json" in str(told.message)
    lone.with_suffix(".json").unlink()
    days.run()
    days.run()
    assert days.holds("Lone") == LEFT[ending], "it is gone"


def test_remaining_files_of_a_nested_table_keep_its_audience(days: Days, ending: str) -> None:
    """A Delta table without its log is no table: its files alone do not show its rows."""
    folder = days.lake.folder / "lake" / "bronze" / "Deep"
    DeltaSample(LocalFileSystem(), str(folder), columns={"Email": pa.string()}).append([{"Email": FIVE[0]}])
    for commit in (folder / "_delta_log").iterdir():
        os.utime(commit, (1_700_000_000, 1_700_000_000))
    days.run()
    assert days.holds("Deep") == 1
    log = folder / "_delta_log"
    log.rename(folder.parent / ".log")
    days.run()
    told = of(days.run(), "Deep")
    assert (told.outcome, days.holds("Deep")) == (Outcome.SKIPPED, 1)
    assert f"{folder} is not a table any more, but holds files" in str(told.message)
    shutil.rmtree(folder)
    days.run()
    assert days.holds("Deep") == LEFT[ending]


@pytest.mark.parametrize(
    "stray", ["Notes/README.md", "docs/load.sql", "README", "run.log", "settings.json", "x.dat"]
)
def test_a_file_that_is_no_table_creates_no_audience(days: Days, stray: str) -> None:
    path = days.lake.folder / "lake" / stray
    path.parent.mkdir(exist_ok=True)
    path.write_text("anna@example.com\n")
    assert {segment.audience for segment in days.run().segments} == set(TABLES)


def test_a_dry_run_reports_what_would_happen(days: Days, ending: str) -> None:
    days.vanish("Gold")
    told = of(days.run(dry_run=True), "Gold")
    assert told.outcome is Outcome.DRY_RUN
    verb = {"empty": "emptied", "delete": "deleted"}[ending]
    assert told.message == f"The table no longer exists. The audience would be {verb}."
    assert days.holds("Gold") == 5
    days.run()
    assert days.holds("Gold") == LEFT[ending]


def test_a_run_of_some_segments_affects_only_those(days: Days, ending: str) -> None:
    days.vanish("Gold")
    report = days.run("Silver")
    assert (days.holds("Gold"), report.vanished, changes_of(report)) == (5, (), [])
    assert of(days.run("Gold"), "Gold").outcome is OUTCOME[ending]
    assert days.holds("Gold") == LEFT[ending]


def test_members_that_the_service_refuses_to_remove_are_retried(days: Days) -> None:
    days.run()
    days.keys["vanished"] = "empty"
    days.vanish("Gold")
    gold = days.audience("Gold")
    assert gold
    first = min(gold.people)
    days.service.refuse, days.service.refuses_removals = {first: (8002,)}, True
    assert of(days.run(), "Gold").outcome is Outcome.REFUSED_SOME
    assert gold.people == {first}
    days.service.refuse = {}
    assert of(days.run(), "Gold").outcome is Outcome.EMPTIED
    assert gold.people == set()


def test_the_ledger_of_a_deleted_audience_records_this(days: Days) -> None:
    days.run()
    days.keys["vanished"] = "delete"
    days.vanish("Gold")
    days.run()
    run, ledger = days.new(), days.ledger("Gold")
    summary = FoundLedger(run.export, "Gold", ledger, None, run.workspace).summarise()
    assert summary.deleted
    assert not list((days.lake.folder / "workspace" / "ledgers").glob("*/gold-*/bounds/*")), (
        "its members are deleted"
    )
    assert str(summary).startswith(
        "audience     Gold (deleted because its table vanished; export autumn)\ndata until   2026-05-04"
    )
    assert "anybody" not in str(summary)


# --- What stops it -----------------------------------------------------------------------------------------


def test_the_guard_stops_if_most_tables_vanish_at_once(days: Days, ending: str) -> None:
    days.vanish("Gold", "Bronze")
    report = days.run()
    assert (days.holds("Gold"), days.holds("Silver"), days.holds("Bronze")) == (5, 5, 5)
    assert (of(report, "Silver").outcome, report.failed) == (Outcome.UNCHANGED, 2)
    words = str(of(report, "Gold").message)
    assert "2 of 3 tables" in words
    assert "at most 50% have" in words
    assert "`guards.max_vanished`" in words
    report = days.run(ignore_guards=True)
    assert (days.holds("Gold"), days.holds("Bronze")) == (LEFT[ending], LEFT[ending])
    assert any("2 of 3 tables" in found for found in of(report, "Gold").overridden)


@pytest.mark.bad_input
@pytest.mark.parametrize("named", [False, True])
def test_an_empty_lake_changes_no_audience(days: Days, ending: str, named: bool) -> None:
    """Even if a table that the file names would let the run continue."""
    days.remove("Silver", "Bronze")
    days.run(ignore_guards=True)
    days.remove("Gold")
    if not named:
        with pytest.raises(
            ConfigurationError, match=r"No table in.*run the export once with `ignore_guards`"
        ):
            days.run()
    else:
        days.keys["segments"] = ["*", {"table": "Iron", "path": "elsewhere/Iron"}]
        days.run()
        assert "`guards.max_vanished`" in str(of(days.run(), "Gold").message)
    assert days.holds("Gold") == 5
    days.run(ignore_guards=True)
    assert days.holds("Gold") == LEFT[ending]


@pytest.mark.parametrize("force", [False, True])
def test_an_older_day_changes_no_audience(days: Days, ending: str, force: bool) -> None:
    """A backfill reads the lake of today, or the folder of a day before the table existed."""
    days.vanish("Gold")
    assert "Gold" not in {segment.audience for segment in days.run(day=DAY, force=force).segments}
    told = of(days.run(day=DAY, force=force, ignore_guards=True), "Gold")
    assert told.outcome is Outcome.SKIPPED
    assert "newer data" in str(told.message)
    assert days.holds("Gold") == 5


@pytest.mark.parametrize("file", ["as ever", "part-0.ndjson", "people.dat", "README.md"])
def test_a_table_that_exists_today_is_kept_by_a_run_for_the_past(days: Days, ending: str, file: str) -> None:
    """Even if the ledger is lost, so that the day of the audience's data is unknown."""
    dated = days.lake.folder / "dated"
    today = dated / f"{datetime.now(UTC):%Y-%m-%d}"
    shutil.move(days.lake.folder / "lake", today)
    for day in (DAY, DAY - timedelta(days=1)):
        shutil.copytree(today, dated / f"{day:%Y-%m-%d}")
        shutil.rmtree(dated / f"{day:%Y-%m-%d}" / "Gold")
    if file != "as ever":  # which fails today's run, and tells nothing of yesterday's
        shutil.rmtree(today / "Gold")
        (today / "Gold").mkdir()
        (today / "Gold" / file).write_text('{"Email": "anna@example.com"}')
    days.keys["source"] = f"{dated}/{{{{ ds }}}}"
    shutil.rmtree(days.lake.folder / "workspace" / "ledgers")
    days.run(day=DAY - timedelta(days=1))
    told = of(days.run(day=DAY), "Gold")
    assert told.outcome is Outcome.SKIPPED
    assert (
        told.message
        == "The table 'Gold' exists today: a run for a past date does not empty or delete its audience."
    )
    assert days.holds("Gold") == 5


@pytest.mark.parametrize("readable", [True, False])
def test_a_segment_that_is_listed_today_is_kept_by_a_run_for_the_past(
    days: Days, ending: str, readable: bool
) -> None:
    dated, now = days.lake.folder / "dated", datetime.now(UTC)
    for day in (now, DAY - timedelta(days=1), DAY):
        lists = (
            ['["Gold", "Silver", "Bronze"]' if readable else '["Gold']
            if day == now
            else ['["Silver", "Bronze"]']
        )
        rows = {"Customer": {"Id": ["1"], "Email": list(FIVE[:1])}, "Lists": {"Id": ["1"], "Segments": lists}}
        for name, columns in rows.items():
            folder = dated / f"{day:%Y-%m-%d}" / name
            folder.mkdir(parents=True)
            pq.write_table(pa.table(columns), folder / "part-0.parquet")
    days.keys |= {
        "source": f"{dated}/{{{{ ds }}}}",
        "membership": {"table": "Lists", "key": "Id", "segments": "Segments"},
        "profiles": {"table": "Customer", "key": "Id"},
    }
    shutil.rmtree(days.lake.folder / "workspace" / "ledgers")
    days.run(day=DAY - timedelta(days=1))
    told = of(days.run(day=DAY), "Gold")
    assert (told.outcome, days.holds("Gold")) == (Outcome.SKIPPED, 5)
    words = "is listed today: a run for a past date" if readable else "1 rows of 'Lists' cannot be read"
    assert words in str(told.message)


def test_an_older_day_does_not_create_it_again(days: Days) -> None:
    days.run()
    days.keys["vanished"] = "delete"
    days.vanish("Gold")
    days.run()
    days.write("Gold")
    assert of(days.run(day=DAY), "Gold").outcome is Outcome.SKIPPED
    assert days.holds("Gold") is None
    assert of(days.run(day=DAY, force=True), "Gold").outcome is Outcome.DELIVERED


def test_an_older_day_that_was_planned_before_does_not_create_it_again(days: Days) -> None:
    """Two days of a backfill in parallel: the newer one deletes the audience that the older one is about to send to."""
    older = days.new()
    days.run()
    days.keys["vanished"] = "delete"
    gold = Segment(table="Gold", audience="Gold")
    held = days.ledger("Gold").load()
    days.ledger("Gold").write(held, held.state.model_copy(update={"interval_end": DAY}))
    prepare(older, gold)
    days.vanish("Gold")
    days.run()
    with pytest.raises(AirflowSkipException, match="newer data"):
        LocalRun(older)._upload_of(gold).start()
    assert days.holds("Gold") is None
    assert of(write_report(older, [gold]), "Gold").outcome is Outcome.SKIPPED


def test_a_newer_day_delivered_in_the_meantime_is_kept(days: Days, ending: str) -> None:
    days.vanish("Gold")
    older = days.new()
    [gold] = [one for one in select_segments(older) if one.table == "Gold"]
    prepare(older, gold)
    days.write("Gold")
    days.run()
    with pytest.raises(AirflowSkipException, match="newer data"):
        LocalRun(older)._upload_of(gold).start()
    assert days.holds("Gold") == 5
    assert of(write_report(older, [gold]), "Gold").outcome is Outcome.SKIPPED


def test_it_waits_for_another_run_on_the_audience(days: Days, ending: str) -> None:
    days.vanish("Gold")
    run = days.new()
    lease = Lease(run.workspace, ledger_folder(run.export.aid, "Gold"), audience="Gold", holder="another")
    lease.take(timedelta(minutes=5))
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 2:
            assert days.holds("Gold") == 5
            lease.release()

    LocalRun(run, sleep=sleep)()
    assert days.holds("Gold") == LEFT[ending]


def test_a_change_of_the_export_file_after_select_counts(days: Days, ending: str) -> None:
    """An operator sees what is about to happen and sets `keep`."""
    days.vanish("Gold")
    run = days.new()
    [gold] = [one for one in select_segments(run) if one.table == "Gold"]
    days.keys["vanished"] = "keep"
    changed = replace(run, export=days.new().export)
    prepare(changed, gold)
    assert write_report(changed, [gold]).segments[0].outcome is Outcome.SKIPPED
    assert days.holds("Gold") == 5


def test_an_old_finding_changes_no_audience(days: Days, ending: str) -> None:
    """An operator clears an upload that failed days ago."""
    days.vanish("Gold")
    run = days.new()
    [gold] = [one for one in select_segments(run) if one.table == "Gold"]
    prepare(run, gold)
    records = run.records(gold)
    chunked = records.read(Chunked)
    assert chunked
    assert chunked.looked_at
    for wrong in (timedelta(hours=-3), timedelta(days=3650)):  # the second by a clock that was ahead
        records.write(chunked.model_copy(update={"looked_at": chunked.looked_at + wrong}))
        with pytest.raises(AirflowFailException, match="Clear the task `chunk`"):
            LocalRun(run)._upload_of(gold).start()
    assert days.holds("Gold") == 5


def test_with_a_ledger_of_the_future_nothing_happens_without_force(days: Days, ending: str) -> None:
    """A machine whose clock was ahead wrote it."""
    days.vanish("Gold")
    ledger = days.ledger("Gold")
    entry = ledger.load()
    future = datetime(2136, 1, 1, tzinfo=UTC)
    ledger.write(entry, entry.state.model_copy(update={"interval_end": future, "planned_at": future}))
    report = days.run("Gold")
    assert (days.holds("Gold"), of(report, "Gold").outcome) == (5, Outcome.FAILED)
    assert "--force" in str(of(report, "Gold").message)
    report = days.run("Gold", force=True)
    assert (days.holds("Gold"), of(report, "Gold").outcome) == (LEFT[ending], OUTCOME[ending])
    assert ledger.load().state.interval_end == days.day


@pytest.mark.bad_input
def test_without_the_result_of_select_nothing_happens(days: Days, ending: str) -> None:
    days.vanish("Gold", "Bronze")
    run = days.new()
    [gold] = [one for one in select_segments(run) if one.table == "Gold"]
    (days.lake.folder / "workspace" / run.folder / "discovery.json").unlink()
    with pytest.raises(AirflowFailException, match="Clear that task"):
        validate_segment(run, gold)


def test_a_delivered_table_is_missed_even_without_a_report(days: Days) -> None:
    run = days.new()
    for segment in select_segments(run):
        prepare(run, segment)
        LocalRun(run, sleep=lambda _: None)._run_all([segment])
    days.remove("Gold")
    assert [one.table for one in days.run().vanished] == ["Gold"]


def test_the_report_of_an_old_run_keeps_the_record_of_a_table_that_is_back(days: Days, ending: str) -> None:
    days.vanish("Gold")
    old = days.new()
    days.play(old)
    days.write("Gold")
    days.run()
    write_report(old, [Segment(table="Gold", audience="Gold", ending=ending)])  # type: ignore[arg-type]
    days.remove("Gold")
    assert [one.table for one in days.run().vanished] == ["Gold"]


# --- Whose it is -------------------------------------------------------------------------------------------


def test_an_audience_that_now_belongs_to_another_segment_is_kept(days: Days, ending: str) -> None:
    """An operator renames a table, and keeps the name of its audience."""
    days.remove("Gold")
    days.write("Gold 2026")
    days.keys["segments"] = ["*", {"table": "Gold 2026", "audience": "GOLD"}]
    for _ in range(2):
        report = days.run()
        assert {segment.segment for segment in report.segments} == {"Gold 2026", "Silver", "Bronze"}
        assert report.vanished == ()
    assert (days.holds("Gold"), days.holds("GOLD")) == (5, 5)


def test_a_list_that_the_file_names_by_its_id_is_kept(days: Days, ending: str) -> None:
    """It now belongs to another segment, although the ledger under the old name has its id."""
    gold = days.audience("Gold")
    assert gold
    days.remove("Gold")
    days.write("Zold 2026")
    days.keys |= {"segments": ["*", {"table": "Zold 2026", "audience_id": int(gold.id)}]}
    days.run("Gold", ignore_guards=True)  # before the other segment has put its own mark on it
    assert (gold.id in days.service.audiences, len(gold.people)) == (True, 5)
    for _ in range(2):
        report = days.run()
        assert of(report, "Zold 2026").outcome is not Outcome.FAILED
    assert len(gold.people) == 5
    assert gold.id in days.service.audiences


def test_an_audience_that_another_export_has_taken_over_is_kept(days: Days, ending: str) -> None:
    gold = days.audience("Gold")
    assert gold
    gold.description = "Taken over. [customer-match:winter/gold-0123456789ab]"
    days.vanish("Gold")
    before = days.ledger("Gold").load().state
    told = of(days.run(), "Gold")
    assert (told.outcome, days.holds("Gold")) == (Outcome.UNCHANGED, 5)
    assert told.message == "The table no longer exists. No audience certainly belongs to this segment."
    assert days.ledger("Gold").load().state == before, "it may be the other export's"


def test_the_audience_with_the_mark_is_emptied_and_not_the_one_taken_over(days: Days) -> None:
    days.run()
    days.keys["vanished"] = "empty"
    taken = days.audience("Gold")
    assert taken
    days.service.put("Gold, ours", taken.description, {1, 2})
    taken.description = "Taken over. [customer-match:winter/gold-0123456789ab]"
    days.vanish("Gold")
    assert of(days.run(), "Gold").outcome is Outcome.FAILED, "nobody knows who is in it"
    assert (len(taken.people), days.holds("Gold, ours")) == (5, 2)
    assert "winter" in taken.description


def test_a_rewritten_description_does_not_change_the_owner(days: Days, ending: str) -> None:
    gold = days.audience("Gold")
    assert gold
    gold.description = "our best"
    days.vanish("Gold")
    told = of(days.run(), "Gold")
    if ending == "delete":
        assert days.holds("Gold") is None
    else:  # without its generation nobody knows who else has written to it
        assert days.holds("Gold") == 5
        assert "the members of the audience 'Gold' are unknown" in str(told.message)


def test_if_the_ledger_is_lost_the_mark_identifies_the_audience(days: Days) -> None:
    days.run()
    days.keys["vanished"] = "delete"
    days.vanish("Gold")
    shutil.rmtree(days.lake.folder / "workspace" / "ledgers")
    days.run()
    assert days.holds("Gold") is None


@pytest.mark.parametrize("lost", [False, True])
def test_an_audience_with_unknown_members_cannot_be_emptied(days: Days, lost: bool) -> None:
    days.run()
    days.keys["vanished"] = "empty"
    days.vanish("Gold")
    if lost:
        shutil.rmtree(days.lake.folder / "workspace" / "ledgers")
    else:
        entry = days.ledger("Gold").load()
        days.ledger("Gold").write(entry, entry.state.distrusted("somebody emptied it"))
    told = of(days.run(), "Gold")
    assert told.outcome is Outcome.FAILED
    assert "the members of the audience 'Gold' are unknown" in str(told.message)
    assert days.holds("Gold") == 5
    days.keys["vanished"] = "delete"
    assert of(days.run(), "Gold").outcome is Outcome.DELETED


def test_if_several_audiences_have_the_mark_an_operator_decides(days: Days, ending: str) -> None:
    gold = days.audience("Gold")
    assert gold
    days.service.put("Gold, a copy", gold.description, {1})
    shutil.rmtree(days.lake.folder / "workspace" / "ledgers")
    days.vanish("Gold")
    told = of(days.run(), "Gold")
    assert told.outcome is Outcome.FAILED
    assert "Several audiences belong to the segment 'Gold'" in str(told.message)
    assert days.holds("Gold") == 5


def test_an_audience_with_only_the_same_name_is_kept(days: Days, ending: str) -> None:
    gold = days.audience("Gold")
    assert gold
    del days.service.audiences[gold.id]
    days.service.put("Gold", "made by hand", {1, 2})
    days.vanish("Gold")
    days.run()
    assert days.holds("Gold") == 2


def test_an_audience_deleted_by_hand_is_not_created_again(days: Days, ending: str) -> None:
    gold = days.audience("Gold")
    assert gold
    del days.service.audiences[gold.id]
    days.vanish("Gold")
    report = days.run()
    assert of(report, "Gold").outcome is (Outcome.UNCHANGED if ending == "empty" else Outcome.DELETED)
    assert days.holds("Gold") is None
    assert days.service.created == 3
    assert days.run().vanished == ()


@pytest.mark.faults
@pytest.mark.parametrize("lands", [True, False])
def test_a_deletion_that_takes_effect_after_the_table_is_back(
    days: Days, monkeypatch: pytest.MonkeyPatch, *, lands: bool
) -> None:
    """Nothing is sent to the audience, and it is not skipped, until it is known whether it exists."""
    days.run()
    days.keys["vanished"] = "delete"
    days.vanish("Gold")
    late: list[str] = []

    def on_its_way(audience_id: str) -> None:
        late.append(audience_id)
        raise TransientError("the answer was lost")

    with monkeypatch.context() as slow:
        slow.setattr(days.service, "delete_audience", on_its_way)
        assert of(days.run("Gold"), "Gold").outcome is Outcome.FAILED
    days.write("Gold")
    before, slept = days.audience("Gold"), [0.0]
    monkeypatch.setattr(delivery, "_now", lambda: datetime.now(UTC) + timedelta(seconds=sum(slept)))

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if lands and seconds > 600:
            days.service.audiences.pop(late[0], None)

    report = LocalRun(days.new(), sleep=sleep)(["Gold"])
    assert of(report, "Gold").outcome.good
    assert days.holds("Gold") == 5
    assert sum(slept) >= CALL_LANDS_SECONDS - 60
    assert (days.audience("Gold") is before) != lands


@pytest.mark.parametrize("strike", ["before", "after", "lost"])
def test_a_crash_while_it_is_deleted(days: Days, strike: str) -> None:
    days.run()
    days.keys["vanished"] = "delete"
    days.vanish("Gold")
    days.service.faults.strikes = {("delete_audience", 1): strike}
    report = days.run()
    assert len(days.service.faults.struck) == 1
    assert of(report, "Gold").outcome is Outcome.DELETED
    assert days.holds("Gold") is None
    days.write("Gold")
    days.run()
    assert days.holds("Gold") == 5
