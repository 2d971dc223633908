"""The operator: how it defers and continues, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.serialization.serialized_objects import DagSerialization

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.links import AudienceLink, audiences_url
from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.run.chunk import DRY_RUN, chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.trigger import BulkUploadTrigger, PauseTrigger
from customer_match.errors import ConfigurationError, TransientError
from customer_match.ledger.lease import Lease
from customer_match.ledger.state import State
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.members.files import read_members
from customer_match.routes import Route
from customer_match.runs.records import Delivered, Failure, Step
from customer_match.runs.report import Outcome
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from customer_match.table_facts import TableFacts
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.delivery import Overtaken
from microsoft_advertising.bulk import file as bulk_file
from microsoft_advertising.faults import ServiceTerminalError, ServiceTransientError
from microsoft_advertising.models import UploadState, UploadStatus
from tests.airflow_microsoft_advertising.conftest import EXTRA, SECRETS, Connect
from tests.airflow_microsoft_advertising.run.small_lake import DAY, GOLD, Lake, digest, people, prepare
from tests.customer_match_delivery.in_memory import FakeService, Faults

pytestmark = pytest.mark.slow


def context(run_id: str = "scheduled-1") -> Any:
    return {"dag_run": SimpleNamespace(dag_id="autumn", run_id=run_id)}


CONTEXT = context()


class ClosingService(FakeService):
    """The service as the hook hands it out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> ClosingService:
    service = ClosingService(Faults(), looks_until_done=1)
    monkeypatch.setattr(MicrosoftAdvertisingHook, "get_conn", lambda _: service)
    return service


@pytest.fixture
def run(tmp_path: Path, connect: Connect) -> ExportRun:
    """A run whose segment is chunked: two parts."""
    connect()
    run = Lake(tmp_path).run(profiles_per_part=2, route="bulk")
    prepare(run, GOLD)
    return run


def operator(run: ExportRun, **changes: Any) -> UploadAudienceOperator:
    arguments: dict[str, Any] = {
        "task_id": "upload",
        "segment": {"folder": run.segment_folder(GOLD), "audience": GOLD.audience},
        "export": {"mark": "[customer-match:autumn]"},
        "workspace_root": run.workspace.root,
        "customer_id": run.export.cid,
        "account_id": run.export.aid,
    }
    return UploadAudienceOperator(**(arguments | changes))


def deferred(step: Callable[[], Any]) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        step()
    return caught.value


def to_the_end(run: ExportRun, **changes: Any) -> tuple[dict[str, Any], int]:
    """What the task returns, and how often it deferred; each return is a new process."""
    deferrals = 0
    step: Callable[[], Any] = lambda: operator(run, **changes).execute(CONTEXT)  # noqa: E731 (replaced below)
    while True:
        try:
            return step(), deferrals
        except TaskDeferred as waiting:
            deferrals += 1
            event = {"request_id": "r", "started": waiting.trigger.serialize()[1]["started"]}
            step = lambda: operator(run, **changes).execute_complete(CONTEXT, event)  # noqa: B023, E731


# --- Deferring ---------------------------------------------------------------------------------------------


def test_it_defers_with_all_that_the_trigger_needs(run: ExportRun, service: ClosingService) -> None:
    before = datetime.now(UTC).timestamp()
    waiting = deferred(
        lambda: operator(run, upload_timeout=timedelta(minutes=7), poll_schedule={"first": 1.0}).execute(
            CONTEXT
        )
    )
    assert waiting.method_name == "execute_complete"
    assert waiting.timeout == timedelta(minutes=37), "Airflow's own end comes later than the trigger's"
    assert isinstance(waiting.trigger, BulkUploadTrigger)
    _, kwargs = waiting.trigger.serialize()
    for moment in ("since", "started"):
        assert before <= kwargs.pop(moment) <= datetime.now(UTC).timestamp()
    assert before <= kwargs.pop("until") - 7 * 60 <= datetime.now(UTC).timestamp()
    assert kwargs == {
        "microsoft_advertising_conn_id": "microsoft_advertising_default",
        "customer_id": "1",
        "account_id": "2",
        "request_id": "r1",
        "schedule": {"first": 1.0},
    }
    assert not [secret for secret in SECRETS.values() if secret in repr(waiting.trigger.serialize())]


def test_without_a_segment_it_is_skipped(run: ExportRun) -> None:
    """Where the task `upload_batch` uploads the segments, a user may clear this task all the same."""
    with pytest.raises(AirflowSkipException, match="upload_batch"):
        operator(run, segment=None).execute(CONTEXT)


def test_it_continues_until_the_audience_is_exact(run: ExportRun, service: ClosingService) -> None:
    result, deferrals = to_the_end(run)
    [audience] = service.audiences.values()
    assert (audience.name, len(audience.people)) == ("Gold customers", 3)
    assert "[customer-match:autumn]" in audience.description
    told = {"audience_id": audience.id, "parts": 2, "route": "bulk", "calls": 0, "refused": {}}
    assert (result, deferrals) == (told, 2)
    record = run.records(GOLD).read(Delivered)
    assert record
    assert record.model_dump(mode="json", include=set(told)) == told
    assert (record.sent, record.overridden) == (3, ())
    assert run.known(GOLD).table == TableFacts(profiles=6, missing=1), "what the next table is compared with"
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.route, segment.calls) == (Outcome.DELIVERED, Route.BULK, 0)


def test_calls_need_no_deferral(tmp_path: Path, connect: Connect, service: ClosingService) -> None:
    connect()
    run = Lake(tmp_path).run()
    prepare(run, GOLD)
    result, deferrals = to_the_end(run)
    [audience] = service.audiences.values()
    assert (len(audience.people), deferrals, service.uploads) == (3, 0, {})
    told = {"audience_id": audience.id, "parts": 1, "route": "apply", "calls": 1, "refused": {}}
    assert result == told
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.route, segment.calls) == (Outcome.DELIVERED, Route.APPLY, 1)
    assert (segment.added, segment.removed, segment.replaced) == (3, 0, False)


def test_what_the_service_does_not_take_by_calls_goes_by_bulk(
    tmp_path: Path, connect: Connect, service: ClosingService
) -> None:
    connect()
    run = Lake(tmp_path).run()
    prepare(run, GOLD)
    service.call_errors = [ServiceTerminalError("not offered", codes=(204,))]
    result, deferrals = to_the_end(run)
    assert (result["route"], result["calls"], deferrals) == ("bulk", 0, 1)
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.route, segment.calls) == (Outcome.DELIVERED, Route.BULK, 0)
    assert [len(audience.people) for audience in service.audiences.values()] == [3]


def test_the_result_has_the_time_of_the_whole_delivery(run: ExportRun, service: ClosingService) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    long_ago = datetime.now(UTC).timestamp() - 100
    deferred(lambda: operator(run).execute_complete(CONTEXT, {"started": long_ago}))
    operator(run).execute_complete(CONTEXT, {"started": long_ago})
    record = run.records(GOLD).read(Delivered)
    assert record
    assert 100 <= record.seconds < 160


def test_a_retry_awaits_what_the_first_try_sent(run: ExportRun, service: ClosingService) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    operator(run).on_kill()
    result, _ = to_the_end(run)
    assert result["parts"] == 2
    assert [upload.id for upload in service.accepted] == ["r1", "r2"]


def test_on_kill_logs_that_the_upload_continues(run: ExportRun, capsys: pytest.CaptureFixture[str]) -> None:
    operator(run).on_kill()
    assert "continues at the service; the next try waits for it" in capsys.readouterr().out


# --- Pauses ------------------------------------------------------------------------------------------------


def throttled(
    service: ClosingService, monkeypatch: pytest.MonkeyPatch, *, times: int, seconds: float = 900
) -> None:
    """The service turns requests for uploads away, and names the time after which to come back."""
    request_upload, left = service.request_upload, iter(range(times))

    def refused() -> Any:
        for _ in left:
            raise ServiceTransientError("too many", retry_after=seconds, codes=(4204,), undone=True)
        return request_upload()

    monkeypatch.setattr(service, "request_upload", refused)


@pytest.mark.faults
def test_a_wait_that_the_service_names_is_kept_in_the_triggerer(
    run: ExportRun,
    service: ClosingService,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    throttled(service, monkeypatch, times=2)
    before = datetime.now(UTC).timestamp()
    waiting = deferred(lambda: operator(run).execute(CONTEXT))
    assert isinstance(waiting.trigger, PauseTrigger)
    assert waiting.method_name == "execute_after_pause"
    assert before + 900 <= waiting.trigger.until <= datetime.now(UTC).timestamp() + 990
    assert "Waiting until" in capsys.readouterr().out
    event = {"started": waiting.trigger.started, "pauses": waiting.trigger.pauses}
    waiting = deferred(lambda: operator(run).execute_after_pause(CONTEXT, event))
    assert isinstance(waiting.trigger, PauseTrigger)
    assert waiting.trigger.pauses == 2
    event["pauses"] = 2
    waiting = deferred(lambda: operator(run).execute_after_pause(CONTEXT, event))
    assert isinstance(waiting.trigger, BulkUploadTrigger)
    assert waiting.trigger.started == event["started"], "the delivery's time includes its pauses"


@pytest.mark.faults
def test_a_pause_between_two_parts(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    throttled(service, monkeypatch, times=1)
    waiting = deferred(lambda: operator(run).execute_complete(CONTEXT, {"started": 0.0}))
    assert isinstance(waiting.trigger, PauseTrigger)
    deferred(lambda: operator(run).execute_after_pause(CONTEXT, {"started": 0.0, "pauses": 1}))
    assert operator(run).execute_complete(CONTEXT, {"started": 0.0})["parts"] == 2
    assert run.records(GOLD).read(Failure) is None
    assert len(service.accepted) == 2


@pytest.mark.faults
def test_no_wait_is_longer_than_an_hour(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled(service, monkeypatch, times=1, seconds=10**9)
    waiting = deferred(lambda: operator(run).execute(CONTEXT))
    assert isinstance(waiting.trigger, PauseTrigger)
    assert waiting.trigger.until < datetime.now(UTC).timestamp() + 4_000


@pytest.mark.faults
def test_the_time_of_a_delivery_includes_its_pauses(run: ExportRun, service: ClosingService) -> None:
    to_the_end(run)
    long_ago = datetime.now(UTC).timestamp() - 100
    operator(run).execute_after_pause(CONTEXT, {"started": long_ago, "pauses": 1})
    record = run.records(GOLD).read(Delivered)
    assert record
    assert 100 <= record.seconds < 160


@pytest.mark.faults
def test_the_number_of_waits_in_a_row_is_limited(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled(service, monkeypatch, times=10**6)
    with pytest.raises(TransientError, match="too many"):
        operator(run).execute_after_pause(CONTEXT, {"started": 0.0, "pauses": 8})


@pytest.mark.faults
def test_an_upload_that_does_not_end_in_time_ends_the_try_and_is_awaited_by_the_next(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    overdue = {"request_id": "r1", "started": 0.0, "overdue": True}
    with monkeypatch.context() as patched:
        still = UploadStatus(UploadState.IN_PROGRESS, result_url=None)
        patched.setattr(service, "upload_status", lambda _: still)
        with pytest.raises(TransientError, match=r"r1 .*is still in progress") as caught:
            operator(run).execute_complete(CONTEXT, overdue)
        assert caught.value.retry_after is None, "Airflow's retries count"
        failure = run.records(GOLD).read(Failure)
        assert failure
        assert "r1" in failure.message
        assert lease(run).current() is None, "another run may wait for it as well"
        waiting = deferred(lambda: operator(run).execute(CONTEXT))
        assert waiting.trigger.serialize()[1]["request_id"] == "r1"
    to_the_end(run)
    assert len(service.accepted) == 2, "nothing was sent twice"


@pytest.mark.faults
def test_an_upload_that_ended_at_the_last_moment_counts(run: ExportRun, service: ClosingService) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    waiting = deferred(
        lambda: operator(run).execute_complete(CONTEXT, {"request_id": "r1", "started": 0.0, "overdue": True})
    )
    assert waiting.trigger.serialize()[1]["request_id"] == "r2"


# --- One run at a time ---------------------------------------------------------------------------------------


def lease(run: ExportRun, holder: str = "somebody else") -> Lease:
    return Lease(
        run.workspace, ledger_folder("2", "Gold customers"), audience="Gold customers", holder=holder
    )


@pytest.mark.faults
def test_a_disk_that_is_full_after_a_wait_releases_the_lease(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    assert lease(run).current() is not None

    def no_room(*_: Any) -> None:
        raise ConfigurationError("The storage is full.")

    with monkeypatch.context() as full:
        full.setattr(Workspace, "create", no_room)
        with pytest.raises(AirflowFailException, match="full"):
            operator(run).execute_complete(CONTEXT, {"request_id": "r1", "started": 0.0})
    assert lease(run).current() is None
    deferred(lambda: operator(run).execute(context("by-hand")))
    assert len(service.accepted) == 2, "the other run has awaited what was sent, and goes on"


@pytest.mark.faults
def test_another_run_waits_in_the_triggerer_until_the_audience_is_free(
    run: ExportRun, service: ClosingService
) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    waiting = deferred(lambda: operator(run).execute(context("by-hand")))
    assert isinstance(waiting.trigger, PauseTrigger)
    assert waiting.trigger.pauses == 0  # this may take as long as it takes
    assert run.records(GOLD).read(Failure) is None
    assert len(service.accepted) == 1  # the other has sent nothing
    event = {"started": 0.0, "pauses": 0}
    deferred(lambda: operator(run).execute_complete(CONTEXT, {"started": 0.0}))
    deferred(lambda: operator(run).execute_after_pause(context("by-hand"), event))
    operator(run).execute_complete(CONTEXT, {"started": 0.0})
    assert lease(run).current() is None
    operator(run).execute_after_pause(context("by-hand"), event)
    assert len(service.accepted) == 2


@pytest.mark.faults
def test_the_lease_stays_while_an_upload_is_waited_for_and_is_the_runs_own_after_a_crash(
    run: ExportRun, service: ClosingService
) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    holding = lease(run).current()
    assert holding
    assert holding.holder == "autumn / scheduled-1"
    deferred(lambda: operator(run).execute(CONTEXT))  # the retry of a task that was killed
    assert len(service.accepted) == 2


@pytest.mark.faults
def test_a_failed_task_releases_the_lease(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigurationError("no")

    monkeypatch.setattr(service, "request_upload", refuse)
    with pytest.raises(AirflowFailException):
        operator(run).execute(CONTEXT)
    assert lease(run).current() is None


@pytest.mark.faults
def test_a_lease_that_cannot_be_given_back_hides_no_result(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Lease) -> None:
        raise TransientError("the disk is away")

    monkeypatch.setattr(Lease, "release", broken)
    result, _ = to_the_end(run)
    assert result["parts"] == 2
    assert "the disk is away" in caplog.text


@pytest.mark.faults
def test_who_lost_the_lease_sends_nothing_more(run: ExportRun, service: ClosingService) -> None:
    """It slept for longer than its lease lasts; the other run has begun meanwhile."""
    deferred(lambda: operator(run).execute(CONTEXT))
    sleeping = lease(run, "autumn / scheduled-1")
    sleeping.release()
    lease(run).take(timedelta(hours=1))
    waiting = deferred(lambda: operator(run).execute_complete(CONTEXT, {"started": 0.0}))
    assert isinstance(waiting.trigger, PauseTrigger)
    assert len(service.accepted) == 1


@pytest.mark.faults
def test_the_lease_is_asked_for_again_before_each_part(
    run: ExportRun, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was lost while the worker made sure that the audience exists: no part is sent any more."""
    listed = service.list_audiences

    def slow() -> Any:
        lease(run, "autumn / scheduled-1").release()
        lease(run).take(timedelta(hours=1))
        return listed()

    monkeypatch.setattr(service, "list_audiences", slow)
    waiting = deferred(lambda: operator(run).execute(CONTEXT))
    assert isinstance(waiting.trigger, PauseTrigger)
    assert service.accepted == []
    current = lease(run).current()
    assert current
    assert current.holder == "somebody else"  # and it is not given back for the other one


# --- Ends --------------------------------------------------------------------------------------------------


def test_a_dry_run_is_skipped_without_the_connection(
    tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()
    run = Lake(tmp_path).run(dry_run=True)
    prepare(run, GOLD)

    def untouched(*_: object) -> None:
        raise AssertionError("the connection was touched")

    for name in ("connection", "get_conn", "account", "environment"):
        monkeypatch.setattr(MicrosoftAdvertisingHook, name, untouched)
    with pytest.raises(AirflowSkipException, match=DRY_RUN):
        operator(run).execute(CONTEXT)
    assert run.records(GOLD).read(Failure) is None


def test_a_run_that_was_overtaken_is_skipped(run: ExportRun, service: ClosingService) -> None:
    newer = run.interval_end + timedelta(days=1)
    audience = service.put("Gold customers", "[customer-match:autumn]")
    ledger = Ledger(run.workspace, ledger_folder("2", "Gold customers"), "Gold customers")
    ledger.write(ledger.load(), State(audience="Gold customers", audience_id=audience.id, interval_end=newer))
    with pytest.raises(AirflowSkipException, match="newer data"):
        operator(run).execute(CONTEXT)
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.message) == (Outcome.SKIPPED, str(Overtaken(newer)))


def test_the_report_has_the_plan_that_was_delivered(
    tmp_path: Path, connect: Connect, service: ClosingService
) -> None:
    """The audience was deleted by hand between chunk and upload: all members are sent, not the difference."""
    connect()
    lake = Lake(tmp_path)
    first = lake.run()
    prepare(first, GOLD)
    to_the_end(first)
    lake.write("Gold", ["anna@example.com", "bob@example.com", "c.lee@example.org", "new@example.com"])
    second = lake.run(name="run-2", interval_end=first.interval_end + timedelta(days=1), profiles_per_part=2)
    prepare(second, GOLD)
    service.audiences.clear()
    result, _ = to_the_end(second)
    [segment] = write_report(second, [GOLD]).segments
    assert result["parts"] == 2
    assert (segment.added, segment.parts, segment.members) == (4, 2, 4)


def test_refused_members_are_reported(
    run: ExportRun, service: ClosingService, caplog: pytest.LogCaptureFixture
) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    service.refuse = {service.accepted[0].people[0]: (8004,)}
    result, _ = to_the_end(run)
    assert result["refused"] == {"EmailMustBeHashed": 1}
    words = "Microsoft Advertising refused 1 of 3 members sent (EmailMustBeHashed 1)"
    assert f"{words} for the audience 'Gold customers'" in caplog.text
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.message) == (
        Outcome.REFUSED_SOME, f"{words}; the next run sends them again."
    )  # fmt: skip


# --- Guards ------------------------------------------------------------------------------------------------


TWENTY = {digest(str(address))[:2]: address for address in people(count=99)}
"""Addresses by the first byte of their digests, by which the service in memory knows them."""


class Twenty:
    """An audience of twenty, of whom the service refuses some each time."""

    def __init__(self, folder: Path, service: ClosingService) -> None:
        self.lake = Lake(folder)
        self.lake.write("Gold", list(TWENTY.values())[:20])
        self.service = service
        self.days = 0

    def run(self, **options: Any) -> ExportRun:
        """A run up to its upload, a day after the one before."""
        self.days += 1
        run = self.lake.run(
            name=f"run-{self.days}", interval_end=DAY + timedelta(days=self.days), route="bulk", **options
        )
        prepare(run, GOLD)
        return run

    def refuse(self, run: ExportRun, number: int) -> None:
        plan = chunk_segment(run, GOLD).plan
        assert plan
        digests = [row for array in read_members(run.workspace, plan.target) for row in array]
        self.service.refuse = {int(row[0]): (8004,) for row in digests[:number]}

    @property
    def there(self) -> int:
        return sum(len(audience.people) for audience in self.service.audiences.values())


@pytest.fixture
def twenty(tmp_path: Path, connect: Connect, service: ClosingService) -> Twenty:
    connect()
    return Twenty(tmp_path, service)


@pytest.mark.faults
def test_up_to_the_tolerance_refused_members_are_a_warning(twenty: Twenty) -> None:
    run = twenty.run(guards={"max_refused": 0.6})
    twenty.refuse(run, 12)
    assert to_the_end(run)[0]["refused"] == {"EmailMustBeHashed": 12}
    report = write_report(run, [GOLD])
    assert (report.segments[0].outcome, report.failed) == (Outcome.REFUSED_SOME, 0)


@pytest.mark.faults
def test_beyond_the_tolerance_they_fail_the_segment_and_the_ledger_stays_true(twenty: Twenty) -> None:
    run = twenty.run(guards={"max_refused": 0.59})
    twenty.refuse(run, 12)
    words = (
        r"refused 12 of 20 members sent \(EmailMustBeHashed 12\) for the audience 'Gold customers'; at most 59% of "
        r"its 20 members may be refused.*`ignore_guards`.*`guards\.max_refused`"
    )
    with pytest.raises(AirflowFailException, match=words):
        to_the_end(run)
    assert twenty.there == 8
    record = run.records(GOLD).read(Delivered)
    assert record
    assert (record.refused, record.sent) == ({"EmailMustBeHashed": 12}, 20)
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.refused) == (Outcome.FAILED, {"EmailMustBeHashed": 12})
    assert "upload: Microsoft Advertising refused 12 of 20" in str(segment.message)
    assert lease(run).current() is None
    with pytest.raises(AirflowFailException, match="refused 12 of 20"):
        to_the_end(run)  # the task is cleared: it judges again, and sends nothing
    assert len(twenty.service.accepted) == 1

    twenty.service.refuse = {}
    following = twenty.run(guards={"max_refused": 0.59})
    to_the_end(following)
    [segment] = write_report(following, [GOLD]).segments
    assert (segment.outcome, segment.added, twenty.there) == (Outcome.DELIVERED, 12, 20)


@pytest.mark.faults
def test_too_many_refused_members_can_be_let_pass_once(
    twenty: Twenty, caplog: pytest.LogCaptureFixture
) -> None:
    run = twenty.run(ignore_guards=True)
    twenty.refuse(run, 12)
    assert to_the_end(run)[0]["refused"] == {"EmailMustBeHashed": 12}
    [segment] = write_report(run, [GOLD]).segments
    assert segment.outcome is Outcome.REFUSED_SOME
    assert "at most 1% of its 20 members may be refused" in segment.overridden[-1]
    assert "Ignored because of `ignore_guards`: Microsoft Advertising refused 12 of 20" in caplog.text


@pytest.mark.faults
def test_members_that_are_refused_each_time_do_not_fail_the_later_runs(twenty: Twenty) -> None:
    """Each run sends little but them; what counts is how many the segment has."""
    for _ in range(3):
        run = twenty.run(guards={"max_refused": 0.6})
        twenty.refuse(run, 12)
        to_the_end(run)
        assert write_report(run, [GOLD]).failed == 0
    assert (twenty.service.accepted[-1].action, len(twenty.service.accepted[-1].people)) == ("Add", 12)


@pytest.mark.faults
@pytest.mark.parametrize("ignore", [False, True])
def test_who_leaves_is_judged_again_where_the_ledger_has_moved_on(
    tmp_path: Path, connect: Connect, service: ClosingService, ignore: bool
) -> None:
    """Two runs are planned side by side; after the first one, the second would remove most of the members."""
    connect()
    lake = Lake(tmp_path)
    lake.write("Gold", people(count=120))
    first = lake.run(route="bulk")
    prepare(first, GOLD)
    to_the_end(first)
    late = lake.run(name="late", interval_end=DAY + timedelta(days=2), route="bulk", ignore_guards=ignore)
    prepare(late, GOLD)
    lake.write("Gold", people(count=120) + people(first=1_000, count=150))
    other = lake.run(name="other", interval_end=DAY + timedelta(days=1), route="bulk")
    prepare(other, GOLD)
    to_the_end(other)
    sent = len(service.accepted)
    if ignore:
        to_the_end(late)
        [segment] = write_report(late, [GOLD]).segments
        assert (segment.outcome, segment.removed, len(segment.overridden)) == (Outcome.DELIVERED, 150, 1)
        return
    words = r"150 of 270 members would be removed.*at most 50% may.*`guards\.max_removed`"
    for _ in range(2):  # and again after the upload alone was cleared
        with pytest.raises(AirflowFailException, match=words):
            to_the_end(late)
    assert len(service.accepted) == sent
    [segment] = write_report(late, [GOLD]).segments
    assert (segment.outcome, segment.removed) == (Outcome.FAILED, None)  # nothing was sent


def test_an_empty_segment_that_is_allowed_makes_an_empty_audience(
    tmp_path: Path, connect: Connect, service: ClosingService
) -> None:
    connect()
    lake = Lake(tmp_path)
    lake.write("Gold", [])
    run = lake.run(guards={"allow_empty": True})
    prepare(run, GOLD)
    assert to_the_end(run)[0]["parts"] == 0
    assert [len(audience.people) for audience in service.audiences.values()] == [0]
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.members, segment.removed) == (Outcome.UNCHANGED, 0, 0)


@pytest.mark.bad_input
def test_an_empty_segment_does_not_empty_an_audience_with_unknown_members(
    tmp_path: Path, connect: Connect, service: ClosingService
) -> None:
    connect()
    lake = Lake(tmp_path)
    lake.write("Gold", [])
    service.put("Gold customers", "[customer-match:autumn]", people=[1, 2])
    run = lake.run(guards={"allow_empty": True})
    prepare(run, GOLD)
    with pytest.raises(AirflowFailException, match="Delete the audience at Microsoft Advertising"):
        to_the_end(run)
    assert [len(audience.people) for audience in service.audiences.values()] == [2]


def test_terms_of_the_connection_are_accepted_and_reported(
    run: ExportRun, service: ClosingService, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[bool] = []
    write = bulk_file.write_bulk_file

    def watched(*args: Any, accept_terms: bool, **kwargs: Any) -> Any:
        files.append(accept_terms)
        return write(*args, accept_terms=accept_terms, **kwargs)

    monkeypatch.setattr(bulk_file, "write_bulk_file", watched)
    connect(extra=EXTRA | {"terms_accepted_by": "Jane Doe", "terms_accepted_on": "2026-01-31"})
    to_the_end(run)
    assert files == [True, True]
    report = write_report(run, [GOLD])
    assert report.segments[0].terms == report.terms
    words = "accepted with every upload for Jane Doe, on record since 2026-01-31"
    assert words in summary_of(report)
    assert words in html_of(report)


def test_without_terms_nothing_is_accepted_or_reported(run: ExportRun, service: ClosingService) -> None:
    to_the_end(run)
    report = write_report(run, [GOLD])
    assert report.terms is None
    assert "terms" not in summary_of(report)


@pytest.mark.bad_input
def test_a_failure_is_noted_for_the_report(run: ExportRun, service: ClosingService) -> None:
    service.put("Gold customers", "made by hand")
    with pytest.raises(AirflowFailException, match="adopt: true"):
        operator(run).execute(CONTEXT)
    noted = run.records(GOLD).read(Failure)
    assert noted
    assert noted.step is Step.UPLOAD
    result, _ = to_the_end(run, export={"mark": "[customer-match:autumn]", "adopt": True})
    assert result["parts"] == 2
    assert run.records(GOLD).read(Failure) is None


@pytest.mark.faults
def test_a_failed_upload_is_left_to_the_retries(run: ExportRun, service: ClosingService) -> None:
    deferred(lambda: operator(run).execute(CONTEXT))
    service.ends = [UploadState.FAILED]
    with pytest.raises(TransientError, match="sent again"):
        operator(run).execute_complete(CONTEXT, {"started": 0.0})
    assert to_the_end(run)[0]["parts"] == 2


@pytest.mark.bad_input
def test_an_upload_without_a_plan_says_what_to_do(run: ExportRun, service: ClosingService) -> None:
    with pytest.raises(AirflowFailException, match=r"no plan in nowhere\. Run the task `chunk`"):
        operator(run, segment={"folder": "nowhere", "audience": GOLD.audience}).execute(CONTEXT)


@pytest.mark.bad_input
def test_a_missing_connection_says_what_to_do(run: ExportRun) -> None:
    with pytest.raises(AirflowFailException, match="no Airflow connection 'nowhere'"):
        operator(run, microsoft_advertising_conn_id="nowhere").execute(CONTEXT)


# --- In Airflow --------------------------------------------------------------------------------------------


def test_the_segments_values_and_connections_are_templated() -> None:
    assert set(UploadAudienceOperator.template_fields) == {
        "segment",
        "microsoft_advertising_conn_id",
        "customer_id",
        "account_id",
        "workspace_root",
        "workspace_conn_id",
    }
    task = UploadAudienceOperator(
        task_id="upload",
        segment={"folder": "{{ run_id }}/x", "audience": "A {{ ds }}"},
        export={"mark": "m"},
        workspace_root="{{ root }}",
    )
    task.render_template_fields({"run_id": "r", "ds": "2026-05-01", "root": "w"})  # type: ignore[typeddict-unknown-key]  # one of our own
    assert task.segment == {"folder": "r/x", "audience": "A 2026-05-01"}
    assert task.workspace_root == "w"


def test_it_travels_through_the_metadata_database(run: ExportRun) -> None:
    with DAG("some", schedule=None) as dag:
        operator(run)
    task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("upload")
    assert task.task_type == "UploadAudienceOperator"
    assert AudienceLink.name in task.extra_links
    assert not [secret for secret in SECRETS.values() if secret in str(DagSerialization.to_dict(dag))]


def test_the_link_leads_to_the_audience(run: ExportRun, service: ClosingService) -> None:
    task = operator(run)
    deferred(lambda: task.execute(CONTEXT))
    link = AudienceLink()
    assert link.get_link(task, ti_key=CONTEXT) == ""
    deferred(lambda: task.execute_complete(CONTEXT, {"started": 0.0}))
    task.execute_complete(CONTEXT, {"started": 0.0})
    assert link.get_link(task, ti_key=CONTEXT) == audiences_url(
        customer_id="1", account_id="2", base_url=None
    )


def test_the_page_of_the_audiences(connect: Connect) -> None:
    url = audiences_url(customer_id="1", account_id="2", base_url=None)
    assert url.startswith("https://ui.ads.microsoft.com/")
    assert "cid=1" in url
    assert "aid=2" in url
    assert (
        audiences_url(customer_id="1", account_id="2", base_url="http://127.0.0.1:1") == "http://127.0.0.1:1"
    )
