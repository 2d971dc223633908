"""CSV tables: with or without a header row, UTF-8 by default, detected delimiter; all values are text.

pyarrow's errors quote the row, including e-mail addresses, so its messages are never passed on.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from propcache.api import cached_property

from customer_match.errors import ConfigurationError
from customer_match.storage.files import Input, open_input
from customer_match.storage.read_ahead import Requests
from customer_match.tables.columns import Columns, shown_line
from customer_match.tables.csv.blocks import buffer_of, complete_rows
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.csv.quotes import QUOTING, MisplacedQuoteError, QuoteCheck
from customer_match.tables.csv.sniffing import CsvStart, read_start, text_of
from customer_match.tables.csv.streams import BLOCK_BYTES
from customer_match.tables.formats import FileFormat
from customer_match.tables.table import FileTable, TableFile, still_there

__all__ = ["FORMAT", "CsvTable"]

_NAMES: Final = {"\t": "tab"}
_ROW: Final = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class CsvTable(FileTable):
    """A table of CSV files.

    Attributes:
        dialect: What is known about all of them.
    """

    dialect: CsvDialect = field(default_factory=CsvDialect)

    @cached_property
    def _starts(self) -> dict[str, CsvStart]:
        return self._of_each_file(self._start_of)

    def _start_of(self, file: TableFile) -> CsvStart:
        with open_input(self.filesystem, file.path, file.size_bytes) as content:
            return read_start(content, self.dialect, self._where(file))

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        start = self._starts[file.path]
        origin = self._origin(file, start) if start.has_header else ""
        return Columns(dict.fromkeys(start.names, pa.string()), origin=origin)

    def _origin(self, file: TableFile, start: CsvStart) -> str:
        line = f"Line {start.skipped_lines + 1}" if start.skipped_lines else "The first line"
        return (
            f"{line} of {self._where(file)}, which is used as the header, is "
            f"{shown_line(start.first, start.delimiter)!r}. If it is a title or a row of data, have the file written "
            "with a header instead."
        )

    def _start_fetch(self, file: TableFile, columns: tuple[str, ...], requests: Requests) -> Input:  # noqa: ARG002
        with still_there(self._where(file)):
            content = open_input(self.filesystem, file.path, file.size_bytes)
        content.expect([(0, file.size_bytes)], requests)
        return content

    def _batches_of(
        self, file: TableFile, content: Input | None, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        where, start = self._where(file), self._starts[file.path]
        with content or open_input(self.filesystem, file.path, file.size_bytes) as whole:
            text = QuoteCheck(
                text_of(whole, start, where), start.delimiter, self.dialect.quote, self.dialect.escape
            )
            parser = _Parser(where, self.dialect, start, columns)
            try:
                for block in complete_rows(text, where):
                    for batch in parser.batches(block):
                        for first in range(0, batch.num_rows, batch_rows):
                            yield batch.slice(first, batch_rows)
            except MisplacedQuoteError as error:
                raise self._misplaced_quote(file, error.offset) from None
            if text.is_open:
                raise ConfigurationError(
                    f"{where}: a quotation mark is never closed, so the rows after it would be lost in one value. "
                    f"{QUOTING}"
                )

    def _misplaced_quote(self, file: TableFile, offset: int) -> ConfigurationError:
        """The error for a misplaced mark. Lines are counted only here, because counting them always would be slow."""
        where = self._where(file)
        with open_input(self.filesystem, file.path, file.size_bytes) as content:
            text = text_of(content, self._starts[file.path], where)
            line = 1 + self._starts[file.path].skipped_lines
            while offset > 0 and (read := text.read(min(offset, BLOCK_BYTES))):
                line += read.count(b"\n")
                offset -= len(read)
        return ConfigurationError(
            f"{where}, line {line}: a quotation mark is inside a value, so values and rows around it would be mixed "
            f"up. {QUOTING}"
        )


@dataclass
class _Parser:
    """Parses the blocks of one file with pyarrow.

    Each block is parsed separately from a pyarrow buffer. A Python stream would be read by a thread of pyarrow, which
    aborts the process if the process ends meanwhile.
    """

    where: str
    dialect: CsvDialect
    start: CsvStart
    columns: tuple[str, ...]
    rows: int = 0  # in earlier blocks, including the header
    ragged: list[pa_csv.InvalidRow] = field(default_factory=list)
    short: list[pa_csv.InvalidRow] = field(default_factory=list)

    def batches(self, block: pa.Buffer) -> Iterator[pa.RecordBatch]:
        """Parse some columns of a block.

        Raises:
            ConfigurationError: The block cannot be parsed.
        """
        self.short = []
        try:
            table = self._table(block)
            if self.short:
                table = self._with_short_rows(table)
        except pa.ArrowException as error:
            if "Empty CSV" in str(error):  # blank lines
                return
            raise self._unreadable(str(error)) from None
        rows = table.slice(1) if self.start.has_header and not self.rows else table
        self.rows += table.num_rows
        yield from rows.to_batches()

    def _table(self, block: pa.Buffer) -> pa.Table:
        start = block.slice(0, min(len(codecs.BOM_UTF8), block.size)).to_pybytes()
        if start == codecs.BOM_UTF8:  # pyarrow would skip it; a blank line before it is not a row
            block = buffer_of(b"\n" + block.to_pybytes())
        return pa_csv.read_csv(
            pa.BufferReader(block),
            # Names are always given; a header row is removed later.
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=block.size, column_names=list(self.start.names)
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.start.delimiter,
                quote_char=self.dialect.quote or False,
                escape_char=self.dialect.escape or False,
                newlines_in_values=bool(self.dialect.quote or self.dialect.escape),
                invalid_row_handler=self._judge_width,
            ),
            # "n/a" and "null" are ordinary text, and so is an empty value.
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(self.columns),
                column_types=dict.fromkeys(self.columns, pa.string()),
                strings_can_be_null=False,
            ),
        )

    def _with_short_rows(self, table: pa.Table) -> pa.Table:
        """All rows of a block in order, including those with missing values at their end."""
        rows, self.short = self.short, []
        delimiter = self.start.delimiter
        padded = [row.text + delimiter * (row.expected_columns - row.actual_columns) for row in rows]
        tables = [table, self._table(buffer_of("\n".join(padded).encode()))]
        short = np.zeros(table.num_rows + len(rows), dtype=np.bool_)
        short[[row.number - 1 for row in rows]] = True
        order = np.empty(len(short), dtype=np.int64)
        order[~short], order[short] = np.arange(table.num_rows), np.arange(table.num_rows, len(short))
        return pa.concat_tables(tables).take(order).combine_chunks()

    def _judge_width(self, row: pa_csv.InvalidRow) -> str:
        if self.dialect.described is not None and row.actual_columns < row.expected_columns:
            self.short.append(row)
            return "skip"
        self.ragged.append(row)
        return "error"

    def _unreadable(self, message: str) -> ConfigurationError:
        """Our own message for pyarrow's error, without the row that it quotes."""
        if self.ragged:
            return self._of_another_width(self.ragged[0])
        # pyarrow does not call the handler for a row of another width that is not UTF-8 (observed with pyarrow 26).
        if "UTF8" in message or "Expected" in message:
            found = _ROW.search(message)
            place = f", row {int(found[1]) + self.rows} (the header is row 1)" if found else ""
            return ConfigurationError(
                f"{self.where}{place}: the text is not UTF-8. Set `csv.encoding` of the source in the export file, or "
                "have the table written as UTF-8."
            )
        return ConfigurationError(
            f"{self.where} cannot be read as CSV with the delimiter {self.start.delimiter!r}. Have it written again."
        )

    def _of_another_width(self, row: pa_csv.InvalidRow) -> ConfigurationError:
        shown = _NAMES.get(self.start.delimiter, self.start.delimiter)
        header, whose = (
            (" (the header is row 1)", "the header has")
            if self.start.has_header
            else ("", "the table's columns are")
        )
        more = (
            " Excel leaves out empty values at the end of rows: if it wrote the file, make the last column one that is "
            "always filled."
            if row.actual_columns < row.expected_columns
            else ""
        )
        return ConfigurationError(
            f"{self.where}, row {row.number + self.rows}{header}: {row.actual_columns} values, but {whose} "
            f"{row.expected_columns}. Have values with the delimiter ({shown}) or line breaks quoted.{more}"
        )


_EXTENSIONS: Final = (".csv", ".tsv", ".tab", ".txt")

FORMAT: Final = FileFormat(
    name="csv",
    title="CSV",
    extensions=frozenset({*_EXTENSIONS, *(f"{extension}.gz" for extension in _EXTENSIONS), ".gz"}),
    table=CsvTable,
)
