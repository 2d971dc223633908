"""Order of data intervals: an older one never replaces a newer one unless the run is forced.

Pure rules on the ledger's state; data intervals are compared by their ends. An end in the future, from a run for a
future date or from a machine whose clock was ahead, would block every run until then. Such a run does not start, and
such an end in the ledger is reported as an error.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from customer_match.clocks import is_in_future
from customer_match.errors import ConfigurationError, TerminalError
from customer_match.ledger.state import Forced, State

__all__ = ["Force", "Overtaken", "StillToCome", "check_not_ahead", "in_order"]


class Force(BaseModel):
    """Permission to apply an older data interval over a newer one.

    It covers only what the audience held when the run started, not data that other runs send while it is running. Days
    of a backfill that run in parallel therefore end with the newest day, whichever finishes last.

    Attributes:
        run: The run that has the permission.
        began: When that run started.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    began: datetime


class Overtaken(TerminalError):
    """The audience holds newer data than this run would send.

    Args:
        newer: End of the data interval that the audience holds.
        since_start: Whether another run sent it while this run, which has `force`, was running.
    """

    def __init__(self, newer: datetime, *, since_start: bool = False) -> None:
        held = f"newer data (up to {newer:%Y-%m-%d %H:%M} UTC)"
        super().__init__(
            f"While this run was running, another run sent {held}; `force` covers only what the audience held "
            "before. If this data interval should replace the newer one anyway, clear this run."
            if since_start
            else f"The audience already holds {held}; an older interval does not overwrite it."
        )


class StillToCome(ConfigurationError):
    """A data interval ends in the future by more than clocks differ: a user must correct it."""


def check_not_ahead(interval_end: datetime, now: datetime) -> None:
    """Check that a run's data interval does not end in the future.

    Raises:
        StillToCome: It does.
    """
    if is_in_future(interval_end, now):
        raise StillToCome(
            f"The data interval of this run ends at {interval_end:%Y-%m-%d %H:%M} UTC, but by this machine's clock it "
            f"is {now:%Y-%m-%d %H:%M} UTC. Its audiences would reject every other run until then. Run the export for "
            "a past date (`--date`, the logical date), or correct the clock."
        )


def in_order(state: State, interval_end: datetime, force: Force | None, *, now: datetime) -> Forced | None:
    """Check that a data interval may be applied to the audience.

    Args:
        state: The ledger's state of the audience.
        interval_end: End of the data interval.
        force: Permission to apply an older interval than the audience holds.
        now: The present time.

    Returns:
        The record for the ledger if the interval is applied by force; None if it is newer.

    Raises:
        Overtaken: The audience holds newer data.
        StillToCome: By the ledger, the audience holds data from the future.
    """
    newer = state.interval_end
    if newer is None or newer < interval_end:
        return None
    if newer == interval_end:
        return state.forced  # the same interval again: if it was forced, it still is
    if force is None:
        raise _of_the_future(state.audience, newer, now) if is_in_future(newer, now) else Overtaken(newer)
    # A clock that was ahead says nothing about the real time; `force` is the way to overwrite its data.
    if state.planned_at and state.planned_at > force.began and not is_in_future(state.planned_at, now):
        raise Overtaken(newer, since_start=True)
    return Forced(by=force.run, over=newer)


def _of_the_future(audience: str, newer: datetime, now: datetime) -> StillToCome:
    return StillToCome(
        f"The ledger says that the audience {audience!r} holds data up to {newer:%Y-%m-%d %H:%M} UTC, but by this "
        f"machine's clock it is {now:%Y-%m-%d %H:%M} UTC. A run for a future date wrote it, or a run on a machine "
        "whose clock was ahead. No run would be new enough until then. If this machine's clock is right, run the "
        "export once with `force` (`customer-match run EXPORT --force`); the audience then holds that run's data. "
        "Otherwise correct the clock."
    )
