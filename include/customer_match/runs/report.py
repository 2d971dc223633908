"""The step `report`: what a run did, for people and programs. No e-mail address and no hash is in it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from importlib.resources import files
from typing import Final

import jinja2
from pydantic import BaseModel, ConfigDict, computed_field, field_validator

from customer_match.export.segments import Ending
from customer_match.planning.known_tables import Seen
from customer_match.planning.plan import Plan
from customer_match.planning.sizes import AudienceSize
from customer_match.profiles.staging import Staged
from customer_match.profiles.suppression import ListRead
from customer_match.redaction import without_addresses, without_addresses_in
from customer_match.routes import Route
from customer_match.runs.records import (
    Chunked,
    Delivered,
    Failure,
    Normalised,
    SegmentRecords,
    Validated,
)

__all__ = ["Outcome", "RunReport", "SegmentReport", "segment_report"]


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


_ENDED: Final[dict[Ending, Outcome]] = {"empty": Outcome.EMPTIED, "delete": Outcome.DELETED}
_VANISHED: Final[dict[Ending, str]] = {
    "empty": "Its table is not there any more: the audience would be emptied.",
    "delete": "Its table is not there any more: the audience would be deleted.",
}


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

    def summary(self) -> str:
        """A few lines of text for a log or a note."""
        return "\n".join([self.headline, *map(_line, self.segments), *self._remarks])

    @property
    def headline(self) -> str:
        """How many segments are right, in one sentence."""
        head = f"{len(self.segments) - self.failed} of {len(self.segments)} segments are right"
        return f"{head}{' (dry run: nothing was sent)' if self.dry_run else ''}."

    @property
    def notes(self) -> list[str]:
        """What people should know beside the counts, a line each."""
        told = ((segment.audience, _notes(segment)) for segment in self.segments)
        return [*(f"- {audience}: {words}" for audience, words in told if words), *self._remarks]

    @property
    def terms(self) -> str | None:
        """How the Customer Match terms were accepted, where an upload did so."""
        return next((segment.terms for segment in self.segments if segment.terms), None)

    @property
    def _remarks(self) -> list[str]:
        lines = [
            f"- {_worry(s.sizes)}" for s in self.segments if s.sizes and s.sizes.readiness.calls_for_a_look
        ]
        lines += [f"- {words}." for words in self.unusable]
        lines += [f"- {self.sizes_note}"] if self.sizes_note else []
        lines += [f"- {words}" for words in self.changes]
        return lines + ([f"- Customer Match terms {self.terms}."] if self.terms else [])

    @property
    def unusable(self) -> list[str]:
        """What of the suppression lists is of no use, each list once."""
        lists = dict.fromkeys(one.words for s in self.segments for one in s.suppression_lists if one.rejected)
        return list(lists)

    @property
    def changes(self) -> list[str]:
        """What has vanished or appeared since earlier runs, a sentence each."""
        here = {segment.audience for segment in self.segments}
        fate = (
            f" If the next run misses it too, the audience is {_ENDED[self.ending]}." if self.ending else ""
        )
        gone = [
            f"{one.audience}: kept as it is; its table {one.table} is not there any more.{fate}"
            for one in self.vanished
            if one.audience not in here
        ]
        return [*gone, *(f"{table}: no earlier run has delivered this table." for table in self.appeared)]

    def html(self) -> str:
        """The report as a page of its own: no script, nothing loaded from elsewhere."""
        from customer_match.runs.report_tables import as_cells, segment_table  # noqa: PLC0415 - it imports pandas

        template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
        counts = as_cells(segment_table(self), "–").to_dict("records")
        rows = list(zip(self.segments, counts, strict=True))
        return jinja2.Environment(autoescape=True).from_string(template).render(report=self, rows=rows)


def segment_report(
    segment: str, audience: str, records: SegmentRecords, *, dry_run: bool, sizes: AudienceSize | None = None
) -> SegmentReport:
    """Sum up what a segment's steps have recorded."""
    validated, normalised = records.read(Validated), records.read(Normalised)
    chunked, delivered = records.read(Chunked), records.read(Delivered)
    outcome, message = _outcome(records.read(Failure), chunked, delivered, dry_run=dry_run)
    steps = [record for record in (validated, normalised, chunked, delivered) if record]
    return SegmentReport.model_validate(
        {
            "segment": segment,
            "audience": audience,
            "outcome": outcome,
            "message": message,
            "location": validated.location if validated else None,
            "profiles": validated.profiles if validated else None,
            "sizes": sizes,
            "overridden": tuple(words for record in steps for words in record.overridden),
            "seconds": round(sum(record.seconds for record in steps), 2),
            **(_staged_counts(normalised.staged) if normalised else {}),
            **(_planned_counts(chunked, chunked.plan) if chunked and chunked.plan else {}),
            **(_delivered_counts(delivered) if delivered else {}),
        }
    )


def _staged_counts(staged: Staged) -> dict[str, object]:
    names = ("profiles", "filtered", "without_consent", "valid", "duplicates", "suppressed")
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


def _planned_counts(chunked: Chunked, plan: Plan) -> dict[str, object]:
    return {
        "added": plan.added,
        "removed": plan.removed,
        "replaced": plan.replaces,
        "renewed": plan.renewed,
        "damage": plan.damage,
        "lapse": chunked.lapse,
        "parts": len(plan.parts),
        "route": plan.route,
    }


def _delivered_counts(delivered: Delivered) -> dict[str, object]:
    names = ("audience_id", "sent", "refused", "route", "calls", "terms", "forced_over", "uncovered")
    return {name: getattr(delivered, name) for name in names}


def _outcome(
    failure: Failure | None, chunked: Chunked | None, delivered: Delivered | None, *, dry_run: bool
) -> tuple[Outcome, str | None]:
    if failure:
        return Outcome.FAILED, f"{failure.step}: {failure.message}"
    if chunked and chunked.plan is None and chunked.ending is None:
        return Outcome.SKIPPED, chunked.skipped
    if chunked and dry_run:
        return Outcome.DRY_RUN, _VANISHED[chunked.ending] if chunked.ending else None
    if delivered is None:
        return (
            Outcome.FAILED,
            "A task ended without a word (killed, or timed out). Its log in Airflow says more.",
        )
    if delivered.refused:
        return Outcome.REFUSED_SOME, f"{delivered.refusals}; the next run tries them again."
    return _good(chunked.ending if chunked else None, delivered)


def _good(ending: Ending | None, delivered: Delivered) -> tuple[Outcome, str | None]:
    if ending is None:
        return (Outcome.DELIVERED if delivered.parts else Outcome.UNCHANGED), None
    if delivered.audience_id is None:
        return (
            Outcome.UNCHANGED,
            "Its table is not there any more, and there is no audience that surely is its own.",
        )
    return _ENDED[ending], "Its table is not there any more."


def _line(segment: SegmentReport) -> str:
    counts = _counted(segment)
    text = f"- {segment.audience}: {segment.outcome}{'; ' if counts else ''}{', '.join(counts)}."
    return " ".join(part for part in (text, _notes(segment)) if part)


def _counted(segment: SegmentReport) -> list[str]:
    if segment.profiles is None or segment.members is None:
        return []
    counts = [f"{segment.profiles:,} profiles", f"{segment.members:,} members"]
    if segment.parts is not None:
        removed = "unknown" if segment.removed is None else f"{segment.removed:,}"
        counts += [f"{segment.added or 0:,} added", f"{removed} removed"]
    if segment.renewed:
        counts.append(f"{segment.renewed:,} renewed")
    counts.append(f"{sum(segment.rejected.values()):,} rejected")
    counts += [f"{count:,} {words}" for words, count in segment.kept_out.items()]
    if segment.refused:
        counts.append(f"{sum(segment.refused.values()):,} refused by the service")
    return counts


def _notes(segment: SegmentReport) -> str:
    """What people should know of a segment beside its counts; empty if there is nothing."""
    damage = f"Replaced because its ledger could not be trusted: {segment.damage}" if segment.damage else ""
    notes = (damage, _force(segment), segment.message, *_overrides(segment), segment.lapse, segment.uncovered)
    return " ".join(part for part in notes if part)


def _overrides(segment: SegmentReport) -> list[str]:
    return [f"Let pass by `ignore_guards`: {words}" for words in segment.overridden]


def _force(segment: SegmentReport) -> str:
    over = segment.forced_over
    return f"Applied by force over newer data (up to {over:%Y-%m-%d %H:%M} UTC)." if over else ""


def _worry(sizes: AudienceSize) -> str:
    known = [(sizes.search_size, "in search"), (sizes.network_size, "in the audience network")]
    counts = ", ".join(f"{size:,} matched {where}" for size, where in known if size is not None)
    return f"{sizes.audience}: {sizes.readiness}; {counts + ': ' if counts else ''}{sizes.message}."
