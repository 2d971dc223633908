"""What the audit trail records. Events hold names, counts and references: no e-mail address, and no hash of one.

A new kind of event is a new subclass of `Event` with a name of its own in `event`; the chain does not depend on it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, field_validator

from customer_match.data_privacy import PrivacyAgreement
from customer_match.export.segments import Ending
from customer_match.redaction import without_addresses, without_addresses_in
from customer_match.routes import Route
from customer_match.runs.decisions import Decision
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind, RunState
from customer_match.tables.version import TableVersion

__all__ = [
    "EntriesDeleted",
    "Event",
    "MembersErased",
    "RunEnded",
    "RunStarted",
    "SegmentEnded",
    "name_of_user",
]


class Event(BaseModel):
    """Something that happened to an export; the base of all kinds.

    Attributes:
        event: The kind, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: str

    @field_validator("*", mode="before")
    @classmethod
    def _without_addresses(cls, value: object) -> object:
        return without_addresses_in(value)


class _RunEvent(Event):
    """An event of a run.

    Attributes:
        run_id: Id of the run; in Airflow, that of the DAG run.
        kind: What started the run; None if unknown.
        user: Who started it, from `name_of_user`; None if nobody did, or if Airflow does not say.
        dry_run: Whether nothing was to be sent.
    """

    run_id: str
    kind: RunKind | None = None
    user: str | None = None
    dry_run: bool = False


class RunStarted(_RunEvent):
    """A run begins to read, or is refused; nothing was sent yet. Cleared or retried tasks start a run more than once.

    Attributes:
        release: Release of this project.
        configuration: Digest of the export file's settings.
        cid: Id of the customer at the service.
        aid: Id of the account.
        interval_start: Start of the data interval; None without one.
        interval_end: Its end.
        full: Whether whole audiences are replaced on request.
        force: Whether older data may be applied over newer data.
        ignore_guards: Whether guards are ignored.
        ending: What is done with all audiences instead of filling them; None normally.
        chosen: The segments that were asked for; empty: all.
        privacy: The agreement to data privacy that allows the run; None for a run that needs none (a dry run, or one
            with an ending), and for one that is refused.
    """

    event: Literal["run started"] = "run started"
    release: str
    configuration: str
    cid: str
    aid: str
    interval_start: datetime | None = None
    interval_end: datetime
    full: bool = False
    force: bool = False
    ignore_guards: bool = False
    ending: Ending | None = None
    chosen: tuple[str, ...] = ()
    privacy: PrivacyAgreement | None = None


class SegmentEnded(_RunEvent):
    """The outcome of one segment in a run. Counts are those of the run's report; None if it did not get that far.

    Attributes:
        segment: Name of its table.
        audience: Name of its audience.
        audience_id: Id of the audience at the service.
        outcome: The result.
        message: Why it failed or was skipped, or what the service refused.
        guards: Keys of the guards that stopped it.
        overridden: Findings of guards that were ignored.
        decisions: What people have decided about findings of guards.
        forced_over: End of the newer data interval that was overwritten by `force`; None normally.
        tables: The tables that were read, each with its version.
        profiles: Rows read.
        valid: Rows with a usable address.
        rejected: Rows without one, by reason.
        without_consent: Rows without consent.
        suppressed: Members that suppression lists kept out.
        erased: Members that were kept out because they asked for erasure; None if nobody ever did.
        consent_column: Column with the consent; None if the export checks none.
        terms: How the Customer Match terms were accepted; None if the uploads did not accept them.
        members: Distinct members of the segment.
        added: Members that were added.
        removed: Members that were removed; None if the members before were unknown.
        sent: Members in the parts that were sent.
        refused: Members that the service refused, by the name of its error.
        replaced: Whether the whole audience was replaced.
        route: How members were sent; None if none were.
        parts: Number of parts that were sent.
        calls: Number of calls of the synchronous API.
        requests: Ids that the service gave to the uploads; the synchronous API gives none.
    """

    event: Literal["segment ended"] = "segment ended"
    segment: str
    audience: str
    audience_id: str | None = None
    outcome: Outcome
    message: str | None = None
    guards: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    forced_over: datetime | None = None
    tables: tuple[TableVersion, ...] = ()
    profiles: NonNegativeInt | None = None
    valid: NonNegativeInt | None = None
    rejected: dict[str, NonNegativeInt] = {}
    without_consent: NonNegativeInt | None = None
    suppressed: NonNegativeInt | None = None
    erased: NonNegativeInt | None = None
    consent_column: str | None = None
    terms: str | None = None
    members: NonNegativeInt | None = None
    added: NonNegativeInt | None = None
    removed: NonNegativeInt | None = None
    sent: NonNegativeInt | None = None
    refused: dict[str, NonNegativeInt] = {}
    replaced: bool = False
    route: Route | None = None
    parts: NonNegativeInt | None = None
    calls: NonNegativeInt | None = None
    requests: tuple[str, ...] = ()


class RunEnded(_RunEvent):
    """The end of a run, after the outcomes of its segments.

    Attributes:
        state: How it ended.
        segments: Number of its segments.
        failed: Number of those that failed.
        message: Why it has no segments; None normally.
    """

    event: Literal["run ended"] = "run ended"
    state: RunState
    segments: NonNegativeInt
    failed: NonNegativeInt
    message: str | None = None


class MembersErased(Event):
    """Members were removed from an audience because they asked for erasure. The evidence has all audiences.

    Attributes:
        request: Id of the request, which is also the name of its evidence.
        user: Who carried it out, from `name_of_user`; None if unknown.
        audience: Name of the audience.
        audience_id: Its id at the service.
        outcome: What became of the removal.
        removed: Number of digests that the service removed.
        not_removed: Number of digests whose removal it refused.
        calls: Number of calls of the synchronous API.
        requests: Ids that the service gave to the uploads.
    """

    event: Literal["members erased"] = "members erased"
    request: str
    user: str | None = None
    audience: str
    audience_id: str | None = None
    outcome: str
    removed: NonNegativeInt
    not_removed: NonNegativeInt
    calls: NonNegativeInt
    requests: tuple[str, ...] = ()


class EntriesDeleted(Event):
    """The oldest entries are deleted, because the export keeps its trail for a limited time.

    Attributes:
        through: Number of the last deleted entry.
        through_hash: Its hash, which the next entry names as the previous one.
        audit_days: For how many days the export keeps entries.
    """

    event: Literal["entries deleted"] = "entries deleted"
    through: NonNegativeInt
    through_hash: str
    audit_days: NonNegativeInt


def name_of_user(name: str | None) -> str | None:
    """Return the name of a user as the trail records it: of an e-mail address, the part before the `@`."""
    return without_addresses(name.partition("@")[0]) or None if name else None
