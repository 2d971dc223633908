"""The steps of a run over small tables: what they record, what stops them, and that nothing personal leaks."""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.run import export_run as steps
from airflow_microsoft_advertising.run.export_run import DRY_RUN, ExportRun
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.ledger.state import Renewal
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.members.files import read_members
from customer_match.planning.data_intervals import Force
from customer_match.runs.records import Delivered, Failure, Step
from customer_match.runs.report import Outcome
from customer_match_sample_lake.delta import DeltaSample
from tests.airflow_microsoft_advertising.conftest import Connect

PEOPLE = [
    "Anna@Example.com",
    " bob@example.com ",
    "anna@example.com",
    "no address",
    None,
    "c.lee@example.org",
]
DAY = datetime(2026, 5, 1, tzinfo=UTC)


class Lake:
    """A folder of tables and an export that reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("Gold", PEOPLE)
        self.write("Silver", ["dora@example.com"])

    def write(self, table: str, emails: list[str | None], column: str = "Email") -> Path:
        path = self.folder / "lake" / table
        path.mkdir(parents=True, exist_ok=True)
        rows = pa.table({"Id": list(range(len(emails))), column: pa.array(emails, pa.string())})
        pq.write_table(rows, path / "part-0.parquet")
        return path / "part-0.parquet"

    def run(self, *, name: str = "run-1", interval_end: datetime = DAY, **options: Any) -> ExportRun:
        choices = {
            key: options.pop(key)
            for key in ("full", "dry_run", "ignore_guards", "force", "began")
            if key in options
        }
        keys = {
            "name": "autumn",
            "title": "Autumn campaign",
            "cid": 1,
            "aid": 2,
            "source": str(self.folder / "lake"),
            "segments": [{"table": "Gold", "audience": "Gold customers"}, "Silver"],
            "email": "Email",
            "workspace": str(self.folder / "workspace"),
        }
        export = Export.model_validate(keys | options)
        return ExportRun(export=export, run_id=name, interval_end=interval_end, **choices)


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    connect()
    return Lake(tmp_path)


GOLD = Segment(table="Gold", audience="Gold customers")
SILVER = Segment(table="Silver", audience="Silver")


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def prepare(run: ExportRun, segment: Segment) -> None:
    """The steps before the upload."""
    run.validate(segment)
    run.normalise(segment)
    run.chunk(segment)


def delivered(
    run: ExportRun,
    segment: Segment,
    *,
    at: datetime | None = None,
    renewing: Renewal | None = None,
    **record: Any,
) -> None:
    """As the upload leaves it: the ledger has settled on the target."""
    chunked = run.chunk(segment)
    assert chunked.plan
    ledger = Ledger(run.workspace, ledger_folder(run.export.aid, segment.audience), segment.audience)
    entry = ledger.load()
    entry = ledger.write(entry, entry.state.with_audience("77", created=True))
    plan = chunked.plan
    planned = entry.state.planned(plan.id, plan.parts, run.interval_end, plan.table, at=at, renewing=renewing)
    entry = ledger.write(entry, planned)
    for index in range(len(chunked.plan.parts)):
        entry = ledger.write(entry, entry.state.confirmed(index, None, {}))
    ledger.settle(entry, entry.state)
    record = {"parts": len(plan.parts), "sent": plan.sent} | record
    run.records(segment).write(Delivered(seconds=1, audience_id="77", **record))


def hexes(run: ExportRun, reference: Any) -> set[str]:
    return {row.tobytes().hex() for array in read_members(run.workspace, reference) for row in array}


# --- select ------------------------------------------------------------------------------------------------


def test_all_segments_in_the_files_order(lake: Lake) -> None:
    assert lake.run().select() == [GOLD, SILVER]


@pytest.mark.parametrize("names", [["Silver"], ["Gold customers"], ["Gold"]])
def test_some_segments_by_table_or_audience(lake: Lake, names: list[str]) -> None:
    [chosen] = lake.run().select(names)
    assert {chosen.table, chosen.audience} & set(names)


def test_every_table_that_is_found(lake: Lake) -> None:
    lake.write("Bronze", ["e@example.com"])
    chosen = lake.run(segments="all").select()
    assert [segment.audience for segment in chosen] == ["Bronze", "Gold", "Silver"]
    assert [s.table for s in lake.run(segments="all").select(["Gold"])] == ["Gold"]


@pytest.mark.bad_input
@pytest.mark.parametrize("segments", ["all", [{"table": "Gold", "audience": "Gold customers"}, "Silver"]])
def test_an_unknown_segment_is_named_with_the_known_ones(lake: Lake, segments: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"'autumn' has no segment Copper\. It has: .*Silver"):
        lake.run(segments=segments).select(["Copper", "Silver"])


@pytest.mark.bad_input
def test_a_pattern_that_takes_no_table(lake: Lake) -> None:
    with pytest.raises(AirflowFailException, match=r"No table in .*lake fits .*\(Copper\*\)\. Correct"):
        lake.run(segments="Copper*").select()


# --- validate, normalise, chunk ----------------------------------------------------------------------------


def test_a_segment_up_to_its_parts(lake: Lake) -> None:
    run = lake.run()
    validated = run.validate(GOLD)
    assert (validated.columns, validated.profiles, validated.files) == (("Email",), 6, 1)
    assert validated.size_bytes > 0
    assert validated.modified
    staged = run.normalise(GOLD).staged
    assert (staged.profiles, staged.valid, staged.duplicates, staged.members.count) == (6, 4, 1, 3)
    assert sum(staged.rejected.values()) == 2
    wanted = {digest(a) for a in ("anna@example.com", "bob@example.com", "c.lee@example.org")}
    assert hexes(run, staged.members) == wanted
    plan = run.chunk(GOLD).plan
    assert plan
    assert plan.replaces
    assert hexes(run, plan.parts[0].members) == wanted


def test_parts_are_cut_at_the_exports_size(lake: Lake) -> None:
    run = lake.run(profiles_per_part=2)
    prepare(run, GOLD)
    plan = run.chunk(GOLD).plan
    assert plan
    assert [(p.action.value, p.members.count) for p in plan.parts] == [("replace", 2), ("add", 1)]


def test_the_sandbox_takes_smaller_parts(lake: Lake, connect: Connect) -> None:
    from tests.airflow_microsoft_advertising.conftest import EXTRA

    assert lake.run()._part_size() == 500_000
    connect(extra=EXTRA | {"environment": "sandbox"})
    assert 19_000 < lake.run()._part_size() <= 20_000


@pytest.mark.parametrize("policy", ["basic", "enhanced", "both"])
def test_the_policy_of_the_export_counts(lake: Lake, policy: str) -> None:
    lake.write("Silver", ["d.ora+news@example.com"])
    run = lake.run(normalisation=policy)
    prepare(run, SILVER)
    basic, enhanced = digest("d.ora+news@example.com"), digest("dora@example.com")
    wanted = {"basic": {basic}, "enhanced": {enhanced}, "both": {basic, enhanced}}[policy]
    assert hexes(run, run.normalise(SILVER).staged.members) == wanted


def test_the_second_run_sends_the_difference(lake: Lake) -> None:
    first = lake.run()
    prepare(first, GOLD)
    delivered(first, GOLD)
    lake.write("Gold", ["anna@example.com", "bob@example.com", "new@example.com"])
    second = lake.run(name="run-2", interval_end=DAY + timedelta(days=1))
    second.validate(GOLD)
    second.normalise(GOLD)
    plan = second.chunk(GOLD).plan
    assert plan
    assert (plan.added, plan.removed, plan.unchanged, plan.replaces) == (1, 1, 2, False)
    full = lake.run(name="run-2", interval_end=DAY + timedelta(days=1), full=True).chunk(GOLD).plan
    assert full
    assert full.replaces
    assert sum(part.members.count for part in full.parts) == 3


def test_an_older_interval_is_skipped_with_a_reason(lake: Lake) -> None:
    newer = lake.run(interval_end=DAY + timedelta(days=1))
    prepare(newer, GOLD)
    delivered(newer, GOLD)
    older = lake.run(name="backfill", interval_end=DAY)
    prepare(older, GOLD)
    chunked = older.chunk(GOLD)
    assert chunked.plan is None
    assert chunked.skipped == (
        "The audience already holds newer data (up to 2026-05-02 00:00 UTC); an older interval does not "
        "overwrite it."
    )
    [segment] = older.report([GOLD]).segments
    assert (segment.outcome, segment.message) == (Outcome.SKIPPED, chunked.skipped)
    same = lake.run(name="again", interval_end=DAY + timedelta(days=1))
    prepare(same, GOLD)
    assert same.chunk(GOLD).skipped is None


def test_an_older_interval_by_force(lake: Lake) -> None:
    newer = lake.run(interval_end=DAY + timedelta(days=1))
    prepare(newer, GOLD)
    delivered(newer, GOLD)
    began = datetime.now(UTC)
    older = lake.run(name="backfill", force=True, began=began)
    prepare(older, GOLD)
    chunked = older.chunk(GOLD)
    assert (chunked.skipped, chunked.force) == (None, Force(run="backfill", began=began))
    report = older.report([GOLD])
    assert report.forced
    assert "force: older data is applied over newer data" in report.html()


def test_what_came_in_since_the_run_began_is_not_forced_over(lake: Lake) -> None:
    older = lake.run(name="backfill", force=True, began=datetime.now(UTC))
    newer = lake.run(interval_end=DAY + timedelta(days=1))
    prepare(newer, GOLD)
    delivered(newer, GOLD, at=datetime.now(UTC))
    prepare(older, GOLD)
    assert "under way" in str(older.chunk(GOLD).skipped)


# --- Dates in the future -------------------------------------------------------------------------------------

FUTURE = datetime(2136, 1, 1, tzinfo=UTC)


def test_a_run_for_a_date_in_the_future_does_not_begin(lake: Lake) -> None:
    with pytest.raises(
        AirflowFailException, match=r"ends at 2136-01-01 00:00 UTC, and by this machine's clock"
    ):
        lake.run(interval_end=FUTURE).select()
    soon = datetime.now(UTC) + timedelta(minutes=50)
    assert lake.run(interval_end=soon).select(), "clocks may differ"


def test_an_audience_that_holds_data_of_the_future_is_not_passed_over_in_silence(lake: Lake) -> None:
    """As a run by an earlier version wrote it, or on a machine whose clock was ahead."""
    ahead = lake.run(interval_end=FUTURE)
    prepare(ahead, GOLD)
    delivered(ahead, GOLD, at=FUTURE)
    stuck = lake.run(name="stuck")
    with pytest.raises(AirflowFailException, match=r"'Gold.*' holds data up to 2136-01-01.*--force"):
        prepare(stuck, GOLD)
    report = stuck.report([GOLD])
    assert (report.failed, report.segments[0].outcome) == (1, Outcome.FAILED)
    out = lake.run(name="out", force=True, began=datetime.now(UTC))
    prepare(out, GOLD)
    chunked = out.chunk(GOLD)
    assert (chunked.skipped, chunked.force) == (None, Force(run="out", began=out.began or DAY))


def test_members_are_renewed_when_half_of_their_duration_is_over(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lapsing: dict[str, Any] = {"membership_duration": 30, "schedule": "@weekly"}
    first = lake.run(**lapsing)
    prepare(first, GOLD)
    now = datetime.now(UTC)
    delivered(first, GOLD, at=now, renewing=Renewal(at=now, days=30))
    plans = []
    for number, days in enumerate((7, 14, 21), 2):
        monkeypatch.setattr(steps, "_now", lambda: now + timedelta(days=days))  # noqa: B023
        run = lake.run(name=f"run-{number}", interval_end=DAY + timedelta(days=number), **lapsing)
        prepare(run, GOLD)
        plans.append(run.chunk(GOLD).plan)
    assert [(plan.renewed, len(plan.parts)) for plan in plans if plan] == [(0, 0), (0, 0), (3, 1)]
    report = run.report([GOLD])
    assert (report.segments[0].renewed, report.segments[0].lapse) == (3, None)
    assert "3 renewed" in report.summary()
    assert "3 renewed" in report.html()


def test_a_schedule_slower_than_the_duration_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_now", lambda: DAY)
    run = lake.run(membership_duration=20, schedule="@monthly")
    prepare(run, GOLD)
    report = run.report([GOLD])
    for text in (report.summary(), report.html()):
        assert "Members stay 20 days, and the next run may be over as late as 2026-06-01 06:00 UTC" in text


def test_a_dry_run_needs_no_connection(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT")
    run = lake.run(dry_run=True)
    prepare(run, GOLD)
    chunked = run.chunk(GOLD)
    assert chunked.skipped == DRY_RUN
    assert chunked.plan
    [segment] = run.report([GOLD]).segments
    assert (segment.outcome, segment.added, segment.parts) == (Outcome.DRY_RUN, 3, 1)
    assert not (lake.folder / "workspace" / "ledgers").exists()
    with pytest.raises(AirflowFailException, match="no Airflow connection 'microsoft_advertising_default'"):
        lake.run().chunk(GOLD)


# --- Who is kept out -----------------------------------------------------------------------------------------


CUSTOMERS = {
    "CustomerId": ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "who@example.com", "c9"],
    "Country": ["DE", "de", "FR", None, "DE", "DE", "DE", "DE", "DE"],
    "AdsConsent": ["Yes", "yes ", "yes", "yes", "no", None, "yes", "yes", "yes"],
    "Email": [
        *("anna@example.com;Ann@example.com", "bob@example.com", "fay@example.com", "gus@example.com"),
        *("hal@example.com", "ida@example.com", "n/a", "who@", "kim@example.com"),
    ],
}
KEPT_OUT: dict[str, Any] = {
    "segments": "all",
    "email": {"columns": "email", "take": "all", "separator": ";"},
    "where": "LOWER(country) = 'de'",
    "consent": {"column": "adsconsent", "allow": "YES"},
    "suppress": ["Never", {"path": "lists/never.csv", "email": "Hash"}],
    "row_key": "customerid",
}
CUSTOMER_SEGMENT = Segment(table="Customers", audience="Customers")


@pytest.fixture
def messy(lake: Lake) -> Lake:
    """Everything that keeps people out at once: a condition, consent, and two lists."""
    folder = lake.folder / "lake"
    (folder / "Customers").mkdir()
    pq.write_table(pa.table(CUSTOMERS), folder / "Customers" / "part-0.parquet")
    lake.write("Never", ["Bob@example.com", *(f"nobody{n}@example.com" for n in range(9)), None])
    (folder / "lists").mkdir()
    (folder / "lists" / "never.csv").write_text(f"Id;Hash\n1;{digest('kim@example.com').upper()}\n")
    return lake


def test_everybody_who_is_kept_out_is_counted_apart(messy: Lake) -> None:
    run = messy.run(**KEPT_OUT)
    assert run.validate(CUSTOMER_SEGMENT).columns == ("Email",)
    staged = run.normalise(CUSTOMER_SEGMENT).staged
    assert (staged.profiles, staged.filtered, staged.without_consent) == (9, 2, 2)
    assert (staged.valid, staged.rejected, staged.suppressed) == (3, {"not_an_address": 2}, 2)
    assert staged.profiles == staged.filtered + staged.without_consent + staged.valid + 2
    assert hexes(run, staged.members) == {digest("anna@example.com"), digest("ann@example.com")}
    run.chunk(CUSTOMER_SEGMENT)
    [segment] = run.report([CUSTOMER_SEGMENT]).segments
    assert segment.kept_out == {"left out by where": 2, "without consent": 2, "members suppressed": 2}


def test_rejected_rows_are_found_again_by_their_keys(messy: Lake) -> None:
    run = messy.run(**KEPT_OUT)
    rejects = run.normalise(CUSTOMER_SEGMENT).staged.rejects
    assert rejects
    assert rejects.path == f"{run.segment_folder(CUSTOMER_SEGMENT)}/rejects.parquet"
    assert (rejects.rows, rejects.withheld) == (2, 1)
    with run.workspace.open_input(rejects.path) as file:
        told = pq.ParquetFile(file).read().to_pydict()
    assert told == {"key": ["c7", None], "reason": ["not_an_address"] * 2}
    without = messy.run(**KEPT_OUT | {"row_key": None})
    assert without.normalise(CUSTOMER_SEGMENT).staged.rejects is None
    assert not run.workspace.exists(rejects.path), "the list of the earlier try is gone"


def test_a_suppression_list_becomes_no_audience(messy: Lake) -> None:
    names = {segment.table for segment in messy.run(**KEPT_OUT).select()}
    assert names == {"Customers", "Gold", "Silver"}


def test_a_list_in_a_source_of_its_own(messy: Lake) -> None:
    other = messy.folder / "other"
    other.mkdir()
    (messy.folder / "lake" / "Never").rename(other / "Never")
    own = {"table": "Never", "source": str(other)}
    run = messy.run(**KEPT_OUT | {"suppress": own, "where": None, "consent": None})
    assert run.normalise(CUSTOMER_SEGMENT).staged.suppressed == 1


def test_the_guards_judge_those_who_are_considered(messy: Lake) -> None:
    few = KEPT_OUT | {"guards": {"max_rejected": 0.3}}  # 2 of 5, not of 9
    with pytest.raises(AirflowFailException, match="2 of 5 profiles of segment 'Customers' were rejected"):
        messy.run(**few).normalise(CUSTOMER_SEGMENT)
    nobody = KEPT_OUT | {"where": "Country = 'XX'"}
    with pytest.raises(
        AirflowFailException, match="no member: 9 profiles read, 0 rejected, 9 left out by `where`"
    ):
        messy.run(**nobody).normalise(CUSTOMER_SEGMENT)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"suppress": "Nevr"},
            r"Suppression list 'Nevr': There is no table 'Nevr'.*there is 'Never'.*`suppress`",
        ),
        ({"suppress": "lists/gone.csv"}, r"Suppression list 'lists/gone\.csv': There is no file"),
        ({"suppress": {"table": "Never", "email": "Mail"}}, "Suppression list 'Never'.*no column 'Mail'"),
        ({"suppress": {"table": "Never", "email": "Id"}}, "Suppression list 'Never'.*holds int64, not text"),
        ({"where": "Cuontry = 'DE'"}, "Did you mean 'Country'"),
        ({"where": "AdsConsent > 1"}, "types that do not fit"),
        ({"consent": {"column": "Consent", "allow": True}}, "Did you mean 'AdsConsent'"),
        ({"row_key": "CustomerID2"}, "Did you mean 'CustomerId'"),
    ],
)
def test_what_the_export_names_and_the_lake_lacks_fails_the_segment(
    messy: Lake, keys: dict[str, Any], message: str
) -> None:
    run = messy.run(**KEPT_OUT | keys)
    for step in (run.validate, run.normalise):
        with pytest.raises(AirflowFailException, match=rf"(?s){message}"):
            step(CUSTOMER_SEGMENT)
    assert not run.workspace.exists(f"{run.segment_folder(CUSTOMER_SEGMENT)}/members.parquet")


@pytest.mark.bad_input
def test_a_list_with_too_many_unusable_rows_stops_the_segment(messy: Lake) -> None:
    messy.write("Never", ["bob@example.com", "n/a", digest(""), digest("null")])
    run = messy.run(**KEPT_OUT)
    run.validate(CUSTOMER_SEGMENT)
    told = r"3 of 4 rows of the suppression list 'Never' cannot be used \(missing 2, not an address 1\)"
    with pytest.raises(AirflowFailException, match=rf"{told}\. At most 10%.*guards\.max_suppress_unusable"):
        run.normalise(CUSTOMER_SEGMENT)
    passed = messy.run(**KEPT_OUT, ignore_guards=True)
    [words] = passed.normalise(CUSTOMER_SEGMENT).overridden
    assert re.search(told, words)
    passed.chunk(CUSTOMER_SEGMENT)
    report = passed.report([CUSTOMER_SEGMENT])
    assert [one.rows for one in report.segments[0].suppression_lists] == [4, 1]
    assert re.search(rf"(?m)^- {told}\.$", report.summary())
    allowed = messy.run(**KEPT_OUT | {"guards": {"max_suppress_unusable": 0.75}})
    assert allowed.normalise(CUSTOMER_SEGMENT).overridden == ()


@pytest.mark.bad_input
def test_a_list_of_digests_of_nothing_is_empty_also_where_guards_are_ignored(messy: Lake) -> None:
    messy.write("Never", [digest(""), digest("NULL"), "0" * 64])
    run = messy.run(**KEPT_OUT, ignore_guards=True)
    with pytest.raises(AirflowFailException, match=r"'Never' holds no e-mail address.*\(3 rows\)"):
        run.normalise(CUSTOMER_SEGMENT)


@pytest.mark.bad_input
def test_digests_on_both_sides_stop_the_segment_also_where_guards_are_ignored(messy: Lake) -> None:
    messy.write("Hashed", [digest("who@example.com"), "bob@example.com"])
    hashed = Segment(table="Hashed", audience="Hashed")
    keys: dict[str, Any] = {
        "segments": ["Hashed"],
        "suppress": {"path": "lists/never.csv", "email": "Hash"},
    }
    run = messy.run(**keys, normalisation="enhanced", ignore_guards=True)
    with pytest.raises(AirflowFailException, match=r"'lists/never\.csv' cannot be told.*segment 1, list 1"):
        run.normalise(hashed)
    assert not run.workspace.exists(f"{run.segment_folder(hashed)}/members.parquet")
    assert messy.run(**keys).normalise(hashed).staged.members.count == 2


@pytest.mark.bad_input
def test_a_list_that_is_empty_or_goes_stops_the_segment(messy: Lake) -> None:
    run = messy.run(**KEPT_OUT)
    run.validate(CUSTOMER_SEGMENT)
    path = messy.write("Never", [None, "n/a"])
    with pytest.raises(AirflowFailException, match="'Never' holds no e-mail address"):
        run.normalise(CUSTOMER_SEGMENT)
    path.unlink()
    with pytest.raises(AirflowFailException, match="Suppression list 'Never'"):
        messy.run(**KEPT_OUT, ignore_guards=True).normalise(CUSTOMER_SEGMENT)


@pytest.mark.bad_input
def test_no_value_of_the_table_is_in_any_output(messy: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Also where a value cannot be converted, and a list or a table is broken."""
    caplog.set_level("DEBUG")
    run = messy.run(**KEPT_OUT)
    run.validate(CUSTOMER_SEGMENT)
    run.normalise(CUSTOMER_SEGMENT)
    run.chunk(CUSTOMER_SEGMENT)
    run.report([CUSTOMER_SEGMENT])
    told = []
    messy.write("Places", ["bob", "kim"])
    for keys in (
        {"where": "CAST(Email AS INTEGER) > 1"},
        {"where": "CAST(CustomerId AS DATE) > DATE '2026-01-01'"},
        {"suppress": {"table": "Places", "email": "Email"}},
        {"suppress": {"path": "lists/ragged.csv", "email": "Hash"}},
    ):
        (messy.folder / "lake" / "lists" / "ragged.csv").write_text("Id;Hash\n1;2;kim@example.com\n")
        with pytest.raises(AirflowFailException) as raised:
            messy.run(name="broken", **KEPT_OUT | {"segments": ["Customers"]} | keys).normalise(
                CUSTOMER_SEGMENT
            )
        told.append(str(raised.value))
    files = [path for path in (messy.folder / "workspace").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"rejects.parquet", "report.html", "failure.json"}
    readable = [path.read_text() for path in files if path.suffix in {".json", ".html"}]
    rejects = [str(pq.read_table(path).to_pydict()) for path in files if path.name == "rejects.parquet"]
    for text in (*readable, *rejects, *told, caplog.text):
        assert "@" not in text
        assert not re.search(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])", text)
        assert not re.search(r"\b(anna|ann|bob|kim|fay|who|c[1-9])\b", text.replace("'c7'", ""))


# --- What stops a step -------------------------------------------------------------------------------------


def failure(run: ExportRun, segment: Segment) -> Failure:
    noted = run.records(segment).read(Failure)
    assert noted
    return noted


@pytest.mark.bad_input
def test_a_missing_table_names_a_near_one(lake: Lake) -> None:
    run, segment = lake.run(), Segment(table="Gald", audience="Gold customers")
    with pytest.raises(AirflowFailException, match=r"no table 'Gald'.*there is 'Gold'.*Correct the segment"):
        run.validate(segment)
    assert failure(run, segment).step is Step.VALIDATE


@pytest.mark.bad_input
def test_a_missing_column_names_a_near_one(lake: Lake) -> None:
    run = lake.run(email="Emial")
    with pytest.raises(AirflowFailException, match=r"(?s)Emial.*Email"):
        run.validate(GOLD)


@pytest.mark.bad_input
def test_an_empty_table(lake: Lake) -> None:
    lake.write("Gold", [])
    run = lake.run()
    with pytest.raises(
        AirflowFailException,
        match=r"'Gold customers' \(.*Gold\) is empty: 0 profiles in 1 file\..*allow_empty",
    ):
        run.validate(GOLD)
    lake.run(guards={"allow_empty": True}).validate(GOLD)
    assert lake.run(ignore_guards=True).validate(GOLD).overridden


@pytest.mark.bad_input
def test_an_empty_table_that_may_be_empty_comes_to_an_empty_audience(lake: Lake) -> None:
    """Also on its first run, when the audience is still to be made."""
    lake.write("Gold", [])
    for options in ({"guards": {"allow_empty": True}}, {"ignore_guards": True}):
        run = lake.run(**options)
        prepare(run, GOLD)
        plan = run.chunk(GOLD).plan
        assert plan
        assert (plan.parts, plan.target.count) == ((), 0)


@pytest.mark.bad_input
def test_a_segment_of_rejected_profiles_alone_is_empty(lake: Lake) -> None:
    lake.write("Gold", [None] * 7 + ["nothing"])
    run = lake.run()
    run.validate(GOLD)
    with pytest.raises(
        AirflowFailException, match=r"no member: 8 profiles read, 8 rejected \(missing 7, not an address 1\)"
    ):
        run.normalise(GOLD)


@pytest.mark.bad_input
def test_a_truncated_table(lake: Lake) -> None:
    path = lake.write("Gold", PEOPLE * 100)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(AirflowFailException, match=r"part-0\.parquet"):
        lake.run().validate(GOLD)


@pytest.mark.bad_input
def test_an_old_table(lake: Lake) -> None:
    path = lake.write("Gold", PEOPLE)
    yesterday = datetime.now(UTC).timestamp() - 86_400
    os.utime(path, (yesterday, yesterday))
    guards: dict[str, Any] = {"guards": {"max_age_hours": 12}}
    with pytest.raises(AirflowFailException, match=r"24\.0 hours ago \(.* UTC\); at most 12 .*ignore_guards"):
        lake.run(**guards).validate(GOLD)
    [words] = lake.run(**guards, ignore_guards=True).validate(GOLD).overridden
    assert "24.0 hours ago" in words
    lake.run(guards={"max_age_hours": 25}).validate(GOLD)


@pytest.mark.bad_input
def test_too_many_rejected(lake: Lake) -> None:
    lake.write("Gold", ["nothing", "of", "use", "anna@example.com"])
    run = lake.run()
    run.validate(GOLD)
    with pytest.raises(AirflowFailException, match=r"3 of 4 profiles.*at most 50%.*max_rejected"):
        run.normalise(GOLD)
    assert failure(run, GOLD).step is Step.NORMALISE
    [words] = lake.run(ignore_guards=True).normalise(GOLD).overridden
    assert words.startswith("3 of 4 profiles")
    assert run.records(GOLD).read(Failure) is None, "the next try was right"


def people(*, first: int = 0, count: int, missing: int = 0) -> list[str | None]:
    """So many profiles, of which the last ones have nothing in the e-mail column."""
    filled = [f"person{number}@example.com" for number in range(first, first + count - missing)]
    return [*filled, *[None] * missing]


def next_run(lake: Lake, emails: list[str | None], **options: Any) -> ExportRun:
    """The day after: the table is another one, and its members are staged."""
    lake.write("Gold", emails)
    run = lake.run(name="run-2", interval_end=DAY + timedelta(days=1), **options)
    run.validate(GOLD)
    run.normalise(GOLD)
    return run


@pytest.fixture
def settled(lake: Lake) -> Lake:
    """An audience of three hundred, from as many profiles."""
    lake.write("Gold", people(count=300))
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    return lake


OFF: dict[str, Any] = dict.fromkeys(
    ("max_removed", "max_profiles_lost", "max_emails_lost", "max_rejected"), None
)
# What the table is like the next day, the guard that is on, the limits at which it passes and trips, its words.
COMPARED: dict[str, tuple[list[str | None], str, float, float, str]] = {
    "leavers, a share": (
        people(first=150, count=300), "max_removed", 0.5, 0.49, r"150 of 300 members would leave.*at most 49% may",
    ),
    "leavers, a number": (
        people(first=150, count=300), "max_removed_members", 150, 149,
        r"150 of 300 members would leave.*at most 149 members may",
    ),
    "profiles": (
        people(count=150), "max_profiles_lost", 0.5, 0.49, r"has 150 profiles;.*had 300, and at most 49% may",
    ),
    "e-mails": (
        people(count=300, missing=120), "max_emails_lost", 0.4, 0.39,
        r"180 of 300 profiles have something.*300 of 300 had.*at most 39% may get lost",
    ),
}  # fmt: skip


@pytest.mark.bad_input
@pytest.mark.parametrize("what", COMPARED)
def test_what_is_compared_with_the_last_delivered_table(settled: Lake, what: str) -> None:
    emails, key, passes, trips, words = COMPARED[what]
    plan = next_run(settled, emails, guards=OFF | {key: passes}).chunk(GOLD).plan
    assert plan
    run = next_run(settled, emails, guards=OFF | {key: trips})
    with pytest.raises(AirflowFailException, match=rf"{words}.*`ignore_guards`.*`guards\.{key}`"):
        run.chunk(GOLD)
    assert failure(run, GOLD).step is Step.CHUNK
    [segment] = run.report([GOLD]).segments
    assert segment.outcome is Outcome.FAILED
    assert f"guards.{key}" in str(segment.message)
    once = next_run(settled, emails, guards=OFF | {key: trips}, ignore_guards=True).chunk(GOLD)
    assert once.plan
    assert (once.plan.added, once.plan.removed) == (plan.added, plan.removed)
    assert len(once.overridden) == 1


@pytest.mark.bad_input
def test_a_collapse_is_told_with_all_that_it_does(settled: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """By the defaults; one word lets all of it pass, and the report says what that was."""
    run = next_run(settled, people(count=100))
    with pytest.raises(
        AirflowFailException,
        match=r"200 of 300 members would leave.*has 100 profiles.*`guards\.max_removed` and "
        r"`guards\.max_profiles_lost`",
    ):
        run.chunk(GOLD)
    once = next_run(settled, people(count=100), ignore_guards=True)
    chunked = once.chunk(GOLD)
    assert chunked.plan
    assert chunked.plan.removed == 200
    assert len(chunked.overridden) == 2
    assert "Let pass by `ignore_guards`: 200 of 300 members would leave" in caplog.text
    delivered(once, GOLD)
    report = once.report([GOLD])
    assert report.segments[0].overridden == chunked.overridden
    assert "Let pass by `ignore_guards`: 200 of 300" in report.summary()


@pytest.mark.bad_input
def test_what_was_delivered_is_what_the_next_table_is_compared_with(settled: Lake) -> None:
    """Once let pass, it is the table that counts; one that was stopped does not."""
    stopped = next_run(settled, people(count=10))
    with pytest.raises(AirflowFailException, match="has 10 profiles"):
        stopped.chunk(GOLD)
    once = next_run(settled, people(count=100, missing=50), ignore_guards=True)
    delivered(once, GOLD)
    state = once.known(GOLD)
    assert state.table
    assert (state.table.profiles, state.table.missing) == (100, 50)
    later = next_run(settled, people(count=100, missing=50))
    assert later.chunk(GOLD).overridden == ()


@pytest.mark.bad_input
def test_tables_are_compared_where_the_ledger_of_members_is_lost(settled: Lake) -> None:
    """Nobody knows then how many would leave; how many profiles there were is known."""
    run = next_run(settled, people(count=100))
    certain = run.known(GOLD).settled.certain
    assert certain
    run.workspace.write_bytes(certain.path, b"torn")
    with pytest.raises(AirflowFailException, match=r"has 100 profiles.*`guards\.max_profiles_lost` in"):
        run.chunk(GOLD)


@pytest.mark.bad_input
def test_before_anything_was_delivered_nothing_is_compared(lake: Lake) -> None:
    strict = {"max_profiles_lost": 0, "max_emails_lost": 0, "max_removed": 0, "max_removed_members": 0}
    run = lake.run(guards=strict)
    prepare(run, GOLD)
    assert run.chunk(GOLD).overridden == ()


@pytest.mark.bad_input
def test_an_older_interval_is_skipped_whatever_its_table_is_like(settled: Lake) -> None:
    settled.write("Gold", people(count=5))
    older = settled.run(name="backfill", interval_end=DAY - timedelta(days=1))
    prepare(older, GOLD)
    assert older.chunk(GOLD).skipped


def test_the_upload_gets_what_it_is_to_judge_by(lake: Lake) -> None:
    run = lake.run(guards={"max_refused": 0.2})
    prepare(run, GOLD)
    chunked = run.chunk(GOLD)
    assert chunked.guards
    assert (chunked.guards.max_refused, chunked.ignore_guards) == (0.2, False)
    assert lake.run(ignore_guards=True).chunk(GOLD).ignore_guards


@pytest.mark.bad_input
@pytest.mark.parametrize("dry_run", [False, True])
def test_damaged_bounds_are_planned_around_and_reported(lake: Lake, dry_run: bool) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    ledger = Ledger(run.workspace, ledger_folder(run.export.aid, GOLD.audience), GOLD.audience)
    certain = ledger.load().state.settled.certain
    assert certain
    run.workspace.write_bytes(certain.path, b"torn")
    later = lake.run(name="later", interval_end=DAY + timedelta(days=1), dry_run=dry_run)
    before = ledger.load()
    prepare(later, GOLD)
    [segment] = later.report([GOLD]).segments
    assert segment.replaced
    assert certain.path in str(segment.damage)
    assert certain.path in later.report([GOLD]).summary()
    assert "its ledger could not be trusted" in later.report([GOLD]).html()
    assert ledger.load() == before  # the upload writes that down, before it sends


@pytest.mark.bad_input
def test_a_damaged_target_is_no_damage_of_the_ledger(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    later = lake.run(name="later", interval_end=DAY + timedelta(days=1))
    later.normalise(GOLD)
    run.workspace.write_bytes(f"{later.segment_folder(GOLD)}/members.parquet", b"torn")
    with pytest.raises(AirflowFailException, match=r"members\.parquet"):
        later.chunk(GOLD)


@pytest.mark.bad_input
def test_chunk_without_normalise(lake: Lake) -> None:
    with pytest.raises(AirflowFailException, match="Run its task `normalise`"):
        lake.run().chunk(GOLD)


# --- report ------------------------------------------------------------------------------------------------


def test_the_report_of_a_run(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD, refused={"EmailMustBeHashed": 1})
    with pytest.raises(AirflowFailException):
        lake.run(email="Nothing").validate(SILVER)
    report = run.report([GOLD, SILVER])
    gold, silver = report.segments
    assert gold.model_dump(exclude={"seconds", "rejected", "message"}) == {
        "segment": "Gold", "audience": "Gold customers", "audience_id": "77", "outcome": "refused some",
        "profiles": 6, "valid": 4, "duplicates": 1, "members": 3, "added": 3, "removed": None,
        "refused": {"EmailMustBeHashed": 1}, "parts": 1, "replaced": True,
        "route": None, "calls": 0, "terms": None, "sizes": None, "damage": None, "sent": 3, "overridden": (),
        "renewed": 0, "forced_over": None, "lapse": None, "uncovered": None, "deleted": None, "superseded": None,
        "filtered": 0, "without_consent": 0, "suppressed": None, "rejects": None,
        "suppression_lists": (),
        "customers": None, "unreadable": None, "without_profile": None,
        "location": f"{lake.folder}/lake/Gold",
    }  # fmt: skip
    assert (silver.outcome, report.failed) == (Outcome.FAILED, 1)
    assert silver.message
    assert silver.message.startswith("validate: ")
    assert report.summary().startswith(
        "1 of 2 segments are right.\n- Gold customers: refused some; 6 profiles"
    )
    written = json.loads(run.workspace.read_bytes(f"{run.folder}/report.json"))
    assert [segment["audience"] for segment in written["segments"]] == ["Gold customers", "Silver"]
    page = run.workspace.read_bytes(f"{run.folder}/report.html").decode()
    for word in ("Autumn campaign", "Gold customers", "Silver", "EmailMustBeHashed"):
        assert word in page


def test_a_task_that_died_without_a_word_is_a_failure(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    [segment] = run.report([GOLD]).segments
    assert segment.outcome is Outcome.FAILED
    assert "without a word" in str(segment.message)


def test_no_address_and_no_digest_outside_the_staged_members(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports, records, ledger states and logs; also where a failure's words quote a cell."""
    caplog.set_level("DEBUG")
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    run.records(SILVER).write(Failure(step=Step.VALIDATE, message="nothing personal"))
    run.report([GOLD, SILVER])
    texts = {
        str(path): path.read_text() for path in lake.folder.rglob("*") if path.suffix in {".json", ".html"}
    }
    assert len(texts) > 8
    texts["the log"] = caplog.text
    hexes_of = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
    for place, text in texts.items():
        assert "@" not in text, place
        assert not hexes_of.search(text), place
        assert not [name for name in ("anna", "bob", "c.lee") if name in text.lower()], place


def test_other_runs_have_other_folders(lake: Lake) -> None:
    folders = {
        lake.run(name=name).segment_folder(s) for name in ("a b", "a-b", "a/b") for s in (GOLD, SILVER)
    }
    assert len(folders) == 6
    assert all(re.fullmatch(r"runs/[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+", folder) for folder in folders)


@pytest.mark.parametrize("segment", [{"table": "People"}, {"table": "Renamed", "path": "People"}])
def test_a_run_reads_the_version_of_its_interval(lake: Lake, segment: dict[str, str]) -> None:
    root = str(lake.folder / "lake/People")
    table = DeltaSample(
        LocalFileSystem(), root, {"Email": pa.string()}, times=lambda version: DAY + timedelta(days=version)
    )
    table.append([{"Email": "anna@example.com"}, {"Email": "bob@example.com"}])
    table.overwrite([{"Email": "c.lee@example.org"}])

    def run(day: int) -> ExportRun:
        return lake.run(
            name=f"day-{day}", interval_end=DAY + timedelta(days=day, hours=1), segments=[segment]
        )

    chosen = Segment(audience=segment["table"], **segment)
    for day, profiles in ((1, 2), (2, 1), (30, 1)):
        record = run(day).validate(chosen)
        assert (record.profiles, record.modified) == (profiles, DAY + timedelta(days=min(day, 2)))
        assert run(day).normalise(chosen).staged.members.count == profiles
    with pytest.raises(AirflowFailException, match=r"begins later: with version 0 of 2026-05-01T00:00:00"):
        run(-1).validate(chosen)
