"""How long to wait when the service, or a proxy, asks for a delay: one rule for all callers."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["MAX_WAITS", "wait_seconds"]

MAX_WAITS: Final = 8
"""Consecutive waits that the service may ask for before Airflow's retries are used: two hours at 15 minutes each."""

_LONGEST = 3600.0  # seconds; the service names 15 minutes at most, a proxy may name anything


def wait_seconds(asked: float, *, shortest: float = 0.0) -> float:
    """Seconds to wait, with up to 10 % of jitter so that callers do not all come back at once.

    Args:
        asked: Seconds that the service asks for.
        shortest: The shortest wait.
    """
    seconds = min(max(asked, shortest), _LONGEST)
    return seconds * (1 + random.random() / 10)  # noqa: S311 (no secret)
