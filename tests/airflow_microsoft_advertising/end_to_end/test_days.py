"""Days go by, and people change lists by hand, against a simulator of its own: every audience stays exact."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from airflow_microsoft_advertising.run import chunk
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import TransientError
from customer_match.planning import emptied
from customer_match.runs.report import Outcome
from customer_match_delivery import delivery
from customer_match_demo.stack import account_connection
from customer_match_demo.tables import churn_tables
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.end_to_end.test_steps import (
    TABLES,
    Installation,
    _fired,
    small_one,
)
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def own(tmp_path: Path, connect: Connect) -> Iterator[Simulator]:
    """A simulator whose clock no other test uses."""
    simulator = Simulator(tmp_path / "simulator")
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    connect(**account_connection(simulator.ready))
    yield simulator
    simulator.end()


class Time:
    """Moves the simulator's clock and ours alike."""

    def __init__(self, simulator: Simulator, patch: pytest.MonkeyPatch) -> None:
        self._simulator = simulator
        self._ahead = timedelta()
        patch.setattr(delivery, "_now", lambda: datetime.now(UTC) + self._ahead)
        patch.setattr(ExportRun, "now", lambda _: datetime.now(UTC) + self._ahead)

    def pass_days(self, days: float) -> None:
        self._ahead += timedelta(days=days)
        self._simulator.api.control("clock", {"advance_seconds": days * 86_400})
        self._simulator.api.token = self._simulator.api.sign_in()["access_token"]


@pytest.fixture
def time(own: Simulator, monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(own, monkeypatch)


@pytest.mark.parametrize("route", ["bulk", "auto"])
def test_members_are_renewed_before_they_lapse(
    tmp_path: Path, own: Simulator, time: Time, route: str
) -> None:
    """Ten days for a member, a run every four: every second one adds all of them again."""
    at = small_one(tmp_path, own, membership_duration=10, route=route)
    renewed = []
    for number in range(6):
        at.write(churn_tables(TABLES, 0.01 * number) if number else TABLES)
        [report] = at.run()
        at.check([report])
        renewed.append(bool(report.renewed))
        time.pass_days(3.99)
        at.check([report])
    assert renewed == [False, False, True, False, True, False]


def test_without_renewal_they_would(
    tmp_path: Path, own: Simulator, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "must_renew", lambda *_, **__: False)
    at = small_one(tmp_path, own, membership_duration=10)
    for _ in range(4):
        [report] = at.run()
        time.pass_days(3.99)
    assert report.outcome is Outcome.UNCHANGED
    [audience] = at.audiences(report.audience)
    assert at.api.members(audience["id"]) == []


def test_a_duration_that_becomes_finite_renews_at_once(tmp_path: Path, own: Simulator, time: Time) -> None:
    at = small_one(tmp_path, own)
    at.run()
    time.pass_days(2)
    at.becomes(membership_duration=10)
    [report] = at.run()
    at.check([report])
    assert report.renewed == report.members
    [audience] = at.audiences(report.audience)
    assert audience["membership_duration"] == 10
    time.pass_days(9.9)
    at.check([report])


def test_an_audience_that_was_emptied_by_hand(
    tmp_path: Path, own: Simulator, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptied, "_SUBSTANTIAL", 100)
    at = small_one(tmp_path, own)
    at.run()
    time.pass_days(4)
    [report] = at.run()
    assert (report.outcome, report.damage) == (Outcome.UNCHANGED, None)
    [audience] = at.audiences(report.audience)
    at.api.control(f"audiences/{audience['id']}", {"emptied": True})
    [report] = at.run()
    at.check([report])
    assert report.replaced
    assert "emptied by hand: 0 users are matched now" in str(report.damage)
    time.pass_days(4)
    [report] = at.run()
    assert (report.outcome, report.damage) == (Outcome.UNCHANGED, None)


def test_an_audience_that_is_deleted_while_an_upload_is_in_flight(tmp_path: Path, own: Simulator) -> None:
    at = small_one(tmp_path, own)
    at.run()
    at.write(churn_tables(TABLES, 0.1))
    run = ExportRun(export=at.export, run_id="struck", interval_end=at.day + timedelta(hours=1))
    [segment] = select_segments(run)
    for step in (validate_segment, normalise_segment, chunk.chunk_segment):
        step(run, segment)
    [audience] = at.audiences(segment.audience)
    context: Any = {"dag_run": SimpleNamespace(dag_id=at.export.name, run_id=run.run_id)}
    at.api.fault("ProcessUpload", "hang")
    with pytest.raises(TaskDeferred) as waiting:
        at.operator(run, segment).execute(context)
    at.api.control(f"audiences/{audience['id']}", {"deleted": True})
    at.api.control("faults", method="DELETE")
    event = asyncio.run(_fired(waiting.value.trigger))
    with pytest.raises(TransientError, match="creates it again"):
        at.operator(run, segment).execute_complete(context, event)
    at.try_upload(run, segment)
    at.check(list(write_report(run, [segment]).segments))
    [again] = at.audiences(segment.audience)
    assert again["id"] != audience["id"]


@pytest.mark.bad_input
def test_an_audience_that_was_created_again_by_hand(tmp_path: Path, own: Simulator) -> None:
    at: Installation = small_one(tmp_path, own)
    [report] = at.run()
    [audience] = at.audiences(report.audience)
    at.api.control(f"audiences/{audience['id']}", {"deleted": True})
    again = at.api.create(report.audience)
    at.api.apply(again, "Add", ["ab" * 32])
    with pytest.raises(AirflowFailException, match=rf"id {again}\).*did not create.*`adopt: true`"):
        at.run()
    assert at.api.members(again) == ["ab" * 32]
    at.becomes(adopt=True)
    [report] = at.run()
    at.check([report])
    assert (report.replaced, report.audience_id) == (True, again)
