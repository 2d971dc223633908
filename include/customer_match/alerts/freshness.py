"""Whether the audiences of an export are up to date: up to when its runs have delivered all segments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from customer_match.export.alerts.deadline import Due
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind

__all__ = ["FRESHNESS_COLUMNS", "FRESHNESS_RUNS", "delivered_up_to", "missed_words"]

FRESHNESS_RUNS: Final = 100
"""In how many runs a complete one is looked for."""

FRESHNESS_COLUMNS: Final = ("run_id", "kind", "dry_run", "complete", "interval_end", "outcome")
"""The columns of the history that this needs."""


def delivered_up_to(history: pa.Table) -> datetime | None:
    """End of the newest data interval for which a run delivered all segments of the export; None if none did.

    A segment that a run skipped, because its audience held newer data, counts as delivered. Dry runs do not count.

    Args:
        history: Rows of the history.
    """
    runs: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in history.select(FRESHNESS_COLUMNS).to_pylist():
        runs[row["run_id"]].append(row)
    return max(
        (rows[0]["interval_end"] for rows in runs.values() if all(map(_is_delivered, rows))), default=None
    )


def missed_words(due: Due, up_to: datetime | None, timezone: str) -> str:
    """Say what was missed, as sentences.

    Args:
        due: The deadline.
        up_to: What `delivered_up_to` found.
        timezone: The export's time zone.
    """
    moment = due.moment.astimezone(ZoneInfo(timezone))
    last = (
        f"The newest data of which all segments are delivered are those up to {up_to:%Y-%m-%d %H:%M} UTC."
        if up_to
        else "No run has delivered all segments yet."
    )
    return (
        f"by {moment:%Y-%m-%d %H:%M} ({timezone}) all audiences had to have data up to {due.since:%Y-%m-%d %H:%M} UTC "
        f"or later, but they do not. {last}"
    )


def _is_delivered(row: Mapping[str, Any]) -> bool:
    is_complete = row["complete"] or (
        row["complete"] is None and row["kind"] == RunKind.SCHEDULED
    )  # an old row
    return is_complete and not row["dry_run"] and row["outcome"] not in (None, Outcome.FAILED)
