"""The newest row of each key, in constant memory.

What is known of a row here is its place in the table, its key as a digest, whether it says that something was
deleted, and the values that say how new it is. Past a million rows these wait on disk, by the first bits of their
keys, in a temporary file without a name: nobody else can open it, and the system frees it however the process ends.
Memory is then that of one bucket, 1/256 of all rows.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import numpy as np
import polars as pl

from customer_match.export.changes import Ties
from customer_match.members.digests import Digests
from customer_match.members.releasing import Releasing

__all__ = ["NewestRows", "UndecidedError"]

_BUCKETS: Final = 256
_IN_MEMORY: Final = 1_048_576  # rows that wait in memory before they are spilled
# 128 bits: among 10^9 keys the chance that any two agree by accident is below 10^-20.
_KEY: Final = ["high", "low"]


class UndecidedError(Exception):
    """Of rows that are alike in all that tells which is newer, some delete and some do not."""


class NewestRows(Releasing):
    """Collects the rows of a log and gives back the newest one of each key.

    A row is newer than another if its first order value is greater. Where that is the same, or one of them has none,
    the other values decide in turn. Where none of them decides, `ties` tells whether a row that deletes is newer than
    one that does not; then a row with more values is newer, then the one that stands later in the table.

    Args:
        ties: `deleted`: a row that deletes is newer; `kept`: it is older; `refuse`: nobody knows, which is an error.
    """

    def __init__(self, ties: Ties) -> None:
        self._ties = ties
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0
        self._file: BinaryIO | None = None
        self._chunks: list[list[tuple[int, int]]] = [[] for _ in range(_BUCKETS)]  # offset and length of each

    def release(self) -> None:
        """Free the file."""
        if self._file:
            self._file.close()

    def add(self, places: pl.Series, keys: Digests, deleted: pl.Series, order: Sequence[pl.Series]) -> None:
        """Add rows.

        Args:
            places: Where each row stands in the table, from 0.
            keys: The key of each row, as a digest.
            deleted: Whether each row says that its key was deleted.
            order: The columns that tell which row is newer, the one first that decides first.
        """
        high, low = np.ascontiguousarray(keys[:, :16]).view("<u8").T
        values = {f"order_{number}": series for number, series in enumerate(order)}
        self._waiting.append(
            pl.DataFrame({"high": high, "low": low, "place": places, "deleted": deleted, **values})
        )
        self._waiting_rows += len(keys)
        if self._waiting_rows > _IN_MEMORY:
            self._spill()

    def groups(self) -> Iterator[pl.DataFrame]:
        """All rows, those of one key in one group: columns `place`, `deleted` and `order_0`, ..., beside the key's.

        Can be asked for once.
        """
        if self._file is None:
            if self._waiting:
                yield pl.concat(self._waiting)
            return
        if self._waiting:
            self._spill()
        for chunks in self._chunks:
            if chunks:
                yield pl.concat([self._read(self._file, *chunk) for chunk in chunks])

    def winners(self, group: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
        """The newest row of each key of a group, by columns of comparable values.

        Raises:
            UndecidedError: Nobody knows which one that is.
        """
        told = pl.sum_horizontal(pl.lit(0), *(pl.col(name).is_not_null() for name in order))
        group = group.with_columns(told=told, undecided=pl.lit(value=False))
        several = pl.len().over(_KEY) > 1
        alone = group.filter(~several).select("place", "deleted")
        rivals = group.filter(several)
        newest = self._newest(rivals, order)
        if self._ties == "refuse" and newest.get_column("undecided").any():
            raise UndecidedError
        return pl.concat([alone, newest.select("place", "deleted")])

    def _newest(self, rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
        """One row of each key. Rows without a value are compared with the others by the values that follow."""
        if not order:
            return self._last(rows)
        first, *rest = order
        untold = rows.filter(pl.col(first).is_null())
        told = rows.filter(pl.col(first).is_not_null())
        best = self._newest(told.filter(pl.col(first) == pl.col(first).max().over(_KEY)), rest)
        if untold.is_empty():
            return best
        return self._newest(pl.concat([best, self._newest(untold, rest)]), rest)

    def _last(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One of several rows that are alike in all that tells which is newer: undecided if only some delete."""
        only_some_delete = pl.col("deleted").n_unique().over(_KEY) > 1
        rows = rows.with_columns(undecided=pl.col("undecided").any().over(_KEY) | only_some_delete)
        goes_first = pl.col("deleted") == (self._ties == "deleted")
        return rows.sort(goes_first, "told", "place").unique(_KEY, keep="last")

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="customer-match-")  # noqa: SIM115 (closed on exit)
        rows = pl.concat(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        rows = rows.with_columns(bucket=(pl.col("high") % _BUCKETS).cast(pl.UInt16))
        for part in rows.partition_by("bucket", maintain_order=False):
            content = io.BytesIO()
            part.drop("bucket").write_ipc_stream(content)
            self._chunks[part.item(0, "bucket")].append((self._file.tell(), content.tell()))
            self._file.write(content.getbuffer())

    @staticmethod
    def _read(file: BinaryIO, offset: int, length: int) -> pl.DataFrame:
        file.seek(offset)
        content = file.read(length)
        return pl.read_ipc_stream(io.BytesIO(content))
