"""Time: clocks that jump, runs at the same second, backfills."""

from __future__ import annotations

from typing import Final

from tests.faults.matrix.row import Row

__all__ = ["ROWS"]

ROWS: Final[tuple[Row, ...]] = ()
