"""Steps, operator and trigger against the simulator as a process: audiences equal the plain-Python reference."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from tenacity import RetryCallState

from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.polling.pace import Pace
from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.params import upload_arguments
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.sizes import read_sizes
from airflow_microsoft_advertising.run.validate import validate_segment
from airflow_microsoft_advertising.trigger import PauseTrigger
from customer_match.errors import TransientError
from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.ledger.lookup import Ledgers
from customer_match.planning.sizes import Readiness
from customer_match.routes import Route
from customer_match.runs.report import Outcome, SegmentReport
from customer_match_delivery import call_tracking
from customer_match_delivery import calls as applying
from customer_match_demo.expected import expected
from customer_match_demo.stack import account_connection
from customer_match_demo.tables import DemoTable, churn_tables, demo_tables, write_tables
from microsoft_advertising import operations
from microsoft_advertising.retrying import RetryPolicy
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.microsoft_advertising_simulator.api import Simulator, hexes

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

TABLES = demo_tables(0.002)
DAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for between two calls, two tries and two runs is not the matter here."""
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    monkeypatch.setattr(Pace, "delay", lambda *_: None)
    monkeypatch.setattr(call_tracking, "LIFE", timedelta())


class Installation:
    """One export of the demo's tables in small, and the simulator that it goes to."""

    def __init__(self, folder: Path, simulator: Simulator, **keys: Any) -> None:
        self.folder = folder
        self.api = simulator.api
        unique = uuid.uuid4().hex[:8]  # the simulator is the session's
        self.export = Export.model_validate(
            {
                "name": f"demo-{unique}",
                "cid": simulator.ready["customer_id"],
                "aid": simulator.ready["account_id"],
                "source": str(folder / "lake"),
                "segments": [{"table": t.table, "audience": f"{t.table} {unique}"} for t in TABLES],
                "email": "Email",
                "workspace": str(folder / "workspace"),
                "profiles_per_part": 900,
                "route": "bulk",
                **keys,
            }
        )
        self.day = DAY

    def write(self, tables: tuple[DemoTable, ...]) -> None:
        write_tables(str(self.folder / "lake"), tables)

    def run(
        self, *, tries: int = 1, segments: list[Segment] | None = None, **options: Any
    ) -> list[SegmentReport]:
        """One run of the export, as the DAG's tasks do it."""
        self.day += timedelta(days=1)
        run = ExportRun(export=self.export, run_id=f"run {self.day:%d}", interval_end=self.day, **options)
        chosen = segments or select_segments(run)
        for segment in chosen:
            validate_segment(run, segment)
            normalise_segment(run, segment)
            chunk_segment(run, segment)
            self.upload(run, segment, tries)
        return list(write_report(run, chosen).segments)

    def upload(self, run: ExportRun, segment: Segment, tries: int) -> None:
        """The upload task with its retries."""
        for _ in range(tries - 1):
            try:
                self.try_upload(run, segment)
            except TransientError:
                continue
            return
        self.try_upload(run, segment)

    def try_upload(self, run: ExportRun, segment: Segment) -> None:
        """One try of the upload task: every return from the triggerer is a new operator."""
        context: Any = {"dag_run": SimpleNamespace(dag_id=self.export.name, run_id=run.run_id)}
        step: Callable[[], Any] = lambda: self.operator(run, segment).execute(context)  # noqa: E731
        while True:
            try:
                step()
            except TaskDeferred as waiting:
                event = asyncio.run(_fired(waiting.trigger))
                method = waiting.method_name
                step = lambda: getattr(self.operator(run, segment), method)(context, event)  # noqa: B023, E731
            else:
                return

    def operator(self, run: ExportRun, segment: Segment) -> UploadAudienceOperator:
        return UploadAudienceOperator(
            task_id="upload",
            segment=run.upload_values(segment),
            poll_schedule={"first": 0.01, "share": 0.0},
            **upload_arguments(self.export),
        )

    def becomes(self, **keys: Any) -> None:
        """Somebody edits the export file."""
        self.export = Export.model_validate(self.export.model_dump(exclude_unset=True) | keys)

    def audiences(self, name: str) -> list[dict[str, Any]]:
        found = self.api.control("audiences")
        return [audience for audience in found if audience["name"] == name and not audience["deleted"]]

    def check(self, reports: list[SegmentReport]) -> None:
        """Every audience exists once and holds exactly the reference's members; the report's figures are true."""
        for report in reports:
            table = str(self.folder / "lake" / report.segment)
            wanted = expected(table, policy=self.export.normalisation)
            [audience] = self.audiences(report.audience)
            assert self.api.members(audience["id"]) == wanted.members
            assert (report.profiles, report.valid, report.rejected, report.duplicates, report.members) == (
                wanted.profiles,
                wanted.valid,
                wanted.rejected,
                wanted.duplicates,
                len(wanted.members),
            )


async def _fired(trigger: Any) -> dict[str, Any]:
    """The event of a trigger that travelled through the metadata database."""
    _, kwargs = trigger.serialize()
    if isinstance(trigger, PauseTrigger):
        kwargs["until"] = 0  # what is waited for is not the matter here
    events: list[dict[str, Any]] = [event.payload async for event in type(trigger)(**kwargs).run()]
    assert len(events) == 1
    return events[0]


@pytest.mark.parametrize("route", ["bulk", "apply", "auto"])
@pytest.mark.parametrize("policy", ["basic", "enhanced", "both"])
def test_full_incremental_and_full_again(
    tmp_path: Path, simulator: Simulator, policy: str, route: str
) -> None:
    at = Installation(tmp_path, simulator, normalisation=policy, route=route)
    at.write(TABLES)
    first = at.run()
    at.check(first)
    assert max(report.parts or 0 for report in first) > 2
    by_calls = route != "bulk"  # an audience that is new needs no Replace
    assert {(report.route, report.replaced) for report in first} == {
        (Route.APPLY if by_calls else Route.BULK, not by_calls)
    }

    ids = [request for report in first for request in report.requests]
    assert len(set(ids)) == (0 if by_calls else sum(report.parts or 0 for report in first))

    at.write(churn_tables(TABLES, 0.02))
    second = at.run()
    at.check(second)
    assert not any(report.replaced for report in second)
    sent = sum((report.added or 0) + (report.removed or 0) for report in second)
    assert 0 < sent < 0.1 * sum(report.members or 0 for report in second)
    taken = {report.route for report in second if report.parts}
    assert taken == {Route.APPLY if by_calls else Route.BULK}

    third = at.run()
    at.check(third)
    assert [report.outcome for report in third] == [Outcome.UNCHANGED] * len(TABLES)
    assert not any(report.requests for report in third)
    at.check(at.run(full=True))


def small_one(tmp_path: Path, simulator: Simulator, **keys: Any) -> Installation:
    """One segment, two parts."""
    name = f"Small {uuid.uuid4().hex[:8]}"
    segments = [{"table": "HighValueCustomers", "audience": name}]
    at = Installation(tmp_path, simulator, segments=segments, profiles_per_part=600, **keys)
    at.write(TABLES)
    return at


@pytest.fixture
def small(tmp_path: Path, simulator: Simulator) -> Installation:
    """One segment, two files."""
    return small_one(tmp_path, simulator)


@pytest.fixture
def calls(tmp_path: Path, simulator: Simulator) -> Installation:
    """One segment, two parts by calls."""
    return small_one(tmp_path, simulator, route="apply")


FAULTS: dict[str, dict[str, Any]] = {
    "the answer to creating is lost": {"operation": "AddAudiences", "kind": "drop_after_accept"},
    "creating never arrives": {"operation": "AddAudiences", "kind": "drop"},
    "the answer to the file is lost": {"operation": "UploadFile", "kind": "drop_after_accept"},
    "the second file's answer is lost": {"operation": "UploadFile", "kind": "drop_after_accept", "nth": 2},
    "the file never arrives": {"operation": "UploadFile", "kind": "drop", "times": 3},
    "the upload URL has expired": {"operation": "UploadFile", "kind": "fault", "code": 3226},
    "the token expires in mid-upload": {
        "operation": "UploadFile",
        "kind": "fault",
        "code": 109,
        "status": 401,
    },
    "the service fails for a while": {"operation": "*", "kind": "raw", "status": 500, "nth": 3, "times": 4},
    "the status is throttled": {"operation": "GetBulkUploadStatus", "kind": "fault", "code": 117},
    "the status is no JSON": {
        "operation": "GetBulkUploadStatus",
        "kind": "raw",
        "status": 502,
        "body": "<html>",
    },
    "processing fails": {"operation": "ProcessUpload", "kind": "fault", "code": 0},
    "processing fails twice": {"operation": "ProcessUpload", "kind": "fault", "code": 0, "times": 2},
    "upload URLs are throttled": {"operation": "GetBulkUploadUrl", "kind": "fault", "code": 4204, "times": 6},
    "the results' URL has expired": {"operation": "DownloadResult", "kind": "raw", "status": 403, "body": ""},
    "the service is read-only": {"operation": "GetBulkUploadUrl", "kind": "fault", "code": 1010},
    "the service fails inside": {"operation": "GetBulkUploadUrl", "kind": "fault", "code": 1011},
    "the service times out": {"operation": "GetAudiencesByIds", "kind": "fault", "code": 833},
    "a code that nobody knows": {"operation": "GetBulkUploadStatus", "kind": "fault", "code": 98765},
    "a row's code that nobody knows": {
        "operation": "JudgeItems",
        "kind": "refuse",
        "code": 98765,
        "share": 0.1,
    },
    "the answer about the audience is lost": {"operation": "GetAudiencesByIds", "kind": "drop_after_accept"},
    "everything is dropped now and then": {"operation": "*", "kind": "drop", "times": 12, "probability": 0.3},
    "answers are lost now and then": {
        "operation": "*",
        "kind": "drop_after_accept",
        "times": 12,
        "probability": 0.3,
    },
}


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_service(small: Installation, fault: str) -> None:
    small.api.control("faults", FAULTS[fault])
    small.check(small.run(tries=8))
    left = sum(rule["times"] for rule in small.api.control("faults"))
    assert left < FAULTS[fault].get("times", 1), "nothing was struck"
    small.api.control("faults", method="DELETE")
    small.write(churn_tables(TABLES, 0.1))
    small.api.control("faults", FAULTS[fault])
    small.check(small.run(tries=8))


@pytest.mark.faults
def test_an_upload_that_fails_is_not_reported_as_done(tmp_path: Path, simulator: Simulator) -> None:
    at = small_one(tmp_path, simulator, route="bulk")
    failing = {"operation": "ProcessUpload", "kind": "fault", "state": "Failed", "code": 100, "times": 99}
    at.api.control("faults", failing)
    with pytest.raises((AirflowFailException, TransientError)):
        at.run()
    at.api.control("faults", method="DELETE")
    [audience] = at.audiences(segments_of(at.export)[0].audience)
    assert at.api.members(audience["id"]) == []
    run = ExportRun(export=at.export, run_id=f"run {at.day:%d}", interval_end=at.day)
    [segment] = write_report(run, select_segments(run)).segments
    assert (segment.outcome, segment.replaced) == (Outcome.FAILED, False)
    assert segment.members
    assert (segment.added, segment.removed, segment.sent, segment.parts) == (None, None, None, None)


def test_a_first_delivery_by_calls_is_no_surprise(
    calls: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    calls.check(calls.run())
    assert "The audience is new and empty: its members are added by calls" in caplog.text
    assert "The ledger has changed" not in caplog.text


@pytest.mark.faults
def test_no_token_goes_where_the_ledger_was_made_to_point(small: Installation) -> None:
    """Somebody writes an address of their own into the workspace while a file waits to be sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        small.api.control("faults", {"operation": "UploadFile", "kind": "raw", "status": 503, "times": 5})
        with pytest.raises(TransientError):
            small.run()
        small.api.control("faults", method="DELETE")
        run = ExportRun(export=small.export, run_id=f"run {small.day:%d}", interval_end=small.day)
        [segment, *_] = select_segments(run)
        ledger = Ledgers(run.workspace, small.export.aid).of(segment.audience)
        entry = ledger.load()
        request = entry.state.parts[0].request
        assert request
        strange = f"http://127.0.0.1:{server.getsockname()[1]}/upload"
        changed = request.model_copy(update={"upload_url": strange})
        ledger.write(entry, entry.state.requested(0, changed))
        with pytest.raises(
            AirflowFailException, match=rf"127\.0\.0\.1:{server.getsockname()[1]} as the host to send members"
        ):
            small.upload(run, segment, 1)
        with pytest.raises(TimeoutError):
            heard.append(server.accept()[0].recv(1))
    assert heard == []
    small.check(small.run())


@pytest.mark.faults
def test_no_file_is_sent_twice_where_only_an_answer_is_lost(small: Installation) -> None:
    small.api.control("requests", method="DELETE")
    before = len(small.api.control("uploads"))
    small.api.control("faults", FAULTS["the answer to the file is lost"])
    small.check(small.run(tries=3))
    assert len(small.api.control("uploads")) - before == 2


CALL = "ApplyCustomerListUserData"
CALL_FAULTS: dict[str, dict[str, Any]] = {
    "the answer is lost": {"kind": "drop_after_accept", "times": 2},
    "the call never arrives": {"kind": "drop", "times": 3},
    "the answer is cut off": {"kind": "truncate", "bytes": 7, "times": 2},
    "the answer is a page": {"kind": "raw", "status": 200, "body": "<html>signed in</html>", "times": 2},
    "the answer is another one": {
        "kind": "raw",
        "status": 200,
        "body": "{}",
        "content_type": "application/json",
    },
    "a member that was not sent is refused": {
        "kind": "raw",
        "status": 200,
        "body": '{"PartialErrors": [{"Index": 1000, "Code": 8004}]}',
        "content_type": "application/json",
    },
    "there are too many calls": {"kind": "fault", "code": 117, "times": 3},
    "there are too many at once": {"kind": "fault", "code": 207},
    "the token expires": {"kind": "fault", "code": 109, "status": 401},
    "the service fails for longer than a call waits": {"kind": "raw", "status": 500, "times": 7},
    "answers are lost now and then": {"kind": "drop_after_accept", "times": 6, "probability": 0.5},
}


@pytest.mark.faults
@pytest.mark.parametrize("fault", CALL_FAULTS)
def test_audiences_are_exact_whatever_fails_in_calls(calls: Installation, fault: str) -> None:
    rule = CALL_FAULTS[fault] | {"operation": CALL}
    for tables in (TABLES, churn_tables(TABLES, 0.1)):
        calls.write(tables)
        calls.api.control("faults", rule)
        [report] = calls.run(tries=8)
        calls.check([report])
        assert report.route is Route.APPLY
        left = sum(rule["times"] for rule in calls.api.control("faults"))
        assert left < rule.get("times", 1) or "probability" in rule, "nothing was struck"
        calls.api.control("faults", method="DELETE")


@pytest.mark.faults
def test_the_wait_that_the_service_asks_for_is_enough(
    calls: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four calls a minute; the simulator's clock advances only by the wait that it asks for."""
    calls.run()
    asked: list[float] = []
    turn = threading.Lock()

    def pause(_: RetryPolicy, state: RetryCallState) -> float:
        assert state.outcome
        error = state.outcome.exception()
        assert isinstance(error, TransientError)
        assert error.retry_after is not None
        with turn:
            asked.append(error.retry_after)
            calls.api.control("clock", {"advance_seconds": error.retry_after})
        return 0.0

    monkeypatch.setattr(RetryPolicy, "_wait", pause)
    monkeypatch.setattr(applying, "MAX_ITEMS_PER_CALL", 20)
    calls.api.control("settings", {"calls_per_minute": 4})
    calls.write(churn_tables(TABLES, 0.2))
    [report] = calls.run(tries=4)
    calls.check([report])
    assert (report.calls or 0) > 2 * 4
    assert set(asked) == {60}


@pytest.mark.faults
def test_members_that_a_call_refuses(calls: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of each call is spoilt on its way; the service takes the others, and the next run mends it."""
    made = operations.apply_members

    def spoilt(*args: Any, **options: Any) -> Any:
        operation = made(*args, **options)
        operation.body["CustomerListUserData"]["CustomerListItems"][3] = "no digest"
        return operation

    monkeypatch.setattr(operations, "apply_members", spoilt)
    [report] = calls.run()
    assert (report.outcome, report.refused) == (Outcome.REFUSED_SOME, {"EmailMustBeHashed": 2})
    left = (calls.folder / "workspace" / "runs").rglob("*.parquet")
    assert {path.name for path in left} <= {"rejects.parquet"}, "digests are staged elsewhere, and deleted"
    assert report.calls == report.parts == 2
    [audience] = calls.audiences(report.audience)
    wanted = expected(str(calls.folder / "lake" / report.segment), policy="basic").members
    there = calls.api.members(audience["id"])
    assert len(there) == len(wanted) - 2
    assert set(there) < set(wanted)
    monkeypatch.setattr(operations, "apply_members", made)
    [again] = calls.run()
    calls.check([again])
    assert (again.added, again.refused) == (2, {})


@pytest.mark.faults
@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_members_that_are_refused_beyond_the_tolerance(
    tmp_path: Path, simulator: Simulator, route: str
) -> None:
    """A twentieth, each time. The segment fails with the figures; the ledger is true, and later runs are right."""
    at = small_one(tmp_path, simulator, route=route)
    [segment] = segments_of(at.export)
    wanted = expected(str(at.folder / "lake" / segment.table), policy="basic").members
    at.api.fault("JudgeItems", "refuse", code=8004, share=0.05, times=None)
    with pytest.raises(AirflowFailException, match=r"refused \d+ of [\d,]+ members .*`guards\.max_refused`"):
        at.run()
    [audience] = at.audiences(segment.audience)
    there = set(at.api.members(audience["id"]))
    refused = len(wanted) - len(there)
    assert there < set(wanted)
    assert 0.04 < refused / len(wanted) < 0.06

    [passed] = at.run(ignore_guards=True)
    again = sum(passed.refused.values())
    assert (passed.outcome, passed.added) == (Outcome.REFUSED_SOME, refused)
    assert f"refused {again} of {refused} members sent (EmailMustBeHashed {again})" in str(passed.message)

    at.api.control("faults", method="DELETE")
    [right] = at.run()
    at.check([right])
    assert (right.outcome, right.added) == (Outcome.DELIVERED, again)


@pytest.mark.bad_input
def test_a_table_that_has_collapsed(small: Installation) -> None:
    """Nothing reaches the audience; let pass once, it is the table that the next one is compared with."""
    [report] = small.run()
    [audience] = small.audiences(report.audience)
    before = small.api.members(audience["id"])
    small.write(demo_tables(0.0005))  # a quarter of the profiles
    with pytest.raises(
        AirflowFailException,
        match=r"would be removed.*profiles.*`guards\.max_removed` and `guards\.max_profiles_lost`",
    ):
        small.run()
    assert small.api.members(audience["id"]) == before
    [passed] = small.run(ignore_guards=True)
    small.check([passed])
    assert len(passed.overridden) == 2
    [same] = small.run()
    assert (same.outcome, same.overridden) == (Outcome.UNCHANGED, ())


@pytest.mark.parametrize("route", ["auto", "apply"])
def test_a_service_that_takes_no_members_by_calls(tmp_path: Path, simulator: Simulator, route: str) -> None:
    at = small_one(tmp_path, simulator, route=route)
    at.api.control("faults", {"operation": CALL, "kind": "fault", "code": 204, "times": None})
    if route == "apply":
        with pytest.raises(AirflowFailException, match="route: bulk"):
            at.run()
        return
    for tables in (TABLES, churn_tables(TABLES, 0.1)):
        at.write(tables)
        [report] = at.run()
        at.check([report])
        assert (report.route, report.outcome) == (Route.BULK, Outcome.DELIVERED)


@pytest.mark.bad_input
def test_terms_that_are_not_accepted_by_calls(calls: Installation) -> None:
    calls.api.control("settings", {"terms_accepted": False})
    with pytest.raises(AirflowFailException, match="accept"):
        calls.run()
    calls.api.control("settings", {"terms_accepted": True})
    calls.check(calls.run())


def test_both_routes_take_turns(tmp_path: Path, simulator: Simulator) -> None:
    at = small_one(tmp_path, simulator)
    for share, route in ((0.0, "bulk"), (0.1, "apply"), (0.2, "bulk"), (0.05, "auto")):
        at.export = at.export.model_copy(update={"route": route})
        at.write(churn_tables(TABLES, share) if share else TABLES)
        [report] = at.run()
        at.check([report])
        assert report.route is (Route.BULK if route == "bulk" else Route.APPLY)


def test_an_audience_deleted_by_hand_is_created_again(small: Installation) -> None:
    [report] = small.run()
    [audience] = small.audiences(report.audience)
    small.api.campaign("Audiences", {"AudienceIds": [audience["id"]]}, "DELETE")
    assert small.audiences(report.audience) == []
    small.check(small.run())
    [again] = small.audiences(report.audience)
    assert again["id"] != audience["id"]


@pytest.mark.bad_input
def test_a_foreign_audience_is_not_changed(small: Installation) -> None:
    [segment] = segments_of(small.export)
    audience_id = small.api.create(segment.audience)
    with pytest.raises(AirflowFailException, match=f"{audience_id}.*did not create"):
        small.run()
    assert small.api.members(audience_id) == []


@pytest.fixture
def without_terms(small: Installation) -> Iterator[None]:
    """No human has accepted the terms."""
    small.api.control("settings", {"terms_accepted": False})
    yield
    small.api.control("settings", {"terms_accepted": True})


@pytest.mark.bad_input
@pytest.mark.usefixtures("without_terms")
def test_terms_that_are_not_accepted(small: Installation) -> None:
    with pytest.raises(
        AirflowFailException, match=r"(?s)8003.*Tools, Audiences.*I ACCEPT.*Airflow connection"
    ):
        small.run()
    small.api.control("settings", {"terms_accepted": True})
    small.check(small.run())


@pytest.mark.parametrize("route", ["bulk", "apply"])
@pytest.mark.usefixtures("without_terms")
def test_terms_that_the_connection_accepts(
    small: Installation, simulator: Simulator, connect: Connect, route: str
) -> None:
    """By files and by calls that accept them; who did so is in the report."""
    small.becomes(route=route)
    fields = account_connection(simulator.ready)
    terms = {"terms_accepted_by": "Jane Doe", "terms_accepted_on": "2026-01-31"}
    connect(**fields | {"extra": fields["extra"] | terms})
    first = small.run()
    small.check(first)
    assert "Jane Doe" in str(first[0].terms)
    small.write(churn_tables(TABLES, 0.1))
    second = small.run()
    small.check(second)
    assert second[0].added
    assert second[0].removed


# --- Audiences ---------------------------------------------------------------------------------------------


def test_an_audience_is_renamed_with_the_export(small: Installation) -> None:
    [report] = small.run()
    [audience] = small.audiences(report.audience)
    new = f"Renamed {uuid.uuid4().hex[:8]}"
    small.becomes(segments=[{"table": "HighValueCustomers", "audience": new}])
    small.write(churn_tables(TABLES, 0.02))
    [second] = small.run()
    small.check([second])
    assert (second.audience_id, second.replaced) == (report.audience_id, False)
    assert small.audiences(report.audience) == []
    [renamed] = small.audiences(new)
    assert renamed["id"] == audience["id"]
    [third] = small.run()
    assert third.outcome is Outcome.UNCHANGED


@pytest.mark.bad_input
def test_a_new_name_that_is_taken(small: Installation) -> None:
    [report] = small.run()
    new = f"Taken {uuid.uuid4().hex[:8]}"
    foreign = small.api.create(new)
    small.becomes(segments=[{"table": "HighValueCustomers", "audience": new}], adopt=True)
    with pytest.raises(AirflowFailException, match=r"(?s)cannot be renamed.*DuplicateAudienceName \(4853\)"):
        small.run()
    assert small.api.members(foreign) == []
    assert len(small.audiences(report.audience)) == 1


@pytest.mark.bad_input
def test_a_list_given_by_its_id(small: Installation) -> None:
    by_hand = small.api.create(f"By hand {uuid.uuid4().hex[:8]}", Description="Words.", MembershipDuration=30)
    small.api.apply(by_hand, "Add", hexes(range(3)))
    [segment] = segments_of(small.export)
    given = [{"table": "HighValueCustomers", "audience": segment.audience, "audience_id": by_hand}]
    small.becomes(segments=given)
    with pytest.raises(AirflowFailException, match=f"{by_hand}.*adopt: true"):
        small.run()
    small.becomes(adopt=True)
    [report] = small.run()
    assert (report.audience_id, report.replaced) == (by_hand, True)
    wanted = expected(str(small.folder / "lake" / report.segment)).members
    assert small.api.members(by_hand) == wanted
    [now] = [audience for audience in small.api.control("audiences") if audience["id"] == by_hand]
    assert now["name"].startswith("By hand")
    assert now["description"].startswith("Words. Kept by")
    assert now["membership_duration"] == -1
    small.becomes(adopt=False)
    [again] = small.run()
    assert again.outcome is Outcome.UNCHANGED, "it is ours now"


@pytest.mark.bad_input
def test_scopes_widen_and_never_narrow(small: Installation) -> None:
    small.becomes(scope="Account")
    [report] = small.run()
    assert small.audiences(report.audience)[0]["scope"] == "Account"
    small.becomes(scope="Customer", membership_duration=90)
    small.run()
    [audience] = small.audiences(report.audience)
    assert (audience["scope"], audience["membership_duration"]) == ("Customer", 90)
    small.becomes(scope="Account")
    before = len(small.api.control("uploads"))
    with pytest.raises(AirflowFailException, match=r"(?s)4855.*`scope: Customer`"):
        small.run()
    assert len(small.api.control("uploads")) == before


@pytest.mark.bad_input
def test_a_service_that_updates_no_customer_lists(
    small: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """One of its pages says so: a duration is left with a warning, a new name cannot be had."""
    [report] = small.run()
    small.api.fault("UpdateAudiences", "fault", code=4859, times=9)
    small.becomes(membership_duration=90)
    small.check(small.run())
    assert "did not change membership_duration of the audience" in caplog.text
    small.becomes(segments=[{"table": "HighValueCustomers", "audience": f"{report.audience} anew"}])
    with pytest.raises(AirflowFailException, match=r"(?s)cannot be renamed.*4859.*by hand"):
        small.run()


@pytest.mark.faults
def test_a_lost_answer_to_renaming(small: Installation) -> None:
    [report] = small.run()
    small.api.fault("UpdateAudiences", "drop_after_accept")
    small.becomes(segments=[{"table": "HighValueCustomers", "audience": f"{report.audience} anew"}])
    [again] = small.run(tries=2)
    small.check([again])
    assert again.audience_id == report.audience_id


def test_sizes_are_read_back_by_a_later_run(small: Installation) -> None:
    """Null for a day; then the report has them, and says where they are too small to be served."""
    [segment] = segments_of(small.export)
    small.run()
    run = ExportRun(export=small.export, run_id="later", interval_end=small.day)
    [reading] = read_sizes(run, [segment]).readings
    assert reading.readiness is Readiness.NOT_KNOWN_YET
    before = small.api.control("settings")
    small.api.control("settings", {"size_delay_seconds": 0})
    [reading] = read_sizes(run, [segment]).readings
    small.api.control("settings", before)
    [audience] = small.audiences(segment.audience)
    assert reading.search_size == len(small.api.members(audience["id"]))
    assert reading.readiness is Readiness.READY
    small.api.fault("GetAudiencesByIds", "fault", code=106)
    assert "may not act on this account" in str(read_sizes(run, [segment]).note)


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_no_address_and_no_secret_is_left_behind(
    small: Installation,
    route: Any,
    simulator: Simulator,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    small.export = small.export.model_copy(update={"route": route})
    small.run()
    left = [path for path in (small.folder / "workspace").rglob("*") if path.is_file()]
    texts = {path.name: path.read_bytes() for path in left}
    shown = capsys.readouterr()
    texts |= {"output": (shown.out + shown.err).encode(), "log": caplog.text.encode()}
    secrets = [simulator.ready[name] for name in ("client_secret", "refresh_token", "developer_token")]
    column = pq.read_table(small.folder / "lake" / "HighValueCustomers", columns=["Email"])["Email"]
    addresses = {value.strip().lower() for value in column.to_pylist() if value and "@" in value}
    assert len(addresses) > 500
    for name, content in texts.items():
        lower = content.lower()
        assert not [person for person in addresses if person.encode() in lower], name
        assert not [secret for secret in secrets if secret.encode() in content], name
    members = small.api.members(small.audiences(segments_of(small.export)[0].audience)[0]["id"])
    logged = texts["output"] + texts["log"]
    assert not [member for member in members if member.encode() in logged]
    assert (b"Request" if small.export.route == "bulk" else b"calls") in texts["log"]
