"""When an export runs next, by its own schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

__all__ = ["next_run"]

_OWN_PRESETS = {"@quarterly": "0 0 1 */3 *"}  # Airflow's, unknown to croniter


def next_run(schedule: str | None, timezone: str, after: datetime) -> datetime | None:
    """The first moment of a schedule after a time, UTC; None without one.

    Args:
        schedule: Five cron fields or a preset.
        timezone: Its time zone.
        after: With a time zone.
    """
    if schedule is None:
        return None
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - where it is needed; no types

    local = after.astimezone(ZoneInfo(timezone))
    moment: datetime = croniter(_OWN_PRESETS.get(schedule, schedule), local).get_next(datetime)
    return moment.astimezone(UTC)
