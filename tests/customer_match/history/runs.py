"""Runs that the tests of the history share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from customer_match.history.model import HistoryRow
from customer_match.history.rows import rows_of
from customer_match.runs.report import SegmentReport
from tests.customer_match.runs.reports import a_segment, run_of

DAY = datetime(2026, 6, 1, 5, tzinfo=UTC)


def report_on(day: int, *segments: SegmentReport, minutes: float = 3, **changes: Any) -> Any:
    """The report of the run of a day; it was recorded some minutes after it began."""
    began = DAY + timedelta(days=day)
    values = {"run_id": f"run {day}", "started": began, "finished": began + timedelta(minutes=minutes)}
    return run_of(*(segments or (a_segment(),)), **(values | changes))


def rows_on(day: int, members: Sequence[int] = (2_000,), **changes: Any) -> list[HistoryRow]:
    """The rows of the run of a day, with one segment for each number of members."""
    segments = [a_segment(audience=f"VIPs {place}", members=count) for place, count in enumerate(members)]
    return rows_of(report_on(day, *segments, **changes))
