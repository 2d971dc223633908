"""Clocks that are wrong: what is said to be in the future is believed no further than clocks may differ."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

__all__ = ["MAY_DIFFER", "lies_ahead"]

MAY_DIFFER: Final = timedelta(minutes=90)
"""How far a moment that others wrote down may lie ahead of our clock (ours).

Clocks that are kept by NTP differ by less than a second, forgotten ones by minutes; one whose summer time is set by
hand, by an hour and these minutes."""


def lies_ahead(moment: datetime | None, now: datetime) -> bool:
    """Whether a moment clearly is still to come, so that it cannot be when something has happened."""
    return moment is not None and moment - now > MAY_DIFFER
