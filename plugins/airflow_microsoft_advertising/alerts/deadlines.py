"""Checks deadlines: is an export up to date, and if not, who has to know?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.alerts.announcing import announce_deadline
from customer_match.alerts.freshness import FRESHNESS_COLUMNS, FRESHNESS_RUNS, delivered_up_to, missed_words
from customer_match.errors import CustomerMatchError
from customer_match.export.alerts.deadline import next_due
from customer_match.history.table import History
from customer_match.redaction import logger

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.alerts.deadline import Due
    from customer_match.export.model import Export

__all__ = ["check_deadline", "last_due"]

log = logger(__name__)

_LONGEST: Final = timedelta(days=8)
"""How far deadlines are looked for that passed while nothing checked them: those of weekly exports too."""


def last_due(export: Export, after: datetime, until: datetime) -> Due | None:
    """The last deadline of an export after one time and not after another one; None if there is none."""
    found, after = None, max(after, until - _LONGEST)
    assert export.deadline is not None  # noqa: S101 (the caller's condition)
    while (due := next_due(export.deadline, export.schedule, export.timezone, after)) and due.moment <= until:
        found, after = due, due.moment
    return found if found and found.since >= export.begins else None


def check_deadline(run: ExportRun, due: Due) -> bool:
    """Check whether the audiences are up to date, and announce it if they are not. Faults are announced too.

    Args:
        run: The check, as a run of the export; it gives access to the workspace.
        due: The deadline.

    Returns:
        Whether they are up to date.
    """
    export = run.export
    try:
        history = History(run.workspace, export.name).read(runs=FRESHNESS_RUNS, columns=FRESHNESS_COLUMNS)
        up_to = delivered_up_to(history)
    except CustomerMatchError as error:
        announce_deadline(run, due, f"it is not known whether the audiences are up to date: {error}")
        return False
    if up_to is not None and up_to >= due.since:
        log.info("%s is up to date for %s", export.name, f"{due.moment:%Y-%m-%d %H:%M} UTC")
        return True
    words = missed_words(due, up_to, export.timezone)
    log.warning("%s: %s", export.name, words)
    announce_deadline(run, due, words)
    return False
