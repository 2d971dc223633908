"""The table that a log of changes makes: of each key the newest row, without what is deleted."""

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

from customer_match.change_logs.reading import LogReading, Marks, Mask, log_reading
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.changes import ChangeLog
from customer_match.tables import Table
from customer_match.tables.columns import Columns, is_bytes, is_text
from customer_match.tables.table import BATCH_ROWS, TableFile

if TYPE_CHECKING:
    from customer_match.change_logs.newest import NewestRows
    from customer_match.change_logs.order import OrderValues
    from customer_match.members.digests import Digests

__all__ = ["LatestRows", "LogCounts", "counts_of", "latest_rows"]


class LogCounts(BaseModel):
    """Which rows of a log do not count.

    Attributes:
        superseded: Rows with a newer one of the same key.
        deleted: Keys whose newest row says that they were deleted.
    """

    model_config = ConfigDict(frozen=True)

    superseded: NonNegativeInt
    deleted: NonNegativeInt


def latest_rows(table: Table, changes: ChangeLog | None) -> Table:
    """The table itself, or if it is a log of changes, the table that its newest rows make.

    Args:
        table: The table, as it lies in the lake.
        changes: What the export file says of it; None: its columns tell.

    Raises:
        ConfigurationError: It looks like a log that nobody can read without being told how, or lacks the columns.
    """
    reading = log_reading(changes, table)
    return table if reading is None else LatestRows(table, reading)


def counts_of(tables: Iterable[Table]) -> LogCounts | None:
    """The rows of several tables that did not count, once all were read; None where no table is a log."""
    counts = [table.counts for table in tables if isinstance(table, LatestRows)]
    if not counts:
        return None
    return LogCounts(
        superseded=sum(one.superseded for one in counts), deleted=sum(one.deleted for one in counts)
    )


class LatestRows:
    """The newest rows of a log, as a table.

    Which rows these are is found out once, before the first one is handed out, from the columns that tell it; then
    the table is read again, and the other rows are passed over.

    Args:
        table: The log.
        reading: Which columns tell what counts.
    """

    def __init__(self, table: Table, reading: LogReading) -> None:
        self._table = table
        self._reading = reading
        self._newest: _Places | None = None
        self._deleted = self._ignored = 0

    @property
    def location(self) -> str:
        """Where it lies, for people."""
        return self._table.location

    @property
    def files(self) -> tuple[TableFile, ...]:
        """Its data files, in the order in which they are read."""
        return self._table.files

    @property
    def by_time(self) -> bool:
        """Whether it is the state of a moment that was asked for, not just what is there now."""
        return self._table.by_time

    @property
    def modified(self) -> datetime | None:
        """Time of the newest file (UTC), where the storage knows it."""
        return self._table.modified

    @property
    def counts(self) -> LogCounts:
        """What did not count, of the rows that were read last."""
        newest = self._newest
        if newest is None:
            return LogCounts(superseded=self._ignored, deleted=self._deleted)
        return LogCounts(superseded=newest.superseded, deleted=newest.deleted)

    def columns(self) -> Columns:
        """Names and types of the columns."""
        return self._table.columns()

    def profiles(self) -> int | None:
        """Number of rows; None: only reading tells how many of them count."""
        return 0 if self._table.profiles() == 0 else None

    def batches(
        self, columns: Sequence[str], batch_rows: int = BATCH_ROWS, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns of the rows that count, in constant memory.

        Raises:
            ConfigurationError: As the table itself; or nobody can tell which row of an id is the newest.
            TransientError: Likewise; or the table was changed meanwhile.
        """
        if not self._reading.key:
            yield from self._undeleted(columns, batch_rows, as_bytes)
            return
        if self._newest is None:
            self._newest = _places(self._table, self._reading)
        place = 0
        for batch in self._table.batches(columns, batch_rows, as_bytes=as_bytes):
            if place + batch.num_rows > self._newest.rows:
                raise self._changed()
            counting = batch.filter(self._newest.among(place, batch.num_rows))
            place += batch.num_rows
            if counting.num_rows:
                yield counting
        if place != self._newest.rows:
            raise self._changed()

    def _changed(self) -> TransientError:
        return TransientError(
            f"{self.location} was changed while it was read. It is read again on the next try; export after the "
            "table is written, not meanwhile."
        )

    def _undeleted(
        self, columns: Sequence[str], batch_rows: int, as_bytes: Collection[str]
    ) -> Iterator[pa.RecordBatch]:
        """Where each row is the only one of its id, one reading is enough."""
        reading, asked = self._reading, list(dict.fromkeys(columns))
        self._deleted = self._ignored = 0
        names = tuple(dict.fromkeys((*asked, *reading.columns)))
        for batch in self._table.batches(names, batch_rows, as_bytes=as_bytes):
            deleted, ignored = _marked(batch, reading.deleted), _marked(batch, reading.ignored)
            self._ignored += int(ignored.sum())
            self._deleted += int((deleted & ~ignored).sum())
            yield batch.select(asked).filter(pa.array(~(deleted | ignored)))


def _in_bytes(reading: LogReading, columns: Columns) -> list[str]:
    """The columns that tell the order by bytes, which are no text."""
    return [name for name in reading.order if is_bytes(columns[name])]


@dataclass(frozen=True)
class _Places:
    """The places of the rows that count.

    Attributes:
        bits: One a row, the lowest first.
        rows: Of the log.
        superseded: Rows with a newer one.
        deleted: Newest rows that say that something was deleted.
    """

    bits: npt.NDArray[np.uint8]
    rows: int
    superseded: int
    deleted: int

    def among(self, start: int, count: int) -> pa.BooleanArray:
        """Which rows of a batch count."""
        buffers = [None, pa.py_buffer(self.bits)]
        return pa.BooleanArray.from_buffers(pa.bool_(), count, buffers, offset=start)


def _places(table: Table, reading: LogReading) -> _Places:
    import polars as pl  # noqa: PLC0415 (where it is needed)

    from customer_match.change_logs.newest import NewestRows  # noqa: PLC0415
    from customer_match.change_logs.order import OrderValues  # noqa: PLC0415

    columns = table.columns()
    order = OrderValues({name: columns[name] for name in reading.order}, table.location)
    read = 0
    with NewestRows(reading.ties) as rows:
        for batch in table.batches(reading.columns, as_bytes=_in_bytes(reading, columns)):
            places = pl.Series(np.arange(read, read + batch.num_rows))
            read += batch.num_rows
            counting = ~_marked(batch, reading.ignored)
            if not counting.all():
                places, batch = places.filter(pl.Series(counting)), batch.filter(pa.array(counting))  # noqa: PLW2901
            deleted = pl.Series(_marked(batch, reading.deleted))
            rows.add(places, _keys(batch, reading, table.location), deleted, order.taken(batch))
        order.check()
        return _chosen(rows, order, reading, table.location, read)


def _chosen(rows: NewestRows, order: OrderValues, reading: LogReading, where: str, read: int) -> _Places:
    from customer_match.change_logs.newest import UndecidedError  # noqa: PLC0415 (polars: where it is needed)

    bits = np.zeros((read + 7) // 8, dtype=np.uint8)
    winners = deleted = 0
    numbered = [f"order_{number}" for number in range(len(reading.order))]
    for group in rows.groups():
        comparable = group.with_columns(
            order.in_order(name, group.get_column(column)).alias(column)
            for name, column in zip(reading.order, numbered, strict=True)
        )
        try:
            newest = rows.winners(comparable, numbered)
        except UndecidedError:
            raise _undecided(reading, where) from None
        if newest.height < group.height and not reading.order:
            raise _no_order(reading, where)
        counting = newest.filter(~newest.get_column("deleted")).get_column("place").to_numpy()
        np.bitwise_or.at(bits, counting // 8, np.left_shift(1, counting % 8).astype(np.uint8))
        winners += newest.height
        deleted += newest.height - len(counting)
    return _Places(bits, read, read - winners, deleted)


def _no_order(reading: LogReading, where: str) -> ConfigurationError:
    name = reading.deleted.columns[0] if reading.deleted else ""
    return ConfigurationError(
        f"{where} has the column {name!r} and several rows with the same {reading.key[0]!r}, so that it is a log of "
        "changes; but no column tells which of these rows is the newest. Say under `changes`, beside the table or "
        f"its source in the export file, how it is read: `changes: {{key: {reading.key[0]}, order: …, deleted: "
        f"{name}}}`, or `changes: none` if each row counts."
    )


def _undecided(reading: LogReading, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} has rows of one id that are alike in {' and '.join(map(repr, reading.order))}. Some of them mean "
        "deleted and some do not, so that nobody knows which row is the newest. Name a further column in "
        "`changes.order` of the export file, such as a sequence number, or say what holds then: `changes.ties: "
        "deleted` (or `kept`)."
    )


def _marked(batch: pa.RecordBatch, marks: Marks | None) -> Mask:
    return np.zeros(batch.num_rows, dtype=np.bool_) if marks is None else marks.marks(batch)


def _keys(batch: pa.RecordBatch, reading: LogReading, where: str) -> Digests:
    """The ids of a batch's rows as digests, which are the same where the ids are."""
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
                f"A row of {where} has no usable id in the column {name!r}, so that nobody knows which rows are of one "
                "thing. Let every row have an id, or name other columns as `changes.key` in the export file."
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
