"""The model of an export file: what is exported, from where, to which account, how often.

One file in `include/exports/` is one `Export` and becomes one DAG. This model and those of its sections define every
default of the project and the description of every key. Messages, the JSON schema and `docs/export-file.md` use these
descriptions. `values.py` has the rules for single values, `checks.py` those between keys, `matching.py` selects the
segments of a run, and `loading.py` reads the files.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, model_validator

from customer_match.addresses.definition import Policy
from customer_match.export import checks
from customer_match.export.alerts.deadline import DeadlineOrTime
from customer_match.export.alerts.section import AlertsOrTargets
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
from customer_match.export.schedule import PRESETS, ScheduleOrCron, StartDate, TimeZone
from customer_match.export.segments import Segment, Selection, Selections, identity, segment_key
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
    Retries,
    ServiceId,
    Switch,
    Tags,
    Whole,
    comparable,
)
from customer_match.routes import AUTO_APPLY_MEMBERS, RouteChoice

__all__ = ["Export", "ExportOfTask", "Scope"]

Scope = Literal["Customer", "Account"]


def _name_is_optional(schema: dict[str, Any]) -> None:
    # The loader uses the file's name instead; the model alone does not know it.
    schema["required"].remove("name")


class Export(Section):
    """An export: which segments are sent to which account, from where, and how often."""

    model_config = ConfigDict(json_schema_extra=_name_is_optional)

    name: Name = Field(
        description="Name of the export and id of its DAG: letters A to Z and a to z, digits, `_`, `.` and `-`. "
        "It must be unique among all files.",
        examples=["autumn"],
        json_schema_extra={"x-default": "the file's name without `.yaml`"},
    )
    title: Label = Field(
        default_factory=lambda export: str(export["name"]),
        description="Display name of the export.",
        examples=["Autumn campaign"],
        json_schema_extra={"x-default": "the value of `name`"},
    )
    description: Markdown | None = Field(
        default=None,
        description="Text for the DAG's page, in Markdown.",
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
    schedule: ScheduleOrCron = Field(
        default=None,
        description="When the export runs: five cron fields in quotes, a preset in quotes "
        f"(`{'`, `'.join(PRESETS)}`), `on-refresh` or a mapping for [new data](#run-when-the-data-is-there), or `none` "
        "to run only on demand.",
        examples=["0 5 * * *"],
        json_schema_extra={"x-default": "none"},
    )
    start_date: StartDate = Field(
        default=dt.date(2026, 1, 1),
        description="First day of the schedule and earliest day for backfills.",
        examples=["2026-01-01"],
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of the schedule and of the start date.",
        examples=["Europe/Berlin"],
    )
    paused_at_creation: Switch | None = Field(
        default=None,
        description="Whether the export is paused when Airflow sees it for the first time. A paused export does not "
        "run until somebody resumes it.",
        examples=[True],
        json_schema_extra={"x-default": "Airflow's setting `dags_are_paused_at_creation`"},
    )
    source: SourceOrRoot = Field(
        description="Where the segments' tables are: a mapping, or the root folder alone.",
        examples=["{connection: lake, root: abfs://lake/segments}"],
    )
    segments: Selections = Field(
        description='What to export: `all`, a pattern such as `"Gold*"`, or a list of table names, patterns and '
        "mappings. Each table becomes an audience.",
        examples=["[HighValue, Newsletter]"],
    )
    vanished: Literal["keep", "empty", "delete"] = Field(
        default="keep",
        description="What to do with an audience whose table has vanished: `keep` it as it is, `empty` it, or "
        "`delete` it. A table has vanished if a pattern took it, an earlier run delivered it, and two runs in a "
        "row did not find it.",
        examples=["empty"],
    )
    profiles: ProfilesOrTable | None = Field(
        default=None,
        description="Table of all profiles, if the segments list only customer ids: its name, its path, or a "
        "mapping. It is joined with the segments by customer id, and `email` is one of its columns.",
        examples=["{table: Customer, key: CustomerId}"],
        json_schema_extra={"x-default": "none: segments contain the addresses"},
    )
    membership: MembershipOrTable | None = Field(
        default=None,
        description="How segments list their customers, together with `profiles`: a mapping, or the name or path "
        "of one table that lists the segments of each customer.",
        examples=["msdynci_segmentmembership", "{key: ContactId}"],
        json_schema_extra={"x-default": "each segment is a table with the column `profiles.key`"},
    )
    email: EmailOrColumns = Field(
        description="Name of the column that holds the e-mail address. Customer Insights gives that column no "
        "fixed name. With a list of columns, the first usable address of a row counts. A mapping can also set a "
        "separator or take all addresses.",
        examples=["Email", "[Email, SecondEmail]", '{columns: Emails, take: all, separator: ";"}'],
    )
    where: Condition | None = Field(
        default=None,
        description="Condition in SQL. Only rows for which it is true are exported.",
        examples=["Country = 'DE' AND Score >= 50"],
    )
    consent: Consent | None = Field(
        default=None,
        description="Column that states consent, and the values that mean it. Only profiles that have consented "
        "are exported.",
        examples=["{column: AdsConsent, allow: [true]}"],
    )
    suppress: Suppressions = Field(
        default=(),
        description="Suppression lists: tables of e-mail addresses or SHA-256 hashes that are kept out of every "
        "audience. Write a name, a path, a mapping, or a list of these.",
        examples=["DoNotContact"],
    )
    row_key: Column | None = Field(
        default=None,
        description="Name of the column that identifies a row. If it is set, each rejected row is listed in "
        "`rejects.parquet` with its key and the reason.",
        examples=["CustomerId"],
    )
    normalisation: Policy = Field(
        default=Policy.BASIC,
        description="How an address is normalised before it is hashed: `basic` (trimmed, lower case), `enhanced` "
        "(also without `+tag`, dots and accents), or `both` (both hashes).",
        examples=["basic"],
    )
    profiles_per_part: Annotated[Whole, Field(ge=1, le=MAX_PROFILES_PER_PART)] = Field(
        default=500_000,
        description=f"Maximum number of members in one upload file, 1 to {MAX_PROFILES_PER_PART:,}. Files are "
        "smaller if the limits of the service require it.",
        examples=[500_000],
    )
    route: RouteChoice = Field(
        default="auto",
        description="How members are sent: `bulk` (upload files, any number of members), `apply` (synchronous "
        f"API calls of 1,000 members each), or `auto` (`apply` for differences of up to {AUTO_APPLY_MEMBERS:,} "
        "members, otherwise `bulk`).",
        examples=["auto"],
    )
    membership_duration: MembershipDays = Field(
        default=NEVER_EXPIRES,
        description=f"Days until a member expires, 1 to {MAX_MEMBERSHIP_DAYS}, or {NEVER_EXPIRES} for never. "
        "Members that are still in the segment are added again before they expire.",
        examples=[NEVER_EXPIRES],
    )
    scope: Scope = Field(
        default="Customer",
        description="Who may use the audiences: all accounts of the customer (`Customer`), or only this account "
        "(`Account`).",
        examples=["Customer"],
    )
    adopt: Switch = Field(
        default=False,
        description="Whether to take over an audience of the same name that this export did not create. Its "
        "members are replaced.",
        examples=[True],
    )
    workspace: FolderOrRoot = Field(
        default=Folder(root="workspace"),
        description="Folder for ledgers, staged parts and reports, in Azure or on a local disk: a mapping like "
        "`source`, or the root folder alone. All workers need access to it.",
        examples=["{connection: lake, root: abfs://lake/workspace}"],
    )
    encrypt_members: Switch = Field(
        default=False,
        description="Whether files of digests in the workspace are [encrypted](privacy.md#encryption).",
        examples=[True],
    )
    guards: Guards = Field(
        default=Guards(),
        description="Limits that stop a segment before it harms its audience. `null` turns a guard off.",
        examples=["{max_removed: 0.2}"],
    )
    history_days: Annotated[Whole, Field(ge=1, le=36_500)] = Field(
        default=400,
        description="Days for which the [history](history.md) keeps the rows of a run, and the workspace its report. "
        "They are deleted a month at a time.",
        examples=[400],
    )
    audit_days: Annotated[Whole, Field(ge=1, le=36_500)] = Field(
        default=3_650,
        description="Days for which the [audit trail](audit.md) keeps its entries. They are deleted a month at a time.",
        examples=[3_650],
    )
    staged_days: Annotated[Whole, Field(ge=1, le=36_500)] = Field(
        default=7,
        description="Days for which a failed run keeps what it has staged (digests), so that its tasks can be tried "
        "again. What a run has sent is deleted at its end.",
        examples=[7],
    )
    run_timeout_hours: Hours = Field(
        default=6, description="Hours after which a run is stopped.", examples=[6]
    )
    upload_timeout_minutes: Minutes = Field(
        default=240,
        description="Minutes that one attempt waits for an upload to finish. The next one waits for it again.",
        examples=[240],
    )
    retries: Retries = Field(default=3, description="How often a failed task is retried.", examples=[3])
    retry_delay_seconds: Annotated[Whole, Field(ge=0, le=3600)] = Field(
        default=30,
        description="Seconds before the first retry. The delay doubles with each further retry, up to 15 minutes.",
        examples=[30],
    )
    segments_per_task: Annotated[Whole, Field(ge=1, le=1000)] = Field(
        default=50,
        description="How many segments with small tables share a task at most. A segment with a table of 8 MB or more "
        "always has tasks of its own. `1`: every segment has its own.",
        examples=[50],
    )
    alerts: AlertsOrTargets | None = Field(
        default=None,
        description="What is announced about runs, and where: a mapping, or the list of targets alone.",
        examples=["[{slack: slack_default}]"],
    )
    deadline: DeadlineOrTime = Field(
        default=None,
        description="By when the audiences have to be up to date: a time of day in quotes, or a mapping. If they are "
        "not, an [alert](alerts.md#deadlines) is sent.",
        examples=["07:00"],
    )
    tags: Tags = Field(default=(), description="Tags of the DAG.", examples=["[marketing]"])
    owner: Label | None = Field(
        default=None,
        description="Owner of the DAG, as Airflow shows it. Scheduled runs act for this Airflow user.",
        examples=["marketing"],
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        checks.check_paths(self.source, self.segments)
        checks.check_workspace(self.workspace)
        checks.check_join(self.segments, self.profiles, self.membership)
        checks.check_workspace_is_no_table(self.workspace, self.source, self.segments)
        checks.check_named_tables(self.segments, self.tables_beside_segments)
        checks.check_row_key(self.row_key, self.email, self.segments)
        checks.check_deadline(self.deadline, self.schedule, self.alerts)
        return self

    @property
    def begins(self) -> dt.datetime:
        """The moment at which the start date begins, in the export's time zone."""
        return dt.datetime.combine(self.start_date, dt.time(), ZoneInfo(self.timezone))

    @property
    def memberships(self) -> Memberships | None:
        """The one table that lists the segments of each customer; None if segments are tables."""
        return self.membership.one_table if self.membership else None

    @property
    def membership_key(self) -> str:
        """The column of memberships with the customer id; meaningless without `profiles`."""
        return membership_key(self.membership, self.profiles)

    @property
    def has_patterns(self) -> bool:
        """Whether the tables must be listed to know the segments."""
        return any(selection.is_pattern for selection in self.segments)

    @property
    def scope_is_stated(self) -> bool:
        """Whether the file names a scope. Only then is the scope of an existing audience changed."""
        return "scope" in self.model_fields_set

    @property
    def tables_beside_segments(self) -> dict[str, str]:
        """Tables of the source that are not segments and that no pattern takes, each with the reason."""
        return tables_beside_segments(self.source, self.suppress, self.profiles, self.membership)

    @property
    def identities(self) -> tuple[str, ...]:
        """The identities of the segments that the file names, without those that only a pattern takes."""
        named = [selection for selection in self.segments if not selection.is_pattern]
        return tuple(identity(self.segments, one.table, one.audience or one.table) for one in named)

    def identity(self, segment: Segment) -> str:
        """What distinguishes a segment from the export's others, independent of its audience's name."""
        return identity(self.segments, segment.table, segment.audience)

    def key(self, segment: Segment) -> str:
        """The key of a segment, which identifies its audience and ledger."""
        return segment_key(self.name, self.identity(segment))

    def other_keys(self, segment: Segment) -> frozenset[str]:
        """The keys of the other segments that the file names."""
        return frozenset(segment_key(self.name, other) for other in self.identities) - {self.key(segment)}

    def selection_of(self, segment: Segment) -> tuple[int, Selection] | None:
        """The item of `segments` that a segment of a run comes from, with its index; None if it is no longer there."""
        return next((found for found in enumerate(self.segments) if found[1].makes(segment)), None)

    def source_of(self, segment: Segment) -> Source:
        """The source of a segment's table, with the settings of that table."""
        found = self.selection_of(segment)
        return self.source.with_changes(found[1].changes if found else None)

    def for_segment(self, segment: Segment) -> Self:
        """The export with the segment's own `email` and `consent`, where it has them."""
        found = self.selection_of(segment)
        own = {key: getattr(found[1], key) for key in ("email", "consent")} if found else {}
        return self.model_copy(update={key: value for key, value in own.items() if value is not None})


class ExportOfTask(Export):
    """An export that a task's arguments describe instead of a file.

    Its segments are distinguished by their audiences. Their tables cannot do it: a task may be mapped over audiences or
    over tables of one name in several folders, and a path may contain the day.
    """

    @property
    def identities(self) -> tuple[str, ...]:
        """The identities of the segments that are named, without those that only a pattern takes."""
        named = [selection for selection in self.segments if not selection.is_pattern]
        return tuple(comparable(one.audience or one.table) for one in named)

    def identity(self, segment: Segment) -> str:
        """What distinguishes a segment from the task's others: its audience."""
        return comparable(segment.audience)
