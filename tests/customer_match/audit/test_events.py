"""What an entry may contain."""

from __future__ import annotations

import pytest

from customer_match.audit.events import RunEnded, name_of_user
from customer_match.runs.states import RunState


def test_addresses_are_replaced_wherever_they_come_from() -> None:
    event = RunEnded(
        run_id="manual for anna@contoso.com",
        user="anna%40contoso.com",
        state=RunState.FAILED,
        segments=0,
        failed=0,
        message="no table 'anna@contoso.com'",
    )
    assert event.run_id == "manual for [address]"
    assert (event.user, event.message) == ("[address]", "no table [address]")


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("maria", "maria"),
        ("maria.silva@contoso.com", "maria.silva"),
        ("maria%40contoso.com", "[address]"),
        ("@", None),
        ("", None),
        (None, None),
    ],
)
def test_a_user_who_is_named_by_an_address(name: str | None, recorded: str | None) -> None:
    assert name_of_user(name) == recorded
