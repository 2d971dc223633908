"""The fault matrix: what strikes, where, and how the system comes back.

Each row is one export of four segments under a real scheduler, struck by one fault in its first or second run.
One module a kind of fault.
"""

from __future__ import annotations

from typing import Final

from tests.faults.matrix import clocks, codes, network, people, programs, storage, tasks
from tests.faults.matrix.row import Recovery, Row

__all__ = ["MATRIX", "Recovery", "Row"]

MATRIX: Final = (
    *tasks.ROWS,
    *programs.ROWS,
    *network.ROWS,
    *codes.ROWS,
    *storage.ROWS,
    *people.ROWS,
    *clocks.ROWS,
)
assert len({row.name for row in MATRIX}) == len(MATRIX)
