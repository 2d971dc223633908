"""CSV: header row or names given, UTF-8 unless told, delimiter found by looking, every value the text that it is.

pyarrow quotes the row in its errors, e-mail and all: its words are never passed on.
"""

from __future__ import annotations

import codecs
import csv
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
from include.customer_match.tables.formats import FileFormat
from include.customer_match.tables.table import FileTable, TableFile
from include.errors import ConfigurationError

__all__ = ["FORMAT", "CsvTable"]

_DELIMITERS: Final = ",;\t|"
_NAMES: Final = {"\t": "tab"}
_HEADER_BYTES: Final = 256 * 2**10
_BLOCK_BYTES: Final = 2**20  # read at a time; no row is longer
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF_8: Final = "utf-8"
_BOM: Final = "\ufeff"
_ROW: Final = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class _Header:
    """What the first row of a file tells.

    Attributes:
        delimiter: Between values.
        names: Of the columns.
        written: The same as the first row has them, perhaps in another case; None: the first row is data.
    """

    delimiter: str
    names: tuple[str, ...]
    written: tuple[str, ...] | None


@dataclass(frozen=True)
class CsvTable(FileTable):
    """A table of CSV files.

    Attributes:
        dialect: What is known of all of them.
    """

    dialect: CsvDialect = field(default_factory=CsvDialect)

    @cached_property
    def _headers(self) -> dict[str, _Header]:
        return self._of_each_file(self._header_of)

    def _header_of(self, file: TableFile) -> _Header:
        with open_input(self.filesystem, file.path) as content:
            text = _start_of(content.read(_HEADER_BYTES), self.dialect, self._where(file))
        if self.dialect.names is None:
            return _parse_header(text, self.dialect, self._where(file))
        return _given_header(text, self.dialect, self.dialect.names)

    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        return dict.fromkeys(self._headers[file.path].names, pa.string())

    def _batches_of(
        self, file: TableFile, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        where, header = self._where(file), self._headers[file.path]
        ragged: list[pa_csv.InvalidRow] = []

        def refuse(row: pa_csv.InvalidRow) -> str:
            ragged.append(row)
            return "error"

        with open_input(self.filesystem, file.path) as content:
            quotes = _QuoteCounter(_as_utf_8(content, self.dialect.encoding, where))
            try:
                for batch in _batches(quotes, self.dialect, header, columns, refuse):
                    for start in range(0, batch.num_rows, batch_rows):
                        yield batch.slice(start, batch_rows)
            except pa.ArrowException as error:
                if "Empty CSV" in str(error):  # a header without even a line break after it
                    return
                raise _unreadable(where, header, str(error), ragged) from None
            if self.dialect.quote and not self.dialect.escape and quotes.count % 2:
                raise ConfigurationError(
                    f"{where}: a quotation mark is never closed, so that rows after it are lost in one value. "
                    'Let the table be written with values quoted as in RFC 4180 (a " inside a value is doubled).'
                )


def _batches(
    content: io.RawIOBase, dialect: CsvDialect, header: _Header, columns: tuple[str, ...], refuse: Any
) -> Iterator[pa.RecordBatch]:
    written = dict(zip(header.names, header.written or header.names, strict=True))
    wanted = [written[name] for name in columns]
    reader = pa_csv.open_csv(
        content,
        read_options=pa_csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            column_names=list(header.names) if header.written is None else None,
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=header.delimiter,
            quote_char=dialect.quote or False,
            escape_char=dialect.escape or False,
            newlines_in_values=dialect.quote is not None,
            invalid_row_handler=refuse,
        ),
        # "n/a" and "null" are text like any other: an empty value is one as well.
        convert_options=pa_csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        yield batch.rename_columns(list(columns))


def _start_of(start: bytes, dialect: CsvDialect, where: str) -> str:
    """The beginning of a file as text; what cannot be decoded as lone surrogates."""
    if dialect.encoding == _UTF_8:
        if start.startswith(_UTF_16):
            raise ConfigurationError(f"{where} is encoded as UTF-16. Let the table be written as UTF-8.")
        return start.decode(_UTF_8, "surrogateescape").removeprefix(_BOM)
    try:
        text = codecs.getincrementaldecoder(dialect.encoding)().decode(start)
    except UnicodeError:
        raise _not_encoded(where, dialect.encoding) from None
    return text.removeprefix(_BOM)


def _given_header(text: str, dialect: CsvDialect, names: tuple[str, ...]) -> _Header:
    """Names by position. Who says that there is no header row may be wrong: one that repeats them is seen."""
    delimiter = dialect.delimiter or ","
    first = _first_row(text, delimiter, dialect)
    is_header = [name.strip().casefold() for name in first] == [name.strip().casefold() for name in names]
    return _Header(delimiter, names, first if is_header else None)


def _parse_header(text: str, dialect: CsvDialect, where: str) -> _Header:
    candidates = dialect.delimiter or _DELIMITERS
    rows = ((delimiter, _first_row(text, delimiter, dialect)) for delimiter in candidates)
    headers = [_Header(delimiter, names, names) for delimiter, names in rows]
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


def _first_row(text: str, delimiter: str, dialect: CsvDialect) -> tuple[str, ...]:
    rows = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape,
    )
    try:
        return tuple(next(filter(None, rows), ()))
    except csv.Error:  # one value longer than any name
        return ()


def _unreadable(
    where: str, header: _Header, message: str, ragged: list[pa_csv.InvalidRow]
) -> ConfigurationError:
    """Our words for what pyarrow found, without the row that it quotes."""
    if ragged:
        row = ragged[0]
        shown = _NAMES.get(header.delimiter, header.delimiter)
        number, whose = (
            (f"{row.number} (the header is row 1)", "the header has")
            if header.written
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
        return ConfigurationError(
            f"{where}: a row is longer than {_BLOCK_BYTES // 2**20} MiB; probably a quotation mark is never closed. "
            "Let the table be written with values quoted as in RFC 4180."
        )
    return ConfigurationError(
        f"{where} cannot be read as CSV with the delimiter {header.delimiter!r}. Let it be written again."
    )


def _not_utf_8(where: str, row: int | None) -> ConfigurationError:
    place = f", row {row} (the header is row 1)" if row else ""
    return ConfigurationError(f"{where}{place}: the text is not UTF-8. Let the table be written as UTF-8.")


def _not_encoded(where: str, encoding: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where}: the text is not {encoding}, as what describes the table says. Let one of them be corrected."
    )


def _as_utf_8(content: BinaryIO, encoding: str, where: str) -> BinaryIO | io.RawIOBase:
    return content if encoding == _UTF_8 else _Transcoder(content, encoding, where)


class _Transcoder(io.RawIOBase):
    """Passes a file through as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str, where: str) -> None:
        super().__init__()
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._encoding, self._where = encoding, where
        self._ready = b""  # never more than asked for is given: pyarrow copies into a buffer of that size

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = _BLOCK_BYTES if size is None or size < 0 else size
        more = True
        while more and len(self._ready) < wanted:
            content = self._file.read(wanted)
            more = bool(content)
            self._ready += self._decoded(content)
        given, self._ready = self._ready[:wanted], self._ready[wanted:]
        return given

    def _decoded(self, content: bytes) -> bytes:
        try:
            return self._decoder.decode(content, final=not content).encode(_UTF_8)
        except UnicodeError:
            raise _not_encoded(self._where, self._encoding) from None

    def readable(self) -> bool:
        return True


class _QuoteCounter(io.RawIOBase):
    """Passes a file through and counts its quotation marks: an odd number leaves one open."""

    def __init__(self, file: BinaryIO | io.RawIOBase) -> None:
        super().__init__()
        self._file = file
        self.count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = self._file.read(-1 if size is None else size) or b""
        self.count += content.count(b'"')
        return content

    def readable(self) -> bool:
        return True


FORMAT: Final = FileFormat(
    name="csv", title="CSV", extensions=frozenset({".csv", ".tsv", ".tab", ".txt"}), table=CsvTable
)
