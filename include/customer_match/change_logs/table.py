"""The table that a change log forms: the newest row of each key, without deleted ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.change_logs.reading import LogReading, Mask, RowSelector, find_log_reading
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.changes import ChangeLog
from customer_match.tables.columns import Columns, is_bytes, is_text
from customer_match.tables.table import BATCH_ROWS, Table, TableFile

if TYPE_CHECKING:
    from customer_match.change_logs.newest import NewestRows
    from customer_match.change_logs.order import OrderValues
    from customer_match.members.digests import Digests

__all__ = ["LatestRows", "LogCounts", "counts_of", "latest_rows"]


class LogCounts(BaseModel):
    """Rows of a log that do not count.

    Attributes:
        superseded: Rows with a newer one of the same key.
        deleted: Keys whose newest row marks a deletion.
    """

    model_config = ConfigDict(frozen=True)

    superseded: NonNegativeInt
    deleted: NonNegativeInt


def latest_rows(table: Table, changes: ChangeLog | None) -> Table:
    """Return the table that a change log's newest rows form, or the table itself if it is not a log.

    Args:
        table: The table in the lake.
        changes: What the export file says about it; None: detect it by the columns.

    Raises:
        ConfigurationError: It looks like a log that cannot be read without a declaration, or lacks columns.
    """
    reading = find_log_reading(changes, table)
    return table if reading is None else LatestRows(table, reading)


def counts_of(tables: Iterable[Table]) -> LogCounts | None:
    """Sum the rows of several tables that did not count, after all were read; None if no table is a log."""
    counts = [table.counts for table in tables if isinstance(table, LatestRows)]
    if not counts:
        return None
    return LogCounts(
        superseded=sum(one.superseded for one in counts), deleted=sum(one.deleted for one in counts)
    )


class LatestRows:
    """The newest rows of a log, as a table.

    A first pass over the order columns finds these rows; a second pass reads the table and skips all others.

    Args:
        table: The log.
        reading: Which columns decide what counts.
    """

    def __init__(self, table: Table, reading: LogReading) -> None:
        self._table = table
        self._reading = reading
        self._newest: _CountedRows | None = None
        self._deleted = self._ignored = 0

    @property
    def location(self) -> str:
        """Its location, for messages."""
        return self._table.location

    @property
    def files(self) -> tuple[TableFile, ...]:
        """Its data files, in the order in which they are read."""
        return self._table.files

    @property
    def by_time(self) -> bool:
        """Whether the data is the state of a requested moment, not the current state."""
        return self._table.by_time

    @property
    def modified(self) -> datetime | None:
        """Time of the newest file (UTC), if the storage provides it."""
        return self._table.modified

    @property
    def version(self) -> str | None:
        """Version in the table's own log; None if its format has none."""
        return self._table.version

    @property
    def counts(self) -> LogCounts:
        """The rows that did not count when the table was last read."""
        newest = self._newest
        if newest is None:
            return LogCounts(superseded=self._ignored, deleted=self._deleted)
        return LogCounts(superseded=newest.superseded, deleted=newest.deleted)

    def columns(self) -> Columns:
        """Names and types of the columns."""
        return self._table.columns()

    def profiles(self) -> int | None:
        """Number of rows; None: unknown until the rows are read."""
        return 0 if self._table.profiles() == 0 else None

    def batches(
        self, columns: Sequence[str], batch_rows: int = BATCH_ROWS, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns of the rows that count, in constant memory.

        Raises:
            ConfigurationError: As for the log itself; or the newest row of an id is undecided.
            TransientError: As for the log itself; or the table changed between the two passes.
        """
        if not self._reading.key:
            yield from self._skip_deleted(columns, batch_rows, as_bytes)
            return
        if self._newest is None:
            self._newest = _find_counted_rows(self._table, self._reading)
        place = 0
        for batch in self._table.batches(columns, batch_rows, as_bytes=as_bytes):
            if place + batch.num_rows > self._newest.rows:
                raise self._changed_error()
            counting = batch.filter(self._newest.window(place, batch.num_rows))
            place += batch.num_rows
            if counting.num_rows:
                yield counting
        if place != self._newest.rows:
            raise self._changed_error()

    def _changed_error(self) -> TransientError:
        return TransientError(
            f"{self.location} changed while it was read. The next try reads it again; run the export after the "
            "table is written, not at the same time."
        )

    def _skip_deleted(
        self, columns: Sequence[str], batch_rows: int, as_bytes: Collection[str]
    ) -> Iterator[pa.RecordBatch]:
        """Read a log in one pass: each row is the only one of its id."""
        reading, asked = self._reading, list(dict.fromkeys(columns))
        self._deleted = self._ignored = 0
        names = tuple(dict.fromkeys((*asked, *reading.columns)))
        for batch in self._table.batches(names, batch_rows, as_bytes=as_bytes):
            deleted, ignored = _select_rows(batch, reading.deleted), _select_rows(batch, reading.ignored)
            self._ignored += int(ignored.sum())
            self._deleted += int((deleted & ~ignored).sum())
            yield batch.select(asked).filter(pa.array(~(deleted | ignored)))


def _byte_columns(reading: LogReading, columns: Columns) -> list[str]:
    """Return the order columns that hold bytes and not text."""
    return [name for name in reading.order if is_bytes(columns[name])]


@dataclass(frozen=True)
class _CountedRows:
    """The rows that count.

    Attributes:
        bits: One bit a row, the lowest first.
        rows: Number of rows of the log.
        superseded: Number of rows with a newer one.
        deleted: Number of newest rows that mark a deletion.
    """

    bits: npt.NDArray[np.uint8]
    rows: int
    superseded: int
    deleted: int

    def window(self, start: int, count: int) -> pa.BooleanArray:
        """Return which rows of a batch count."""
        buffers = [None, pa.py_buffer(self.bits)]
        return pa.BooleanArray.from_buffers(pa.bool_(), count, buffers, offset=start)


def _find_counted_rows(table: Table, reading: LogReading) -> _CountedRows:
    import polars as pl  # noqa: PLC0415 (where it is needed)

    from customer_match.change_logs.newest import NewestRows  # noqa: PLC0415
    from customer_match.change_logs.order import OrderValues  # noqa: PLC0415

    columns = table.columns()
    order = OrderValues({name: columns[name] for name in reading.order}, table.location)
    read = 0
    with NewestRows(reading.ties) as rows:
        for batch in table.batches(reading.columns, as_bytes=_byte_columns(reading, columns)):
            places = pl.Series(np.arange(read, read + batch.num_rows))
            read += batch.num_rows
            counting = ~_select_rows(batch, reading.ignored)
            if not counting.all():
                places, batch = places.filter(pl.Series(counting)), batch.filter(pa.array(counting))  # noqa: PLW2901
            deleted = pl.Series(_select_rows(batch, reading.deleted))
            rows.add(places, _key_digests(batch, reading, table.location), deleted, order.read(batch))
        order.check()
        return _choose_rows(rows, order, reading, table.location, read)


def _choose_rows(
    rows: NewestRows, order: OrderValues, reading: LogReading, where: str, read: int
) -> _CountedRows:
    from customer_match.change_logs.newest import UndecidedError  # noqa: PLC0415 (polars: where it is needed)

    bits = np.zeros((read + 7) // 8, dtype=np.uint8)
    winners = deleted = 0
    numbered = [f"order_{number}" for number in range(len(reading.order))]
    for group in rows.groups():
        comparable = group.with_columns(
            order.comparable(name, group.get_column(column)).alias(column)
            for name, column in zip(reading.order, numbered, strict=True)
        )
        try:
            newest = rows.select_newest(comparable, numbered)
        except UndecidedError:
            raise _undecided_error(reading, where) from None
        if newest.height < group.height and not reading.order:
            raise _no_order_error(reading, where)
        counting = newest.filter(~newest.get_column("deleted")).get_column("place").to_numpy()
        np.bitwise_or.at(bits, counting // 8, np.left_shift(1, counting % 8).astype(np.uint8))
        winners += newest.height
        deleted += newest.height - len(counting)
    return _CountedRows(bits, read, read - winners, deleted)


def _no_order_error(reading: LogReading, where: str) -> ConfigurationError:
    name = reading.deleted.columns[0] if reading.deleted else ""
    return ConfigurationError(
        f"{where} has the column {name!r} and several rows with the same {reading.key[0]!r}, so it is a change log; "
        "but no column shows which of these rows is the newest. Declare under `changes`, beside the table or "
        f"its source in the export file, how to read it: `changes: {{key: {reading.key[0]}, order: …, deleted: "
        f"{name}}}`, or `changes: none` if each row counts."
    )


def _undecided_error(reading: LogReading, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} has rows of one id with equal values of {' and '.join(map(repr, reading.order))}. Some of them mark "
        "a deletion and some do not, so the newest row is undecided. Name a further column in "
        "`changes.order` of the export file, such as a sequence number, or say what to assume: `changes.ties: "
        "deleted` (or `kept`)."
    )


def _select_rows(batch: pa.RecordBatch, selector: RowSelector | None) -> Mask:
    return np.zeros(batch.num_rows, dtype=np.bool_) if selector is None else selector.select(batch)


def _key_digests(batch: pa.RecordBatch, reading: LogReading, where: str) -> Digests:
    """Return the ids of a batch's rows as digests, equal where the ids are equal."""
    from customer_match.addresses.customer_ids import id_digests  # noqa: PLC0415
    from customer_match.members.digests import to_hex  # noqa: PLC0415

    parts = []
    for name in reading.key:
        ids = batch.column(name)
        if reading.folds_case and is_text(ids.type):
            ids = pc.utf8_lower(ids)
        digests, filled = id_digests(ids, name, "changes.key")
        if not filled.all():
            raise ConfigurationError(
                f"A row of {where} has no usable id in the column {name!r}, so it is unknown which rows belong "
                "together. Make sure every row has an id, or name other columns as `changes.key` in the export file."
            )
        parts.append(digests)
    if len(parts) == 1:
        return parts[0]
    digits = np.concatenate([to_hex(part) for part in parts], axis=1)
    width = digits.shape[1]
    offsets = pa.array(np.arange(0, width * (batch.num_rows + 1), width, dtype=np.int32))
    texts = pa.StringArray.from_buffers(
        batch.num_rows, offsets.buffers()[1], pa.py_buffer(np.ascontiguousarray(digits))
    )
    return id_digests(texts)[0]
