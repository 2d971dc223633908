"""CSV: a header row, UTF-8, delimiter found by looking, every value taken as the text that it is.

pyarrow quotes the row in its errors, e-mail and all: its words are never passed on.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.csv as pa_csv

from include.customer_match.storage import open_input
from include.customer_match.tables.table import FileTable, TableFile
from include.errors import ConfigurationError

__all__ = ["CsvTable"]

_DELIMITERS: Final = ",;\t|"
_NAMES: Final = {"\t": "tab"}
_HEADER_BYTES: Final = 256 * 2**10
_BLOCK_BYTES: Final = 2**20  # read at a time; no row is longer
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_ROW: Final = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class _Header:
    delimiter: str
    names: tuple[str, ...]


class CsvTable(FileTable):
    """A table of CSV files, each with a header."""

    @cached_property
    def _headers(self) -> dict[str, _Header]:
        return self._of_each_file(self._header_of)

    def _header_of(self, file: TableFile) -> _Header:
        with open_input(self.filesystem, file.path) as content:
            return _parse_header(content.read(_HEADER_BYTES), self._where(file))

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        return dict.fromkeys(self._headers[file.path].names, pa.string())

    def _batches_of(
        self, file: TableFile, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        where, delimiter = self._where(file), self._headers[file.path].delimiter
        ragged: list[pa_csv.InvalidRow] = []

        def refuse(row: pa_csv.InvalidRow) -> str:
            ragged.append(row)
            return "error"

        with open_input(self.filesystem, file.path) as content:
            quotes = _QuoteCounter(content)
            try:
                for batch in _reader(quotes, delimiter, columns, refuse):
                    for start in range(0, batch.num_rows, batch_rows):
                        yield batch.slice(start, batch_rows)
            except pa.ArrowException as error:
                if "Empty CSV" in str(error):  # a header without even a line break after it
                    return
                raise _unreadable(where, delimiter, str(error), ragged) from None
            if quotes.count % 2:
                raise ConfigurationError(
                    f"{where}: a quotation mark is never closed, so that rows after it are lost in one value. "
                    'Let the table be written with values quoted as in RFC 4180 (a " inside a value is doubled).'
                )


def _reader(
    content: io.RawIOBase, delimiter: str, columns: tuple[str, ...], refuse: Any
) -> pa_csv.CSVStreamingReader:
    return pa_csv.open_csv(
        content,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
        ),
        # "n/a" and "null" are text like any other: an empty value is one as well.
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )


def _parse_header(start: bytes, where: str) -> _Header:
    if start.startswith(_UTF_16):
        raise ConfigurationError(f"{where} is encoded as UTF-16. Let the table be written as UTF-8.")
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    headers = [_Header(delimiter, _first_row(text, delimiter)) for delimiter in _DELIMITERS]
    header = max(headers, key=lambda candidate: len(candidate.names))  # the first one where they tie
    if not any(name.strip() for name in header.names):
        raise ConfigurationError(
            f"{where} has no header row: its first rows are blank. Let it be written with one."
        )
    if any("\ud800" <= char <= "\udfff" for name in header.names for char in name):
        raise _not_utf_8(where, 1)
    if any("@" in name for name in header.names):
        raise ConfigurationError(
            f"{where} has no header row: its first row holds addresses. Let the table be written with a header."
        )
    twice = sorted({name for name in header.names if header.names.count(name) > 1 and name})
    if twice:
        raise ConfigurationError(f"{where}: the column {twice[0]!r} stands twice in the header. Rename one.")
    return header


def _first_row(text: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(next(filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), ()))
    except csv.Error:  # one value longer than any name
        return ()


def _unreadable(
    where: str, delimiter: str, message: str, ragged: list[pa_csv.InvalidRow]
) -> ConfigurationError:
    """Our words for what pyarrow found, without the row that it quotes."""
    if ragged:
        row = ragged[0]
        shown = _NAMES.get(delimiter, delimiter)
        return ConfigurationError(
            f"{where}, row {row.number} (the header is row 1): {row.actual_columns} values, but the header has "
            f"{row.expected_columns}. Let values that contain the delimiter ({shown}) or line breaks be quoted."
        )
    if "UTF8" in message:
        found = _ROW.search(message)
        return _not_utf_8(where, int(found[1]) if found else None)
    if "straddling" in message:
        return ConfigurationError(
            f"{where}: a row is longer than {_BLOCK_BYTES // 2**20} MiB; probably a quotation mark is never closed. "
            "Let the table be written with values quoted as in RFC 4180."
        )
    return ConfigurationError(
        f"{where} cannot be read as CSV with the delimiter {delimiter!r}. Let it be written again."
    )


def _not_utf_8(where: str, row: int | None) -> ConfigurationError:
    place = f", row {row} (the header is row 1)" if row else ""
    return ConfigurationError(f"{where}{place}: the text is not UTF-8. Let the table be written as UTF-8.")


class _QuoteCounter(io.RawIOBase):
    """Passes a file through and counts its quotation marks: an odd number leaves one open."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = self._file.read(-1 if size is None else size)
        self.count += content.count(b'"')
        return content

    def readable(self) -> bool:
        return True
