"""The fault matrix: faults, the stages in which they are injected, and how the system recovers.

Each row is one export of four segments, or of eight that share their tasks, with one fault in its first or second run.
Each module has one kind of fault.
Rows that kill a task or a program run under a real scheduler, and so do one or two of each other kind. All others run
in one process, with the same steps, operators and triggers (see `tests/faults/in_process.py`).
"""

from __future__ import annotations

from typing import Final

from tests.faults.matrix import batches, clocks, codes, network, people, programs, storage, tables, tasks
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
    *batches.ROWS,
)
assert len({row.name for row in MATRIX}) == len(MATRIX)

_ONE_OR_TWO_OF_A_KIND: Final = frozenset(
    {
        # the network
        "lost-upload", "reset-upload", "hang-upload", "http-503", "cut-url", "down-waiting",
        # answers of the service; not "revoked", which `select` finds before anything is read
        "117-status", "3226", "401-upload", "failed", "format", "stuck", "columns", "refused",
        "refused-too-many",
        # storages
        "azure-503", "lease-lost-azure", "disk-full", "read-only",
        # users
        "deleted", "workspace-restored",
        # programs that write tables
        "becomes-log",
        # time
        "clock-waiting", "two-runs", "backfill",
        # batches
        "batch-cleared", "batch-kill-normalise", "batch-kill-intent", "batch-kill-sent", "batch-kill-triggerer",
    }
)  # fmt: skip

UNDER_SCHEDULER: Final = tuple(
    row for row in MATRIX if row in (*tasks.ROWS, *programs.ROWS) or row.name in _ONE_OR_TWO_OF_A_KIND
)
IN_PROCESS: Final = tuple(row for row in MATRIX if row not in UNDER_SCHEDULER)
assert {row.name for row in MATRIX} >= _ONE_OR_TWO_OF_A_KIND


def played_under(row: Row) -> str:
    """Return what a row runs under, in words."""
    return "in process" if row in IN_PROCESS else "scheduler"
