"""When an export runs: the keys `schedule`, `start_date` and `timezone`, and when the next run is due."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from customer_match.export.values import Text

__all__ = ["PRESETS", "Schedule", "StartDate", "TimeZone", "next_run"]

PRESETS: Final = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_CRON_FIELDS: Final = (
    5  # croniter accepts more, but reads them unlike other crons; Airflow documents only five
)
_OWN_PRESETS: Final = {"@quarterly": "0 0 1 */3 *"}  # a preset of Airflow that croniter does not know


def next_run(schedule: str | None, timezone: str, after: dt.datetime) -> dt.datetime | None:
    """The first time of a schedule after another time, in UTC; None without a schedule.

    Args:
        schedule: Five cron fields or a preset.
        timezone: Its time zone.
        after: With a time zone.
    """
    if schedule is None:
        return None
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - where it is needed; no types

    local = after.astimezone(ZoneInfo(timezone))
    moment: dt.datetime = croniter(_OWN_PRESETS.get(schedule, schedule), local).get_next(dt.datetime)
    return moment.astimezone(dt.UTC)


def _none_is_no_schedule(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _schedule(value: str | None) -> str | None:
    if value is None or value in PRESETS:
        return value
    from croniter import croniter  # noqa: PLC0415 - only files with a cron expression pay for this import

    fields = value.split()
    random = any(field[:1] in "HhRr" for field in fields)  # random at each parsing, so the DAG would change
    if len(fields) != _CRON_FIELDS or random or not croniter.is_valid(value, strict=True):
        raise ValueError(
            'is not a schedule. Write five cron fields in quotes, such as "0 5 * * *" (daily at 05:00), '
            f"a preset in quotes ({', '.join(PRESETS)}), or none to run only on demand"
        )
    return " ".join(fields)


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


Schedule = Annotated[str | None, BeforeValidator(_none_is_no_schedule), AfterValidator(_schedule)]
StartDate = Annotated[dt.date, BeforeValidator(_date, json_schema_input_type=dt.date)]
TimeZone = Annotated[Text, AfterValidator(_time_zone)]
