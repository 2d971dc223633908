"""Tolerance for wrong clocks: a timestamp may be ahead of our clock only by a limited time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

__all__ = ["MAX_CLOCK_SKEW", "is_in_future"]

MAX_CLOCK_SKEW: Final = timedelta(minutes=90)
"""How far a timestamp written by another machine may be ahead of our clock (our own choice).

Clocks synchronised by NTP differ by less than a second, unsynchronised ones by minutes. A clock whose daylight saving
time is set by hand may differ by an hour and some minutes."""


def is_in_future(moment: datetime | None, now: datetime) -> bool:
    """Return whether a timestamp is too far in the future to be when something happened."""
    return moment is not None and moment - now > MAX_CLOCK_SKEW
