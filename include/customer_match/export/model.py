"""The model of an export file: what is exported, from where, to which account, how often.

One file in `include/exports/` is one `Export` and becomes one DAG. Every default of the project lives
here, with the words that explain it: errors, the JSON schema and `docs/export-file.md` take them from here.
`values.py` has the rules for single values, `loading.py` reads the files.
"""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_match.addresses.definition import Policy, Take
from customer_match.export.audience_names import Naming, faults_of, shown_names
from customer_match.export.changes import ChangeLog, Changes
from customer_match.export.segment_key import segment_key
from customer_match.export.values import (
    MAX_AUDIENCE_NAME,
    MAX_MEMBERSHIP_DAYS,
    MAX_PROFILES_PER_PART,
    NEVER_EXPIRES,
    PRESETS,
    Allowed,
    AudienceName,
    Column,
    Columns,
    Condition,
    ConnectionId,
    DatedRoot,
    Delimiter,
    Encoding,
    Faults,
    Hours,
    KeyPath,
    Label,
    ListId,
    Markdown,
    MembershipDays,
    Minutes,
    Name,
    Root,
    Schedule,
    Separator,
    ServiceId,
    Share,
    Sign,
    StartDate,
    Switch,
    TablePath,
    Tags,
    Text,
    TimeZone,
    Whole,
    check_audience_name,
    comparable,
    not_empty,
)
from customer_match.routes import AUTO_APPLY_MEMBERS, RouteChoice
from customer_match.storage.location import Location
from customer_match.table_formats import FormatChoice

__all__ = [
    "Addresses",
    "Consent",
    "Csv",
    "Email",
    "Ending",
    "Export",
    "Folder",
    "Guards",
    "Membership",
    "Profiles",
    "Scope",
    "Segment",
    "Selection",
    "Source",
    "Suppression",
]

Scope = Literal["Customer", "Account"]
Ending = Literal["empty", "delete"]
"""What becomes of an audience whose table is gone for good."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Folder(_Part):
    """A folder, in a lake or on this machine."""

    connection: ConnectionId | None = Field(
        default=None,
        description="Id of the Airflow connection that opens the lake; needed for `abfs://` roots, not for local "
        "ones.",
        examples=["lake"],
    )
    root: Root = Field(
        description="The folder: `abfs://container/folder`, "
        "`abfs://container@account.dfs.core.windows.net/folder`, a URL that Airflow's object storage opens "
        "(`s3://bucket/folder`), or a local one; a relative local folder begins at the project's root.",
        examples=["abfs://lake/segments"],
    )

    @model_validator(mode="after")
    def _has_a_connection_where_needed(self) -> Self:
        if self.location.is_azure and self.connection is None:
            fault = (
                "no connection is given. Write the id of the Airflow connection that opens the lake, as in "
                f"`{{connection: lake, root: {self.root}}}`"
            )
        elif self.connection is not None and not self.is_remote:
            fault = "is given, but the root is a local folder. Write the lake's URL as root, or remove it"
        else:
            return self
        raise Faults([(("connection",), fault)])

    @property
    def is_remote(self) -> bool:
        """Whether the folder is in a lake."""
        return not self.location.is_local

    @property
    def location(self) -> Location:
        """The folder, taken apart."""
        return Location.of(self.root)

    def locate(self, project: Path, path: str = "") -> str:
        """The whole location of a path in this folder, or of the folder itself.

        Args:
            project: The project's root, where relative local folders begin.
            path: Relative to the root; a URL or an absolute local path is itself the answer.
        """
        if "://" in path:
            return path
        root = self.root if "://" in self.root else str(project / self.root)
        return posixpath.join(root, path.strip("/") if self.is_remote else path) if path else root


def _root_alone(value: object) -> object:
    return {"root": value} if isinstance(value, str) else value


class Csv(_Part):
    """How CSV files are written, where that is not the usual way."""

    header: Switch = Field(
        default=True,
        description="Whether the first row of each file has the columns' names. Without, columns have the names that "
        '`columns` gives, else their numbers: `"1"`, `"2"` and so on.',
        examples=[False],
        json_schema_extra={"x-default": "`true`; `false` if there are `columns`"},
    )
    columns: Columns | None = Field(
        default=None,
        description="Names of all columns, in order, where the files do not have them. A first row that repeats them "
        "is passed over.",
        examples=["[Id, Email]"],
    )
    delimiter: Delimiter | None = Field(
        default=None,
        description="What stands between values: one sign, or `tab`.",
        examples=[";"],
        json_schema_extra={"x-default": "found by looking: comma, semicolon, tab or bar"},
    )
    quote: Sign = Field(
        default='"',
        description="What stands around values that contain a delimiter or a line break; `none`: such marks are plain "
        "text.",
        examples=["none"],
    )
    escape: Sign = Field(
        default=None,
        description="What makes the next sign a part of the value, as Spark writes it (a backslash); else a mark "
        "inside a value is doubled.",
        examples=["\\"],
    )
    encoding: Encoding = Field(
        default="utf-8",
        description="Encoding of the text, by its usual name; a byte order mark in the file goes before it.",
        examples=["cp1252"],
    )

    @model_validator(mode="after")
    def _has_names_once(self) -> Self:
        faults: list[tuple[KeyPath, str]] = [
            ((key,), "is the delimiter as well. Correct one of them")
            for key in ("quote", "escape")
            if self.delimiter is not None and getattr(self, key) == self.delimiter
        ]
        if self.columns and self.header and "header" in self.model_fields_set:
            faults.append(
                (("columns",), "are for files without a header row. Remove them, or write `header: false`")
            )
        if self.escape is not None and self.escape == self.quote:
            faults.append(
                (("escape",), "is the quotation mark as well: doubled ones are read anyway. Remove it")
            )
        if faults:
            raise Faults(faults)
        return self


class Source(Folder):
    """Where the segments' tables are."""

    root: DatedRoot = Field(
        description="The folder: `abfs://container/folder`, "
        "`abfs://container@account.dfs.core.windows.net/folder`, a URL that Airflow's object storage opens "
        "(`s3://bucket/folder`), or a local one; a relative local folder begins at the project's root. "
        "May hold dates (below), after its first folder.",
        examples=["abfs://lake/segments"],
    )
    format: FormatChoice = Field(
        default="auto",
        description="Format of the tables: `auto` tells by a Delta log, by a CDM model, and by the files' names; else "
        "`parquet`, `csv`, `delta` or `cdm`.",
        examples=["parquet"],
    )
    csv: Csv = Field(
        default=Csv(),
        description="How CSV files are written; a CDM model says it itself.",
        examples=["{header: false, delimiter: tab}"],
    )

    changes: Changes = Field(
        default=None,
        description="Whether the tables are logs of changes, of which only the newest row of each id counts, and how "
        "they are read (below); `none`: they are not, whatever their columns look like.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={
            "x-default": "told by the columns: what Synapse Link for Dataverse writes is read; what looks like another "
            "log is refused"
        },
    )

    def with_changes(self, changes: ChangeLog | None) -> Source:
        """The same source for a table of its own; None: nothing is said of that table alone."""
        return self if changes is None else self.model_copy(update={"changes": changes})

    @model_validator(mode="after")
    def _has_csv_settings_for_csv(self) -> Self:
        if self.format not in ("auto", "csv") and self.csv != Csv():
            raise Faults([(("csv",), f"is not for `format: {self.format}`. Remove it, or correct `format`")])
        return self


class Selection(_Part):
    """One item of `segments`: a table by its name, or several by a pattern."""

    table: Text = Field(
        description="Name of the table: of its folder or file below the source's root. With `*`, `?` or "
        "`[...]` a pattern that takes every table it fits.",
        examples=["HighValue"],
    )
    audience: AudienceName | None = Field(
        default=None,
        description=f"Name of the audience at Microsoft Advertising, at most {MAX_AUDIENCE_NAME} characters.",
        examples=["High value customers"],
        json_schema_extra={"x-default": "the table's name"},
    )
    audience_id: ListId | None = Field(
        default=None,
        description="Id of the very list to write to, where its name does not tell or it exists already "
        "(`customer-match audiences` lists all); it keeps its name. One that no export created needs `adopt: true`, "
        "and its members are replaced.",
        examples=[1234567890],
        json_schema_extra={"x-default": "found by name, or created"},
    )
    path: TablePath | None = Field(
        default=None,
        description="Where the table is, if not under its name: relative to the source's root, or a URL. May hold "
        "dates (below): `HighValue/{{ ds }}`.",
        examples=["newsletter/2026"],
        json_schema_extra={"x-default": "the table's name"},
    )
    changes: Changes = Field(
        default=None,
        description="Whether this table is a log of changes, written like that of `source`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "as `changes` of its source"},
    )

    @model_validator(mode="after")
    def _fits_an_audience(self) -> Self:
        if self.is_pattern:
            fault = "is for one table, but the pattern may take several. List that table by its name"
            own = [key for key in ("audience", "audience_id", "path") if getattr(self, key) is not None]
            if own:
                raise Faults([((key,), fault) for key in own])
        elif self.audience is None:
            check_audience_name(self.table)
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it may take several tables."""
        return any(sign in self.table for sign in "*?[")

    def takes(self, table: str) -> bool:
        """Whether a table of this name belongs to it. Upper and lower case differ."""
        return table == self.table or (self.is_pattern and fnmatchcase(table, self.table))

    def makes(self, segment: Segment) -> bool:
        """Whether a segment of a run is of it; of several that may be, the first one."""
        named = segment.audience == (self.audience or self.table)
        return self.takes(segment.table) and (self.is_pattern or named)


class Segment(BaseModel):
    """One segment of a run.

    Attributes:
        table: Name of the table.
        audience: Name of its audience.
        path: Where the table is, relative to the source's root or a URL; None: where its name is found.
        audience_id: Id of the very list to write to; None: found by name, or created.
        fault: Why it cannot be exported, for what its table is called; None normally.
        ending: What becomes of the audience, because the table has vanished; None normally.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    audience: str
    audience_id: str | None = None
    path: str | None = None
    fault: str | None = None
    ending: Ending | None = None


def _columns_alone(value: object) -> object:
    return {"columns": value} if isinstance(value, str | list | tuple) else value


class Addresses(_Part):
    """Where the addresses of a table stand."""

    columns: Columns = Field(
        description="Name of the column, or of several in order of preference; case does not matter. A column holds "
        "text, or lists of text (Parquet).",
        examples=["[Email, SecondEmail]"],
    )
    separator: Separator | None = Field(
        default=None,
        description="What stands between addresses where one text holds several.",
        examples=['";"'],
    )


class Email(Addresses):
    """Where the addresses of profiles stand, and which of them count."""

    take: Take = Field(
        default=Take.COALESCE,
        description="Of several addresses of a profile: `coalesce` takes the first usable one, `all` makes each a "
        "member.",
        examples=["coalesce"],
    )


class Consent(_Part):
    """Which profiles have consented."""

    column: Column = Field(description="Name of the column that tells it.", examples=["AdsConsent"])
    allow: Allowed = Field(
        description="The values that mean consent; case does not matter. Everything else, and no value at all, "
        "does not.",
        examples=["[true]", "[granted, yes]"],
    )


class Suppression(_Part):
    """A list of people who must not be in any audience."""

    table: Text | None = Field(
        default=None,
        description="Name of the list's table, found as those of segments are.",
        examples=["DoNotContact"],
    )
    path: TablePath | None = Field(
        default=None,
        description="Where it is, instead of `table`: relative to the source's root, or a URL.",
        examples=["lists/do_not_contact.csv"],
    )
    source: Annotated[Source, BeforeValidator(_root_alone, json_schema_input_type=str | Source)] | None = (
        Field(
            default=None,
            description="The list's own source, written like `source`.",
            examples=["{connection: lake, root: abfs://lake/lists}"],
            json_schema_extra={"x-default": "the export's `source`"},
        )
    )
    email: (
        Annotated[
            Addresses, BeforeValidator(_columns_alone, json_schema_input_type=str | list[str] | Addresses)
        ]
        | None
    ) = Field(
        default=None,
        description="Where its e-mail addresses or SHA-256 hashes stand, written like `email`; all of a row count.",
        examples=["Email"],
        json_schema_extra={"x-default": "as `email` of the export"},
    )
    allow_empty: Switch = Field(
        default=False,
        description="Whether the list may be without a single address; else that stops every segment.",
        examples=[True],
    )
    changes: Changes = Field(
        default=None,
        description="Whether this table is a log of changes, written like that of `source`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "as `changes` of its source"},
    )

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.table is None) == (self.path is None):
            raise Faults([((), "needs either the `table` of the list or its `path`")])
        return self

    @property
    def name(self) -> str:
        """What people call it."""
        return self.table or self.path or ""


class Profiles(_Part):
    """The table of all profiles, with the e-mail addresses, where segments are only lists of customers."""

    table: Text | None = Field(
        default=None,
        description="Name of the table, found as those of segments are.",
        examples=["Customer"],
    )
    path: TablePath | None = Field(
        default=None,
        description="Where it is, instead of `table`: relative to the source's root, or a URL.",
        examples=["unified/Customer"],
    )
    source: Annotated[Source, BeforeValidator(_root_alone, json_schema_input_type=str | Source)] | None = (
        Field(
            default=None,
            description="The table's own source, written like `source`.",
            examples=["{connection: lake, root: abfs://lake/unified}"],
            json_schema_extra={"x-default": "the export's `source`"},
        )
    )
    key: Column = Field(
        default="CustomerId",
        description="Name of its column with the customer's id.",
        examples=["CustomerId"],
    )
    changes: Changes = Field(
        default=None,
        description="Whether this table is a log of changes, written like that of `source`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "as `changes` of its source"},
    )

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.table is None) == (self.path is None):
            raise Faults([((), "needs either the `table` of the profiles or its `path`")])
        return self

    @property
    def name(self) -> str:
        """What people call it."""
        return self.table or self.path or ""


class Membership(_Part):
    """How segments list their customers, where they are joined to `profiles`."""

    key: Column | None = Field(
        default=None,
        description="Name of the column with the customer's id.",
        examples=["CustomerId"],
        json_schema_extra={"x-default": "as `profiles.key`; with a `table`: `msdynci_customerid`"},
    )
    table: Text | None = Field(
        default=None,
        description="Name of one table that lists the segments of each customer, as Dataverse's "
        "`msdynci_segmentmembership`; `segments` of the export then are the names that it lists.",
        examples=["msdynci_segmentmembership"],
        json_schema_extra={"x-default": "none: each segment is a table of ids"},
    )
    path: TablePath | None = Field(
        default=None,
        description="Where that table is, instead of `table`: relative to the source's root, or a URL.",
        examples=["dataverse/msdynci_segmentmembership"],
    )
    segments: Column | None = Field(
        default=None,
        description="Name of its column that lists the segments: JSON text such as "
        '`{"Segments": ["Gold"]}`, a list of texts, or one name.',
        examples=["msdynci_segments"],
        json_schema_extra={"x-default": "with a `table`: `msdynci_segments`"},
    )
    changes: Changes = Field(
        default=None,
        description="Whether that one table is a log of changes, written like that of `source`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "as `changes` of its source"},
    )

    @model_validator(mode="after")
    def _is_one_table_or_several(self) -> Self:
        if self.table is not None and self.path is not None:
            raise Faults([(("path",), "is given beside `table`. Remove one of them")])
        fault = "is {} one table of all segments. Name that as `table`"
        faults: list[tuple[KeyPath, str]] = [
            ((key,), fault.format(words))
            for key, words in (("segments", "a column of"), ("changes", "about"))
            if getattr(self, key) is not None and not self.is_one_table
        ]
        if faults:
            raise Faults(faults)
        return self

    @property
    def is_one_table(self) -> bool:
        """Whether one table lists the segments of each customer."""
        return self.table is not None or self.path is not None


class Memberships(BaseModel):
    """The one table that lists the segments of each customer.

    Attributes:
        name: What people call it.
        path: Where it is, relative to the source's root or a URL; None: where its name is found.
        segments: Column with the segments' names.
        changes: Whether it is a log of changes; None: as its source says.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str | None
    segments: str
    changes: ChangeLog | None = None


class Guards(_Part):
    """What stops an export before it harms an audience. `null` takes a guard off."""

    allow_empty: Switch = Field(
        default=False,
        description="Whether a segment without a single usable address may empty its audience.",
        examples=[True],
    )
    max_rejected: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of a segment's profiles that may be without a usable address.",
        examples=[0.2],
    )
    max_suppress_unusable: Share | None = Field(
        default=0.1,
        description="Largest share (0 to 1) of a suppression list's rows that may be without a usable address or hash.",
        examples=[0.3],
    )
    max_removed: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of an audience's members that one run may remove.",
        examples=[0.2],
    )
    max_removed_members: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Most members that one run may remove from an audience, as a number.",
        examples=[10_000],
    )
    max_profiles_lost: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of its profiles that a table may have lost since the last one that was "
        "delivered.",
        examples=[0.2],
    )
    max_emails_lost: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of the filled e-mail column that may have become empty since the last "
        "table that was delivered.",
        examples=[0.2],
    )
    max_vanished: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of the tables that patterns have taken before which may have vanished at "
        "once, for their audiences to be emptied or deleted (`vanished`). One table alone may always.",
        examples=[0.2],
    )
    max_refused: Share | None = Field(
        default=0.01,
        description="Largest share (0 to 1) of a segment's members that the service may refuse; with fewer the "
        "segment ends well, with a warning.",
        examples=[0.05],
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="Oldest that a table may be, in hours since its newest file was written: now, or at the end of the "
        "data interval where the run reads the table of its own day (dates in the path, Delta, folders of runs).",
        examples=[48],
    )


# --- How they may be written -------------------------------------------------------------------------------


def _table_alone(value: object) -> object:
    if value == "all":
        raise ValueError('means nothing in a list. Write `segments: all`, or "*" as a pattern')
    if not isinstance(value, str | dict | Selection):
        fault = "must be a table's name, in quotes if it looks like a number, or a mapping"
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    return {"table": value} if isinstance(value, str) else value


def _place_alone(value: object) -> object:
    if isinstance(value, str):
        return {"path" if "/" in value else "table": value}
    return value


def _suppression_alone(value: object) -> object:
    if not isinstance(value, str | dict | Suppression):
        fault = "must be the name of a list's table, its path, or a mapping"
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    return _place_alone(value)


def _one_or_several(value: object) -> object:
    return [value] if isinstance(value, str | dict | Suppression) else value


def _selection_alone(value: object) -> object:
    if not isinstance(value, str):
        return value
    return ["*"] if value.strip() == "all" else [value]


def _different_audiences(selections: tuple[Selection, ...]) -> tuple[Selection, ...]:
    first: dict[str, int] = {}
    faults: list[tuple[KeyPath, str]] = []
    for place, selection in enumerate(selections):
        name = selection.audience or selection.table
        same = place if selection.is_pattern else first.setdefault(comparable(name), place)
        if same != place:
            fault = (
                f"goes to the same audience as segments[{same}], '{name}' (upper and lower case do not "
                "count). Remove one, or give one another `audience`"
            )
            faults.append(((place, "audience") if selection.audience else (place,), fault))
    faults += _same_lists(selections)
    if faults:
        raise Faults(faults)
    return selections


def _same_lists(selections: tuple[Selection, ...]) -> list[tuple[KeyPath, str]]:
    ids = [selection.audience_id for selection in selections]
    return [
        (
            (place, "audience_id"),
            f"is that of segments[{ids.index(id_)}] too. Give each segment a list of its own",
        )
        for place, id_ in enumerate(ids)
        if id_ is not None and ids.index(id_) != place
    ]


Selections = Annotated[
    tuple[Annotated[Selection, BeforeValidator(_table_alone, json_schema_input_type=str | Selection)], ...],
    BeforeValidator(_selection_alone, json_schema_input_type=str | list[str | Selection]),
    AfterValidator(not_empty),
    AfterValidator(_different_audiences),
]


Suppressions = Annotated[
    tuple[
        Annotated[Suppression, BeforeValidator(_suppression_alone, json_schema_input_type=str | Suppression)],
        ...,
    ],
    BeforeValidator(_one_or_several, json_schema_input_type=str | Suppression | list[str | Suppression]),
]


def _name_is_optional(schema: dict[str, Any]) -> None:
    # The file's name stands in for it; only the loader knows that.
    schema["required"].remove("name")


class Export(_Part):
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
    source: Annotated[Source, BeforeValidator(_root_alone, json_schema_input_type=str | Source)] = Field(
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
    profiles: (
        Annotated[Profiles, BeforeValidator(_place_alone, json_schema_input_type=str | Profiles)] | None
    ) = Field(
        default=None,
        description="Table of all profiles, where segments only list customers: its name, its path, or a mapping. Both "
        "are joined by the customer's id, and `email` is a column of this table.",
        examples=["{table: Customer, key: CustomerId}"],
        json_schema_extra={"x-default": "none: segments hold the addresses"},
    )
    membership: (
        Annotated[Membership, BeforeValidator(_place_alone, json_schema_input_type=str | Membership)] | None
    ) = Field(
        default=None,
        description="How segments list their customers, beside `profiles`: a mapping, or the one table that lists the "
        "segments of each customer, by its name or path.",
        examples=["msdynci_segmentmembership", "{key: ContactId}"],
        json_schema_extra={"x-default": "each segment is a table with the key of `profiles`"},
    )
    email: Annotated[
        Email, BeforeValidator(_columns_alone, json_schema_input_type=str | list[str] | Email)
    ] = Field(
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
    workspace: Annotated[Folder, BeforeValidator(_root_alone, json_schema_input_type=str | Folder)] = Field(
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
    def _can_reach_every_path(self) -> Self:
        faults = [
            (
                ("segments", place, "path"),
                "is not where the source is. Put this table into an export of its own",
            )
            for place, selection in enumerate(self.segments)
            if selection.path
            and "://" in selection.path
            and Location.of(selection.path).scheme != self.source.location.scheme
        ]
        if faults:
            raise Faults(faults)
        return self

    @model_validator(mode="after")
    def _keeps_its_workspace_where_runs_notice_each_other(self) -> Self:
        if not self.workspace.location.can_be_workspace:
            message = (
                "must be in Azure or on a local disk: only there a run is known to notice that another one writes "
                "the same ledger. Write an abfs:// or local folder; the source may stay where it is"
            )
            raise Faults([(("workspace",), message)])
        return self

    @model_validator(mode="after")
    def _joins_what_can_be_joined(self) -> Self:
        if self.membership is not None and self.profiles is None:
            raise Faults([(("membership",), "needs `profiles`: the table that holds the addresses")])
        fault = (
            "is for a table of its own, but `membership` names one table of all segments. Remove one of them"
        )
        faults: list[tuple[KeyPath, str]] = [
            (("segments", place, key), fault)
            for place, selection in enumerate(self.segments)
            for key in ("path", "changes")
            if self.memberships and getattr(selection, key) is not None
        ]
        if faults:
            raise Faults(faults)
        return self

    @model_validator(mode="after")
    def _takes_no_workspace_for_a_table(self) -> Self:
        source, workspace = (
            posixpath.normpath(folder.root) + "/" for folder in (self.source, self.workspace)
        )
        if self.has_patterns and workspace.startswith(source):
            message = "lies in the source, where a pattern would take it for a table. Put it elsewhere"
            raise Faults([(("workspace",), message)])
        return self

    @model_validator(mode="after")
    def _exports_no_other_table(self) -> Self:
        others = self._other_tables()
        faults: list[tuple[KeyPath, str]] = [
            (("segments", place), others[selection.table])
            for place, selection in enumerate(self.segments)
            if not selection.is_pattern and selection.path is None and selection.table in others
        ]
        if faults:
            raise Faults(faults)
        return self

    @model_validator(mode="after")
    def _keeps_addresses_out_of_row_keys(self) -> Self:
        if self.row_key and self.row_key.casefold() in map(str.casefold, self.email.columns):
            raise Faults(
                [(("row_key",), "holds the addresses, and they are listed nowhere. Name another column")]
            )
        return self

    def _other_tables(self) -> dict[str, str]:
        """Tables of the source that are no segments, so that no pattern takes them; each with why it is none."""
        if self.memberships:
            return {}  # segments are no tables
        a_list = "is a list of `suppress` as well. A list of people to keep out is no segment"
        others = dict.fromkeys((name for one in self.suppress for name in self._names_of(one)), a_list)
        if self.profiles:
            all_of_them = "is the table of `profiles`, which holds everybody. Take it off the segments"
            others |= dict.fromkeys(self._names_of(self.profiles), all_of_them)
        return others

    def _names_of(self, one: Suppression | Profiles) -> set[str]:
        """What a table may be called in the source; nothing if it lies elsewhere."""
        if one.source and one.source.root != self.source.root:
            return set()
        path = (one.path or "").removeprefix(self.source.root).strip("/")
        first = path.split("/")[0]
        return {one.table or first, first.rpartition(".")[0] or first} - {""}

    @property
    def memberships(self) -> Memberships | None:
        """The one table that lists the segments of each customer; None if segments are tables."""
        if self.membership is None or not self.membership.is_one_table:
            return None
        return Memberships(
            name=self.membership.table or self.membership.path or "",
            path=self.membership.path,
            segments=self.membership.segments or "msdynci_segments",
            changes=self.membership.changes,
        )

    @property
    def membership_key(self) -> str:
        """The column of memberships with the customer's id; without `profiles` it means nothing."""
        own = self.membership.key if self.membership else None
        if own or self.memberships:
            return own or "msdynci_customerid"
        return self.profiles.key if self.profiles else ""

    @property
    def has_patterns(self) -> bool:
        """Whether the tables must be listed to know the segments."""
        return any(selection.is_pattern for selection in self.segments)

    @property
    def scope_is_stated(self) -> bool:
        """Whether the file names a scope: only then that of an existing audience is changed."""
        return "scope" in self.model_fields_set

    @property
    def identities(self) -> tuple[str, ...]:
        """What tells the segments that the file names apart; those that only a pattern takes are not among them."""
        named = [selection for selection in self.segments if not selection.is_pattern]
        return tuple(self._identity(one.table, one.audience or one.table) for one in named)

    def identity(self, segment: Segment) -> str:
        """What tells a segment from the export's others, whatever its audience is called: its table.

        Only where the file names the same table several times it is table and audience.
        """
        return self._identity(segment.table, segment.audience)

    def key(self, segment: Segment) -> str:
        """The key of a segment, by which its audience and ledger are known again."""
        return segment_key(self.name, self.identity(segment))

    def source_of(self, segment: Segment) -> Source:
        """The source of a segment's own table, with what holds for that table alone."""
        return self.source.with_changes(
            next((one.changes for one in self.segments if one.makes(segment)), None)
        )

    def other_keys(self, segment: Segment) -> frozenset[str]:
        """The keys of the other segments that the file names."""
        own = self.identity(segment)
        return frozenset(segment_key(self.name, other) for other in self.identities if other != own)

    def _identity(self, table: str, audience: str) -> str:
        alone = sum(selection.table == table for selection in self.segments) < 2  # noqa: PLR2004 (as it says)
        return table if alone else f"{table} → {audience}"

    def matches(self, tables: Iterable[str]) -> list[Segment]:
        """The segments of a run, in the file's order; those of a pattern by name.

        A table named in the file is always among them, found or not, so that the lack of one does not stop
        the others; patterns take only tables that are not named.

        Args:
            tables: Names of the tables found below the source's root; not needed without patterns.

        Returns:
            Also those of tables that a pattern takes and that cannot give their names to audiences, each with its
            fault: the others are exported.
        """
        segments = list(self._segments(tables))
        named = {selection.table for selection in self.segments if not selection.is_pattern}
        faults = faults_of([Naming(one.table, one.audience, one.table not in named) for one in segments])
        shown = shown_names(one.table for one, fault in zip(segments, faults, strict=True) if fault)
        names = iter(shown)
        return [
            one.model_copy(update={"fault": fault, **dict.fromkeys(("table", "audience"), next(names))})
            if fault
            else one
            for one, fault in zip(segments, faults, strict=True)
        ]

    def by_patterns(self, tables: Iterable[str]) -> set[str]:
        """Those of the tables that patterns take."""
        named = {selection.table for selection in self.segments if not selection.is_pattern}
        return {segment.table for segment in self._segments(tables)} - named

    def unmatched(self, tables: Iterable[str]) -> list[str]:
        """Names and patterns of the file that fit none of the tables; those with an own path are no names."""
        found = set(tables)
        return [
            selection.table
            for selection in self.segments
            if selection.path is None and not any(selection.takes(table) for table in found)
        ]

    def _segments(self, tables: Iterable[str]) -> Iterator[Segment]:
        taken = {selection.table for selection in self.segments if not selection.is_pattern}
        taken |= set(self._other_tables())
        found = sorted(set(tables))
        for selection in self.segments:
            if not selection.is_pattern:
                audience = selection.audience or selection.table
                yield Segment(
                    table=selection.table,
                    audience=audience,
                    path=selection.path,
                    audience_id=selection.audience_id,
                )
                continue
            for table in found:
                if table not in taken and selection.takes(table):
                    taken.add(table)
                    yield Segment(table=table, audience=table)
