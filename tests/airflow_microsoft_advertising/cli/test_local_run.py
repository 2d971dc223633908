"""A run without a scheduler, against a service in memory: order, waits, retries, leases, leftovers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_microsoft_advertising.cli import local_run
from airflow_microsoft_advertising.cli.local_run import LocalRun, new_run_id
from airflow_microsoft_advertising.cli.process import holder_of
from airflow_microsoft_advertising.dags import export_dag
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.upload import Upload
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.segments import Segment
from customer_match.ledger.lease import Lease
from customer_match.ledger.store import ledger_folder
from customer_match.runs.report import Outcome, RunReport
from customer_match_delivery.backoff import MAX_WAITS
from microsoft_advertising.faults import ServiceTerminalError, ServiceTransientError
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS
from microsoft_advertising.models import UploadState
from tests.airflow_microsoft_advertising.audit.test_recording import entries
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import DAY, Lake
from tests.airflow_microsoft_advertising.test_operator import ClosingService, service, throttled

pytestmark = pytest.mark.slow

__all__ = ["service"]

GOLD = "Gold customers"


class Run:
    """A run whose waits take no time, and the progress that it reported."""

    def __init__(self, run: ExportRun) -> None:
        self.run = run
        self.waits: list[float] = []
        self.reported: list[tuple[str, str]] = []
        self.local = LocalRun(run, notify=self.notify, sleep=self.sleep)

    def notify(self, segment: Segment, what: str) -> None:
        self.reported.append((segment.audience, what))

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def __call__(self, *names: str) -> RunReport:
        return self.local(names)

    def lease(self, audience: str, holder: str) -> Lease:
        folder = ledger_folder(self.run.export.aid, audience)
        return Lease(self.run.workspace, folder, audience=audience, holder=holder)


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    connect()
    return Lake(tmp_path)


def bulk(lake: Lake, **options: Any) -> Run:
    return Run(lake.run(profiles_per_part=2, route="bulk", **options))


def holds(service: ClosingService, audience: str) -> int:
    [found] = [one for one in service.audiences.values() if one.name == audience]
    return len(found.people)


def outcomes(report: RunReport) -> dict[str, Outcome]:
    return {segment.audience: segment.outcome for segment in report.segments}


def test_all_segments_are_delivered_and_reported(lake: Lake, service: ClosingService) -> None:
    run = bulk(lake)
    report = run()
    assert outcomes(report) == {GOLD: Outcome.DELIVERED, "Silver": Outcome.DELIVERED}
    assert (holds(service, GOLD), holds(service, "Silver")) == (3, 1)
    kept = run.run.workspace.read_bytes(f"{run.run.folder}/report.json")
    assert RunReport.model_validate_json(kept) == report
    steps = [what for audience, what in run.reported if audience == GOLD]
    assert steps[:4] == ["validate", "normalise", "chunk", "upload"]
    assert steps[-1] == "done"


def test_a_second_run_sends_nothing(lake: Lake, service: ClosingService) -> None:
    bulk(lake)()
    sent = len(service.accepted)
    report = bulk(lake, name="run-2", interval_end=DAY + timedelta(days=1))()
    assert set(outcomes(report).values()) == {Outcome.UNCHANGED}
    assert len(service.accepted) == sent


def test_the_next_segment_is_read_while_the_first_waits(lake: Lake, service: ClosingService) -> None:
    run = bulk(lake)
    service.looks_until_done = 4
    run()
    begun = run.reported.index(("Silver", "normalise"))
    assert run.reported.index((GOLD, "upload")) < begun, "what is due goes first"
    waits = [what for _, what in run.reported[:begun] if "waiting" in what]
    assert waits
    assert max(map(len, waits)) <= len("upload: part 10 of 10, waiting"), "a bar does not wrap"
    assert begun < run.reported.index((GOLD, "done"))


def test_all_segments_are_validated_before_the_first_is_read(lake: Lake, service: ClosingService) -> None:
    (lake.folder / "lake/Silver/part-0.parquet").unlink()
    run = bulk(lake)
    assert outcomes(run()) == {GOLD: Outcome.DELIVERED, "Silver": Outcome.FAILED}
    [failed] = [index for index, (_, what) in enumerate(run.reported) if what.startswith("failed: ")]
    assert failed < run.reported.index((GOLD, "normalise"))
    assert [what for _, what in run.reported].count("validate") == 2


def test_rows_and_parts_are_reported(lake: Lake, service: ClosingService) -> None:
    rows: list[tuple[str, int]] = []
    run = Run(
        replace(
            lake.run(profiles_per_part=2, route="bulk"),
            on_rows=lambda segment, count: rows.append((segment.audience, count)),
        )
    )
    run()
    assert rows == [(GOLD, 6), ("Silver", 1)]
    waits = [what for audience, what in run.reported if audience == GOLD and "waiting" in what]
    assert [what.partition(",")[0] for what in waits] == ["upload: part 1 of 2", "upload: part 2 of 2"]
    assert all("part" not in what for audience, what in run.reported if audience == "Silver")


@pytest.mark.slow
def test_the_service_gets_five_uploads_at_a_time(lake: Lake, service: ClosingService) -> None:
    tables = [f"T{number}" for number in range(8)]
    for number, table in enumerate(tables):
        lake.write(table, [f"{number}@example.com"])
    service.looks_until_done = 3
    in_flight: list[int] = []

    def count(_: float) -> None:
        in_flight.append(sum(upload.state is UploadState.FILE_UPLOADED for upload in service.accepted))

    run = bulk(lake, segments=tables)
    run.local._sleep = count
    assert run().failed == 0
    assert max(in_flight) == MAX_PARALLEL_UPLOADS


def test_only_the_segments_that_are_named(lake: Lake, service: ClosingService) -> None:
    assert outcomes(bulk(lake)("Silver")) == {"Silver": Outcome.DELIVERED}
    assert [one.name for one in service.audiences.values()] == ["Silver"]


def test_an_unknown_segment_name_is_rejected(lake: Lake, service: ClosingService) -> None:
    run = bulk(lake)
    with pytest.raises(ConfigurationError, match="no segment Bronze"):
        run("Bronze")
    started, ended = entries(run.run)
    assert (started["event"], ended["event"], ended["state"]) == ("run started", "run ended", "failed")
    assert "no segment Bronze" in ended["message"]


@pytest.mark.parametrize("again", [False, True])
def test_a_dry_run_sends_nothing(lake: Lake, service: ClosingService, again: bool) -> None:
    if again:
        bulk(lake)()
    sent = len(service.accepted)
    report = bulk(lake, name="dry", interval_end=DAY + timedelta(days=1), dry_run=True)()
    assert set(outcomes(report).values()) == {Outcome.DRY_RUN}
    assert len(service.accepted) == sent


def test_a_dry_run_needs_no_connection_to_the_service(tmp_path: Path, airflow_db: Path) -> None:
    report = bulk(Lake(tmp_path), connection="not_there_yet", dry_run=True)()
    assert outcomes(report) == {GOLD: Outcome.DRY_RUN, "Silver": Outcome.DRY_RUN}


@pytest.mark.parametrize("full", [False, True])
def test_full_replaces_where_nothing_changed(lake: Lake, service: ClosingService, full: bool) -> None:
    bulk(lake)()
    report = bulk(lake, name="run-2", interval_end=DAY + timedelta(days=1), full=full)()
    assert {segment.replaced for segment in report.segments} == {full}


@pytest.mark.bad_input
def test_a_segment_that_fails_does_not_stop_the_others(lake: Lake, service: ClosingService) -> None:
    lake.write("Gold", ["no address"])
    run = bulk(lake)
    report = run()
    assert outcomes(report) == {GOLD: Outcome.FAILED, "Silver": Outcome.DELIVERED}
    assert report.failed == 1
    assert not any(what.startswith("retry in") for _, what in run.reported), "an operator must act"
    [said] = [what for _, what in run.reported if what.startswith("failed")]
    assert "no member" in said


@pytest.mark.faults
def test_temporary_errors_are_retried_as_often_as_the_export_says(
    lake: Lake, service: ClosingService
) -> None:
    service.ends = [UploadState.FAILED] * 2
    run = bulk(lake, retries=2, retry_delay_seconds=40)
    assert outcomes(run("Gold")) == {GOLD: Outcome.DELIVERED}
    waits = [what[:13] for _, what in run.reported if what.startswith("retry in")]
    assert waits == ["retry in 40 s", "retry in 80 s"]
    assert sum(wait > 30 for wait in run.waits) == 2


@pytest.mark.faults
def test_a_persistent_temporary_error_fails_the_segment(lake: Lake, service: ClosingService) -> None:
    service.ends = [UploadState.FAILED] * 3
    report = bulk(lake, retries=2, retry_delay_seconds=0)("Gold")
    assert outcomes(report) == {GOLD: Outcome.FAILED}
    assert "ended with the status" in (report.segments[0].message or "")
    assert outcomes(bulk(lake, name="run-2")("Gold")) == {GOLD: Outcome.DELIVERED}


@pytest.mark.faults
def test_a_permanent_error_is_not_retried(
    lake: Lake, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def refuse() -> Any:
        asked.append(1)
        raise ServiceTerminalError("never", codes=(201,))

    monkeypatch.setattr(service, "request_upload", refuse)
    assert outcomes(bulk(lake)("Gold")) == {GOLD: Outcome.FAILED}
    assert len(asked) == 1


@pytest.mark.faults
def test_a_wait_that_the_service_asks_for_uses_no_retry(
    lake: Lake, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled(service, monkeypatch, times=MAX_WAITS, seconds=900)
    run = bulk(lake, retries=0)
    assert outcomes(run("Gold")) == {GOLD: Outcome.DELIVERED}
    long = [wait for wait in run.waits if wait > 60]
    assert len(long) == MAX_WAITS
    assert all(890 < wait <= 990 for wait in long)


@pytest.mark.faults
def test_the_number_of_waits_in_a_row_is_limited(
    lake: Lake, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled(service, monkeypatch, times=MAX_WAITS + 1)
    assert outcomes(bulk(lake, retries=0)("Gold")) == {GOLD: Outcome.FAILED}


@pytest.mark.faults
def test_a_poll_without_an_answer_is_repeated(
    lake: Lake, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, left = service.upload_status, iter([None, 70.0])

    def asked(request_id: str) -> Any:
        for seconds in left:
            raise ServiceTransientError("not now", retry_after=seconds)
        return status(request_id)

    monkeypatch.setattr(service, "upload_status", asked)
    run = bulk(lake, retries=0)
    assert outcomes(run("Gold")) == {GOLD: Outcome.DELIVERED}
    assert any(60 < wait <= 70 for wait in run.waits)


@pytest.mark.faults
def test_an_error_of_polling_is_left_to_the_delivery(lake: Lake, service: ClosingService) -> None:
    service.looks_until_done = 3
    run = bulk(lake, retries=0)

    def forget(_: float) -> None:
        service.uploads.clear()  # the request is not known any more
        run.local._sleep = run.sleep

    run.local._sleep = forget
    assert outcomes(run("Gold")) == {GOLD: Outcome.DELIVERED}


@pytest.mark.faults
def test_an_upload_that_never_ends_fails_the_segment_and_frees_the_audience(
    lake: Lake, service: ClosingService
) -> None:
    service.looks_until_done = 1_000_000
    run = bulk(lake, retries=0)
    assert run.local._upload_timeout == 240 * 60.0
    run.local._upload_timeout = 0.0
    report = run("Gold")
    assert "is still in progress" in (report.segments[0].message or "")
    assert run.lease(GOLD, "anybody").current() is None


def test_it_waits_for_another_run(lake: Lake, service: ClosingService) -> None:
    run = bulk(lake, retries=0)
    other = run.lease(GOLD, "autumn / scheduled")
    other.take(timedelta(hours=1))
    looks: list[float] = []

    def look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 12:
            other.release()

    run.local._sleep = look
    assert outcomes(run("Gold")) == {GOLD: Outcome.DELIVERED}
    assert len(looks) >= 12
    assert (GOLD, "waiting for the run autumn / scheduled") in run.reported
    assert max(looks) <= local_run._BUSY_CHECK_SECONDS


@pytest.mark.faults
def test_it_does_not_wait_for_a_dead_run_of_this_machine(lake: Lake, service: ClosingService) -> None:
    run = bulk(lake)
    dead = holder_of("autumn / cli__yesterday").replace("(process ", "(process 9")
    run.lease(GOLD, dead).take(timedelta(hours=1))
    run.local._sleep = lambda seconds: pytest.fail("waited") if seconds > 2 else None
    assert outcomes(run("Gold")) == {GOLD: Outcome.DELIVERED}


def test_a_run_that_ends_releases_its_leases(lake: Lake, service: ClosingService) -> None:
    run = bulk(lake)
    run()
    assert run.lease(GOLD, "anybody").current() is None


@pytest.mark.faults
def test_a_stopped_run_releases_its_leases_and_the_next_one_continues(
    lake: Lake, service: ClosingService
) -> None:
    run = bulk(lake)
    held: list[Any] = []

    def stop(_: float) -> None:
        if service.accepted:
            held.append(run.lease(GOLD, "anybody").current())
            raise KeyboardInterrupt

    run.local._sleep = stop
    with pytest.raises(KeyboardInterrupt):
        run("Gold")
    assert held[0] is not None, "while its upload is in progress, this run holds the audience"
    assert run.lease(GOLD, "anybody").current() is None
    assert outcomes(bulk(lake, name="run-2")("Gold")) == {GOLD: Outcome.DELIVERED}
    assert holds(service, GOLD) == 3
    assert len(service.accepted) == 2, "the upload in progress was awaited, not sent again"


def test_older_data_are_skipped(lake: Lake, service: ClosingService) -> None:
    bulk(lake)("Gold")
    run = bulk(lake, name="old", interval_end=DAY - timedelta(days=1))
    assert outcomes(run("Gold")) == {GOLD: Outcome.SKIPPED}
    assert run.reported[-1][1].startswith("skipped: ")


def test_the_upload_is_the_one_of_the_dag(lake: Lake) -> None:
    """The scheduler's operator and this run pass the same values to a segment's delivery."""
    run = lake.run(scope="Account", membership_duration=30, adopt=True, encrypt_members=True)
    operator = export_dag(run.export).get_task("segment.upload")
    segment = select_segments(run)[0]
    operator.segment = run.upload_values(segment)
    dag_run = SimpleNamespace(dag_id=run.export.name, run_id=run.run_id)
    scheduled = operator._upload({"dag_run": dag_run})
    local = LocalRun(run)._upload_of(segment)
    for field in ("workspace_root", "workspace_conn_id", "encrypt_members", "folder", "audience"):
        assert getattr(local, field) == getattr(scheduled, field)
    assert local.hook.account() == scheduled.hook.account()
    assert local.run.startswith(scheduled.run)


def test_run_ids_follow_the_time() -> None:
    first = new_run_id(datetime(2026, 5, 1, 3, 4, 5, 6, tzinfo=UTC))
    assert first == "cli__2026-05-01T03:04:05.000006"


@pytest.mark.faults
def test_a_lease_that_cannot_be_released_hides_no_failure(
    lake: Lake, service: ClosingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Lease) -> None:
        raise TransientError("the workspace is gone")

    run = bulk(lake)

    def stop(_: float) -> None:
        if service.accepted:
            monkeypatch.setattr(Lease, "release", broken)
            raise KeyboardInterrupt

    run.local._sleep = stop
    with pytest.raises(KeyboardInterrupt):
        run("Gold")
    assert isinstance(run.local._uploads[GOLD], Upload)
