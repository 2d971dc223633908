"""The fault matrix: what strikes, where, and how the system comes back.

Each row is one export of four segments, struck by one fault in its first or second run. One module a kind of fault.
Rows that strike a task or a program are played under a real scheduler, and so are one or two of each other kind; the
rest is played in one process, by the same steps, operators and triggers (see `tests/faults/in_process.py`).
"""

from __future__ import annotations

from typing import Final

from tests.faults.matrix import clocks, codes, network, people, programs, storage, tables, tasks
from tests.faults.matrix.row import Recovery, Row

__all__ = ["IN_PROCESS", "MATRIX", "UNDER_SCHEDULER", "Recovery", "Row", "played_under"]

MATRIX: Final = (
    *tasks.ROWS,
    *programs.ROWS,
    *network.ROWS,
    *codes.ROWS,
    *storage.ROWS,
    *people.ROWS,
    *tables.ROWS,
    *clocks.ROWS,
)
assert len({row.name for row in MATRIX}) == len(MATRIX)

_ONE_OR_TWO_OF_A_KIND: Final = frozenset(
    {
        # the network
        "lost-upload", "reset-upload", "hang-upload", "http-503", "cut-url", "down-waiting",
        # what the service says
        "117-status", "3226", "401-upload", "revoked", "failed", "format", "stuck", "columns", "refused",
        "refused-too-many",
        # storages
        "azure-503", "lease-lost-azure", "disk-full", "read-only",
        # people
        "deleted", "workspace-restored",
        # writers of tables
        "becomes-log",
        # time
        "clock-waiting", "two-runs", "backfill",
    }
)  # fmt: skip

UNDER_SCHEDULER: Final = tuple(
    row for row in MATRIX if row in (*tasks.ROWS, *programs.ROWS) or row.name in _ONE_OR_TWO_OF_A_KIND
)
IN_PROCESS: Final = tuple(row for row in MATRIX if row not in UNDER_SCHEDULER)
assert {row.name for row in MATRIX} >= _ONE_OR_TWO_OF_A_KIND


def played_under(row: Row) -> str:
    """Under what a row is played, in words."""
    return "in process" if row in IN_PROCESS else "scheduler"
