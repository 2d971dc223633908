"""Find the newest row of each key, in constant memory.

Only a row's index in the table, its key as a digest, whether it marks a deletion, and its order values are kept. Beyond
a million rows they are written to disk, in buckets by the first bits of the key, in a temporary file without a name: no
one else can open it, and the system deletes it however the process ends. Memory then holds one bucket, 1/256 of all
rows.
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
_IN_MEMORY: Final = 1_048_576  # rows kept in memory before they are spilled
# 128 bits: among 10^9 keys, the chance of any accidental match is below 10^-20.
_KEY: Final = ["high", "low"]


class UndecidedError(Exception):
    """Rows with the same order values disagree on whether the key was deleted."""


class NewestRows(Releasing):
    """Collects the rows of a log and returns the newest one of each key.

    A row is newer than another if its first order value is greater. If the values are equal, or one is missing, the
    next values decide in turn. If none of them decides, `ties` says whether a deletion is newer than another row; then
    a row with more order values is newer, then the later one in the table.

    Args:
        ties: `deleted`: a deletion is newer; `kept`: it is older; `refuse`: undecided, which is an error.
    """

    def __init__(self, ties: Ties) -> None:
        self._ties = ties
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0
        self._file: BinaryIO | None = None
        self._chunks: list[list[tuple[int, int]]] = [[] for _ in range(_BUCKETS)]  # offset and length of each

    def release(self) -> None:
        """Close the file, which deletes it."""
        if self._file:
            self._file.close()

    def add(self, places: pl.Series, keys: Digests, deleted: pl.Series, order: Sequence[pl.Series]) -> None:
        """Add rows.

        Args:
            places: Index of each row in the table, from 0.
            keys: The key of each row, as a digest.
            deleted: Whether each row marks its key as deleted.
            order: The columns that define which row is newer, the most significant first.
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
        """Yield all rows; those of one key are in one group. Columns: `place`, `deleted`, `order_0`, ..., and the key.

        Call it only once.
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

    def select_newest(self, group: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
        """Return the newest row of each key of a group, by columns of comparable values.

        Raises:
            UndecidedError: The order values do not decide which row is the newest.
        """
        filled = pl.sum_horizontal(pl.lit(0), *(pl.col(name).is_not_null() for name in order))
        group = group.with_columns(filled=filled, undecided=pl.lit(value=False))
        several = pl.len().over(_KEY) > 1
        alone = group.filter(~several).select("place", "deleted")
        rivals = group.filter(several)
        newest = self._select_newest(rivals, order)
        if self._ties == "refuse" and newest.get_column("undecided").any():
            raise UndecidedError
        return pl.concat([alone, newest.select("place", "deleted")])

    def _select_newest(self, rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
        """Return one row of each key. A row without a value is compared with the others by the next values."""
        if not order:
            return self._break_tie(rows)
        first, *rest = order
        unknown = rows.filter(pl.col(first).is_null())
        known = rows.filter(pl.col(first).is_not_null())
        best = self._select_newest(known.filter(pl.col(first) == pl.col(first).max().over(_KEY)), rest)
        if unknown.is_empty():
            return best
        return self._select_newest(pl.concat([best, self._select_newest(unknown, rest)]), rest)

    def _break_tie(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Choose one of several rows with equal order values; the result is undecided if only some are deletions."""
        only_some_delete = pl.col("deleted").n_unique().over(_KEY) > 1
        rows = rows.with_columns(undecided=pl.col("undecided").any().over(_KEY) | only_some_delete)
        goes_first = pl.col("deleted") == (self._ties == "deleted")
        return rows.sort(goes_first, "filled", "place").unique(_KEY, keep="last")

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
