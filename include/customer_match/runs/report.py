"""The report of a run, as a model: its JSON is `report.json`. No e-mail address and no hash is in it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, computed_field, field_validator

from customer_match.export.segments import Ending
from customer_match.planning.known_tables import Seen
from customer_match.planning.sizes import AudienceSize
from customer_match.profiles.suppression import ListRead
from customer_match.redaction import without_addresses, without_addresses_in
from customer_match.routes import Route

__all__ = ["OUTCOME_OF_ENDING", "Outcome", "RunReport", "SegmentReport"]


class Outcome(StrEnum):
    """How a segment ended."""

    DELIVERED = "delivered"
    UNCHANGED = "unchanged"
    EMPTIED = "emptied"
    DELETED = "deleted"
    REFUSED_SOME = "refused some"
    DRY_RUN = "dry run"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def good(self) -> bool:
        """Whether nobody has to act."""
        return self is not Outcome.FAILED


OUTCOME_OF_ENDING: Final[dict[Ending, Outcome]] = {"empty": Outcome.EMPTIED, "delete": Outcome.DELETED}
"""How a segment ended whose table has vanished, by what the export wants then."""


class SegmentReport(BaseModel):
    """One segment of a run. Counts are None where the run did not come that far.

    Attributes:
        segment: The table's name.
        audience: The audience's name.
        audience_id: Its id at the service.
        outcome: How it ended.
        message: Why it failed or was skipped, or what the service refused; and what to do.
        location: Where the table lies that was read, its dates filled in.
        profiles: Rows read; of a log of changes those that count: the newest of each id, without what is deleted.
        superseded: Rows of logs of changes with a newer one of the same id; None where no table is such a log.
        deleted: Ids, of those that logs of changes have, that were deleted.
        filtered: Rows that `where` left out.
        without_consent: Rows, of the others, without consent.
        valid: Rows, of those that are left, with a usable address.
        rejected: Rows without one, by reason.
        duplicates: Digests that were there already.
        suppressed: Distinct members that the suppression lists kept out; None without such lists.
        suppression_lists: How the suppression lists were read: rows, and those of no use by reason.
        customers: Distinct customers that the segment lists, where these are joined to profiles; None elsewhere.
        without_profile: Customers, of these, that no profile has.
        unreadable: Rows of the table of memberships whose segments cannot be read.
        members: Distinct members of the segment.
        rejects: The file in the workspace with the keys of the rejected rows; None if no `row_key` is named.
        added: Members sent because they may have been missing.
        removed: Members sent because they left; None if nobody knew who was in the audience.
        renewed: Members sent again, so that they do not lapse.
        sent: Members that were sent.
        refused: Members of these that the service refused, by the name of its error.
        overridden: What guards found and let pass, because the run ignored them.
        parts: Upload files, or groups of calls.
        route: How the parts travel: `bulk` or `apply`; None if there are none.
        calls: Calls that held the members; 0 for Bulk.
        replaced: Whether the audience was replaced as a whole.
        terms: How the Customer Match terms were accepted, where the uploads did so.
        sizes: How large the service found the audience when the run began; None if no earlier run delivered it.
        damage: Why the ledger was not trusted, so that it had to be; None normally.
        forced_over: End of the newer data interval that the audience held, and that this one was applied over; None
            normally.
        lapse: What people should know of members that may lapse; None normally.
        uncovered: Why it would not be noticed if another workspace wrote to the audience; None normally.
        seconds: From the first step's work to the last one's, waiting for Airflow left out.
    """

    model_config = ConfigDict(frozen=True)

    segment: str
    audience: str
    audience_id: str | None = None
    outcome: Outcome
    message: str | None = None
    location: str | None = None
    profiles: int | None = None
    superseded: int | None = None
    deleted: int | None = None
    filtered: int | None = None
    without_consent: int | None = None
    valid: int | None = None
    rejected: dict[str, int] = {}
    duplicates: int | None = None
    suppressed: int | None = None
    suppression_lists: tuple[ListRead, ...] = ()
    customers: int | None = None
    without_profile: int | None = None
    unreadable: int | None = None
    members: int | None = None
    rejects: str | None = None
    added: int | None = None
    removed: int | None = None
    sent: int | None = None
    renewed: int | None = None
    refused: dict[str, int] = {}
    overridden: tuple[str, ...] = ()
    parts: int | None = None
    route: Route | None = None
    calls: int | None = None
    replaced: bool = False
    terms: str | None = None
    sizes: AudienceSize | None = None
    damage: str | None = None
    forced_over: datetime | None = None
    lapse: str | None = None
    uncovered: str | None = None
    seconds: float = 0.0

    @field_validator("*", mode="before")
    @classmethod
    def _without_addresses(cls, value: object) -> object:
        return without_addresses_in(value)

    @property
    def kept_out(self) -> dict[str, int]:
        """Who is not in the audience for other reasons than the address, in words, as far as there are any."""
        counts = {
            "older rows superseded": self.superseded,
            "deleted": self.deleted,
            "left out by where": self.filtered,
            "without consent": self.without_consent,
            "members suppressed": self.suppressed,
            "customers without a profile": self.without_profile,
            "memberships unreadable": self.unreadable,
        }
        return {words: count for words, count in counts.items() if count}


class RunReport(BaseModel):
    """One run of an export.

    Attributes:
        export: Name of the export.
        title: Its title.
        run_id: Airflow's name of the run.
        interval_end: End of the data interval (or the time of a manual run), UTC.
        finished: When the report was made, UTC.
        dry_run: Whether nothing was sent.
        full: Whether audiences were replaced on request.
        forced: Whether older data was to be applied over newer data.
        segments: In the order of the export.
        sizes_note: Why the audiences' sizes could not be read; None normally.
        vanished: Tables that an earlier run delivered and that are not there any more. Their audiences are kept, where
            they are not among the segments.
        appeared: Tables that a pattern takes and that no earlier run delivered.
        ending: What becomes of audiences whose tables two runs in a row miss; None: they are kept.
    """

    model_config = ConfigDict(frozen=True)

    export: str
    title: str
    run_id: str
    interval_end: datetime
    finished: datetime
    dry_run: bool
    full: bool
    forced: bool = False
    segments: tuple[SegmentReport, ...]
    sizes_note: str | None = None
    vanished: tuple[Seen, ...] = ()
    appeared: tuple[str, ...] = ()
    ending: Ending | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _without_addresses(cls, value: object) -> object:
        return without_addresses_in(value)

    @field_validator("vanished")
    @classmethod
    def _without_addresses_of_tables(cls, vanished: tuple[Seen, ...]) -> tuple[Seen, ...]:
        return tuple(
            one.model_copy(
                update={"table": without_addresses(one.table), "audience": without_addresses(one.audience)}
            )
            for one in vanished
        )

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way to put a property into JSON
    @property
    def failed(self) -> int:
        """Segments that failed."""
        return sum(not segment.outcome.good for segment in self.segments)

    def total(self, field: str) -> int:
        """Sum of a count over all segments; those that are not known count as nothing."""
        return sum(getattr(segment, field) or 0 for segment in self.segments)

    @property
    def terms(self) -> str | None:
        """How the Customer Match terms were accepted, where an upload did so."""
        return next((segment.terms for segment in self.segments if segment.terms), None)
