"""What the first bytes of a CSV file tell: whether it is packed, its encoding, its delimiter and its columns."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

from include.customer_match.tables.columns import name_key
from include.customer_match.tables.csv_dialect import CsvDialect
from include.customer_match.tables.csv_streams import Gunzip, Transcoder, is_gzip
from include.errors import ConfigurationError

__all__ = ["CsvStart", "read_start", "text_of"]

_DELIMITERS: Final = ",;\t|"
_START_BYTES: Final = 256 * 2**10
_ROWS_LOOKED_AT: Final = 20
_UTF_8: Final = "utf-8"
_BOM: Final = "\ufeff"
_BOMS: Final = {  # the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: _UTF_8,
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHERS: Final = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro file",
    b"%PDF-": "a PDF file",
    b"BZh": "packed by bzip2",
    b"\x28\xb5\x2f\xfd": "packed by Zstandard",
    b"\xfd7zXZ": "packed by xz",
}


@dataclass(frozen=True)
class CsvStart:
    """How a file is read.

    Attributes:
        delimiter: Between values.
        names: Of the columns.
        written: The same as the first row has them, perhaps in another case; None: the first row is data.
        encoding: As Python names it.
        packed: Whether by gzip.
    """

    delimiter: str
    names: tuple[str, ...]
    written: tuple[str, ...] | None
    encoding: str = _UTF_8
    packed: bool = False


def read_start(content: BinaryIO, dialect: CsvDialect, where: str) -> CsvStart:
    """Look at the beginning of a file.

    Args:
        content: The file, at its beginning.
        dialect: What is known of it already.
        where: The file, for messages.

    Raises:
        ConfigurationError: It is something else than CSV, has no header row where one is expected, or is not of
            the encoding.
    """
    start = content.read(_START_BYTES)
    packed = is_gzip(start)
    if packed:
        content.seek(0)
        start = _read(Gunzip(content, where), _START_BYTES)
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise ConfigurationError(
                f"{where} is {what}, not CSV. Let the table be written as Parquet, or as CSV, plain or packed by "
                "gzip."
            )
    encoding = next((own for bom, own in _BOMS.items() if start.startswith(bom)), dialect.encoding)
    look = _Look(_decoded(start, encoding, where), len(start) == _START_BYTES, dialect, where)
    return look.start(encoding, packed)


def text_of(content: BinaryIO, start: CsvStart, where: str) -> BinaryIO | io.RawIOBase:
    """The whole file as UTF-8, perhaps with a byte order mark."""
    plain = Gunzip(content, where) if start.packed else content
    return plain if start.encoding == _UTF_8 else Transcoder(plain, start.encoding, where)


def _read(content: io.RawIOBase, size: int) -> bytes:
    read = b""
    while len(read) < size and (more := content.read(size - len(read))):
        read += more
    return read


def _decoded(start: bytes, encoding: str, where: str) -> str:
    """As text without a byte order mark; UTF-8 that cannot be decoded as lone surrogates."""
    if encoding == _UTF_8:
        text = start.decode(_UTF_8, "surrogateescape")
    else:
        # As a stream, for a character may be cut off at the end.
        text = Transcoder(io.BytesIO(start), encoding, where, is_whole=False).read(-1).decode(_UTF_8)
    text = text.removeprefix(_BOM)
    if "\0" in text[:1000]:
        raise ConfigurationError(
            f"{where} is not text, or UTF-16 without a byte order mark. Say `csv.encoding` of the source in the export "
            "file (such as utf-16-le), or let the table be written as UTF-8."
        )
    return text


@dataclass(frozen=True)
class _Look:
    """A look at the first rows.

    Attributes:
        text: The beginning of the file.
        is_cut: Whether the file goes on.
        dialect: What is known of it.
        where: The file, for messages.
    """

    text: str
    is_cut: bool
    dialect: CsvDialect
    where: str

    def start(self, encoding: str, packed: bool) -> CsvStart:  # noqa: FBT001 (a fact like the other)
        delimiter = self.dialect.delimiter or self._likely_delimiter()
        first = next(self._rows(delimiter), ())
        if self.dialect.names is not None:
            names = self.dialect.names
            # Who says that there is no header row may be wrong: one that repeats the names is seen.
            repeats = self._repeats(first, names)
            return CsvStart(delimiter, names, first if repeats else None, encoding, packed)
        if not self.dialect.header:
            names = tuple(str(place) for place in range(1, len(first) + 1))
            return CsvStart(delimiter, names, None, encoding, packed)
        self._check(first)
        return CsvStart(delimiter, first, first, encoding, packed)

    def _repeats(self, first: tuple[str, ...], names: tuple[str, ...]) -> bool:
        found, known = ([name_key(name) for name in row] for row in (first, names))
        if found != known and sorted(found) == sorted(known):
            raise ConfigurationError(
                f"{self.where}: its first row names the columns, but in another order than the model, or than "
                "`csv.columns` of the source in the export file. Let both have the same order."
            )
        return found == known

    def _rows(self, delimiter: str) -> Iterator[tuple[str, ...]]:
        rows = csv.reader(
            io.StringIO(self.text, newline=""),
            delimiter=delimiter,
            quotechar=self.dialect.quote,
            quoting=csv.QUOTE_MINIMAL if self.dialect.quote else csv.QUOTE_NONE,
            escapechar=self.dialect.escape,
        )
        try:
            yield from map(tuple, filter(None, rows))
        except csv.Error:  # one value longer than any name
            return

    def _likely_delimiter(self) -> str:
        """The one that makes rows of one width, then the one that makes the widest first row."""
        return max(_DELIMITERS, key=self._likelihood)  # the first one where they tie

    def _likelihood(self, delimiter: str) -> tuple[bool, int]:
        rows = [len(row) for row in islice(self._rows(delimiter), _ROWS_LOOKED_AT)]
        if self.is_cut and 1 < len(rows) < _ROWS_LOOKED_AT:
            rows.pop()
        width = rows[0] if rows else 0
        if self.dialect.names is not None:
            return width == len(self.dialect.names), width
        return width > 1 and len(set(rows)) == 1, width

    def _check(self, names: tuple[str, ...]) -> None:
        if not any(name.strip() for name in names):
            raise ConfigurationError(
                f"{self.where} has no header row: its first rows are blank. Let it be written with one."
            )
        if any("\ud800" <= char <= "\udfff" for name in names for char in name):
            raise ConfigurationError(
                f"{self.where}, row 1 (the header is row 1): the text is not UTF-8. Say `csv.encoding` of the source "
                "in the export file, or let the table be written as UTF-8."
            )
        if any("@" in name for name in names):
            raise ConfigurationError(
                f"{self.where} has no header row: its first row holds addresses. Say `csv.header: false` of the source "
                "in the export file, or let the table be written with a header."
            )
        twice = sorted({name for name in names if names.count(name) > 1 and name})
        if twice:
            raise ConfigurationError(
                f"{self.where}: the column {twice[0]!r} stands twice in the header. Rename one."
            )
