"""Up to when an export is delivered, by its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from customer_match.alerts.freshness import delivered_up_to, missed_words
from customer_match.export.alerts.deadline import Due
from customer_match.history.model import SCHEMA, HistoryRow
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind
from tests.customer_match.history.runs import DAY, rows_on

COMPLETE = {"complete": True}


def table(*runs: Sequence[HistoryRow]) -> pa.Table:
    return pa.Table.from_pylist([row.model_dump() for rows in runs for row in rows], schema=SCHEMA)


def on(day: int, *outcomes: Outcome, **changes: Any) -> list[HistoryRow]:
    """The rows of a run for a day, with one segment for each outcome."""
    values = {"interval_end": DAY + timedelta(days=day)} | COMPLETE | changes
    rows = rows_on(day, [1] * len(outcomes), **{key: values[key] for key in values if key != "outcome"})
    return [row.model_copy(update={"outcome": one}) for row, one in zip(rows, outcomes, strict=True)]


GOOD, BAD, SKIPPED = Outcome.DELIVERED, Outcome.FAILED, Outcome.SKIPPED


@pytest.mark.parametrize(
    ("runs", "day"),
    [
        ([], None),
        ([on(1, GOOD, GOOD), on(2, GOOD, BAD)], 1),
        ([on(1, GOOD, GOOD), on(2, GOOD, SKIPPED)], 2),
        ([on(1, GOOD), on(2, GOOD, dry_run=True)], 1),
        ([on(1, GOOD), on(2, GOOD, complete=False)], 1),
        ([on(2, GOOD), on(1, GOOD)], 2),
        ([on(1, GOOD, complete=None, kind=RunKind.SCHEDULED)], 1),
        ([on(1, GOOD, complete=None, kind=RunKind.MANUAL)], None),
        ([on(1, BAD)], None),
    ],
)
def test_the_newest_data_of_which_all_segments_are_delivered(
    runs: list[list[HistoryRow]], day: int | None
) -> None:
    wanted: datetime | None = None if day is None else DAY + timedelta(days=day)
    assert delivered_up_to(table(*runs)) == wanted


def test_a_run_without_segments_delivers_nothing() -> None:
    rows = [row.model_copy(update={"outcome": None, "segment": None}) for row in on(1, GOOD)]
    assert delivered_up_to(table(rows)) is None


def test_what_was_missed_is_said_in_the_time_zone_of_the_export() -> None:
    due = Due(moment=DAY, since=DAY - timedelta(hours=2))
    words = missed_words(due, DAY - timedelta(days=1), "Europe/Berlin")
    assert words.startswith(
        "by 2026-06-01 07:00 (Europe/Berlin) all audiences had to have data up to 2026-06-01 03:00"
    )
    assert "up to 2026-05-31 05:00 UTC" in words
    assert "No run has delivered all segments yet." in missed_words(due, None, "UTC")
