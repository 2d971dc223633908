"""The rows of a segment: the rows of its own table, or the profiles of the customers that it lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Protocol

from customer_match.change_logs.table import LogCounts, counts_of
from customer_match.errors import ConfigurationError
from customer_match.export.model import Export
from customer_match.export.people import Memberships
from customer_match.export.segments import Segment
from customer_match.export.sources import Source
from customer_match.profiles.join import Join, Joined
from customer_match.profiles.join_reading import JoinReading, join_reading_of, segments_column
from customer_match.profiles.reading import ReadSpec, read_spec_of
from customer_match.redaction import logger
from customer_match.tables.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from customer_match.profiles.segment_lists import SegmentLists

__all__ = ["OpenTable", "SegmentRows", "listed_segments", "segment_rows", "shared_tables", "unreadable_lists"]

log = logger(__name__)

_NAMES_SHOWN = 30


class OpenTable(Protocol):
    """Opens a table of the run by its path, or by its name in a source."""

    def __call__(self, source: Source, name: str, path: str | None, key: str, /) -> Table:
        """Open the table; `key` is the key in the export file that names it."""


@dataclass(frozen=True)
class Rows:
    """The rows of a segment while they are read.

    Attributes:
        batches: The rows, with the columns of the reading.
        joined: The counts of memberships, complete once all batches were read; None if nothing was joined.
        log: The counts of rows that change logs left out, complete once all batches were read; None without such logs.
    """

    batches: Iterable[pa.RecordBatch]
    joined: Callable[[], Joined | None] = field(default=lambda: None)
    log: Callable[[], LogCounts | None] = field(default=lambda: None)


@dataclass(frozen=True)
class SegmentRows:
    """The opened tables of a segment.

    Attributes:
        segment: The segment.
        reading: How to read the rows with the addresses.
        tables: The segment's own table or the table of all memberships; if these are joined, then the profiles.
        join: How to read the two joined tables; None if the segment's table has the addresses.
        sources: Where each of these tables is.
    """

    segment: Segment
    reading: ReadSpec
    tables: tuple[Table, ...]
    join: JoinReading | None = None
    sources: tuple[Source, ...] = ()

    def profiles(self) -> int | None:
        """Number of rows of the segment's own table; None if it is known only after reading."""
        lists_names = self.join is not None and self.join.memberships.segments is not None
        return None if lists_names else self.tables[0].profiles()

    @contextmanager
    def read(self, *, may_be_unlisted: bool) -> Iterator[Rows]:
        """Read the rows in constant memory.

        Args:
            may_be_unlisted: Whether it is allowed that no row of the table of memberships lists the segment.

        Raises:
            ConfigurationError: No row lists the segment, or a table cannot be read.
        """
        log = partial(counts_of, self.tables)
        if self.join is None:
            yield Rows(self.tables[0].batches(self.reading.columns), log=log)
            return
        memberships, profiles = self.tables
        columns, key = self.join.profile_columns, self.join.profile_key
        with Join(self.join.memberships, self.segment.table) as join:
            join.read(memberships.batches(self.join.memberships.columns))
            self._check_listed(join.joined(), may_be_unlisted=may_be_unlisted)
            yield Rows(join.profiles(lambda: profiles.batches(columns), key), join.joined, log)

    def _check_listed(self, joined: Joined, *, may_be_unlisted: bool) -> None:
        column = self.join.memberships.segments if self.join else None
        if joined.unreadable:
            log.warning(
                "%d rows of the column %r have segments that cannot be parsed", joined.unreadable, column
            )
        if column is None or joined.rows or may_be_unlisted:
            return
        table, name = self.tables[0], self.segment.table
        known = sorted(_names_in(table, column))
        near = get_close_matches(name, known, 1)
        others = f"; {joined.unreadable:,} rows cannot be read" if joined.unreadable else ""
        raise ConfigurationError(
            f"No row of {table.location} lists the segment {name!r} in the column {column!r}."
            f"{f' Did you mean {near[0]!r}?' if near else ''} It lists: {_list_names(known)}{others}. "
            "Correct `segments` or `membership` in the export file. If the segment may have no customers, set "
            "`guards.allow_empty`."
        )


def segment_rows(export: Export, segment: Segment, open_table: OpenTable) -> SegmentRows:
    """Open the tables of a segment's rows.

    Raises:
        ConfigurationError: A table is not found or not readable, or lacks a column that the export names.
    """
    export = export.for_segment(segment)
    if export.profiles is None:
        source = export.source_of(segment)
        table = open_table(source, segment.table, segment.path, "the segment")
        return SegmentRows(segment, read_spec_of(export, table.columns()), (table,), sources=(source,))
    memberships = _memberships(export, segment, open_table)
    profiles = _profiles(export, open_table)
    join = join_reading_of(export, profiles.columns(), memberships.columns())
    sources = (
        export.source if export.memberships else export.source_of(segment),
        export.profiles.source or export.source,
    )
    return SegmentRows(segment, join.profiles, (memberships, profiles), join, sources)


def shared_tables(export: Export, open_table: OpenTable) -> list[Table]:
    """Open the tables that each segment reads as a whole: the profiles, and the table of all memberships.

    Raises:
        ConfigurationError: A table is not found or not readable.
    """
    if export.profiles is None:
        return []
    tables = [_profiles(export, open_table)]
    if export.memberships is not None:
        tables.append(_all_memberships(export.memberships, export.source, open_table))
    return tables


def listed_segments(export: Export, open_table: OpenTable) -> dict[str, str]:
    """The segments that the table of memberships lists, by name, each with the table's location.

    Raises:
        ConfigurationError: The table is not found or not readable, or lacks the column.
    """
    assert export.memberships is not None  # noqa: S101 (otherwise each segment is a table)
    table = _all_memberships(export.memberships, export.source, open_table)
    column = segments_column(export, table.columns())
    return dict.fromkeys(sorted(_names_in(table, column)) if column else (), table.location)


def unreadable_lists(export: Export, open_table: OpenTable) -> int:
    """Number of rows of the table of memberships whose segments cannot be parsed.

    Raises:
        ConfigurationError: As in `listed_segments`.
    """
    assert export.memberships is not None  # noqa: S101 (otherwise each segment is a table)
    table = _all_memberships(export.memberships, export.source, open_table)
    column = segments_column(export, table.columns())
    return sum(lists.unreadable for lists in _lists_in(table, column)) if column else 0


def _memberships(export: Export, segment: Segment, open_table: OpenTable) -> Table:
    if export.memberships is not None:
        return _all_memberships(export.memberships, export.source, open_table)
    return open_table(export.source_of(segment), segment.table, segment.path, "the segment")


def _all_memberships(one: Memberships, source: Source, open_table: OpenTable) -> Table:
    return open_table(source.with_changes(one.changes), one.name, one.path, "`membership`")


def _profiles(export: Export, open_table: OpenTable) -> Table:
    wanted = export.profiles
    assert wanted is not None  # noqa: S101 (otherwise nothing is joined)
    try:
        source = (wanted.source or export.source).with_changes(wanted.changes)
        return open_table(source, wanted.name, wanted.path, "`profiles`")
    except ConfigurationError as error:
        raise ConfigurationError(f"Profiles {wanted.name!r}: {error}", key=_inner(error.key)) from None


def _inner(key: str) -> str:
    """The key of an error about the table of profiles, whose source is not the export's own."""
    return "profiles" if key in ("", "source") else key


def _names_in(table: Table, column: str) -> set[str]:
    names: set[str] = set()
    for lists in _lists_in(table, column):
        names |= lists.names()
    return names


def _lists_in(table: Table, column: str) -> Iterator[SegmentLists]:
    from customer_match.profiles.segment_lists import SegmentLists  # noqa: PLC0415 (imports polars)

    for batch in table.batches([column]):
        yield SegmentLists.of(batch.column(column))


def _list_names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(names[:_NAMES_SHOWN]) or "none") + more
