"""Parquet: facts from the footers, rows streamed by row group, only the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from include.customer_match.read_ahead import Range
from include.customer_match.storage import Input, open_input
from include.customer_match.tables.columns import Columns, repeated
from include.customer_match.tables.formats import FileFormat
from include.customer_match.tables.table import FileTable, TableFile, still_there
from include.errors import ConfigurationError

__all__ = ["FORMAT", "ParquetTable"]

# Column chunks beyond this are read in pieces: a writer may put all rows into one row group.
_BUFFER_BYTES: Final = 4 * 2**20
_FOOTERS_BYTES: Final = (
    8 * 2**20
)  # of all files together, as they are in the files; several times that in memory


@dataclass(frozen=True)
class _Footer:
    columns: Columns
    rows: int
    metadata: pq.FileMetaData | None  # None where those of all files would take too much memory


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
            schema, metadata = parquet.schema_arrow, parquet.metadata
            kept = metadata if metadata.serialized_size * len(self.files) <= _FOOTERS_BYTES else None
            names = schema.names  # made anew whenever it is asked for
            twice = dict.fromkeys(repeated(names), "stands twice")
            columns = Columns(dict(zip(names, schema.types, strict=True)), twice)
            return _Footer(columns, metadata.num_rows, kept)

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        return self._footers[file.path].columns

    def _begun(self, file: TableFile, columns: tuple[str, ...], before: Input | None) -> Input | None:
        metadata = self._footers[file.path].metadata
        if metadata is None:  # where its columns lie is known only when it is opened
            return None
        with still_there(self._where(file)):
            content = open_input(self.filesystem, file.path, file.size_bytes)
        content.expect(_ranges(metadata, columns), before)
        return content

    def _batches_of(
        self, file: TableFile, content: Input | None, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        with self._opened(file, columns, content) as parquet:
            yield from parquet.iter_batches(batch_rows, columns=list(columns), use_threads=False)

    @contextmanager
    def _opened(
        self, file: TableFile, columns: tuple[str, ...] = (), begun: Input | None = None
    ) -> Iterator[pq.ParquetFile]:
        """Whatever pyarrow raises here is the file's fault: the storage's faults have our own types."""
        metadata = self._footers[file.path].metadata if columns else None
        with begun or open_input(self.filesystem, file.path, file.size_bytes) as content:
            try:
                parquet = pq.ParquetFile(
                    content,
                    metadata=metadata,
                    pre_buffer=False,
                    buffer_size=_BUFFER_BYTES,
                    page_checksum_verification=True,
                    coerce_int96_timestamp_unit="us",  # Spark's old times: as ns, 9999-12-31 would become 1816
                )
                if begun is None:
                    content.expect(_ranges(parquet.metadata, columns))
                yield parquet
            except FileNotFoundError:
                raise
            except (OSError, UnicodeError, pa.ArrowException) as error:
                raise ConfigurationError(
                    f"{self._where(file)} is not a whole Parquet file: truncated, damaged, encrypted or of another "
                    "format. Let the table be written again, without encryption; if it is CSV, name it .csv."
                ) from error


def _ranges(metadata: pq.FileMetaData, columns: tuple[str, ...]) -> Iterator[Range]:
    """Where the chunks of some columns lie in the file, in the order in which they are read."""
    wanted = set(columns)
    places = [
        place
        for place, path in enumerate(metadata.schema.column(i).path for i in range(metadata.num_columns))
        if path in wanted or path.split(".")[0] in wanted  # the latter: of lists
    ]
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for chunk in map(group.column, places):
            start = min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)
            yield start, start + chunk.total_compressed_size


FORMAT: Final = FileFormat(
    name="parquet",
    title="Parquet",
    extensions=frozenset({".parquet", ".parq", ".pq"}),
    table=ParquetTable,
    magic=b"PAR1",
)
