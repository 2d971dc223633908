"""The key `deadline`, and which moments are deadlines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from customer_match.export.alerts.deadline import Deadline, Due, next_due
from customer_match.export.schedule import Schedule
from tests.customer_match.export.samples import export

ALERTS = [{"slack": "slack_default"}]


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "moment", "since"),
    [
        ("0 5 * * *", "UTC", "2026-06-01 04:00", "2026-06-01 07:00", "2026-06-01 05:00"),
        ("0 5 * * *", "UTC", "2026-06-01 07:00", "2026-06-02 07:00", "2026-06-02 05:00"),
        ("0 5 * * *", "UTC", "2026-06-01 06:59", "2026-06-01 07:00", "2026-06-01 05:00"),
        ("0 5 * * *", "Europe/Berlin", "2026-06-01 04:59", "2026-06-01 05:00", "2026-06-01 03:00"),
        ("0 22 * * *", "UTC", "2026-06-01 08:00", "2026-06-02 07:00", "2026-06-01 22:00"),
        ("0 5 * * 1", "UTC", "2026-06-01 07:00", "2026-06-08 07:00", "2026-06-08 05:00"),  # Mondays
        ("0 7 * * *", "UTC", "2026-06-01 06:00", "2026-06-01 07:00", "2026-05-31 07:00"),
        ("0 * * * *", "UTC", "2026-06-01 06:30", "2026-06-01 07:00", "2026-06-01 06:00"),
        ("* * * * *", "UTC", "2026-06-01 06:30", "2026-06-01 07:00", "2026-06-01 06:59"),
        ("0 1,2 * * *", "UTC", "2026-06-01 00:30", "2026-06-01 07:00", "2026-06-01 02:00"),
        (None, "Europe/Berlin", "2026-06-01 06:00", "2026-06-02 05:00", "2026-06-01 05:00"),
        (None, "Europe/Berlin", "2026-10-25 00:00", "2026-10-25 06:00", "2026-10-24 05:00"),  # clocks go back
    ],
)
def test_a_time_of_day(cron: str | None, timezone: str, after: str, moment: str, since: str) -> None:
    schedule = Schedule(cron=cron) if cron else None
    found = next_due(Deadline(time="07:00"), schedule, timezone, at(after))
    assert found == Due(moment=at(moment), since=at(since))


def test_minutes_after_the_times_of_the_schedule() -> None:
    found = next_due(Deadline(minutes=90), Schedule(cron="0 5 * * *"), "UTC", at("2026-06-01 05:30"))
    assert found == Due(moment=at("2026-06-01 06:30"), since=at("2026-06-01 05:00"))
    assert found is not None
    later = next_due(Deadline(minutes=90), Schedule(cron="0 5 * * *"), "UTC", found.moment)
    assert later == Due(moment=at("2026-06-02 06:30"), since=at("2026-06-02 05:00"))


@pytest.mark.parametrize("cron", [None, "0 5 * * *", "15 */6 * * *", "0 3 * * 1,4", "30 6-8 * * *"])
@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_no_time_of_the_schedule_is_left_out(cron: str | None, timezone: str) -> None:
    """Each has a deadline after it within a day, and deadlines follow one another."""
    schedule, moment, dues = Schedule(cron=cron) if cron else None, at("2026-03-20 00:00"), []
    while moment < at("2026-04-12 00:00"):
        due = next_due(Deadline(time="07:00"), schedule, timezone, moment)
        assert due is not None
        assert due.moment > moment
        assert timedelta(0) < due.moment - due.since <= timedelta(hours=25)
        dues.append(due)
        moment = due.moment
    assert len(dues) == len({due.since for due in dues})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("07:00", Deadline(time="07:00")),
        ({"time": "23:59"}, Deadline(time="23:59")),
        ({"minutes": 90}, Deadline(minutes=90)),
        (None, None),
    ],
)
def test_what_can_be_written(written: object, kept: Deadline | None) -> None:
    assert export(deadline=written, schedule="@daily", alerts=ALERTS).deadline == kept


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"deadline": "7:00"}, "is not a time of day"),
        ({"deadline": "24:00"}, "is not a time of day"),
        ({"deadline": 1020}, "valid string"),  # 17:00 without quotes, as YAML reads it
        ({"deadline": {}}, "either `time` or `minutes`"),
        ({"deadline": {"time": "07:00", "minutes": 5}}, "either `time` or `minutes`"),
        ({"deadline": {"minutes": 0}}, "greater than or equal to 1"),
        ({"deadline": "07:00", "alerts": None}, "is announced to nobody"),
        ({"deadline": {"minutes": 5}, "schedule": "on-refresh"}, "counts from times of the schedule"),
        ({"deadline": {"minutes": 5}, "schedule": None}, "counts from times of the schedule"),
    ],
)
def test_what_is_no_deadline(keys: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        export(**({"schedule": "@daily", "alerts": ALERTS} | keys))
