"""Builds the report of a segment from the records of its steps."""

from __future__ import annotations

from typing import Final

from customer_match.export.segments import Ending
from customer_match.planning.plan import Plan
from customer_match.planning.sizes import AudienceSize
from customer_match.profiles.staging import Staged
from customer_match.runs.records import (
    Chunked,
    Delivered,
    Failure,
    Normalised,
    SegmentRecords,
    Validated,
)
from customer_match.runs.report import OUTCOME_OF_ENDING, Outcome, SegmentReport

__all__ = ["segment_report"]

_WOULD: Final[dict[Ending, str]] = {
    "empty": "The audience would be emptied.",
    "delete": "The audience would be deleted.",
}


def segment_report(
    segment: str,
    audience: str,
    records: SegmentRecords,
    *,
    dry_run: bool,
    sizes: AudienceSize | None = None,
    unfinished: tuple[str, ...] = (),
) -> SegmentReport:
    """Build the report of a segment from the records of its steps.

    Args:
        segment: Name of the table.
        audience: Name of the audience.
        records: The records.
        dry_run: Whether nothing was to be sent.
        sizes: The audience's size at the service; None if it was not read.
        unfinished: Ids of the uploads of a delivery that did not end.
    """
    validated, normalised = records.read(Validated), records.read(Normalised)
    chunked, delivered = records.read(Chunked), records.read(Delivered)
    failure = records.read(Failure)
    outcome, message = _outcome(failure, chunked, delivered, dry_run=dry_run)
    steps = [record for record in (validated, normalised, chunked, delivered) if record]
    # What an unfinished upload has sent is not known: the plan's counts are no answer.
    is_carried_out = delivered is not None or dry_run
    return SegmentReport.model_validate(
        {
            "segment": segment,
            "audience": audience,
            "outcome": outcome,
            "message": message,
            "guards": failure.guards if failure else (),
            "findings": failure.findings if failure else (),
            "decisions": records.decisions.read(),
            "location": validated.location if validated else None,
            "modified": validated.modified if validated else None,
            "profiles": validated.profiles if validated else None,
            "sizes": sizes,
            "overridden": tuple(words for record in steps for words in record.overridden),
            "seconds": round(sum(record.seconds for record in steps), 2),
            **(_staged_counts(normalised.staged) if normalised else {}),
            "tables": normalised.tables if normalised else (),
            "requests": unfinished,
            **(_warnings(chunked, chunked.plan) if chunked and chunked.plan else {}),
            **(_erased_later(normalised.staged, chunked) if normalised and chunked else {}),
            **(_planned_counts(chunked.plan) if is_carried_out and chunked and chunked.plan else {}),
            **(_delivered_counts(delivered) if delivered else {}),
        }
    )


def _staged_counts(staged: Staged) -> dict[str, object]:
    names = ("profiles", "filtered", "without_consent", "valid", "duplicates", "suppressed", "erased")
    counts: dict[str, object] = {name: getattr(staged, name) for name in names}
    counts |= {
        "rejected": {str(reason): number for reason, number in staged.rejected.items()},
        "suppression_lists": staged.lists,
        "members": staged.members.count,
        "rejects": staged.rejects.path if staged.rejects else None,
    }
    if staged.log:
        counts |= staged.log.model_dump()
    if staged.joined:
        counts |= staged.joined.model_dump(include={"customers", "without_profile", "unreadable"})
    return counts


def _erased_later(staged: Staged, chunked: Chunked) -> dict[str, object]:
    """The counts that change because members asked for erasure after the segment was read."""
    left_out = chunked.plan.erased if chunked.plan else 0
    if not left_out:
        return {}
    return {"members": staged.members.count - left_out, "erased": (staged.erased or 0) + left_out}


def _warnings(chunked: Chunked, plan: Plan) -> dict[str, object]:
    return {"damage": plan.damage, "lapse": chunked.lapse}


def _planned_counts(plan: Plan) -> dict[str, object]:
    return {
        "added": plan.added,
        "removed": plan.removed,
        "replaced": plan.replaces,
        "renewed": plan.renewed,
        "parts": len(plan.parts),
        "route": plan.route,
    }


def _delivered_counts(delivered: Delivered) -> dict[str, object]:
    names = (
        "audience_id",
        "sent",
        "refused",
        "route",
        "calls",
        "requests",
        "terms",
        "forced_over",
        "uncovered",
    )
    return {name: getattr(delivered, name) for name in names}


def _outcome(
    failure: Failure | None, chunked: Chunked | None, delivered: Delivered | None, *, dry_run: bool
) -> tuple[Outcome, str | None]:
    if failure:
        return Outcome.FAILED, f"{failure.step}: {failure.message}"
    if chunked and chunked.plan is None and chunked.ending is None:
        return Outcome.SKIPPED, chunked.skipped
    if chunked and dry_run:
        return Outcome.DRY_RUN, _reason(chunked, _WOULD[chunked.ending]) if chunked.ending else None
    if delivered is None:
        return (
            Outcome.FAILED,
            "The task stopped without reporting a result (killed or timed out): see its log in Airflow.",
        )
    if delivered.refused:
        return Outcome.REFUSED_SOME, f"{delivered.refusals}; the next run sends them again."
    return _outcome_of_delivery(chunked, delivered)


def _outcome_of_delivery(chunked: Chunked | None, delivered: Delivered) -> tuple[Outcome, str | None]:
    if chunked is None or chunked.ending is None:
        return (Outcome.DELIVERED if delivered.parts else Outcome.UNCHANGED), None
    if delivered.audience_id is None:
        return Outcome.UNCHANGED, _reason(chunked, "No audience certainly belongs to this segment.")
    return OUTCOME_OF_ENDING[chunked.ending], _reason(chunked)


def _reason(chunked: Chunked, more: str = "") -> str:
    """Why an audience ends instead of being filled."""
    why = "Whoever started the run ordered it." if chunked.ordered else "The table no longer exists."
    return f"{why} {more}".rstrip()
