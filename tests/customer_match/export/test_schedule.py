"""When an export runs: valid schedules, and when the next run is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from customer_match.export.schedule import PRESETS, next_run
from tests.customer_match.export.samples import export

NOW = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the day before Berlin's clocks go back


@pytest.mark.parametrize(
    ("key", "written", "kept"),
    [
        ("schedule", "none", None),
        ("schedule", "None", None),
        ("schedule", None, None),
        ("schedule", "@daily", "@daily"),
        ("schedule", "0  5 * * MON-FRI", "0 5 * * MON-FRI"),
        ("schedule", "*/15 0-6 1,15 * *", "*/15 0-6 1,15 * *"),
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
    assert next_run(schedule, timezone, NOW) == wanted


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_a_next_run(preset: str) -> None:
    found = next_run(preset, "UTC", NOW)
    assert found
    assert found > NOW


def test_without_a_schedule_there_is_no_next_run() -> None:
    assert next_run(None, "UTC", NOW) is None
