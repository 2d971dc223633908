"""Disks and Azure: where tables are read and the workspace lies."""

from __future__ import annotations

from typing import Final

from tests.faults.matrix.row import Row

__all__ = ["ROWS"]

ROWS: Final[tuple[Row, ...]] = ()
