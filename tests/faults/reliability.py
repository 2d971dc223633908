"""Makes docs/reliability.md from what came of the rows: `python -m tests.faults.reliability > docs/reliability.md`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.faults.matrix import IN_PROCESS, MATRIX, UNDER_SCHEDULER, Row, played_under
from tests.faults.results import Outcome, kept

__all__ = ["COLUMNS", "NOT_HERE", "NOT_PLAYED", "page"]

COLUMNS = ("row", "fault", "where", "recovered by", "requests", "members right", "played under", "seconds")
NOT_PLAYED = "not played yet"
NOT_HERE = "not run here"

_HEAD = """# What it survives

Made by `make reliability` from the results of `make chaos`; do not change it by hand. {rows} rows; {played} were
played{when}, and {right} of these were right.

Each row is an export of four segments, each of two parts or two calls, against the simulator. One fault strikes one
of its runs; then it recovers. {scheduler} rows are played under a real Airflow (scheduler, triggerer, api-server,
dag-processor, each a program of its own): all that kill, and one or two of each other kind. The other {in_process}
are played *in process*: by the real steps, operators and triggers, with threads of one process in Airflow's place.
At the end each audience is compared with a reference that is made apart from the code, hash by hash. A row is right
only if

- the fault struck, and at the moment that it was meant for: a task is held there, looked at, and killed;
- all members are there and nobody else is, in one list per segment, and the ledger and the report say so;
- it recovered as the column says. *itself*: the task bridged it. *retry*: Airflow tried a task again, in the same run.
  *next run*: the run failed, and the next one was right. *human*: the run failed and said what a human must do; once
  that was done, the next run was right;
- nothing was sent twice that must not be: the service took no more uploads and calls than the parts that the ledgers
  know to be done, but for parts of which nobody could know what had come of them.

Requests are the uploads (Bulk files) and calls (with up to 1,000 members each) that the service took, over all runs
of a row. Seconds are those of the whole row, on a machine that plays several at the same time: Airflow's waits, and
the start of its tasks, are nearly all of them.
"""


def page(outcomes: Sequence[Outcome]) -> str:
    """The page: all rows of the matrix, those that were not played yet too."""
    by_name = {outcome.row: outcome for outcome in outcomes}
    played = [outcome for outcome in outcomes if not outcome.not_here]
    days = sorted(outcome.played[:10] for outcome in outcomes)
    head = _HEAD.format(
        rows=len(MATRIX),
        played=len(played),
        when=f" ({days[0]} to {days[-1]})" if days else "",
        right=sum(not outcome.wrong for outcome in played),
        scheduler=len(UNDER_SCHEDULER),
        in_process=len(IN_PROCESS),
    )
    lines = [_cells(by_name.get(row.name), row) for row in MATRIX]
    return "\n".join([head, _line(COLUMNS), _line(["---"] * len(COLUMNS)), *map(_line, lines)]) + "\n"


def _cells(outcome: Outcome | None, row: Row) -> Sequence[str]:
    what = (f"`{row.name}`", row.fault, row.where)
    if outcome is None:
        return (*what, NOT_PLAYED, "", "", played_under(row), "")
    if outcome.not_here:
        return (*what, NOT_HERE, "", "", outcome.under, "")
    requests = [
        f"{count} {name}" for count, name in ((outcome.uploads, "uploads"), (outcome.calls, "calls")) if count
    ]
    right = f"{outcome.members:,} of {outcome.expected:,}"
    return (
        *what,
        outcome.recovered_by,
        ", ".join(requests) or "none",
        f"{right}, **wrong**" if outcome.wrong else right,
        outcome.under,
        str(outcome.seconds),
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page(kept()))
