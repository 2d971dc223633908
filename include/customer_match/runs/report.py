"""The report of a run as a model; its JSON is `report.json`. It contains no e-mail address and no hash."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, computed_field, field_validator

from customer_match.data_privacy import PrivacyAgreement
from customer_match.export.segments import Ending
from customer_match.planning.known_tables import Seen
from customer_match.planning.sizes import AudienceSize
from customer_match.profiles.suppression import ListRead
from customer_match.redaction import without_addresses, without_addresses_in
from customer_match.routes import Route
from customer_match.runs.decisions import Decision, Verdict
from customer_match.runs.findings import Finding
from customer_match.runs.folders import report_page
from customer_match.runs.states import RunKind, RunState
from customer_match.tables.version import TableVersion

__all__ = ["OUTCOME_OF_ENDING", "Outcome", "RunReport", "SegmentReport"]


class Outcome(StrEnum):
    """The result of a segment."""

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
        """Whether the segment succeeded, so that no user has to act."""
        return self is not Outcome.FAILED

    @property
    def in_audience(self) -> bool:
        """Whether the audience exists and holds what the run wanted, but for members that the service refused."""
        return self in {Outcome.DELIVERED, Outcome.UNCHANGED, Outcome.REFUSED_SOME, Outcome.EMPTIED}


OUTCOME_OF_ENDING: Final[dict[Ending, Outcome]] = {"empty": Outcome.EMPTIED, "delete": Outcome.DELETED}
"""The outcome of a segment whose table has vanished, by what the export does then."""


class SegmentReport(BaseModel):
    """The report of one segment. Counts are None if the run did not get that far.

    `added`, `removed`, `renewed`, `sent`, `parts`, `route` and `replaced` say what was done: of an upload that did not
    end they are unknown, whatever was planned. In a dry run they say what would be done.

    Attributes:
        segment: The table's name.
        audience: The audience's name.
        audience_id: Its id at the service.
        outcome: The result.
        message: Why it failed or was skipped, or what the service refused; and what to do.
        guards: Keys of the guards that stopped it.
        findings: What these guards have found; empty in old reports that did not include it.
        location: Location of the table, with dates filled in.
        modified: When the table was written (UTC); None if the storage does not know it.
        tables: The tables that were read, each with its version.
        profiles: Rows read; for a change log, the newest row of each id that was not deleted.
        superseded: Rows of change logs that a newer row of the same id supersedes; None if no table is a change log.
        deleted: Ids in change logs that were deleted.
        filtered: Rows that `where` left out.
        without_consent: Rows without consent, of the remaining ones.
        valid: Rows with a usable address, of the remaining ones.
        rejected: Rows without a usable address, by reason.
        duplicates: Digests that occurred before.
        suppressed: Distinct members that the suppression lists kept out; None without such lists.
        erased: Distinct members that were kept out because they asked for erasure; None if nobody ever did.
        suppression_lists: For each suppression list, the number of rows, and of unusable rows by reason.
        customers: Distinct customers of the segment, if they are joined to profiles; otherwise None.
        without_profile: Customers without a profile, of these.
        unreadable: Rows of the table of memberships whose segments cannot be read.
        members: Distinct members of the segment; the audience holds them only if they were delivered.
        rejects: The file in the workspace with the keys of the rejected rows; None without a `row_key`.
        added: Members added because they may have been missing.
        removed: Members removed because they left; None if the audience's members were unknown.
        renewed: Members sent again, so that they do not lapse.
        sent: Members that were sent.
        refused: Members that the service refused, of those sent, by the name of its error.
        overridden: Findings of guards that were ignored, because the run ignored guards.
        decisions: What people have decided about findings of guards, the oldest first.
        parts: Upload files, or groups of calls.
        route: The route of the parts, `bulk` or `apply`; None if there are none.
        calls: Calls of the synchronous API; 0 for Bulk.
        requests: Ids that the service gave to the uploads, for questions to its support.
        replaced: Whether the whole audience was replaced.
        terms: How the Customer Match terms were accepted; None if the uploads did not accept them.
        sizes: The audience's size at the service when the run started; None if no earlier run delivered it.
        damage: Why the ledger is not trusted, so that the audience has to be replaced; None normally.
        forced_over: End of the newer data interval that this one was applied over; None normally.
        lapse: A warning about members that may lapse; None normally.
        uncovered: Why a write by another workspace would not be detected; None normally.
        seconds: Working time of all steps, without waiting for Airflow.
    """

    model_config = ConfigDict(frozen=True)

    segment: str
    audience: str
    audience_id: str | None = None
    outcome: Outcome
    message: str | None = None
    guards: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    location: str | None = None
    modified: datetime | None = None
    tables: tuple[TableVersion, ...] = ()
    profiles: int | None = None
    superseded: int | None = None
    deleted: int | None = None
    filtered: int | None = None
    without_consent: int | None = None
    valid: int | None = None
    rejected: dict[str, int] = {}
    duplicates: int | None = None
    suppressed: int | None = None
    erased: int | None = None
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
    decisions: tuple[Decision, ...] = ()
    parts: int | None = None
    route: Route | None = None
    calls: int | None = None
    requests: tuple[str, ...] = ()
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
    def awaits_decision(self) -> bool:
        """Whether guards stopped it, and nobody has refused what they found."""
        last = self.decisions[-1] if self.decisions else None
        is_refused = last is not None and last.is_on(self.findings) and last.verdict is Verdict.REFUSED
        return self.outcome is Outcome.FAILED and bool(self.findings) and not is_refused

    @property
    def kept_out(self) -> dict[str, int]:
        """Numbers of profiles and members that were kept out for other reasons than the address, without zeros."""
        counts = {
            "older rows superseded": self.superseded,
            "deleted": self.deleted,
            "left out by where": self.filtered,
            "without consent": self.without_consent,
            "members suppressed": self.suppressed,
            "members erased": self.erased,
            "customers without a profile": self.without_profile,
            "memberships unreadable": self.unreadable,
        }
        return {words: count for words, count in counts.items() if count}


class RunReport(BaseModel):
    """The report of one run of an export.

    Attributes:
        export: Name of the export.
        title: Its title.
        run_id: Airflow's id of the run.
        kind: What started it; None if unknown.
        interval_start: Start of the data interval, UTC; None for a run without one.
        interval_end: End of the data interval (or the time of a manual run), UTC.
        started: When the run began, UTC; if its tasks were cleared, when it began for the first time. None in old
            reports that did not include it.
        finished: When the report was made, UTC.
        timed_out: Whether the run was ended because it took too long.
        message: Why there are no segments, and what to do; None normally.
        workspace: Location of the workspace; None in old reports that did not include it.
        dry_run: Whether nothing was sent.
        full: Whether audiences were replaced on request.
        forced: Whether the run was allowed to apply older data over newer data.
        complete: Whether it chose all segments of the export; None in old reports that did not include it.
        privacy: The agreement to data privacy that allowed the run; None for a dry run, for one that did not begin, and
            in old reports.
        segments: The segments, in the order of the export.
        sizes_note: Why the audiences' sizes could not be read; None normally.
        vanished: Tables that an earlier run delivered and that no longer exist. Their audiences are kept unless they
            are among the segments.
        appeared: Tables that a pattern matches and that no earlier run delivered.
        ending: What happens to an audience whose table two runs in a row do not find; None: it is kept.
    """

    model_config = ConfigDict(frozen=True)

    export: str
    title: str
    run_id: str
    kind: RunKind | None = None
    interval_start: datetime | None = None
    interval_end: datetime
    started: datetime | None = None
    finished: datetime
    timed_out: bool = False
    message: str | None = None
    workspace: str | None = None
    dry_run: bool
    full: bool
    forced: bool = False
    complete: bool | None = None
    privacy: PrivacyAgreement | None = None
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
        """Number of segments that failed."""
        return sum(not segment.outcome.good for segment in self.segments)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def state(self) -> RunState:
        """How the run ended."""
        failed = [segment for segment in self.segments if not segment.outcome.good]
        if self.timed_out:
            return RunState.TIMED_OUT
        if failed and all(segment.guards for segment in failed):
            return RunState.GUARD
        if len(failed) == len(self.segments):
            return RunState.FAILED
        if failed or any(segment.outcome is Outcome.REFUSED_SOME for segment in self.segments):
            return RunState.PARTIAL
        return RunState.DRY_RUN if self.dry_run else RunState.SUCCESS

    @property
    def page(self) -> str | None:
        """Location of the report as a page; None in old reports, which do not know their workspace."""
        path = report_page(self.export, self.run_id)
        return f"{self.workspace.rstrip('/')}/{path}" if self.workspace else None

    def total(self, field: str) -> int:
        """Sum of a count over all segments; unknown counts are left out."""
        return sum(getattr(segment, field) or 0 for segment in self.segments)

    @property
    def terms(self) -> str | None:
        """How the Customer Match terms were accepted; None if no upload accepted them."""
        return next((segment.terms for segment in self.segments if segment.terms), None)
