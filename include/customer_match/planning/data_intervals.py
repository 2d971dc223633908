"""Order in time: an older data interval never takes the place of a newer one, unless it is told to.

Pure rules over what the ledger says; the end of a data interval is what is compared. One that is still to come, of a
run for a date in the future or of a machine whose clock was ahead, would keep every run out until then: it is neither
begun nor taken for an order.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from customer_match.clocks import is_in_future
from customer_match.errors import ConfigurationError, TerminalError
from customer_match.ledger.state import Forced, State

__all__ = ["Force", "Overtaken", "StillToCome", "check_not_ahead", "in_order"]


class Force(BaseModel):
    """Leave to apply an older data interval over a newer one.

    It is for what the audience held when the run began. What comes in while the run is under way was not meant:
    so days of a backfill that run beside one another end with the newest of them, whichever is the last to arrive.

    Attributes:
        run: The run that has it.
        began: When that run began.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    began: datetime


class Overtaken(TerminalError):
    """The audience holds newer data than what was to be sent.

    Args:
        newer: End of the data interval that the audience stands for.
        since_begun: Whether it came in while a run that may force its data was under way.
    """

    def __init__(self, newer: datetime, *, since_begun: bool = False) -> None:
        held = f"newer data (up to {newer:%Y-%m-%d %H:%M} UTC)"
        super().__init__(
            f"While this run was under way, another one has sent {held}; `force` is for what the audience held "
            "before. If this data interval is meant to stand all the same, clear this run."
            if since_begun
            else f"The audience already holds {held}; an older interval does not overwrite it."
        )


class StillToCome(ConfigurationError):
    """A data interval ends clearly after the present time: a human must say what is meant."""


def check_not_ahead(interval_end: datetime, now: datetime) -> None:
    """Make sure that a run stands for no time that is still to come.

    Raises:
        StillToCome: It does.
    """
    if is_in_future(interval_end, now):
        raise StillToCome(
            f"The data interval of this run ends at {interval_end:%Y-%m-%d %H:%M} UTC, and by this machine's clock it "
            f"is {now:%Y-%m-%d %H:%M} UTC: its audiences would be closed to every run until then. Run the export for a "
            "date that is past (`--date`, the logical date), or set the clock right."
        )


def in_order(state: State, interval_end: datetime, force: Force | None, *, now: datetime) -> Forced | None:
    """Whether a data interval may be applied to what the audience holds.

    Args:
        state: What the audience holds.
        interval_end: End of the data interval.
        force: Leave to apply an older one than that.
        now: The present time.

    Returns:
        What is to be written down of it where it is applied by force; None where it is in order.

    Raises:
        Overtaken: It may not.
        StillToCome: What the audience is said to hold cannot be: it is of the future.
    """
    newer = state.interval_end
    if newer is None or newer < interval_end:
        return None
    if newer == interval_end:
        return state.forced  # sent once more: it still stands over the newer one
    if force is None:
        raise _of_the_future(state.audience, newer, now) if is_in_future(newer, now) else Overtaken(newer)
    # When a clock was that is ahead, nobody knows; force is the way out of what it wrote.
    if state.planned_at and state.planned_at > force.began and not is_in_future(state.planned_at, now):
        raise Overtaken(newer, since_begun=True)
    return Forced(by=force.run, over=newer)


def _of_the_future(audience: str, newer: datetime, now: datetime) -> StillToCome:
    return StillToCome(
        f"The ledger says that the audience {audience!r} holds data up to {newer:%Y-%m-%d %H:%M} UTC, and by this "
        f"machine's clock it is {now:%Y-%m-%d %H:%M} UTC: a run for a date in the future wrote it, or one on a machine "
        "whose clock was ahead. Until then no run would be new enough. If this machine's clock is right, run the "
        "export once with `force` (`customer-match run EXPORT --force`); the audience then stands for that run's data. "
        "Else set the clock right."
    )
