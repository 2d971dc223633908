"""Reading one column of local Parquet tables of unusual shapes: ours, and pyarrow's own reading of the same folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.measuring import Comparison, Job

__all__ = ["SHAPES", "read_column", "read_column_by_dataset"]

_COLUMN: Final = "Email"
_SMALL_ROWS: Final = 20  # of each of many files
_WIDE_FILES: Final = 4
_WIDE_ROWS: Final = 2_500


def read_column(table: Path, folder: Path) -> None:
    """Read the addresses as the task that normalises does, and leave their number in the folder."""
    from fsspec.implementations.local import LocalFileSystem

    from customer_match.tables.opening import open_table

    batches = open_table(LocalFileSystem(), str(table)).batches([_COLUMN])
    (folder / "count").write_text(str(sum(batch.num_rows for batch in batches)))


def read_column_by_dataset(table: Path, folder: Path) -> None:
    """Read the addresses by pyarrow's dataset, and leave their number in the folder."""
    import pyarrow.dataset as ds

    batches = ds.dataset(str(table), format="parquet").to_batches(columns=[_COLUMN])
    (folder / "count").write_text(str(sum(batch.num_rows for batch in batches)))


def write_many_files(folder: Path, files: int) -> Path:
    """Write so many files of few rows."""
    for number in range(files):
        emails = _emails(number * _SMALL_ROWS, _SMALL_ROWS)
        _write(pa.table({"Id": emails, _COLUMN: emails}), folder, number)
    return folder


def write_many_columns(folder: Path, columns: int) -> Path:
    """Write a few files of so many columns of text, of which one holds the addresses."""
    for number in range(_WIDE_FILES):
        others = {
            f"Column_{place:04}": pa.repeat(f"value {place}", _WIDE_ROWS) for place in range(columns - 1)
        }
        emails = _emails(number * _WIDE_ROWS, _WIDE_ROWS)
        _write(pa.table({**others, _COLUMN: emails}), folder, number)
    return folder


def write_one_row_group(folder: Path, rows: int) -> Path:
    """Write one file whose only row group has so many rows."""
    emails = _emails(0, rows)
    _write(pa.table({"Id": pa.array(np.arange(rows)), _COLUMN: emails}), folder, 0)
    return folder


def _emails(first: int, count: int) -> pa.Array:
    numbers = pa.array(np.arange(first, first + count)).cast(pa.string())
    return pc.binary_join_element_wise("person", numbers, "@mail.example.com", ".")


def _write(table: pa.Table, folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"part-{number:05}.parquet", row_group_size=len(table))


def _shape(words: str, prepare: Callable[[Path, int], Path]) -> Comparison:
    return Comparison(
        f"one column of {words}",
        Job(read_column),
        "pyarrow.dataset",
        Job(read_column_by_dataset),
        prepare,
        ratio_of="seconds",
    )


SHAPES: Final = {
    "many-files": _shape("many files of 20 rows", write_many_files),
    "many-columns": _shape("4 files of many columns", write_many_columns),
    "one-row-group": _shape("one row group of many rows", write_one_row_group),
}
"""Cases whose sizes are the numbers of files, columns and rows."""
