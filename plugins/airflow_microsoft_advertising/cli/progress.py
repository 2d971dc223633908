"""Shows the progress of a run on standard error: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from airflow_microsoft_advertising.cli.output import say
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from customer_match.export.segments import Segment

__all__ = ["Progress", "show_progress"]

_ENDS: Final = frozenset({"done", "failed", "skipped"})
"""States after which a segment does nothing more."""

TotalOf = Callable[["Segment"], "int | None"]
"""Returns how many rows the table of a segment has; None if it is known only after reading."""


class Progress(Protocol):
    """Gets the progress of segments."""

    def __call__(self, segment: Segment, what: str, /) -> None:
        """A step has begun, or something is awaited, or has ended."""

    def rows(self, segment: Segment, count: int, /) -> None:
        """So many rows of a segment have been read."""


@contextmanager
def show_progress(total_of: TotalOf = lambda _: None) -> Iterator[Progress]:
    """Show progress: bars on a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    with _mute_logs(), _bars() as bars:
        yield _Rows(bars, total_of)


class _Lines:
    """One line for each message; rows are not shown."""

    def __call__(self, segment: Segment, what: str) -> None:
        say(f"{segment.audience}: {what}", err=True)

    def rows(self, segment: Segment, count: int) -> None:
        """Nothing: a line for each batch would be too many."""


class _Rows:
    """One bar for each segment: its steps, and within the reading its rows.

    Args:
        bars: The bars.
        total_of: How many rows a segment has.
    """

    def __init__(self, bars: Bars, total_of: TotalOf) -> None:
        from customer_match.runs.records import Step  # noqa: PLC0415 - on a terminal only

        self._bars = bars
        self._total_of = total_of
        self._steps = [str(step) for step in Step]
        self._reading = self._steps.index(Step.NORMALISE)
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int | None] = {}

    def __call__(self, segment: Segment, what: str) -> None:
        state, _, reason = what.partition(": ")
        if state in _ENDS:
            self._end(segment, state, reason)
        else:
            self._update(segment, what, self._steps.index(what) if what in self._steps else None)

    def rows(self, segment: Segment, count: int) -> None:
        if segment.audience not in self._totals:
            self._totals[segment.audience] = self._total_of(segment)
        total = self._totals[segment.audience]
        share = min(1.0, count / total) if total else 0.0
        of = f" of {total:,}" if total else ""
        self._update(segment, f"{self._steps[self._reading]}: {count:,}{of} rows", self._reading + share)
        if count == total:
            self._bars.refresh()  # a small table is read between two refreshes

    def _end(self, segment: Segment, state: str, reason: str) -> None:
        """Stop the clock of a segment. A reason is printed above the bars, where it stays."""
        self._update(segment, state, len(self._steps) if state == "done" else None)
        self._bars.stop_task(self._tasks[segment.audience])
        if reason:
            line = without_addresses(f"{segment.audience}: {state}: {reason}")
            self._bars.console.print(line, markup=False, highlight=False)

    def _update(self, segment: Segment, what: str, completed: float | None) -> None:
        from rich.markup import escape  # noqa: PLC0415 - on a terminal only

        audience = segment.audience
        if audience not in self._tasks:
            name = escape(without_addresses(audience))
            self._tasks[audience] = self._bars.add_task(name, total=len(self._steps), what="")
        self._bars.update(self._tasks[audience], completed=completed, what=escape(without_addresses(what)))


def _bars() -> Bars:
    from rich.console import Console  # noqa: PLC0415 - on a terminal only
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    console = Console(stderr=True)
    name = TextColumn(
        "{task.description}", table_column=Column(max_width=max(8, console.width // 3), no_wrap=True)
    )
    what = TextColumn("{task.fields[what]}", table_column=Column(ratio=1, overflow="fold"))
    bar = BarColumn(max(4, min(20, console.width // 6)))
    return Progress(name, bar, TimeElapsedColumn(), what, console=console, expand=True)


@contextmanager
def _mute_logs() -> Iterator[None]:
    """Log nothing: other lines would break the bars, which print the reason of each failure themselves."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        root.setLevel(before)
