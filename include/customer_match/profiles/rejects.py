"""`rejects.parquet`: the keys of rejected rows and the reasons, so that users can find the rows.

It has two columns, `key` (text) and `reason`, and never an address. A key that looks like an address or a digest is
written as null, because a customer's id may be the e-mail address.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.members.files import Files
from customer_match.redaction import PERSONAL

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RejectsFile", "rejects_writer"]

_SCHEMA = pa.schema([pa.field("key", pa.string()), pa.field("reason", pa.string(), nullable=False)])
_ROWS = 65_536  # rows of a row group, held in memory


class RejectsFile(BaseModel):
    """The file with the keys of rejected rows.

    Attributes:
        path: Relative to the workspace.
        rows: Number of rows in it.
        withheld: Number of rows whose key looked like an address or a digest and was not written.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    rows: NonNegativeInt
    withheld: NonNegativeInt


class RejectsWriter:
    """Writes the keys of rejected rows in constant memory."""

    def __init__(self, path: str, writer: pq.ParquetWriter) -> None:
        self._path = path
        self._writer = writer
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._withheld = 0

    def add(self, keys: pa.Array, rejects: pl.DataFrame) -> None:
        """Add the rejected rows of a batch.

        Args:
            keys: The key of every row of the batch.
            rejects: `row` (from 0) and `reason` of the rejected rows.
        """
        rows = rejects["row"].to_arrow()
        texts = _as_text(keys.take(rows))
        personal = pc.match_substring_regex(texts, PERSONAL)
        shown = pc.if_else(pc.fill_null(personal, fill_value=False), pa.scalar(None, pa.string()), texts)
        reasons = rejects["reason"].to_arrow().cast(pa.string())
        self._waiting.append(pa.record_batch([shown, reasons], schema=_SCHEMA))
        self._rows += len(rows)
        self._withheld += pc.sum(personal).as_py() or 0
        if sum(batch.num_rows for batch in self._waiting) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are held in memory."""
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []

    def file(self) -> RejectsFile:
        """The file that was written."""
        return RejectsFile(path=self._path, rows=self._rows, withheld=self._withheld)


@contextmanager
def rejects_writer(files: Files, path: str | None) -> Iterator[RejectsWriter | None]:
    """A writer whose file appears when the context ends without an exception; None without a path."""
    if path is None:
        yield None
        return
    with files.open_output(path) as file, pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer:
        rejects = RejectsWriter(path, writer)
        yield rejects
        rejects.flush()


def _as_text(keys: pa.Array) -> pa.Array:
    """Convert keys to text. pyarrow writes small decimals as 1.2E-7, and 0 as 0E-8; users look for plain digits."""
    if not pa.types.is_decimal(keys.type):
        return keys.cast(pa.string())
    texts = [None if key is None else f"{key:f}" for key in keys.to_pylist()]
    return pa.array(texts, pa.string())
