"""The key `deadline`: by when the audiences have to be up to date, and which moments these are."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_match.export.base import Faults, Section
from customer_match.export.schedule import Schedule, next_run
from customer_match.export.values import Whole

__all__ = ["Deadline", "DeadlineOrTime", "Due", "next_due"]

_DAY: Final = dt.timedelta(days=1)
_INSTANT: Final = dt.timedelta(microseconds=1)
_TWO_WEEKS: Final = 20_160  # minutes


def _time(value: str) -> str:
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError('is not a time of day. Write hours and minutes in quotes, for example "07:00"')
    return value


class Deadline(Section):
    """By when the audiences have to be up to date: at a time of day, or some time after each scheduled run."""

    time: Annotated[str, AfterValidator(_time)] | None = Field(
        default=None,
        description="Time of day in the export's time zone, in quotes.",
        examples=["07:00"],
    )
    minutes: Annotated[Whole, Field(ge=1, le=_TWO_WEEKS)] | None = Field(
        default=None,
        description="Minutes after each time of the schedule, 1 to 20,160.",
        examples=[90],
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.time is None) == (self.minutes is None):
            raise Faults([((), "must have either `time` or `minutes`, and only one of them")])
        return self


def _as_mapping(value: object) -> object:
    """Read the short form: the time alone. YAML reads a time without quotes as a number."""
    return value if value is None or isinstance(value, (dict, list, Deadline)) else {"time": value}


DeadlineOrTime = Annotated[
    Deadline | None, BeforeValidator(_as_mapping, json_schema_input_type=str | Deadline | None)
]
"""A deadline as written in the file: a mapping, or the time of day alone; None: there is none."""


class Due(BaseModel):
    """One deadline.

    Attributes:
        moment: When it is, UTC.
        since: From when the data have to be at least, UTC: the scheduled time before; without such times, the deadline
            before.
    """

    model_config = ConfigDict(frozen=True)

    moment: dt.datetime
    since: dt.datetime


def next_due(deadline: Deadline, schedule: Schedule | None, timezone: str, after: dt.datetime) -> Due | None:
    """The first deadline after a time.

    A time of day is a deadline if the schedule has a time since the one of the day before; without a schedule of times
    on every day.

    Args:
        deadline: The deadline of an export.
        schedule: Its schedule; with times, if the deadline is in minutes.
        timezone: Its time zone.
        after: With a time zone.

    Returns:
        The deadline; None if the schedule has no further times.
    """
    after = dt.datetime.fromtimestamp(after.timestamp(), dt.UTC)  # may be of pendulum, as in Airflow
    if deadline.minutes is not None:
        wait = dt.timedelta(minutes=deadline.minutes)
        due = next_run(schedule, timezone, after - wait)
        return None if due is None else Due(moment=due + wait, since=due)
    time, zone = dt.time.fromisoformat(deadline.time or ""), ZoneInfo(timezone)
    before, following = _around(time, zone, after)
    if schedule is None or schedule.cron is None:
        return Due(moment=following, since=before)
    first = next_run(schedule, timezone, before - _INSTANT)
    if first is None:
        return None
    _, moment = _around(time, zone, first)
    return Due(moment=moment, since=_last_before(moment, schedule, timezone, first))


def _around(time: dt.time, zone: ZoneInfo, moment: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The last such time of day that is not after a moment, and the next one after it, UTC."""
    today = moment.astimezone(zone).date()
    times = [dt.datetime.combine(today + day * _DAY, time, zone).astimezone(dt.UTC) for day in (-1, 0, 1)]
    return max(one for one in times if one <= moment), min(one for one in times if one > moment)


def _last_before(moment: dt.datetime, schedule: Schedule, timezone: str, first: dt.datetime) -> dt.datetime:
    """The last time of a schedule before a moment, which is one of `first` or later."""
    # A schedule of every minute has more than a thousand times in a day: look back from the moment first.
    for back in (dt.timedelta(minutes=5), dt.timedelta(hours=2)):
        near = next_run(schedule, timezone, moment - back)
        if near is not None and near < moment:
            first = max(first, near)
            break
    last = first
    while (following := next_run(schedule, timezone, last)) is not None and following < moment:
        last = following
    return last
