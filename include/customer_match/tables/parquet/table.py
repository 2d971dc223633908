"""Parquet tables: metadata from the footers, rows streamed by row group, only the requested columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from propcache.api import cached_property

from customer_match.errors import ConfigurationError
from customer_match.storage.files import Input, open_input
from customer_match.storage.read_ahead import Range, Requests
from customer_match.tables.columns import Columns, is_bytes, repeated
from customer_match.tables.formats import FileFormat
from customer_match.tables.parquet.footer import Footer, read_footer
from customer_match.tables.table import FileTable, TableFile, still_there

__all__ = ["FORMAT", "ParquetTable"]

# Larger column chunks are read in pieces: a writer may put all rows into one row group.
_BUFFER_BYTES: Final = 4 * 2**20
_FOOTERS_BYTES: Final = 8 * 2**20  # of all files together, encoded; several times as much in memory


# Types that are stored as bytes like text, but are not text.
_NO_TEXT: Final = {
    "BSON": "BSON",
    "GEOMETRY": "geometries",
    "GEOGRAPHY": "geographies",
    "UNDEFINED": "an unknown type of values",
}
_UNSUPPORTED: Final = re.compile(r"not supported|[Uu]nsupported")
_SAID: Final = re.compile(r"[\w '<>,.:()-]{1,200}")


@dataclass(frozen=True)
class _Facts:
    columns: Columns
    rows: int
    footer: Footer | None  # None if the footers of all files would take too much memory


class ParquetTable(FileTable):
    """A table of Parquet files."""

    def profiles(self) -> int | None:
        """Number of rows, from the footers."""
        return sum(footer.rows for footer in self._footers.values())

    @cached_property
    def _footers(self) -> dict[str, _Facts]:
        return self._of_each_file(self._facts_of)

    def _facts_of(self, file: TableFile) -> _Facts:
        with self._open_file(file) as opened:
            metadata = opened.footer.metadata
            kept = metadata.serialized_size * len(self.files) <= _FOOTERS_BYTES
            return _Facts(_columns(opened), metadata.num_rows, opened.footer if kept else None)

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        return self._footers[file.path].columns

    def _start_fetch(self, file: TableFile, columns: tuple[str, ...], requests: Requests) -> Input | None:
        footer = self._footers[file.path].footer
        if footer is None:  # the positions of its columns are known only once it is opened
            return None
        with still_there(self._where(file)):
            content = open_input(self.filesystem, file.path, file.size_bytes)
        content.expect(_ranges(footer.metadata, self._stored(footer, columns)), requests)
        return content

    def _stored(self, footer: Footer, columns: tuple[str, ...]) -> Collection[str]:  # noqa: ARG002
        """The names in a file of some columns of the table."""
        return columns

    def _batches_of(
        self, file: TableFile, content: Input | None, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        with self._open_file(file, columns, content) as opened:
            yield from opened.parquet.iter_batches(batch_rows, columns=list(columns), use_threads=False)

    def _holds_nothing(self, file: TableFile, name: str) -> bool:
        if name not in self._columns_of(file) or name in self.partitions.get(file.path, {}):
            return super()._holds_nothing(file, name)
        with still_there(self._where(file)), self._open_file(file, (name,)) as opened:
            is_null = _is_null_by_statistics(opened, name)
            if is_null is not None:
                return is_null
            return all(map(_is_nothing, opened.parquet.iter_batches(columns=[name], use_threads=False)))

    @contextmanager
    def _open_file(
        self, file: TableFile, columns: tuple[str, ...] = (), begun: Input | None = None
    ) -> Iterator[_Opened]:
        """Open a file. Errors of pyarrow are faults of the file; errors of the storage have types of our own."""
        footer = self._footers[file.path].footer if columns else None
        with begun or open_input(self.filesystem, file.path, file.size_bytes) as content:
            try:
                footer = footer or read_footer(content)
                parquet = pq.ParquetFile(
                    content,
                    metadata=footer.metadata,
                    pre_buffer=False,
                    buffer_size=_BUFFER_BYTES,
                    page_checksum_verification=True,
                    coerce_int96_timestamp_unit="us",  # Spark's old times: as ns, 9999-12-31 would become 1816
                )
                if begun is None:
                    content.expect(_ranges(footer.metadata, self._stored(footer, columns)))
                yield _Opened(parquet, footer)
            except FileNotFoundError:
                raise
            except (OSError, UnicodeError, pa.ArrowException) as error:
                raise _unreadable(self._where(file), columns, error) from error


@dataclass(frozen=True)
class _Opened:
    parquet: pq.ParquetFile
    footer: Footer


def _columns(opened: _Opened) -> Columns:
    schema, metadata = opened.parquet.schema_arrow, opened.footer.metadata
    names = schema.names  # each access makes a new list
    types = {name: _plain(kind) for name, kind in zip(names, schema.types, strict=True)}
    faults = dict.fromkeys(repeated(names), "appears twice")
    bytes_ = {name for name, kind in types.items() if is_bytes(kind)}
    for column in map(metadata.schema.column, range(metadata.num_columns if bytes_ else 0)):
        if column.path in bytes_ and (what := _NO_TEXT.get(column.logical_type.type)):
            faults.setdefault(column.path, f"holds {what}, not text,")
    return Columns({**types, **dict.fromkeys(opened.footer.fixed_text & types.keys(), pa.string())}, faults)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The storage type of an extension type; UUIDs keep theirs."""
    is_named = isinstance(kind, pa.BaseExtensionType) and kind != pa.uuid()
    return kind.storage_type if is_named else kind


def _is_null_by_statistics(opened: _Opened, name: str) -> bool | None:
    """Whether a column has no value in any row; None if the footer does not say."""
    metadata = opened.footer.metadata
    places = [i for i in range(metadata.num_columns) if metadata.schema.column(i).path == name]
    if not places:  # lists
        return None
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        statistics = group.column(places[0]).statistics
        if statistics is None or not statistics.has_null_count:
            return None
        if statistics.null_count < group.num_rows:  # NaN counts as no value, too
            return None if statistics.physical_type in ("FLOAT", "DOUBLE") else False
    return True


def _is_nothing(batch: pa.RecordBatch) -> bool:
    column = batch.column(0)
    if pa.types.is_floating(column.type):
        return not pc.any(pc.is_finite(column)).as_py() and not pc.any(pc.is_inf(column)).as_py()
    is_list = hasattr(column, "value_lengths") and not pa.types.is_map(column.type)
    values = column.flatten() if is_list else column
    return bool(values.null_count == len(values))


def _unreadable(where: str, columns: tuple[str, ...], error: Exception) -> ConfigurationError:
    """Our own message for pyarrow's error; pyarrow's text is included only if it is about unsupported encodings."""
    said = _SAID.match(str(error))
    if said and (isinstance(error, pa.ArrowNotImplementedError) or _UNSUPPORTED.search(said[0])):
        which = f"{where}: its columns {', '.join(columns)} are" if columns else f"{where} is"
        return ConfigurationError(
            f"{which} stored in a way that is not supported ({said[0].rstrip('. ')}). Have the table written with "
            "plain columns of text, and compressed with Snappy, gzip or Zstandard."
        )
    return ConfigurationError(
        f"{where} is not a complete Parquet file: it is truncated, damaged, encrypted or has another format. Have the "
        "table written again, without encryption; if it is CSV, name it .csv."
    )


def _ranges(metadata: pq.FileMetaData, columns: Collection[str]) -> Iterator[Range]:
    """The positions of the chunks of some columns in the file, in the order in which they are read."""
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
