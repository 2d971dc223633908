"""Runs and what they show, for the tests of alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from customer_match.alerts.conditions import Condition, Findings
from customer_match.alerts.message import RunFacts
from customer_match.export.alerts.section import Kind

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def facts(**changes: Any) -> RunFacts:
    values: dict[str, Any] = {
        "export": "autumn",
        "title": "Autumn campaign",
        "run_id": "scheduled__2026-06-01",
        "interval_end": NOW,
        "run_url": "https://airflow.example.com/dags/autumn/runs/scheduled__2026-06-01",
    }
    return RunFacts(**values | changes)


def shows(*, good: str = "", complete: bool = True, skipped: str = "", **bad: Kind) -> Findings:
    """A run of the segments that are named: those with a problem with its kind, others in one text."""
    conditions = tuple(Condition(place, kind, f"{place} is {kind}.") for place, kind in bad.items())
    judged = frozenset({"", *good.split(), *bad})
    return Findings(conditions, judged, frozenset(skipped.split()), len(judged) - 1, complete)
