"""The model of an export file: what is exported, from where, to which account, how often.

One file in `include/exports/` is one `Export` and becomes one DAG. Every default of the project is in this model
and in those of its sections, with the words that explain it: errors, the JSON schema and `docs/export-file.md` take
them from there. `values.py` has the rules for single values, `checks.py` those between keys, `matching.py` says which
segments a run has, and `loading.py` reads the files.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from customer_match.addresses.definition import Policy
from customer_match.export import checks
from customer_match.export.base import Section
from customer_match.export.limits import Guards
from customer_match.export.people import (
    Consent,
    EmailOrColumns,
    MembershipOrTable,
    Memberships,
    ProfilesOrTable,
    Suppressions,
    membership_key,
    tables_beside_segments,
)
from customer_match.export.schedule import PRESETS, Schedule, StartDate, TimeZone
from customer_match.export.segments import Segment, Selections, identity, segment_key
from customer_match.export.sources import Folder, FolderOrRoot, Source, SourceOrRoot
from customer_match.export.values import (
    MAX_MEMBERSHIP_DAYS,
    MAX_PROFILES_PER_PART,
    NEVER_EXPIRES,
    Column,
    Condition,
    ConnectionId,
    Hours,
    Label,
    Markdown,
    MembershipDays,
    Minutes,
    Name,
    ServiceId,
    Switch,
    Tags,
    Whole,
)
from customer_match.routes import AUTO_APPLY_MEMBERS, RouteChoice

__all__ = ["Export", "Scope"]

Scope = Literal["Customer", "Account"]


def _name_is_optional(schema: dict[str, Any]) -> None:
    # The file's name stands in for it; only the loader knows that.
    schema["required"].remove("name")


class Export(Section):
    """One export file."""

    model_config = ConfigDict(json_schema_extra=_name_is_optional)

    name: Name = Field(
        description="Becomes the DAG id. Letters a to z, digits, `_`, `.` and `-`; unique among all files.",
        examples=["autumn"],
        json_schema_extra={"x-default": "the file's name, without `.yaml`"},
    )
    title: Label = Field(
        default_factory=lambda export: str(export["name"]),
        description="Name that people see.",
        examples=["Autumn campaign"],
        json_schema_extra={"x-default": "the `name`"},
    )
    description: Markdown | None = Field(
        default=None,
        description="Free text (Markdown) for the DAG's page.",
        examples=["Customers of the autumn campaign."],
    )
    connection: ConnectionId = Field(
        default="microsoft_advertising_default",
        description="Id of the Airflow connection to Microsoft Advertising.",
        examples=["microsoft_advertising_default"],
    )
    cid: ServiceId = Field(
        description="Customer id at Microsoft Advertising: `cid=` in the address of ui.ads.microsoft.com.",
        examples=[1234567],
    )
    aid: ServiceId = Field(
        description="Account id at Microsoft Advertising: `aid=` in the address of ui.ads.microsoft.com.",
        examples=[7654321],
    )
    schedule: Schedule = Field(
        default=None,
        description=f"When it runs: five cron fields in quotes, a preset ({', '.join(PRESETS)}), "
        "or none: on demand only.",
        examples=["0 5 * * *"],
        json_schema_extra={"x-default": "none"},
    )
    start_date: StartDate = Field(
        default=dt.date(2026, 1, 1),
        description="First day of the schedule; backfills begin there too.",
        examples=["2026-01-01"],
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of the schedule and of the start date.",
        examples=["Europe/Berlin"],
    )
    source: SourceOrRoot = Field(
        description="Where the segments' tables are.",
        examples=["{connection: lake, root: abfs://lake/segments}"],
    )
    segments: Selections = Field(
        description='What is exported: `all`, a pattern such as `"Gold*"`, or a list of tables and patterns. '
        "Each table becomes an audience.",
        examples=["[HighValue, Newsletter]"],
    )
    vanished: Literal["keep", "empty", "delete"] = Field(
        default="keep",
        description="What happens to the audience of a table that a pattern took and an earlier run delivered, once "
        "two runs in a row miss that table: `keep` it as it is, `empty` it, or `delete` it.",
        examples=["empty"],
    )
    profiles: ProfilesOrTable | None = Field(
        default=None,
        description="Table of all profiles, where segments only list customers: its name, its path, or a mapping. Both "
        "are joined by the customer's id, and `email` is a column of this table.",
        examples=["{table: Customer, key: CustomerId}"],
        json_schema_extra={"x-default": "none: segments hold the addresses"},
    )
    membership: MembershipOrTable | None = Field(
        default=None,
        description="How segments list their customers, beside `profiles`: a mapping, or the one table that lists the "
        "segments of each customer, by its name or path.",
        examples=["msdynci_segmentmembership", "{key: ContactId}"],
        json_schema_extra={"x-default": "each segment is a table with the key of `profiles`"},
    )
    email: EmailOrColumns = Field(
        description="Name of the column that holds the e-mail address; of several, the first usable address "
        "of a row counts. Customer Insights gives that column no fixed name. A mapping says more (below).",
        examples=["Email", "[Email, SecondEmail]", '{columns: Emails, take: all, separator: ";"}'],
    )
    where: Condition | None = Field(
        default=None,
        description="Only the rows for which this condition in SQL is true are exported.",
        examples=["Country = 'DE' AND Score >= 50"],
    )
    consent: Consent | None = Field(
        default=None,
        description="Only profiles that have consented are exported.",
        examples=["{column: AdsConsent, allow: [true]}"],
    )
    suppress: Suppressions = Field(
        default=(),
        description="Lists of people who are kept out of every audience: tables of e-mail addresses or SHA-256 "
        "hashes; a name, a path, a mapping, or a list of these.",
        examples=["DoNotContact"],
    )
    row_key: Column | None = Field(
        default=None,
        description="Name of the column that tells rows apart. With it, each rejected row is listed by its key and "
        "its reason in `rejects.parquet`.",
        examples=["CustomerId"],
    )
    normalisation: Policy = Field(
        default=Policy.BASIC,
        description="How an address is normalised before it is hashed: `basic` (trimmed, lower-case), "
        "`enhanced` (also without `+tag`, dots and accents), or `both` (both hashes).",
        examples=["basic"],
    )
    profiles_per_part: Annotated[Whole, Field(ge=1, le=MAX_PROFILES_PER_PART)] = Field(
        default=500_000,
        description=f"Most members of one upload file, at most {MAX_PROFILES_PER_PART}. Fewer are sent where "
        "the service's limits demand it.",
        examples=[500_000],
    )
    route: RouteChoice = Field(
        default="auto",
        description="How members travel: `bulk` (upload files, any size), `apply` (calls of 1,000 members, done at "
        f"once), or `auto`: `apply` for differences of up to {AUTO_APPLY_MEMBERS} members, else `bulk`.",
        examples=["auto"],
    )
    membership_duration: MembershipDays = Field(
        default=NEVER_EXPIRES,
        description=f"Days that a member stays, 1 to {MAX_MEMBERSHIP_DAYS}; whoever still is in the segment is added "
        f"again in time. {NEVER_EXPIRES}: never expires.",
        examples=[NEVER_EXPIRES],
    )
    scope: Scope = Field(
        default="Customer",
        description="Who may use the audiences: all accounts of the `Customer`, or this `Account` alone.",
        examples=["Customer"],
    )
    adopt: Switch = Field(
        default=False,
        description="Whether an audience of the same name that this export did not create may be taken over; "
        "its members are replaced.",
        examples=[True],
    )
    workspace: FolderOrRoot = Field(
        default=Folder(root="workspace"),
        description="Folder for ledgers, staged parts and reports, written like `source` or as its root "
        "alone; in Azure or on a local disk. All workers need it.",
        examples=["{connection: lake, root: abfs://lake/workspace}"],
    )
    guards: Guards = Field(
        default=Guards(),
        description="What stops an export before it harms an audience; `null` takes a guard off.",
        examples=["{max_removed: 0.2}"],
    )
    run_timeout_hours: Hours = Field(
        default=6, description="Hours after which a run is stopped.", examples=[6]
    )
    upload_timeout_minutes: Minutes = Field(
        default=240,
        description="Minutes that one try waits for the end of one upload; the next try awaits it again.",
        examples=[240],
    )
    retries: Annotated[Whole, Field(ge=0, le=100)] = Field(
        default=3, description="How often a failed task is tried again.", examples=[3]
    )
    retry_delay_seconds: Annotated[Whole, Field(ge=0, le=3600)] = Field(
        default=30,
        description="Seconds before the first of these tries; each further one waits twice as long, at most "
        "15 minutes.",
        examples=[30],
    )
    tags: Tags = Field(default=(), description="Tags of the DAG.", examples=["[marketing]"])
    owner: Label | None = Field(
        default=None, description="Owner of the DAG, as Airflow shows it.", examples=["marketing"]
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        checks.check_paths(self.source, self.segments)
        checks.check_workspace(self.workspace)
        checks.check_join(self.segments, self.profiles, self.membership)
        checks.check_workspace_is_no_table(self.workspace, self.source, self.segments)
        checks.check_named_tables(self.segments, self.tables_beside_segments)
        checks.check_row_key(self.row_key, self.email)
        return self

    @property
    def memberships(self) -> Memberships | None:
        """The one table that lists the segments of each customer; None if segments are tables."""
        return self.membership.one_table if self.membership else None

    @property
    def membership_key(self) -> str:
        """The column of memberships with the customer's id; without `profiles` it means nothing."""
        return membership_key(self.membership, self.profiles)

    @property
    def has_patterns(self) -> bool:
        """Whether the tables must be listed to know the segments."""
        return any(selection.is_pattern for selection in self.segments)

    @property
    def scope_is_stated(self) -> bool:
        """Whether the file names a scope: only then that of an existing audience is changed."""
        return "scope" in self.model_fields_set

    @property
    def tables_beside_segments(self) -> dict[str, str]:
        """Tables of the source that are no segments, so that no pattern takes them; each with why it is none."""
        return tables_beside_segments(self.source, self.suppress, self.profiles, self.membership)

    @property
    def identities(self) -> tuple[str, ...]:
        """The identities of the segments that the file names; those that only a pattern takes are not among them."""
        named = [selection for selection in self.segments if not selection.is_pattern]
        return tuple(identity(self.segments, one.table, one.audience or one.table) for one in named)

    def identity(self, segment: Segment) -> str:
        """What distinguishes a segment from the export's others, whatever its audience is called."""
        return identity(self.segments, segment.table, segment.audience)

    def key(self, segment: Segment) -> str:
        """The key of a segment, by which its audience and ledger are recognised."""
        return segment_key(self.name, self.identity(segment))

    def other_keys(self, segment: Segment) -> frozenset[str]:
        """The keys of the other segments that the file names."""
        return frozenset(segment_key(self.name, other) for other in self.identities) - {self.key(segment)}

    def source_of(self, segment: Segment) -> Source:
        """The source of a segment's own table, with what holds for that table alone."""
        changes = (one.changes for one in self.segments if one.makes(segment))
        return self.source.with_changes(next(changes, None))
