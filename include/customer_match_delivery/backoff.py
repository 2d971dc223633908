"""How long is waited where the service, or a proxy on the way, asks for a pause: one rule for all who wait."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["MAX_WAITS", "wait_seconds"]

MAX_WAITS: Final = 8
"""Pauses in a row that the service may ask for before the retries come into play: two hours of the longest."""

_LONGEST = 3600.0  # seconds; the service names 15 minutes at most, a proxy may name anything


def wait_seconds(asked: float, *, shortest: float = 0.0) -> float:
    """Seconds to wait; up to a tenth longer, so that all that were turned away do not come back at once.

    Args:
        asked: What the service asks for.
        shortest: What is waited at least.
    """
    seconds = min(max(asked, shortest), _LONGEST)
    return seconds * (1 + random.random() / 10)  # noqa: S311 (no secret)
