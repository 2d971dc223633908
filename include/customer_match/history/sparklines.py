"""A row of numbers as a line of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["sparkline"]

_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Iterable[float]) -> str:
    """Draw numbers as a line of bars, from the smallest to the largest of them; equal numbers are half as high."""
    numbers = list(values)
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    if low == high:
        return _BARS[3] * len(numbers)
    return "".join(_BARS[round((number - low) / (high - low) * (len(_BARS) - 1))] for number in numbers)
