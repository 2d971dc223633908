"""What a delivery leaves in its segment's records, and the guards that judge it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.run.step import apply_guards
from customer_match.redaction import logger
from customer_match.runs.guards import Finding, check_refused, check_removed, words_of
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
        records: Where they are.
        chunked: The record of `chunk`, with what the upload is judged by.
    """

    audience: str
    records: SegmentRecords
    chunked: Chunked

    def record(self, delivery: Delivery, *, seconds: float, terms: str | None) -> Delivered:
        """Record what the service took, and then judge it: it is true whatever the guards find.

        Args:
            delivery: What was delivered.
            seconds: How long that took.
            terms: Who accepted the terms of what was sent.

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
        apply_guards(finding, ignore=self.chunked.ignore_guards)
        return record

    def replan(self, plan: Plan) -> None:
        """Another plan takes the place of the one that `chunk` made and judged: who leaves is judged anew.

        Raises:
            GuardTripped: Too many members would leave; nothing of the plan was sent.
        """
        chunked = self.chunked
        finding = check_removed(self.audience, plan, chunked.guards) if chunked.guards else None
        overridden = tuple(dict.fromkeys((*chunked.overridden, *self._overridden(finding))))
        self.records.write(chunked.model_copy(update={"plan": plan, "overridden": overridden}))
        apply_guards(finding, ignore=chunked.ignore_guards)

    def skip(self, overtaken: Overtaken) -> None:
        """Record that a newer data interval has come in between, so that nothing is sent."""
        skipped = {"plan": None, "ending": None, "skipped": str(overtaken)}
        self.records.write(self.chunked.model_copy(update=skipped))

    def _overridden(self, finding: Finding | None) -> tuple[str, ...]:
        return words_of([finding]) if self.chunked.ignore_guards else ()

    def _forced_over(self, delivery: Delivery) -> datetime | None:
        """The newer data interval that this run, and no earlier one, was applied over."""
        forced, force = delivery.forced, self.chunked.force
        return forced.over if forced and force and forced.by == force.run else None
