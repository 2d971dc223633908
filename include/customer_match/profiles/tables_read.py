"""Which columns of which tables a segment is read from, and for what: for catalogs of data. Names and types only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from customer_match.profiles.join import MembershipReading
from customer_match.profiles.reading import ReadSpec
from customer_match.profiles.segment_rows import SegmentRows
from customer_match.redaction import without_addresses
from customer_match.tables.table import Table

__all__ = ["TableRead", "tables_read"]


class TableRead(BaseModel):
    """A table, and the columns of it that are read.

    Attributes:
        account: The storage account in Azure, where the location does not name its host; otherwise None.
        columns: The columns that are read, with their types in Arrow's words.
        emails: Of these, the columns with addresses.
        filters: Columns that decide which rows count: `where`, `consent`, lists of segments.
        keys: Columns by which two tables are joined.
    """

    model_config = ConfigDict(frozen=True)

    account: str | None = None
    columns: dict[str, str]
    emails: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def tables_read(rows: SegmentRows, accounts: Sequence[str | None]) -> tuple[TableRead, ...]:
    """Describe what is read of the tables of a segment, in their order.

    Args:
        rows: The opened tables.
        accounts: The storage account of each.
    """
    if rows.join is None:
        return (_of_profiles(rows.tables[0], accounts[0], rows.reading, rows.reading.columns, ()),)
    memberships, profiles = rows.tables
    key = rows.join.profile_key
    return (
        _of_memberships(memberships, accounts[0], rows.join.memberships),
        _of_profiles(profiles, accounts[1], rows.join.profiles, rows.join.profile_columns, (key,)),
    )


def _of_profiles(
    table: Table, account: str | None, reading: ReadSpec, columns: Iterable[str], keys: Iterable[str]
) -> TableRead:
    return TableRead(
        account=account,
        columns=_types(table, columns),
        emails=_safe(reading.emails),
        filters=_filters(reading),
        keys=_safe(keys),
    )


def _of_memberships(table: Table, account: str | None, reading: MembershipReading) -> TableRead:
    lists = (reading.segments,) if reading.segments else ()
    return TableRead(
        account=account,
        columns=_types(table, reading.columns),
        filters=(*_safe(lists), *_filters(reading)),
        keys=_safe((reading.key,)),
    )


def _filters(reading: ReadSpec | MembershipReading) -> tuple[str, ...]:
    names = list(reading.where.columns if reading.where else ())
    if reading.consent:
        names.append(reading.consent.column)
    return tuple(dict.fromkeys(_safe(names)))


def _types(table: Table, columns: Iterable[str]) -> dict[str, str]:
    types = table.columns()
    return {without_addresses(name): str(types[name]) for name in columns}


def _safe(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(without_addresses, names))
