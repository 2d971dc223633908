"""What an export's alerts are about: the conditions of a run, one for each segment with a problem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from customer_match.export.alerts.section import Kind
from customer_match.runs.report import Outcome, RunReport, SegmentReport

__all__ = ["WHOLE_RUN", "Condition", "Findings", "findings_of", "findings_without_report"]

WHOLE_RUN: Final = ""
"""The place of a condition that concerns the run as a whole."""


@dataclass(frozen=True)
class Condition:
    """A problem of a run.

    Attributes:
        place: Name of the audience, or WHOLE_RUN.
        kind: What kind of problem.
        message: What is wrong and what to do, without addresses.
    """

    place: str
    kind: Kind
    message: str


@dataclass(frozen=True)
class Findings:
    """What a run shows about the state of its export.

    Attributes:
        conditions: Its problems; at most one of each place.
        judged: Places whose earlier problems have ended, unless they are among the conditions.
        skipped: Segments about which the run says nothing, because it skipped them.
        segments: Number of segments of the run; 0 if none was selected.
        is_complete: Whether the run chose all segments of the export. Then the export no longer has any others, and
            their problems have ended too.
        decisions: Who has approved that segments of the run go on although guards had stopped them, as sentences.
        up_to: End of the data interval up to which all audiences of the export are delivered now; None if a segment
            failed, or if the run did not choose all of them.
    """

    conditions: tuple[Condition, ...]
    judged: frozenset[str]
    skipped: frozenset[str] = frozenset()
    segments: int = 0
    is_complete: bool = False
    decisions: tuple[str, ...] = ()
    up_to: datetime | None = None

    def has_ended(self, place: str) -> bool:
        """Whether an earlier problem of a place has ended, if it is not among the conditions."""
        return place in self.judged or (self.is_complete and place not in self.skipped)


def findings_of(
    report: RunReport, rejected_above: float, *, is_complete: bool, stopped: str | None
) -> Findings:
    """What the report of a run shows.

    Args:
        report: The report.
        rejected_above: The share of profiles without a usable address above which a segment has a problem.
        is_complete: Whether the run chose all segments of the export.
        stopped: Why the run was stopped before its end; None if it was not.
    """
    whole = [Condition(WHOLE_RUN, Kind.FAILURE, stopped)] if stopped else []
    found = [one for segment in report.segments for one in _of_segment(segment, rejected_above)]
    all_segments = {segment.audience for segment in report.segments}
    skipped = frozenset(one.audience for one in report.segments if one.outcome is Outcome.SKIPPED)
    return Findings(
        conditions=(*whole, *found),
        judged=frozenset({WHOLE_RUN, *all_segments}) - skipped,
        skipped=skipped,
        segments=len(all_segments),
        is_complete=is_complete,
        decisions=tuple(
            f"{one.audience}: {decision.words}"
            for one in report.segments
            if one.outcome.good
            for decision in one.decisions
        ),
        up_to=report.interval_end
        if is_complete and report.segments and not (report.failed or stopped)
        else None,
    )


def findings_without_report(reason: str) -> Findings:
    """What a run shows that has no report, because no segment was selected or the report could not be written."""
    return Findings((Condition(WHOLE_RUN, Kind.FAILURE, reason),), frozenset({WHOLE_RUN}))


def _of_segment(segment: SegmentReport, rejected_above: float) -> Iterator[Condition]:
    """Yield the condition of a segment, if it has one."""
    message = segment.message or ""
    if segment.outcome is Outcome.FAILED:
        words = " ".join([message, *(one.words for one in segment.decisions)])
        yield Condition(segment.audience, Kind.GUARD if segment.guards else Kind.FAILURE, words)
        return
    parts = [message] if segment.outcome is Outcome.REFUSED_SOME else []
    if segment.outcome is not Outcome.SKIPPED and _share_rejected(segment) > rejected_above:
        parts.append(_rejections(segment))
    if parts:
        yield Condition(segment.audience, Kind.PARTIAL, " ".join(parts))


def _share_rejected(segment: SegmentReport) -> float:
    """The share of profiles without a usable address, of those that `where` and consent leave: as the guard has it."""
    judged = (segment.valid or 0) + sum(segment.rejected.values())
    return sum(segment.rejected.values()) / judged if judged else 0.0


def _rejections(segment: SegmentReport) -> str:
    reasons = sorted(segment.rejected.items(), key=lambda item: -item[1])
    counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons if count)
    return (
        f"{sum(segment.rejected.values()):,} profiles ({_share_rejected(segment):.1%}) have no usable address "
        f"({counts}). Check the e-mail column and the job that writes it."
    )
