"""Makes the events of a run from its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from customer_match.audit.events import Event, RunEnded, SegmentEnded
from customer_match.runs.report import RunReport, SegmentReport

__all__ = ["events_of"]

_SAME_NAME: Final = SegmentEnded.model_fields.keys() & SegmentReport.model_fields.keys()


def events_of(report: RunReport, *, user: str | None, consent_columns: Mapping[str, str]) -> list[Event]:
    """Make the events of a run that has ended: the outcome of each segment, and the end.

    Args:
        report: Its report.
        user: Who started it, from `name_of_user`.
        consent_columns: The column with the consent, by audience; none where no consent is checked.
    """
    run: dict[str, Any] = {
        "run_id": report.run_id,
        "kind": report.kind,
        "user": user,
        "dry_run": report.dry_run,
    }
    segments = [
        SegmentEnded(
            **run,
            **segment.model_dump(include=set(_SAME_NAME)),
            consent_column=consent_columns.get(segment.audience),
        )
        for segment in report.segments
    ]
    end = RunEnded(
        **run,
        state=report.state,
        segments=len(segments),
        failed=report.failed,
        message=report.message,
    )
    return [*segments, end]
