"""Order in time: an older data interval never takes the place of a newer one, unless it is told to.

Pure rules over what the ledger says; the end of a data interval is what is compared.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from include.customer_match.ledger.state import Forced, State
from include.errors import TerminalError

__all__ = ["Force", "Overtaken", "in_order"]


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


def in_order(state: State, interval_end: datetime, force: Force | None) -> Forced | None:
    """Whether a data interval may be applied to what the audience holds.

    Returns:
        What is to be written down of it where it is applied by force; None where it is in order.

    Raises:
        Overtaken: It may not.
    """
    newer = state.interval_end
    if newer is None or newer < interval_end:
        return None
    if newer == interval_end:
        return state.forced  # sent once more: it still stands over the newer one
    if force is None:
        raise Overtaken(newer)
    if state.planned_at and state.planned_at > force.began:
        raise Overtaken(newer, since_begun=True)
    return Forced(by=force.run, over=newer)
