"""Parquet: facts from the footers, rows streamed by row group, only the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from include.customer_match.storage import open_input
from include.customer_match.tables.formats import FileFormat
from include.customer_match.tables.table import FileTable, TableFile
from include.errors import ConfigurationError

__all__ = ["FORMAT", "ParquetTable"]

# Column chunks beyond this are read in pieces: a writer may put all rows into one row group.
_BUFFER_BYTES: Final = 4 * 2**20


@dataclass(frozen=True)
class _Footer:
    columns: Mapping[str, pa.DataType]
    rows: int


class ParquetTable(FileTable):
    """A table of Parquet files."""

    def profiles(self) -> int | None:
        """Number of rows, from the footers."""
        return sum(footer.rows for footer in self._footers.values())

    @cached_property
    def _footers(self) -> dict[str, _Footer]:
        return self._of_each_file(self._footer_of)

    def _footer_of(self, file: TableFile) -> _Footer:
        with self._opened(file) as parquet:
            schema = parquet.schema_arrow
            return _Footer(dict(zip(schema.names, schema.types, strict=True)), parquet.metadata.num_rows)

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        return self._footers[file.path].columns

    def _batches_of(
        self, file: TableFile, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        with self._opened(file) as parquet:
            yield from parquet.iter_batches(batch_rows, columns=list(columns), use_threads=False)

    @contextmanager
    def _opened(self, file: TableFile) -> Iterator[pq.ParquetFile]:
        """Whatever pyarrow raises here is the file's fault: the storage's faults have our own types."""
        with open_input(self.filesystem, file.path) as content:
            try:
                yield pq.ParquetFile(
                    content, pre_buffer=False, buffer_size=_BUFFER_BYTES, page_checksum_verification=True
                )
            except FileNotFoundError:
                raise
            except (OSError, pa.ArrowException) as error:
                raise ConfigurationError(
                    f"{self._where(file)} is not a whole Parquet file: truncated, damaged or of another format. "
                    "Let the table be written again; if it is CSV, name it .csv."
                ) from error


FORMAT: Final = FileFormat(
    name="parquet",
    title="Parquet",
    extensions=frozenset({".parquet", ".parq", ".pq"}),
    table=ParquetTable,
    magic=b"PAR1",
)
