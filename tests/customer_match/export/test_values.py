"""Single values of an export: valid forms, and their values in the model."""

from __future__ import annotations

import pytest

from customer_match.export import values
from microsoft_advertising import limits
from tests.customer_match.export.samples import export


def test_limits_are_those_of_the_client() -> None:
    assert values.MAX_AUDIENCE_NAME == limits.MAX_NAME
    assert values.MAX_PROFILES_PER_PART == limits.MAX_ROWS
    assert values.MAX_MEMBERSHIP_DAYS == limits.MAX_MEMBERSHIP_DAYS
    assert values.NEVER_EXPIRES == limits.NEVER_EXPIRES
    assert values.MAX_ID == limits.MAX_ID


@pytest.mark.parametrize(
    ("key", "written", "kept"),
    [
        ("membership_duration", 1, 1),
        ("membership_duration", 390, 390),
        ("membership_duration", -1, -1),
        ("profiles_per_part", 1, 1),
        ("profiles_per_part", 4_000_000, 4_000_000),
        ("route", "apply", "apply"),
        ("route", "bulk", "bulk"),
        ("cid", "9223372036854775807", "9223372036854775807"),
        ("title", "  Kampagne für Käufer ", "Kampagne für Käufer"),
        ("name", "a" * 250, "a" * 250),
        ("tags", "one", ("one",)),
        ("where", " a = 1\n AND b NOT LIKE '%@contoso.com' ", "a = 1\n AND b NOT LIKE '%@contoso.com'"),
        ("row_key", "Id", "Id"),
        ("run_timeout_hours", 0.5, 0.5),
        ("upload_timeout_minutes", 0.5, 0.5),
    ],
)
def test_a_value_is_converted_for_the_model(key: str, written: object, kept: object) -> None:
    assert getattr(export(**{key: written}), key) == kept
