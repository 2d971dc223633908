"""Which guards have stopped segments in the last runs, and which of these segments are still stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from customer_match.runs.report import Outcome

__all__ = ["GUARDED_COLUMNS", "GUARDED_RUNS", "FiredGuard", "fired_guards", "newest_runs", "still_stopped"]

GUARDED_RUNS: Final = 30
"""In how many runs stopped segments are looked for."""

GUARDED_COLUMNS: Final = (
    "run_id", "started", "dry_run", "audience", "outcome", "guards", "message", "decisions",
)  # fmt: skip
"""The columns of the history that this needs."""


@dataclass(frozen=True)
class FiredGuard:
    """A segment that guards stopped in a run.

    Attributes:
        run_id: The run.
        started: When it began, UTC.
        dry_run: Whether it was a dry run.
        audience: The segment's audience.
        guards: Keys of the guards, with commas.
        message: What they found.
        decisions: Who approved or refused it, one sentence each.
    """

    run_id: str
    started: datetime
    dry_run: bool
    audience: str
    guards: str
    message: str
    decisions: tuple[str, ...]


def fired_guards(history: pa.Table) -> list[FiredGuard]:
    """The segments that guards have stopped, the newest first; those too that went on after somebody approved it.

    Args:
        history: Rows of the history.
    """
    return [_fired(row) for row in reversed(_rows(history)) if row["guards"] or row["decisions"]]


def still_stopped(history: pa.Table) -> list[FiredGuard]:
    """The segments that guards stopped in the newest run that worked on them, without dry runs.

    Args:
        history: Rows of the history, in the order in which the runs began.
    """
    return [
        _fired(row) for row in _newest(history).values() if row["outcome"] == Outcome.FAILED and row["guards"]
    ]


def newest_runs(history: pa.Table) -> dict[str, str]:
    """The newest run that worked on each audience, without dry runs.

    Args:
        history: Rows of the history, in the order in which the runs began.
    """
    return {audience: row["run_id"] for audience, row in _newest(history).items()}


def _newest(history: pa.Table) -> dict[str, Mapping[str, Any]]:
    return {row["audience"]: row for row in _rows(history) if row["audience"] and not row["dry_run"]}


def _fired(row: Mapping[str, Any]) -> FiredGuard:
    """Of a segment that went on after somebody approved it, `guards` and `message` are empty."""
    return FiredGuard(
        run_id=row["run_id"],
        started=row["started"],
        dry_run=row["dry_run"],
        audience=row["audience"],
        guards=row["guards"] or "",
        message=row["message"] or "",
        decisions=tuple((row["decisions"] or "").splitlines()),
    )


def _rows(history: pa.Table) -> Sequence[Mapping[str, Any]]:
    rows: list[dict[str, Any]] = history.select(GUARDED_COLUMNS).to_pylist()
    return rows
