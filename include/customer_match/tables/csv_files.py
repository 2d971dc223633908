"""CSV: header row or none, UTF-8 unless told, delimiter found by looking, every value the text that it is.

pyarrow quotes the row in its errors, e-mail and all: its words are never passed on.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.csv as pa_csv

from include.customer_match.storage import open_input
from include.customer_match.tables.csv_dialect import CsvDialect
from include.customer_match.tables.csv_quotes import QUOTING, MisplacedQuoteError, QuoteCheck
from include.customer_match.tables.csv_start import CsvStart, read_start, row_too_long, text_of
from include.customer_match.tables.csv_streams import BLOCK_BYTES
from include.customer_match.tables.formats import FileFormat
from include.customer_match.tables.table import FileTable, TableFile
from include.errors import ConfigurationError

__all__ = ["FORMAT", "CsvTable"]

_NAMES: Final = {"\t": "tab"}
_ROW: Final = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class CsvTable(FileTable):
    """A table of CSV files.

    Attributes:
        dialect: What is known of all of them.
    """

    dialect: CsvDialect = field(default_factory=CsvDialect)

    @cached_property
    def _starts(self) -> dict[str, CsvStart]:
        return self._of_each_file(self._start_of)

    def _start_of(self, file: TableFile) -> CsvStart:
        with open_input(self.filesystem, file.path, file.size_bytes) as content:
            return read_start(content, self.dialect, self._where(file))

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        return dict.fromkeys(self._starts[file.path].names, pa.string())

    def _batches_of(
        self, file: TableFile, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        where, start = self._where(file), self._starts[file.path]
        ragged: list[pa_csv.InvalidRow] = []

        def refuse(row: pa_csv.InvalidRow) -> str:
            ragged.append(row)
            return "error"

        with open_input(self.filesystem, file.path) as content:
            text = _checked(text_of(content, start, where), start, self.dialect)
            try:
                for batch in _batches(text, self.dialect, start, columns, refuse):
                    for first in range(0, batch.num_rows, batch_rows):
                        yield batch.slice(first, batch_rows)
            except MisplacedQuoteError as error:
                raise self._misplaced(file, error.offset) from None
            except pa.ArrowException as error:
                if "Empty CSV" in str(error):  # nothing at all
                    return
                raise _unreadable(where, start, str(error), ragged) from None
            if isinstance(text, QuoteCheck) and text.is_open:
                raise ConfigurationError(
                    f"{where}: a quotation mark is never closed, so that rows after it are lost in one value. "
                    f"{QUOTING}"
                )

    def _misplaced(self, file: TableFile, offset: int) -> ConfigurationError:
        """Lines are counted only now: to do so always would take longer than to look at the marks."""
        where = self._where(file)
        with open_input(self.filesystem, file.path) as content:
            text = text_of(content, self._starts[file.path], where)
            line = 1
            while offset > 0 and (read := text.read(min(offset, BLOCK_BYTES))):
                line += read.count(b"\n")
                offset -= len(read)
        return ConfigurationError(
            f"{where}, line {line}: a quotation mark stands inside of a value, so that values and rows around it would "
            f"be mixed up. {QUOTING}"
        )


def _checked(text: BinaryIO | io.RawIOBase, start: CsvStart, dialect: CsvDialect) -> BinaryIO | io.RawIOBase:
    return QuoteCheck(text, start.delimiter, dialect.quote, dialect.escape) if dialect.quote else text


def _batches(
    content: BinaryIO | io.RawIOBase,
    dialect: CsvDialect,
    start: CsvStart,
    columns: tuple[str, ...],
    refuse: Any,
) -> Iterator[pa.RecordBatch]:
    reader = pa_csv.open_csv(
        content,
        read_options=pa_csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            # Always told: a header that pyarrow reads itself must end in the first block, else the rest is lost.
            column_names=list(start.names),
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=start.delimiter,
            quote_char=dialect.quote or False,
            escape_char=dialect.escape or False,
            newlines_in_values=bool(dialect.quote or dialect.escape),
            invalid_row_handler=refuse,
        ),
        # "n/a" and "null" are text like any other: an empty value is one as well.
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )
    is_header_next = start.has_header
    for batch in reader:
        if not batch.num_rows:
            continue
        yield batch.slice(1) if is_header_next else batch
        is_header_next = False


def _unreadable(
    where: str, start: CsvStart, message: str, ragged: list[pa_csv.InvalidRow]
) -> ConfigurationError:
    """Our words for what pyarrow found, without the row that it quotes."""
    if ragged:
        row = ragged[0]
        shown = _NAMES.get(start.delimiter, start.delimiter)
        number, whose = (
            (f"{row.number} (the header is row 1)", "the header has")
            if start.has_header
            else (f"{row.number}", "the table's columns are")
        )
        return ConfigurationError(
            f"{where}, row {number}: {row.actual_columns} values, but {whose} "
            f"{row.expected_columns}. Let values that contain the delimiter ({shown}) or line breaks be quoted."
        )
    if "UTF8" in message:
        found = _ROW.search(message)
        return _not_utf_8(where, int(found[1]) if found else None)
    if "straddling" in message:
        return row_too_long(where)
    return ConfigurationError(
        f"{where} cannot be read as CSV with the delimiter {start.delimiter!r}. Let it be written again."
    )


def _not_utf_8(where: str, row: int | None) -> ConfigurationError:
    place = f", row {row} (the header is row 1)" if row else ""
    return ConfigurationError(
        f"{where}{place}: the text is not UTF-8. Say `csv.encoding` of the source in the export file, or let the "
        "table be written as UTF-8."
    )


_EXTENSIONS: Final = (".csv", ".tsv", ".tab", ".txt")

FORMAT: Final = FileFormat(
    name="csv",
    title="CSV",
    extensions=frozenset({*_EXTENSIONS, *(f"{extension}.gz" for extension in _EXTENSIONS), ".gz"}),
    table=CsvTable,
)
