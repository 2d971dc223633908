"""Which route a difference uses."""

from __future__ import annotations

import pytest

from customer_match.routes import (
    APPLY_PART_MEMBERS,
    APPLY_REPLACE_MEMBERS,
    AUTO_APPLY_MEMBERS,
    Route,
    RouteChoice,
    choose_route,
)


@pytest.mark.parametrize(
    ("wanted", "members", "replaces", "route"),
    [
        ("auto", 0, False, Route.APPLY),
        ("auto", AUTO_APPLY_MEMBERS, False, Route.APPLY),
        ("auto", AUTO_APPLY_MEMBERS + 1, False, Route.BULK),
        ("auto", APPLY_REPLACE_MEMBERS, True, Route.APPLY),
        ("auto", APPLY_REPLACE_MEMBERS + 1, True, Route.BULK),
        ("apply", 10**7, False, Route.APPLY),
        ("apply", APPLY_REPLACE_MEMBERS, True, Route.APPLY),
        ("apply", APPLY_REPLACE_MEMBERS + 1, True, Route.BULK),
        ("bulk", 1, False, Route.BULK),
        ("bulk", 1, True, Route.BULK),
    ],
)
def test_the_route_depends_on_the_wish_and_the_size(
    wanted: RouteChoice, members: int, replaces: bool, route: Route
) -> None:
    assert choose_route(wanted, members=members, replaces=replaces) is route


def test_an_audience_replaced_by_a_call_is_one_part() -> None:
    assert APPLY_REPLACE_MEMBERS <= APPLY_PART_MEMBERS
