"""Who becomes a member: the sections `email`, `consent`, `suppress`, `profiles` and `membership`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_match.addresses.definition import Take
from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.changes import ChangeLog, Changes, TableChanges
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
    """The columns of a table that hold the addresses."""

    columns: Columns = Field(
        description="Name of one or more columns, in order of preference; case does not matter. A column holds "
        "text or, in Parquet, lists of text.",
        examples=["[Email, SecondEmail]"],
    )
    separator: Separator | None = Field(
        default=None,
        description="Separator between addresses, if one text holds several.",
        examples=['";"'],
    )


class Email(Addresses):
    """The columns that hold the addresses of profiles, and which addresses count."""

    take: Take = Field(
        default=Take.COALESCE,
        description="Which addresses of a profile become members: `coalesce` takes the first usable one, `all` "
        "takes every usable one.",
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
"""Addresses as written in the file: a mapping, or the columns alone."""


class Consent(Section):
    """Which profiles have consented."""

    column: Column = Field(description="Name of the column that states consent.", examples=["AdsConsent"])
    allow: Allowed = Field(
        description="Values that mean consent; case does not matter. Any other value, and no value, means no "
        "consent.",
        examples=["[true]", "[granted, yes]"],
    )


class OtherTable(Section):
    """A table beside the segments, by its name or its path."""

    table: Text | None = None
    path: TablePath | None = None

    @model_validator(mode="after")
    def _has_one_location(self) -> Self:
        if (self.table is None) == (self.path is None):
            raise Faults([((), "must have either `table` or `path`, and only one of them")])
        return self

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self.table or self.path or ""


class Suppression(OtherTable):
    """A list of addresses that must not be in any audience."""

    table: Text | None = Field(
        default=None,
        description="Name of the table. It is found in the same way as the tables of segments.",
        examples=["DoNotContact"],
    )
    path: TablePath | None = Field(
        default=None,
        description="Path of the table, instead of `table`: relative to the source's root, or a URL.",
        examples=["lists/do_not_contact.csv"],
    )
    source: SourceOrRoot | None = Field(
        default=None,
        description="Source of this table, if it is not the export's; written like `source`.",
        examples=["{connection: lake, root: abfs://lake/lists}"],
        json_schema_extra={"x-default": "the export's `source`"},
    )
    email: AddressesOrColumns | None = Field(
        default=None,
        description="Columns with the e-mail addresses or SHA-256 hashes, written like `email`. All values of a "
        "row count.",
        examples=["Email"],
        json_schema_extra={"x-default": "`email` of the export"},
    )
    allow_empty: Switch = Field(
        default=False,
        description="Whether the list may contain no address at all. If not, such a list stops every segment.",
        examples=[True],
    )
    changes: TableChanges = None


class Profiles(OtherTable):
    """The table of all profiles, with the e-mail addresses, if segments list only customers."""

    table: Text | None = Field(
        default=None,
        description="Name of the table. It is found in the same way as the tables of segments.",
        examples=["Customer"],
    )
    path: TablePath | None = Field(
        default=None,
        description="Path of the table, instead of `table`: relative to the source's root, or a URL.",
        examples=["unified/Customer"],
    )
    source: SourceOrRoot | None = Field(
        default=None,
        description="Source of this table, if it is not the export's; written like `source`.",
        examples=["{connection: lake, root: abfs://lake/unified}"],
        json_schema_extra={"x-default": "the export's `source`"},
    )
    key: Column = Field(
        default="CustomerId",
        description="Name of the column with the customer id in this table.",
        examples=["CustomerId"],
    )
    changes: TableChanges = None


class Membership(Section):
    """How segments list their customers, which are joined to `profiles`."""

    key: Column | None = Field(
        default=None,
        description="Name of the column with the customer id.",
        examples=["CustomerId"],
        json_schema_extra={"x-default": "`profiles.key`; with `table` or `path`: `msdynci_customerid`"},
    )
    table: Text | None = Field(
        default=None,
        description="Name of one table that lists the segments of each customer, such as Dataverse's "
        "`msdynci_segmentmembership`. `segments` of the export then contains names that it lists.",
        examples=["msdynci_segmentmembership"],
        json_schema_extra={"x-default": "none: each segment is a table of ids"},
    )
    path: TablePath | None = Field(
        default=None,
        description="Path of that table, instead of `table`: relative to the source's root, or a URL.",
        examples=["dataverse/msdynci_segmentmembership"],
    )
    segments: Column | None = Field(
        default=None,
        description='Name of the column in that table that lists the segments: JSON text such as `{"Segments": '
        '["Gold"]}`, a list of texts, or one name.',
        examples=["msdynci_segments"],
        json_schema_extra={"x-default": "with `table` or `path`: `msdynci_segments`"},
    )
    changes: Changes = Field(
        default=None,
        description="Whether and how that table is read as a change log; written like `source.changes`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "`changes` of its source"},
    )

    @model_validator(mode="after")
    def _is_one_table_or_several(self) -> Self:
        if self.table is not None and self.path is not None:
            raise Faults([(("path",), "cannot be combined with `table`. Remove one of them")])
        fault = "applies only to one table of all segments. Name that table as `table`"
        faults: list[tuple[KeyPath, str]] = [
            ((key,), fault)
            for key in ("segments", "changes")
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
        name: Its name in messages.
        path: Its path, relative to the source's root or a URL; None: found by its name.
        segments: Column with the names of the segments.
        changes: Whether and how it is read as a change log; None: as its source says.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str | None
    segments: str
    changes: ChangeLog | None = None


# --- Short forms -------------------------------------------------------------------------------------------


def _location_as_mapping(value: object) -> object:
    if isinstance(value, str):
        return {"path" if "/" in value else "table": value}
    return value


def _location_as_suppression(value: object) -> object:
    if not isinstance(value, str | dict | Suppression):
        fault = "must be the name or path of a suppression list, or a mapping"
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    return _location_as_mapping(value)


def _one_as_list(value: object) -> object:
    return [value] if isinstance(value, str | dict | Suppression) else value


ProfilesOrTable = Annotated[
    Profiles, BeforeValidator(_location_as_mapping, json_schema_input_type=str | Profiles)
]
MembershipOrTable = Annotated[
    Membership, BeforeValidator(_location_as_mapping, json_schema_input_type=str | Membership)
]
"""A table as written in the file: a mapping, or its name or path alone."""

Suppressions = Annotated[
    tuple[
        Annotated[
            Suppression, BeforeValidator(_location_as_suppression, json_schema_input_type=str | Suppression)
        ],
        ...,
    ],
    BeforeValidator(_one_as_list, json_schema_input_type=str | Suppression | list[str | Suppression]),
]


# --- Rules that need several sections ----------------------------------------------------------------------


def membership_key(membership: Membership | None, profiles: Profiles | None) -> str:
    """The column of memberships with the customer id; meaningless without profiles."""
    if membership and (membership.key or membership.is_one_table):
        return membership.key or "msdynci_customerid"
    return profiles.key if profiles else ""


def tables_beside_segments(
    source: Source,
    suppress: Sequence[Suppression],
    profiles: Profiles | None,
    membership: Membership | None,
) -> dict[str, str]:
    """Tables of the source that are not segments and that no pattern takes, each with the reason.

    Args:
        source: The source of the segments.
        suppress: The export's suppression lists.
        profiles: The table of all profiles, if there is one.
        membership: How segments list their customers; if one table lists them, segments are not tables.
    """
    if membership and membership.is_one_table:
        return {}
    a_list = "is also a suppression list, which cannot be a segment. Remove it from `segments` or `suppress`"
    others = dict.fromkeys((name for one in suppress for name in _names_in(source, one)), a_list)
    if profiles:
        all_of_them = "is the table of all `profiles`. Remove it from `segments`"
        others |= dict.fromkeys(_names_in(source, profiles), all_of_them)
    return others


def _names_in(source: Source, one: Suppression | Profiles) -> set[str]:
    """The names that a table may have in a source; empty if it is elsewhere."""
    if one.source and one.source.root != source.root:
        return set()
    path = (one.path or "").removeprefix(source.root).strip("/")
    first = path.split("/")[0]
    return {one.table or first, first.rpartition(".")[0] or first} - {""}
