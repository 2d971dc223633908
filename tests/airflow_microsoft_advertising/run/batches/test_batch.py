"""Several segments in one task: real steps and a real workspace; only the service is played."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_microsoft_advertising.run.batches import batch as batches
from airflow_microsoft_advertising.run.batches.batch import Batch
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.upload import Busy, Upload
from customer_match.errors import TransientError
from customer_match.export.segments import Segment
from customer_match.runs.batch_state import Retries
from customer_match.runs.records import Chunked, Failure, Normalised, Step, Validated
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import Lake

pytestmark = pytest.mark.slow

RETRIES = Retries(count=2, delay=0.0)
SLOW_RETRIES = Retries(count=2, delay=60.0)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SENT: dict[str, Any] = {}  # what an upload that has ended returns


class World:
    """An export of several small tables."""

    def __init__(self, folder: Path, tables: int) -> None:
        self.lake = Lake(folder)
        self.segments = tuple(Segment(table=f"T{n}", audience=f"T{n}") for n in range(tables))
        for number, segment in enumerate(self.segments):
            self.lake.write(segment.table, [f"person{number}@example.com"])
        self.run: ExportRun = self.lake.run(segments=[one.table for one in self.segments])
        self.uploads: dict[str, list[Any]] = {}

    def batch(self, retries: Retries = RETRIES) -> Batch:
        """The batch, as a new process finds it."""
        return Batch.open(self.run, "batches/1", self.segments, retries, "autumn / run-1")

    def break_table(self, number: int) -> None:
        (self.lake.folder / "lake" / f"T{number}" / "part-0.parquet").write_bytes(b"PAR1 cut off")

    def has(self, number: int, record: type[Any]) -> bool:
        return self.run.records(self.segments[number]).read(record) is not None

    def play(self, monkeypatch: pytest.MonkeyPatch, **moves: list[Any]) -> list[str]:
        """What the starts of each upload come to, one after the other; the log of their audiences."""
        log: list[str] = []

        def start(upload: Upload, *, since: float | None = None) -> Any:
            name = upload.audience.name
            log.append(name)
            move = moves.get(name, [SENT]).pop(0) if moves.get(name) else SENT
            if isinstance(move, Exception):
                raise move
            return move

        monkeypatch.setattr(Upload, "start", start)
        return log


@pytest.fixture
def world(tmp_path: Path, connect: Connect) -> World:
    connect()
    return World(tmp_path, 3)


def waiting(request_id: str) -> Waiting:
    return Waiting(request_id, NOW)


def fail_once(monkeypatch: pytest.MonkeyPatch, step: Step, table: str, error: BaseException) -> list[str]:
    """Let a step of one segment fail in its first try; the log of all tries."""
    work, log = batches.STEPS[step], []

    def failing(run: ExportRun, segment: Segment) -> object:
        log.append(segment.table)
        if segment.table == table and log.count(table) == 1:
            raise error
        return work(run, segment)

    monkeypatch.setitem(batches.STEPS, step, failing)
    return log


# --- The steps before the upload ------------------------------------------------------------------------------


def test_each_task_does_its_step_for_all_segments(world: World) -> None:
    for step, record in ((Step.VALIDATE, Validated), (Step.NORMALISE, Normalised), (Step.CHUNK, Chunked)):
        batch = world.batch()
        batch.enter(step, 3)
        batch.work_through(step)
        batch.check_any(step)
        assert all(world.has(number, record) for number in range(3))


def test_a_broken_segment_spares_the_others_and_is_named_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.break_table(1)
    world.play(monkeypatch)
    for step in (Step.VALIDATE, Step.NORMALISE, Step.CHUNK):
        batch = world.batch()
        batch.work_through(step)
        batch.check_any(step)
    assert [world.has(number, Chunked) for number in range(3)] == [True, False, True]
    assert world.has(1, Failure), "for the report"
    batch = world.batch()
    assert batch.advance() is None
    caplog.clear()
    with pytest.raises(AirflowFailException, match=r"1 of 3 segments failed. 'T1': .*part-0\.parquet"):
        batch.check_all()
    [line] = caplog.messages
    assert line.startswith("Segment 'T1': ")
    assert "part-0.parquet" in line


def test_if_no_segment_can_go_on_the_task_fails(world: World) -> None:
    for number in range(3):
        world.break_table(number)
    batch = world.batch()
    batch.work_through(Step.VALIDATE)
    with pytest.raises(AirflowFailException, match="3 of 3 segments failed"):
        batch.check_any(Step.VALIDATE)


def test_if_the_failures_may_pass_airflow_retries_the_task(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise TransientError("the lake is away")

    monkeypatch.setitem(batches.STEPS, Step.VALIDATE, away)
    batch = world.batch()
    batch.work_through(Step.VALIDATE)
    with pytest.raises(TransientError, match="the lake is away"):
        batch.check_any(Step.VALIDATE)


def test_a_segment_that_failed_for_a_moment_is_caught_up_by_the_next_task(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = fail_once(monkeypatch, Step.VALIDATE, "T1", TransientError("away"))
    world.batch().work_through(Step.VALIDATE)
    assert not world.has(1, Validated)
    world.batch().work_through(Step.NORMALISE)
    assert all(world.has(number, Normalised) for number in range(3))
    assert tries == ["T0", "T1", "T2", "T1"], "the others are not validated again"


def test_it_is_tried_again_only_after_its_own_delay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_once(monkeypatch, Step.CHUNK, "T1", TransientError("away"))
    log = world.play(monkeypatch)
    world.batch(SLOW_RETRIES).work_through(Step.CHUNK)
    outlook = world.batch(SLOW_RETRIES).advance()
    assert outlook is not None
    assert log == ["T0", "T2"], "they do not wait for it"
    assert outlook.uploads == ()
    assert 50 < (outlook.wake or 0) - time.time() <= 60


def test_a_killed_process_counts_as_a_failure_of_the_segment_that_it_was_working_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs when a process is killed: here, an exception that no code of ours catches stands for it."""
    killed: Callable[[], None] = lambda: world.batch().work_through(Step.NORMALISE)  # noqa: E731
    work = batches.STEPS[Step.NORMALISE]

    def killing(run: ExportRun, segment: Segment) -> object:
        if segment.table == "T0":
            raise KeyboardInterrupt
        return work(run, segment)

    monkeypatch.setitem(batches.STEPS, Step.NORMALISE, killing)
    for _ in range(RETRIES.count + 1):
        with pytest.raises(KeyboardInterrupt):
            killed()
    batch = world.batch()
    batch.work_through(Step.NORMALISE)
    batch.check_any(Step.NORMALISE)
    assert [world.has(number, Normalised) for number in range(3)] == [False, True, True]
    failure = world.run.records(world.segments[0]).read(Failure)
    assert failure is not None
    assert "segments_per_task" in failure.message
    assert world.has(1, Normalised), "after the first kill, the others came first"


def test_a_cleared_task_does_again_what_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.break_table(1)
    log = world.play(monkeypatch)
    world.batch().work_through(Step.CHUNK)
    batch = world.batch()
    batch.enter(Step.UPLOAD, 3)
    assert batch.advance() is None
    world.lake.write("T1", ["repaired@example.com"])
    batch = world.batch()
    batch.enter(Step.UPLOAD, 7)  # Airflow raises `max_tries` when a task is cleared
    assert batch.advance() is None
    batch.check_all()
    assert log == ["T0", "T2", "T1"]


def _is_slow(_: Upload, *, started: float, overdue: str | None = None) -> Any:
    raise TransientError(f"{overdue} is slow")


# --- The uploads ----------------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path, connect: Connect) -> World:
    connect()
    world = World(tmp_path, 7)
    world.batch().work_through(Step.CHUNK)
    return world


def test_as_many_uploads_as_the_service_allows_are_in_progress_together(
    many: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: dict[str, list[Any]] = {f"T{n}": [waiting(f"r{n}"), SENT] for n in range(7)}
    moves["T1"] = [waiting("r1"), waiting("r1"), SENT]
    log = many.play(monkeypatch, **moves)
    outlook = many.batch().advance()
    assert outlook is not None
    assert [one.request_id for one in outlook.uploads] == ["r0", "r1", "r2", "r3", "r4"]
    assert len(outlook.uploads) == MAX_PARALLEL_UPLOADS
    outlook = many.batch().advance()
    assert outlook is not None
    assert [one.request_id for one in outlook.uploads] == ["r1", "r5", "r6"]
    batch = many.batch()
    assert batch.advance() is None
    batch.check_all()
    assert log[5:10] == ["T0", "T1", "T2", "T3", "T4"], "those in progress come first"


def test_an_overdue_upload_still_counts_as_one_of_those_in_progress(
    many: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: dict[str, list[Any]] = {f"T{n}": [waiting(f"r{n}")] * 9 for n in range(7)}
    log = many.play(monkeypatch, **moves)
    monkeypatch.setattr(Upload, "resume", _is_slow)
    many.batch(SLOW_RETRIES).advance()
    outlook = many.batch(SLOW_RETRIES).advance(overdue=["r0"])
    assert outlook is not None
    assert [one.request_id for one in outlook.uploads] == ["r1", "r2", "r3", "r4"]
    assert not {"T5", "T6"} & set(log), "the service accepts five uploads at a time"
    assert 50 < (outlook.wake or 0) - time.time() <= 60, "then it is checked again"


def test_a_segment_whose_delay_has_passed_meanwhile_does_not_wait_for_the_uploads_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.batch().work_through(Step.CHUNK)
    world.play(
        monkeypatch,
        T0=[TransientError("away"), waiting("r0")],
        T1=[waiting("r1")] * 2,
        T2=[waiting("r2")] * 2,
    )
    outlook = world.batch().advance()
    assert outlook is not None
    assert len(outlook.uploads) == 2
    assert outlook.wake is not None
    assert outlook.wake <= time.time()
    outlook = world.batch().advance()
    assert outlook is not None
    assert len(outlook.uploads) == 3
    assert outlook.wake is None


def test_a_throttled_upload_holds_back_all_others(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    log = many.play(
        monkeypatch, T0=[waiting("r0"), SENT], T1=[TransientError("slow down", retry_after=60.0), SENT]
    )
    outlook = many.batch().advance()
    assert outlook is not None
    assert (log, outlook.uploads) == (["T0", "T1"], ())
    assert 55 < (outlook.wake or 0) - time.time() < 70
    assert many.batch().advance() is not None
    assert log == ["T0", "T1"]


def test_another_run_on_one_audience_delays_no_other(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    log = many.play(monkeypatch, T2=[Busy(20.0)])
    outlook = many.batch().advance()
    assert outlook is not None
    assert log == [f"T{n}" for n in range(7)]
    assert 15 < (outlook.wake or 0) - time.time() < 25


def test_an_upload_that_takes_too_long_is_a_failure_of_its_segment_alone(
    many: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many.play(monkeypatch, T0=[waiting("r0")] * 9, T1=[waiting("r1"), waiting("r1")])
    monkeypatch.setattr(Upload, "resume", _is_slow)
    assert many.batch(SLOW_RETRIES).advance() is not None
    outlook = many.batch(SLOW_RETRIES).advance(overdue=["r0"])
    assert outlook is not None
    assert [one.request_id for one in outlook.uploads] == ["r1"]
    assert outlook.wake is not None, "r0 is waited for again after its delay"


def test_the_next_try_waits_for_an_overdue_upload_as_long_as_the_first(
    many: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many.play(monkeypatch, T0=[waiting("r0")] * 9, T1=[waiting("r1")] * 9)
    monkeypatch.setattr(Upload, "resume", _is_slow)
    assert many.batch().advance() is not None
    now = time.time()
    assert many.batch().advance(overdue=["r0"]) is not None
    outlook = many.batch().advance()
    assert outlook is not None
    assert outlook.tries["r0"] >= now
    assert outlook.tries["r1"] == 0.0


def test_if_nothing_is_sent_for_any_segment_the_task_is_skipped(
    many: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many.play(monkeypatch, **{f"T{n}": [AirflowSkipException("Dry run")] for n in range(7)})
    batch = many.batch()
    assert batch.advance() is None
    with pytest.raises(AirflowSkipException):
        batch.check_all()
