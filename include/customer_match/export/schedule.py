"""When an export runs: the keys `schedule`, `start_date` and `timezone`, and when the next run is due.

An export runs at times (cron), after events of Airflow's assets, or only on demand.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Final, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from customer_match.export.base import Faults, Section
from customer_match.export.values import Text, Whole, as_list, not_empty

__all__ = ["PRESETS", "Schedule", "ScheduleOrCron", "StartDate", "TimeZone", "next_run"]

PRESETS: Final = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_CRON_FIELDS: Final = (
    5  # croniter accepts more, but reads them unlike other crons; Airflow documents only five
)
_OWN_PRESETS: Final = {"@quarterly": "0 0 1 */3 *"}  # a preset of Airflow that croniter does not know
_BACK: Final = dt.timedelta(hours=3)  # longer than clocks are set back
_RANGE: Final = re.compile(r"([a-z]{3}|\d+)-([a-z]{3}|\d+)(?:/(\d+))?", re.IGNORECASE)
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))  # first and last value of each field
_SUNDAY: Final = 7  # also 0
_MAX_ASSET: Final = 1500  # Airflow's columns of the names and URIs of assets
_DAY_SECONDS: Final = 86_400
_ON_REFRESH: Final = "on-refresh"
_NO_ASSETS: Final = ("self", "context")  # names that Airflow does not allow


def next_run(schedule: Schedule | None, timezone: str, after: dt.datetime) -> dt.datetime | None:
    """The first time of a schedule after another time, in UTC; None if it has no times.

    The same as Airflow's, when clocks change too: it derives each time from the one before.

    Args:
        schedule: The schedule; None: only on demand.
        timezone: Its time zone.
        after: With a time zone.
    """
    if schedule is None or schedule.cron is None:
        return None
    expression, zone = _OWN_PRESETS.get(schedule.cron, schedule.cron), ZoneInfo(timezone)
    moment = (
        dt.datetime.fromtimestamp(after.timestamp(), dt.UTC) - _BACK
    )  # `after` may be of pendulum, as in Airflow
    while moment <= after:
        moment = _following(expression, zone, moment)
    return moment


def _following(expression: str, zone: ZoneInfo, moment: dt.datetime) -> dt.datetime:
    """The next time after a time of a schedule, by the rule of Airflow 3.3 (`airflow.timetables._cron.CronMixin`).

    Schedules that run every hour go on by the time that passes; others run at the later moment if a local time occurs
    twice, and after the gap if it is skipped.
    """
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - where it is needed; no types

    local = moment.astimezone(zone).replace(tzinfo=None)
    cron = croniter(expression, start_time=local)
    scheduled: dt.datetime = cron.get_next(dt.datetime)
    if cron.expanded[1] == ["*"]:
        return moment + (scheduled - local)
    return max(scheduled.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))


def _as_mapping(value: object) -> object:
    """Read the short form, which is a cron schedule, `none` or `on-refresh`."""
    if value is None or isinstance(value, (dict, list, Schedule)):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    return None if word == "none" else {"refresh": {}} if word == _ON_REFRESH else {"cron": value}


def _cron(value: str) -> str:
    if value in PRESETS:
        return value
    from croniter import croniter  # noqa: PLC0415 - only files with a cron expression pay for this import

    fields = value.split()
    random = any(field[:1] in "HhRr" for field in fields)  # random at each parsing, so the DAG would change
    if len(fields) != _CRON_FIELDS or random or not croniter.is_valid(value, strict=True):
        raise ValueError(
            'is not a schedule. Write five cron fields in quotes, such as "0 5 * * *" (daily at 05:00), '
            f"a preset in quotes ({', '.join(PRESETS)}), `{{asset: NAME}}` to run after events of an asset of Airflow, "
            "on-refresh to run when the tables have changed, or none to run only on demand"
        )
    for place, field in enumerate(fields):
        for part in field.split(","):
            _check_range(place, part)
    return " ".join(fields)


def _check_range(place: int, part: str) -> None:
    """Refuse a range that croniter reads otherwise than it says (observed: croniter 7.0, as in Airflow).

    These are some that go on from the start of the field (`22-6/3`), and those of one value (`5-5`).
    """
    found = _RANGE.fullmatch(part)
    if found is None:
        return
    first, last = _values_of(place, found[1])[0], _values_of(place, found[2])[0]
    lowest, highest = _BOUNDS[place]
    ends_on_sunday = place == len(_BOUNDS) - 1 and found[2] == str(_SUNDAY) != found[1]
    if first < (_SUNDAY if ends_on_sunday else last):
        return
    size = highest - lowest + 1
    length = (last - first) % size + 1
    meant = [lowest + (first - lowest + n) % size for n in range(0, length, int(found[3] or 1))]
    read = _values_of(place, part)
    if sorted(meant) != read:
        raise ValueError(
            f"has the range {part}, which Airflow would read as {','.join(map(str, read))}. Write the values out: "
            f"{','.join(map(str, meant))}"
        )


def _values_of(place: int, text: str) -> list[int]:
    """The values of one field as croniter reads them, sorted."""
    from croniter import croniter  # noqa: PLC0415 - only files with a cron expression pay for this import

    fields = ["*"] * _CRON_FIELDS
    fields[place] = text
    values = croniter.expand(" ".join(fields))[0][place]
    return list(range(_BOUNDS[place][0], _BOUNDS[place][1] + 1)) if values == ["*"] else sorted(values)


def _date(value: object) -> dt.date:
    # Not left to pydantic, which reads numbers as seconds since 1970. Airflow calculates with the date, which
    # would overflow near the ends of the calendar.
    if isinstance(value, dt.date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", value):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("is not a date of this century. Write year-month-day, for example 2026-01-01")


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a known time zone. Write UTC or a name such as Europe/Berlin") from None
    return value


def _asset(value: str) -> str:
    if len(value) > _MAX_ASSET or value in _NO_ASSETS:
        raise ValueError("is no name or URI that an asset of Airflow can have. Copy it from the page Assets")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is no URI. Copy it from the page Assets") from None
    if parts.password:
        raise ValueError(
            "contains a password. Airflow keeps none in URIs of assets: write the URI without it"
        )
    if parts.scheme == "airflow" and "://" in value:
        raise ValueError(
            "has the scheme airflow://, which Airflow reserves. Copy the URI from the page Assets"
        )
    return value


def _partition(value: str) -> str:
    directives = re.findall("%.", value)
    if sorted(directives) not in (["%Y", "%d", "%m"], ["%H", "%Y", "%d", "%m"]):
        raise ValueError(
            'must have %Y, %m and %d, each once, and may have %H. Write, for example, `"%Y-%m-%d"`'
        )
    return value


Asset = Annotated[Text, AfterValidator(_asset)]
"""An asset of Airflow as the file names it: a URI if it contains `://`, otherwise a name."""
Assets = Annotated[
    tuple[Asset, ...],
    BeforeValidator(as_list, json_schema_input_type=list[str] | str),
    AfterValidator(not_empty),
]


class Refresh(Section):
    """How the tables are watched."""

    check_seconds: Annotated[Whole, Field(ge=5, le=_DAY_SECONDS)] = Field(
        default=60,
        description="How often the files are listed, in seconds, 5 to 86,400.",
        examples=[300],
    )
    settle_seconds: Annotated[Whole, Field(ge=0, le=_DAY_SECONDS)] = Field(
        default=60,
        description="How long the files of a table must not change before it counts as written, in seconds. Delta "
        "tables and jobs of Spark, which write `_SUCCESS`, need no such wait.",
        examples=[600],
    )


class Schedule(Section):
    """When an export runs: at times, or when data have changed. It has exactly one of the keys."""

    cron: Annotated[str, AfterValidator(_cron)] | None = Field(
        default=None,
        description=f"Run at times: five cron fields in quotes, or a preset in quotes (`{'`, `'.join(PRESETS)}`).",
        examples=["0 5 * * *"],
    )
    asset: Asset | None = Field(
        default=None,
        description="Run after each event of an asset of Airflow: its name, or its URI.",
        examples=["sales"],
    )
    all: Assets | None = Field(
        default=None,
        description="Run when each of these assets has had an event since the last run.",
        examples=["[sales, abfss://lake@contoso.dfs.core.windows.net/crm]"],
    )
    any: Assets | None = Field(
        default=None,
        description="Run after an event of any of these assets.",
        examples=["[sales, crm]"],
    )
    partition: Annotated[str, AfterValidator(_partition)] | None = Field(
        default=None,
        description="For assets whose events have a day or an hour as partition key: the format of the key. Each key "
        "has a run of its own, and is the date of `ds` in paths.",
        examples=["%Y-%m-%d"],
    )
    refresh: Refresh | None = Field(
        default=None,
        description="Run when the tables that the export reads have changed; `schedule: on-refresh` is short for `{}`.",
        examples=["{check_seconds: 300, settle_seconds: 600}"],
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        starts = [key for key in type(self).model_fields if key != "partition"]
        if sum(getattr(self, key) is not None for key in starts) != 1:
            keys = ", ".join(f"`{key}`" for key in starts)
            raise Faults([((), f"must have exactly one of {keys}, with a value")])
        if self.partition and not self.assets:
            raise Faults(
                [(("partition",), "is the format of the partition keys of assets, but none is named")]
            )
        return self

    @property
    def is_hourly(self) -> bool:
        """Whether partition keys are hours, not days."""
        return self.partition is not None and "%H" in self.partition

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets whose events start runs, as the file names them."""
        return (self.asset,) if self.asset else self.all or self.any or ()

    @property
    def words(self) -> str | None:
        """What starts the runs, in words; None if times do."""
        if self.cron:
            return None
        if self.refresh:
            return "when its source is refreshed"
        verb = "are" if self.all and len(self.all) > 1 else "is"
        return f"when {(' and ' if self.all else ' or ').join(self.assets)} {verb} refreshed"


ScheduleOrCron = Annotated[
    Schedule | None, BeforeValidator(_as_mapping, json_schema_input_type=str | Schedule | None)
]
"""A schedule as written in the file: a mapping, or the times alone; None: only on demand."""
StartDate = Annotated[dt.date, BeforeValidator(_date, json_schema_input_type=dt.date)]
TimeZone = Annotated[Text, AfterValidator(_time_zone)]
