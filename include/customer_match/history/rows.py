"""Makes the rows of the history from the report of a run."""

from __future__ import annotations

from customer_match.addresses.definition import Rejection
from customer_match.history.model import HistoryRow
from customer_match.runs.report import RunReport, SegmentReport
from customer_match.runs.states import RunKind

__all__ = ["rows_of"]

_SAME_NAME = {
    "segment", "audience", "audience_id", "outcome", "message", "location", "profiles", "superseded", "deleted",
    "filtered", "without_consent", "valid", "duplicates", "suppressed", "erased", "without_profile", "unreadable",
    "members", "added", "removed", "renewed", "sent", "parts", "calls", "route", "seconds",
}  # fmt: skip


def rows_of(report: RunReport) -> list[HistoryRow]:
    """One row for each segment of a run; of a run without segments, one row with the run alone."""
    run = {
        "run_state": report.state,
        "started": report.started or report.finished,
        "ended": report.finished,
        **report.model_dump(
            include={
                "export",
                "run_id",
                "kind",
                "dry_run",
                "full",
                "forced",
                "complete",
                "interval_start",
                "interval_end",
            }
        ),
    }
    unknown = dict.fromkeys(HistoryRow.model_fields)
    segments = [_segment(report, one) for one in report.segments] or [{"message": report.message}]
    return [HistoryRow.model_validate(unknown | run | segment) for segment in segments]


def _segment(report: RunReport, segment: SegmentReport) -> dict[str, object]:
    was_read, sizes = segment.valid is not None, segment.sizes
    return {
        **segment.model_dump(include=_SAME_NAME),
        "guards": ", ".join(segment.guards) or None,
        "awaits_decision": segment.awaits_decision and _can_go_on(report),
        "decisions": "\n".join(one.words for one in segment.decisions) or None,
        "source_modified": segment.modified,
        "source_age_hours": _age_hours(report, segment),
        "rejected": sum(segment.rejected.values()) if was_read else None,
        **{f"rejected_{one}": segment.rejected.get(one, 0) if was_read else None for one in Rejection},
        "refused": None if segment.sent is None else sum(segment.refused.values()),
        "replaced": None if segment.parts is None else segment.replaced,
        "search_size": sizes.search_size if sizes else None,
        "network_size": sizes.network_size if sizes else None,
        "audience_members": sizes.members if sizes else None,
        "match_rate": sizes.match_rate if sizes else None,
    }


def _can_go_on(report: RunReport) -> bool:
    """Whether the run goes on after a decision: Airflow has to know it, and it has to send something."""
    return not report.dry_run and report.kind is not RunKind.COMMAND_LINE


def _age_hours(report: RunReport, segment: SegmentReport) -> float | None:
    if segment.modified is None or report.started is None:
        return None
    return round(max(0.0, (report.started - segment.modified).total_seconds() / 3600), 2)
