"""Writes the result of a delivery into its segment's records, and applies the guards to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.run.step import judge_findings
from customer_match.redaction import logger
from customer_match.runs.findings import Finding, words_of
from customer_match.runs.guards import check_refused, check_removed
from customer_match.runs.records import Chunked, Delivered, SegmentRecords

if TYPE_CHECKING:
    from customer_match.planning.data_intervals import Overtaken
    from customer_match.planning.plan import Plan
    from customer_match_delivery.delivery import Delivery

__all__ = ["DeliveryRecords"]

log = logger(__name__)


@dataclass(frozen=True)
class DeliveryRecords:
    """The records of one segment in one run.

    Attributes:
        audience: Name of the audience.
        records: The records.
        chunked: The record of the step `chunk`, with the guards for the upload.
    """

    audience: str
    records: SegmentRecords
    chunked: Chunked

    def record(self, delivery: Delivery, *, seconds: float, terms: str | None) -> Delivered:
        """Record the result of a delivery, then apply the guards: the record is kept even if a guard stops the run.

        Args:
            delivery: The delivery.
            seconds: How long it took.
            terms: Who accepted the terms for this delivery.

        Raises:
            GuardTripped: The service refused too many members.
        """
        record = Delivered(
            seconds=seconds,
            audience_id=delivery.audience_id,
            parts=delivery.parts,
            sent=delivery.sent,
            route=delivery.route,
            calls=delivery.calls,
            refused=delivery.refused,
            requests=delivery.requests,
            terms=terms if delivery.parts else None,
            forced_over=self._forced_over(delivery),
            uncovered=delivery.uncovered,
        )
        guards = self.chunked.guards
        finding = check_refused(self.audience, record, delivery.members, guards) if guards else None
        record = record.model_copy(update={"overridden": self._overridden(finding)})
        self.records.write(record)
        if record.refused:
            log.warning("%s for the audience %r", record.refusals, self.audience)
        self._judge(finding)
        return record

    def replan(self, plan: Plan) -> None:
        """Replace the plan of the step `chunk`, and apply the guard for removed members again.

        Raises:
            GuardTripped: Too many members would leave. Nothing of the new plan was sent.
        """
        chunked = self.chunked
        finding = check_removed(self.audience, plan, chunked.guards) if chunked.guards else None
        self._judge(finding)  # first: a task that is cleared must not find a plan that nobody has approved
        overridden = tuple(dict.fromkeys((*chunked.overridden, *self._overridden(finding))))
        self.records.write(chunked.model_copy(update={"plan": plan, "overridden": overridden}))

    def skip(self, overtaken: Overtaken) -> None:
        """Record that nothing is sent, because another run delivered a newer data interval in the meantime."""
        skipped = {"plan": None, "ending": None, "skipped": str(overtaken)}
        self.records.write(self.chunked.model_copy(update=skipped))

    def _judge(self, finding: Finding | None) -> None:
        chunked = self.chunked
        judge_findings(self.records, finding, ignore=chunked.ignore_guards, on_page=chunked.on_page)

    def _overridden(self, finding: Finding | None) -> tuple[str, ...]:
        return words_of([finding]) if self.chunked.ignore_guards else ()

    def _forced_over(self, delivery: Delivery) -> datetime | None:
        """Return the end of the newer data interval that this run overrode; None if it overrode none."""
        forced, force = delivery.forced, self.chunked.force
        return forced.over if forced and force and forced.by == force.run else None
