"""When an export runs: valid schedules, and when the next run is due."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import instance
from pydantic import TypeAdapter, ValidationError

from customer_match.export.schedule import PRESETS, Schedule, ScheduleOrCron, next_run
from tests.customer_match.export.samples import export

NOW = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the day before Berlin's clocks go back


@pytest.mark.parametrize(
    ("key", "written", "kept"),
    [
        ("schedule", "none", None),
        ("schedule", "None", None),
        ("schedule", None, None),
        ("schedule", "@daily", Schedule(cron="@daily")),
        ("schedule", "0  5 * * MON-FRI", Schedule(cron="0 5 * * MON-FRI")),
        ("schedule", {"cron": "*/15 0-6 1,15 * *"}, Schedule(cron="*/15 0-6 1,15 * *")),
        ("timezone", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_schedule_and_its_time_zone_are_kept_as_cron_has_them(
    key: str, written: object, kept: object
) -> None:
    assert getattr(export(**{key: written}), key) == kept


@pytest.mark.parametrize(
    ("schedule", "timezone", "wanted"),
    [
        ("0 5 * * *", "UTC", datetime(2026, 10, 25, 5, tzinfo=UTC)),
        ("0 5 * * *", "Europe/Berlin", datetime(2026, 10, 25, 4, tzinfo=UTC)),
        ("0 14 * * *", "Europe/Berlin", datetime(2026, 10, 25, 13, tzinfo=UTC)),
        ("@monthly", "UTC", datetime(2026, 11, 1, tzinfo=UTC)),
        ("@quarterly", "UTC", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_next_run_uses_the_schedules_time_zone(schedule: str, timezone: str, wanted: datetime) -> None:
    assert next_run(Schedule(cron=schedule), timezone, NOW) == wanted


ZONES = (
    *("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Santiago", "Atlantic/Azores"),
    *("Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca", "Asia/Kolkata", "Pacific/Auckland"),
)
SCHEDULES = (
    *(
        "30 2 * * *",
        "0 2 * * *",
        "30 1 * * *",
        "15,45 1,2,3 * * *",
        "0 */2 * * *",
        "30 * * * *",
        "10 * * * *",
    ),
    *("20 0-23 * * *", "59 0 * * *", "0 0 * * SUN", "30 2 1,25 * *", *PRESETS),
)


def days_of_changes(timezone: str) -> Iterator[datetime]:
    """The days of a year on which clocks change there, and one other day."""
    zone = ZoneInfo(timezone)
    for day in (datetime(2026, 8, 1, tzinfo=UTC) + timedelta(days=n) for n in range(365)):
        later = day + timedelta(days=1)
        if (
            day.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
            or day.month == day.day == 1
        ):
            yield day


@pytest.mark.slow
@pytest.mark.parametrize("kind", [CronTriggerTimetable, CronDataIntervalTimetable])
@pytest.mark.parametrize("timezone", ZONES)
def test_next_runs_are_those_of_airflow(
    timezone: str, kind: type[CronTriggerTimetable | CronDataIntervalTimetable]
) -> None:
    """For each run of Airflow, from the run before it and from half-way."""
    # Airflow's own intervals skip times, or stop, where several are due in one hour of a change (observed: 3.3).
    schedules = (
        SCHEDULES if kind is CronTriggerTimetable else ("30 2 * * *", "0 2 * * *", "@daily", "@weekly")
    )
    for schedule, day in itertools.product(schedules, days_of_changes(timezone)):
        timetable = kind(schedule, timezone=timezone)
        earliest, last = instance(day - timedelta(hours=6)), None
        due: list[datetime] = []
        while not due or due[-1] < day + timedelta(hours=30):
            info = timetable.next_dagrun_info(
                last_automated_data_interval=last,
                restriction=TimeRestriction(earliest=earliest, latest=None, catchup=True),
            )
            assert info is not None
            last = info.data_interval
            due.append(info.run_after)
        assert isinstance(last, DataInterval)
        for before, run in itertools.pairwise(due):
            for moment in (before, before + (run - before) / 2):
                assert next_run(Schedule(cron=schedule), timezone, moment) == run, (schedule, moment)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("schedule", "read", "meant"),
    [
        ("0 22-6/3 * * *", "2,5,22", "22,1,4"),
        ("0 23-1/2 * * *", "23", "23,1"),
        ("50-20/15 * * * *", "6,50", "50,5,20"),
        ("0 1,22-6/3 * * *", "2,5,22", "22,1,4"),
        ("0 0 25-5/3 * *", "4,25,28,31", "25,28,31,3"),
        ("0 0 * * 6-2/2", "2,6", "6,1"),
        ("0 0 * * SAT-TUE/2", "2,6", "6,1"),
        ("0 0 5-5 3-3/1 *", ",".join(map(str, range(1, 32))), "5"),
    ],
)
def test_ranges_that_airflow_reads_otherwise_are_refused(schedule: str, read: str, meant: str) -> None:
    with pytest.raises(
        ValidationError, match=f"would read as {read}. Write the values out: {meant} "
    ) as raised:
        TypeAdapter(ScheduleOrCron).validate_python(schedule)
    assert len(raised.value.errors()) == 1


@pytest.mark.parametrize(
    "schedule",
    [
        *("0 22-6 * * *", "0 4-20/6 * * *", "0 7/5 * * *", "0 0 * NOV-MAR/2 *"),
        *("0 0 * * 0-7/2", "0 0 * * 5-7/2", "0 0 * * FRI-MON", "0 0 * * 5-1", "0 0 L * *", "0 0 * * 5#2"),
    ],
)
def test_ranges_that_airflow_reads_as_written_are_kept(schedule: str) -> None:
    assert TypeAdapter(ScheduleOrCron).validate_python(schedule) == Schedule(cron=schedule)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_a_next_run(preset: str) -> None:
    found = next_run(Schedule(cron=preset), "UTC", NOW)
    assert found
    assert found > NOW


def test_without_a_schedule_there_is_no_next_run() -> None:
    assert next_run(None, "UTC", NOW) is None


# --- After events of assets ---------------------------------------------------------------------------------


URI = "abfss://lake@contoso.dfs.core.windows.net/crm"


@pytest.mark.parametrize(
    ("written", "assets", "words"),
    [
        ({"asset": "sales"}, ("sales",), "when sales is refreshed"),
        ({"asset": URI}, (URI,), f"when {URI} is refreshed"),
        ({"all": ["sales", "crm"]}, ("sales", "crm"), "when sales and crm are refreshed"),
        ({"all": "sales"}, ("sales",), "when sales is refreshed"),
        ({"any": ["sales", "crm", "web"]}, ("sales", "crm", "web"), "when sales or crm or web is refreshed"),
    ],
)
def test_assets_can_start_an_export(written: object, assets: tuple[str, ...], words: str) -> None:
    schedule = export(schedule=written).schedule
    assert schedule is not None
    assert (schedule.assets, schedule.words) == (assets, words)
    assert next_run(schedule, "UTC", NOW) is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("on-refresh", (60, 60)),
        ("On-Refresh ", (60, 60)),
        ({"refresh": {}}, (60, 60)),
        ({"refresh": {"check_seconds": 300, "settle_seconds": 0}}, (300, 0)),
    ],
)
def test_new_data_can_start_an_export(written: object, seconds: tuple[int, int]) -> None:
    schedule = export(schedule=written).schedule
    assert schedule is not None
    assert schedule.refresh is not None
    assert (schedule.refresh.check_seconds, schedule.refresh.settle_seconds) == seconds
    assert (schedule.words, schedule.assets) == ("when its source is refreshed", ())
    assert next_run(schedule, "UTC", NOW) is None


@pytest.mark.parametrize(
    ("partition", "hourly"), [("%Y-%m-%d", False), ("%Y%m%d", False), ("%Y-%m-%dT%H", True)]
)
def test_events_may_be_of_a_day_or_an_hour(partition: str, *, hourly: bool) -> None:
    schedule = export(schedule={"asset": "sales", "partition": partition}).schedule
    assert schedule is not None
    assert (schedule.partition, schedule.is_hourly, schedule.assets) == (partition, hourly, ("sales",))


def test_a_schedule_of_times_needs_no_words() -> None:
    assert Schedule(cron="@daily").words is None


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ({}, "must have exactly one of `cron`, `asset`, `all`, `any`"),
        ({"asset": "sales", "cron": "@daily"}, "must have exactly one of"),
        ({"asset": None}, "must have exactly one of"),
        ({"all": []}, "is an empty list"),
        ({"any": ["sales", ""]}, "is empty"),
        ({"asset": "self"}, "no name or URI that an asset of Airflow can have"),
        ({"asset": "x" * 1501}, "no name or URI that an asset of Airflow can have"),
        ({"asset": "s3://user:secret@bucket/key"}, "contains a password"),
        ({"asset": "airflow://sales"}, "which Airflow reserves"),
        ({"asset": "s3://[bucket/key"}, "is no URI"),
        ({"refresh": {"check_seconds": 4}}, "greater than or equal to 5"),
        ({"refresh": True}, "should be a valid dictionary"),
        ({"asset": "sales", "partition": "%Y-%m"}, "must have %Y, %m and %d"),
        ({"asset": "sales", "partition": "day"}, "must have %Y, %m and %d"),
        ({"asset": "sales", "partition": "%Y-%m-%d %M"}, "must have %Y, %m and %d"),
        ({"cron": "@daily", "partition": "%Y-%m-%d"}, "but none is named"),
        ({"assets": "sales"}, "Extra inputs"),
        (["sales"], "should be a valid dictionary"),
        (5, "should be a valid string"),
    ],
)
def test_what_is_no_schedule(written: object, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault) as raised:
        TypeAdapter(ScheduleOrCron).validate_python(written)
    assert "secret" not in str([error["msg"] for error in raised.value.errors()])
