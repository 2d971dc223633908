"""Decisions that are kept, and those that are not. (`tests/system/test_decisions.py` lets real runs go on.)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.session import create_session
from sqlalchemy.orm import Session

from airflow_microsoft_advertising.web.decisions import deciding as module
from airflow_microsoft_advertising.web.decisions.clearing import StillRunning
from airflow_microsoft_advertising.web.decisions.deciding import Asked, CannotDecide, Obstacle, decide
from customer_match.errors import ConfigurationError
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.runs.decisions import Verdict
from customer_match.runs.findings import version_of
from customer_match.runs.folders import segment_folder
from customer_match.runs.records import Failure, SegmentRecords, Step
from customer_match.runs.report import Outcome
from tests.airflow_microsoft_advertising.web.metadata import NOW, add_export, add_run
from tests.customer_match.history.runs import report_on
from tests.customer_match.runs.decided import REMOVED
from tests.customer_match.runs.reports import a_segment
from tests.memory_storage import MemoryStorage

STOPPED = a_segment(Outcome.FAILED, guards=("max_removed",), findings=(REMOVED,), message="chunk: Too many.")


class Storage(MemoryStorage):
    """A workspace with one stopped segment."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded = 0
        self.record("run-1", 0)
        self.fail(REMOVED)

    def exists(self, relative: str, /) -> bool:
        return relative in self.files

    def record(self, run_id: str, day: int, segment: Any = STOPPED) -> None:
        """Add a run to the history."""
        self.recorded += 1
        report = report_on(day, segment, run_id=run_id, export="autumn", minutes=self.recorded)
        History(self, "autumn").record(rows_of(report))

    def fail(self, *findings: Any) -> None:
        """As the step leaves it."""
        self.records.write(
            Failure(step=Step.CHUNK, message="Too many.", guards=("max_removed",), findings=findings)
        )

    @property
    def records(self) -> SegmentRecords:
        return SegmentRecords(self, segment_folder("autumn", "run-1", "VIPs"))


@pytest.fixture
def session(airflow_db: Path) -> Iterator[Session]:
    with create_session() as session:
        add_export(session, "autumn")
        add_run(session, "autumn", 1, state="failed")
        yield session
        session.rollback()


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Airflow was told to do."""
    told: list[str] = []
    monkeypatch.setattr(module, "go_on", lambda run, audience, _: told.append(f"{run.run_id}: {audience}"))
    monkeypatch.setattr(module, "make_report", lambda run, _: told.append(f"{run.run_id}: report"))
    return told


def asked(**changes: Any) -> Asked:
    values: dict[str, Any] = {
        "export": "autumn", "run_id": "run-1", "audience": "VIPs", "shown": version_of([REMOVED]),
        "verdict": Verdict.APPROVED, "why": " as\n planned ", "user": "anna@example.com",
    }  # fmt: skip
    return Asked(**(values | changes))


def refused(storage: Any, session: Session, **changes: Any) -> CannotDecide:
    """A decision that is not kept."""
    before = dict(storage.files)
    with pytest.raises(CannotDecide) as caught:
        decide(asked(**changes), storage, session, NOW)
    assert storage.files == before
    return caught.value


def test_an_approval_is_kept_and_the_segment_goes_on(session: Session, cleared: list[str]) -> None:
    storage = Storage()
    decide(asked(), storage, session, NOW)
    [kept] = storage.records.decisions.read()
    assert (kept.verdict, kept.by, kept.at, kept.why) == (Verdict.APPROVED, "anna", NOW, "as planned")
    assert kept.findings == (REMOVED,)
    assert cleared == ["run-1: VIPs"]


def test_a_refusal_is_kept_and_the_report_is_made_again(session: Session, cleared: list[str]) -> None:
    storage = Storage()
    decide(asked(verdict=Verdict.REFUSED), storage, session, NOW)
    assert [one.verdict for one in storage.records.decisions.read()] == [Verdict.REFUSED]
    assert cleared == ["run-1: report"]


@pytest.mark.parametrize("why", ["", " \n"])
def test_a_reason_is_needed(session: Session, cleared: list[str], why: str) -> None:
    assert refused(Storage(), session, why=why).obstacle is Obstacle.NO_REASON


def test_a_run_that_airflow_does_not_know(session: Session, cleared: list[str]) -> None:
    assert refused(Storage(), session, run_id="run-9").obstacle is Obstacle.NO_RUN


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_is_going_on(session: Session, cleared: list[str], state: str) -> None:
    add_run(session, "autumn", 2, state=state)
    assert refused(Storage(), session, run_id="run-2").obstacle is Obstacle.GOING_ON


def test_a_run_that_is_not_the_newest_of_its_segment(session: Session, cleared: list[str]) -> None:
    storage = Storage()
    storage.record("run-2", 1)
    error = refused(storage, session)
    assert (error.obstacle, error.details) == (Obstacle.OLDER, "run-2")


def test_a_segment_that_no_guard_stopped(session: Session, cleared: list[str]) -> None:
    assert refused(Storage(), session, audience="nobody").obstacle is Obstacle.NOT_STOPPED
    delivered = Storage()
    delivered.record("run-1", 0, a_segment())
    assert refused(delivered, session).obstacle is Obstacle.NOT_STOPPED
    old = Storage()
    old.fail()  # a record of an earlier release has no figures
    assert refused(old, session).obstacle is Obstacle.NOT_STOPPED


def test_figures_that_the_user_has_not_seen(session: Session, cleared: list[str]) -> None:
    assert refused(Storage(), session, shown="0" * 16).obstacle is Obstacle.CHANGED


def test_a_second_decision(session: Session, cleared: list[str]) -> None:
    storage = Storage()
    decide(asked(verdict=Verdict.REFUSED), storage, session, NOW)
    error = refused(storage, session)
    assert (error.obstacle, error.details) == (
        Obstacle.DECIDED,
        "Refused by anna on 2026-06-10 12:00 UTC: as planned",
    )


def test_two_people_at_once(session: Session, cleared: list[str]) -> None:
    class Late(Storage):
        """Somebody else decides just before."""

        def create(self, relative: str, data: bytes) -> None:
            raise FileExistsError

    assert refused(Late(), session).obstacle is Obstacle.DECIDED
    assert cleared == []


def test_an_approval_that_airflow_was_not_told_is_repeated(
    session: Session, cleared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise StillRunning

    storage = Storage()
    with monkeypatch.context() as patched:
        patched.setattr(module, "go_on", fails)
        with pytest.raises(CannotDecide) as caught:
            decide(asked(), storage, session, NOW)
    assert caught.value.obstacle is Obstacle.GOING_ON
    assert refused(storage, session, verdict=Verdict.REFUSED).obstacle is Obstacle.DECIDED
    decide(asked(user="bob"), storage, session, NOW)
    assert cleared == ["run-1: VIPs"]
    assert [one.by for one in storage.records.decisions.read()] == ["anna"]


def test_other_figures_of_the_same_run_are_decided_anew(session: Session, cleared: list[str]) -> None:
    storage = Storage()
    decide(asked(), storage, session, NOW)
    worse = REMOVED.model_copy(update={"figures": {"max_removed": 0.9}})
    storage.fail(worse)
    decide(asked(shown=version_of([worse]), verdict=Verdict.REFUSED), storage, session, NOW)
    assert [one.verdict for one in storage.records.decisions.read()] == [Verdict.APPROVED, Verdict.REFUSED]


def test_a_workspace_that_cannot_be_written(session: Session, cleared: list[str]) -> None:
    class Full(Storage):
        def create(self, relative: str, data: bytes) -> None:
            raise ConfigurationError("No space is left.")

    with pytest.raises(ConfigurationError, match="No space is left"):
        decide(asked(), Full(), session, NOW)
    assert cleared == []
