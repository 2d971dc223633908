"""Who counts: the sections `email`, `consent`, `suppress`, `profiles` and `membership`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_match.addresses.definition import Take
from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.changes import ChangeLog, Changes
from customer_match.export.paths import TablePath
from customer_match.export.sources import Source, SourceOrRoot
from customer_match.export.values import Allowed, Column, Columns, Separator, Switch, Text

__all__ = [
    "Addresses",
    "AddressesOrColumns",
    "Consent",
    "Email",
    "EmailOrColumns",
    "Membership",
    "MembershipOrTable",
    "Memberships",
    "Profiles",
    "ProfilesOrTable",
    "Suppression",
    "Suppressions",
    "membership_key",
    "tables_beside_segments",
]


class Addresses(Section):
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


def _columns_as_addresses(value: object) -> object:
    return {"columns": value} if isinstance(value, str | list | tuple) else value


AddressesOrColumns = Annotated[
    Addresses, BeforeValidator(_columns_as_addresses, json_schema_input_type=str | list[str] | Addresses)
]
EmailOrColumns = Annotated[
    Email, BeforeValidator(_columns_as_addresses, json_schema_input_type=str | list[str] | Email)
]
"""Addresses as the file may have them: a mapping, or the columns alone."""


class Consent(Section):
    """Which profiles have consented."""

    column: Column = Field(description="Name of the column that tells it.", examples=["AdsConsent"])
    allow: Allowed = Field(
        description="The values that mean consent; case does not matter. Everything else, and no value at all, "
        "does not.",
        examples=["[true]", "[granted, yes]"],
    )


class Suppression(Section):
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
    source: SourceOrRoot | None = Field(
        default=None,
        description="The list's own source, written like `source`.",
        examples=["{connection: lake, root: abfs://lake/lists}"],
        json_schema_extra={"x-default": "the export's `source`"},
    )
    email: AddressesOrColumns | None = Field(
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


class Profiles(Section):
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
    source: SourceOrRoot | None = Field(
        default=None,
        description="The table's own source, written like `source`.",
        examples=["{connection: lake, root: abfs://lake/unified}"],
        json_schema_extra={"x-default": "the export's `source`"},
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


class Membership(Section):
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

    @property
    def one_table(self) -> Memberships | None:
        """The one table that lists the segments of each customer; None if segments are tables."""
        if not self.is_one_table:
            return None
        return Memberships(
            name=self.table or self.path or "",
            path=self.path,
            segments=self.segments or "msdynci_segments",
            changes=self.changes,
        )


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


# --- How they may be written -------------------------------------------------------------------------------


def _place_as_mapping(value: object) -> object:
    if isinstance(value, str):
        return {"path" if "/" in value else "table": value}
    return value


def _place_as_suppression(value: object) -> object:
    if not isinstance(value, str | dict | Suppression):
        fault = "must be the name of a list's table, its path, or a mapping"
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    return _place_as_mapping(value)


def _one_as_list(value: object) -> object:
    return [value] if isinstance(value, str | dict | Suppression) else value


ProfilesOrTable = Annotated[
    Profiles, BeforeValidator(_place_as_mapping, json_schema_input_type=str | Profiles)
]
MembershipOrTable = Annotated[
    Membership, BeforeValidator(_place_as_mapping, json_schema_input_type=str | Membership)
]
"""A table as the file may have it: a mapping, or its name or path alone."""

Suppressions = Annotated[
    tuple[
        Annotated[
            Suppression, BeforeValidator(_place_as_suppression, json_schema_input_type=str | Suppression)
        ],
        ...,
    ],
    BeforeValidator(_one_as_list, json_schema_input_type=str | Suppression | list[str | Suppression]),
]


# --- What they mean together -------------------------------------------------------------------------------


def membership_key(membership: Membership | None, profiles: Profiles | None) -> str:
    """The column of memberships with the customer's id; without profiles it means nothing."""
    if membership and (membership.key or membership.is_one_table):
        return membership.key or "msdynci_customerid"
    return profiles.key if profiles else ""


def tables_beside_segments(
    source: Source,
    suppress: Sequence[Suppression],
    profiles: Profiles | None,
    membership: Membership | None,
) -> dict[str, str]:
    """Tables of the source that are no segments, so that no pattern takes them; each with why it is none.

    Args:
        source: The source of the segments.
        suppress: The export's suppression lists.
        profiles: The table of all profiles, if there is one.
        membership: How segments list their customers; where one table does it, segments are no tables.
    """
    if membership and membership.is_one_table:
        return {}
    a_list = "is a list of `suppress` as well. A list of people to keep out is no segment"
    others = dict.fromkeys((name for one in suppress for name in _names_in(source, one)), a_list)
    if profiles:
        all_of_them = "is the table of `profiles`, which holds everybody. Take it off the segments"
        others |= dict.fromkeys(_names_in(source, profiles), all_of_them)
    return others


def _names_in(source: Source, one: Suppression | Profiles) -> set[str]:
    """What a table may be called in a source; nothing if it is elsewhere."""
    if one.source and one.source.root != source.root:
        return set()
    path = (one.path or "").removeprefix(source.root).strip("/")
    first = path.split("/")[0]
    return {one.table or first, first.rpartition(".")[0] or first} - {""}
