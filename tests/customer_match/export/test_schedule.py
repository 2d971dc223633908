"""The next run of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from customer_match.export.schedule import PRESETS, next_run

NOW = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the day before Berlin's clocks go back


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
def test_the_next_one(schedule: str, timezone: str, wanted: datetime) -> None:
    assert next_run(schedule, timezone, NOW) == wanted


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_known(preset: str) -> None:
    found = next_run(preset, "UTC", NOW)
    assert found
    assert found > NOW


def test_none_without_a_schedule() -> None:
    assert next_run(None, "UTC", NOW) is None
