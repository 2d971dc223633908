"""Deadlines are checked whatever happens to the export, and announced once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from pendulum import instance

from airflow_microsoft_advertising.alerts import deadlines as module
from airflow_microsoft_advertising.alerts import timetable as timetable_module
from airflow_microsoft_advertising.alerts.deadlines import check_deadline, last_due
from airflow_microsoft_advertising.alerts.reporting import report_and_announce
from airflow_microsoft_advertising.alerts.timetable import DeadlineTimetable
from airflow_microsoft_advertising.plugin import MicrosoftAdvertisingPlugin
from customer_match.errors import TransientError
from customer_match.export.alerts.deadline import Due
from tests.airflow_microsoft_advertising.run.small_lake import DAY, GOLD, SILVER, Lake, delivered, prepare
from tests.alert_receivers import WebServer
from tests.customer_match.export.samples import export

ALERTS = {"to": [{"webhook": "web"}], "rejected_above": 0.5}
DUE = Due(moment=DAY + timedelta(hours=2), since=DAY)


def deliver(lake: Lake, name: str, interval_end: datetime) -> None:
    run = lake.run(name=name, interval_end=interval_end, alerts=ALERTS)
    for segment in (GOLD, SILVER):
        prepare(run, segment)
        delivered(run, segment)
    report_and_announce(run, [GOLD, SILVER], is_complete=True)


def check(lake: Lake, due: Due = DUE, **keys: Any) -> bool:
    return check_deadline(lake.run(name="check", interval_end=due.moment, **({"alerts": ALERTS} | keys)), due)


@pytest.mark.slow
def test_a_missed_deadline_is_announced_once_and_so_is_the_late_run(lake: Lake, web: WebServer) -> None:
    deliver(lake, "yesterday", DAY - timedelta(days=1))
    assert [check(lake), check(lake)] == [False, False]
    deliver(lake, "late", DAY)
    assert check(lake)
    assert [post["kind"] for _, post in web.posts] == ["deadline", "recovery"]
    first, last = (post["text"] for _, post in web.posts)
    assert "The newest data of which all segments are delivered are those up to 2026-04-30" in first
    assert "They were late for the deadline of 2026-05-01 02:00 UTC." in last
    assert "All problems that were announced before have ended." in last


@pytest.mark.slow
def test_no_run_at_all(lake: Lake, web: WebServer) -> None:
    assert not check(lake)
    [(_, post)] = web.posts
    assert "No run has delivered all segments yet." in post["text"]


@pytest.mark.slow
def test_a_workspace_that_cannot_be_read_is_announced(
    lake: Lake, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TransientError("The storage is away.")

    monkeypatch.setattr(module.History, "read", fail)
    assert not check(lake)
    assert (
        "it is not known whether the audiences are up to date: The storage is away."
        in web.posts[0][1]["text"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("alerts", [None, ALERTS | {"when": ["failure"]}])
def test_nobody_wants_to_know(lake: Lake, web: WebServer, alerts: object) -> None:
    assert not check(lake, alerts=alerts)
    assert web.posts == []


# --- When it is checked ------------------------------------------------------------------------------------


def watched(**keys: Any) -> Any:
    return export(**({"schedule": "0 5 * * *", "deadline": "07:00", "alerts": [{"slack": "s"}]} | keys))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=UTC)


def test_the_last_deadline_of_an_interval() -> None:
    one = watched()
    assert last_due(one, at(1, 7), at(2, 7)) == Due(moment=at(2, 7), since=at(2, 5))
    assert last_due(one, at(2, 7), at(3, 6)) is None
    found = last_due(one, at(1, 0), at(29, 12))
    assert found is not None
    assert found.moment == at(29, 7)
    assert last_due(watched(start_date="2026-06-02"), at(1, 0), at(1, 12)) is None


class Clock(datetime):
    """The clock of the timetable."""

    present = at(1, 12)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # as the module uses it
        return cls.present


def info(timetable: DeadlineTimetable, last: datetime | None) -> tuple[datetime, datetime] | None:
    """The interval of the next run; it is due at its end."""
    interval = DataInterval(instance(last - timedelta(days=1)), instance(last)) if last else None
    restriction = TimeRestriction(
        earliest=instance(at(1, 0) - timedelta(days=90)), latest=None, catchup=False
    )
    found = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
    if found is None:
        return None
    assert found.data_interval is not None
    assert found.run_after == found.data_interval.end
    return found.data_interval.start, found.data_interval.end


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (at(1, 12), None, at(2, 7)),
        (at(2, 7, 1), None, at(2, 7)),  # Airflow asks again between the deadline and its run
        (at(2, 8, 45), None, at(3, 7)),
        (at(2, 7, 1), at(2, 7), at(2, 8, 30)),
        (at(2, 9), at(2, 8, 30), at(3, 7)),
        (
            at(9, 12),
            at(2, 7),
            at(9, 8, 30),
        ),  # after a week without a scheduler: one run for all that has passed
    ],
)
def test_there_is_a_run_at_each_deadline(
    monkeypatch: pytest.MonkeyPatch, now: datetime, last: datetime | None, expected: datetime
) -> None:
    monkeypatch.setattr(timetable_module, "datetime", Clock)
    monkeypatch.setattr(Clock, "present", now)
    exports = [watched(), watched(), watched(schedule="0 7 * * *", deadline={"minutes": 90})]
    timetable = DeadlineTimetable.of(exports)
    found = info(timetable, last)
    assert found is not None
    assert found[1] == expected
    if last is not None:
        assert found[0] == last
    assert info(DeadlineTimetable.deserialize(timetable.serialize()), last) == found
    assert len(timetable.serialize()["rules"]) == 2


def test_a_schedule_of_every_minute_is_no_burden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timetable_module, "datetime", Clock)
    monkeypatch.setattr(Clock, "present", at(20, 12))
    asked: list[object] = []
    whole = timetable_module.next_due
    monkeypatch.setattr(timetable_module, "next_due", lambda *given: asked.append(given) or whole(*given))
    found = info(DeadlineTimetable.of([watched(schedule="* * * * *", deadline={"minutes": 1})]), at(1, 7))
    assert found == (at(1, 7), at(20, 12))
    assert len(asked) < 10


def test_a_run_by_hand_is_for_its_moment() -> None:
    moment = instance(at(1, 7))
    timetable = DeadlineTimetable.of([watched()])
    assert timetable.infer_manual_data_interval(run_after=moment) == DataInterval.exact(moment)
    assert timetable.summary == "Deadlines"


def test_airflow_knows_the_timetable() -> None:
    assert MicrosoftAdvertisingPlugin().timetables == [DeadlineTimetable]
