"""The two routes to an audience, and which one a difference uses.

*Bulk* uploads a file, which the service processes asynchronously. *Apply* makes synchronous calls of up to 1,000
members. The ledger treats both alike.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

__all__ = [
    "APPLY_PART_MEMBERS",
    "APPLY_REPLACE_MEMBERS",
    "AUTO_APPLY_MEMBERS",
    "Route",
    "RouteChoice",
    "choose_route",
]


class Route(StrEnum):
    """How a part is sent."""

    BULK = "bulk"
    APPLY = "apply"


RouteChoice = Literal["auto", "bulk", "apply"]
"""What an export requests."""

AUTO_APPLY_MEMBERS: Final = 10_000
"""Largest difference that `auto` sends with synchronous calls.

Ten calls took 0.2 to 1.6 s against the simulator, on audiences of up to 900,000 members (two cores, busy). A
Bulk upload took 0.7 s and waits five seconds or more in the triggerer, for each part. Five audiences of a
customer at once (the pool's slots) make about fifty calls a minute. How many calls the service allows is not
documented."""

APPLY_PART_MEMBERS: Final = 10_000
"""Members of one part on this route: the most that a retry sends again after a crash."""

APPLY_REPLACE_MEMBERS: Final = 1_000
"""Largest audience that is replaced on this route: it fits in one call.

If several calls replaced, each would delete the members of the one before. If only the first replaced, a late duplicate
of it would delete the Adds that followed: a call has no URL that works only once, as a Bulk file has."""


def choose_route(wanted: RouteChoice, *, members: int, replaces: bool) -> Route:
    """Choose the route of a plan.

    Args:
        wanted: What the export requests.
        members: How many members are to be sent.
        replaces: Whether the audience is replaced.
    """
    if wanted == "bulk" or (replaces and members > APPLY_REPLACE_MEMBERS):
        return Route.BULK
    if wanted == "auto" and members > AUTO_APPLY_MEMBERS:
        return Route.BULK
    return Route.APPLY
