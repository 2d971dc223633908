"""Detects from the first bytes of a CSV file whether it is compressed, its encoding, its delimiter and its columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import name_key, repeated
from customer_match.tables.csv.delimiter import DELIMITERS, likely_delimiter
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.csv.preamble import Preamble, preamble_of
from customer_match.tables.csv.quotes import QUOTING
from customer_match.tables.csv.streams import BLOCK_BYTES, Gunzip, Transcoder, is_gzip
from customer_match.tables.files.first_bytes import foreign

__all__ = ["CsvStart", "read_start", "row_too_long", "text_of"]

_START_BYTES: Final = 256 * 2**10
_START_AT_MOST: Final = 4 * BLOCK_BYTES  # for a very long first row: UTF-32 takes 4 bytes a character
_UTF_8: Final = "utf-8"
_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BOM: Final = "\ufeff"
_BOMS: Final = {  # the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: _UTF_8,
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Python's default limit is 128 KiB a value. It applies to the whole process, in which nothing needs the lower limit.
csv.field_size_limit(max(csv.field_size_limit(), BLOCK_BYTES))


@dataclass(frozen=True)
class CsvStart:
    """How to read a file.

    Attributes:
        delimiter: The delimiter between values.
        names: Names of the columns.
        has_header: Whether the first row has the names, and so is not data.
        encoding: Python's name of the encoding.
        packed: Whether the file is compressed with gzip.
        skipped_bytes: Length of byte order marks and lines before the first row, as UTF-8.
        skipped_lines: Number of these lines.
        first: The first row, for messages.
    """

    delimiter: str
    names: tuple[str, ...]
    has_header: bool
    encoding: str = _UTF_8
    packed: bool = False
    skipped_bytes: int = 0
    skipped_lines: int = 0
    first: tuple[str, ...] = ()


def read_start(content: BinaryIO, dialect: CsvDialect, where: str) -> CsvStart:
    """Read the start of a file, and detect how to read it.

    Args:
        content: The file, at its start.
        dialect: What is already known about it.
        where: The file, for messages.

    Raises:
        ConfigurationError: The file is not CSV, has no header row although one is expected, or has another encoding.
    """
    first = content.read(_START_BYTES)
    packed = is_gzip(first)
    plain = Gunzip(content, where, first) if packed else content
    start = _read(plain, _START_BYTES) if packed else first
    _check_is_text(start, where)
    encoding = next((own for bom, own in _BOMS.items() if start.startswith(bom)), dialect.encoding)
    is_cut = len(start) == _START_BYTES
    sample = _sample_of(start, is_cut, encoding, dialect, where)
    while sample.is_cut and not sample.holds_a_row() and len(start) < _START_AT_MOST:
        more = _read(plain, len(start))
        start += more
        sample = _sample_of(start, bool(more), encoding, dialect, where)
    return sample.start(encoding, packed)


def text_of(content: BinaryIO, start: CsvStart, where: str) -> BinaryIO | io.RawIOBase:
    """The file as UTF-8, starting with its first row."""
    plain = Gunzip(content, where) if start.packed else content
    text = plain if start.encoding == _UTF_8 else Transcoder(plain, start.encoding, where)
    _read(text, start.skipped_bytes)
    return text


def row_too_long(where: str) -> ConfigurationError:
    """The error for a row that does not fit the blocks in which files are read."""
    return ConfigurationError(
        f"{where}: a row is longer than {BLOCK_BYTES // 2**20} MiB. Probably a quotation mark is never closed, or a "
        f"column holds whole documents; leave such a column out. {QUOTING}"
    )


def _read(content: BinaryIO | io.RawIOBase, size: int) -> bytes:
    read = b""
    while len(read) < size and (more := content.read(size - len(read))):
        read += more
    return read


def _check_is_text(start: bytes, where: str) -> None:
    if what := foreign(start):
        raise ConfigurationError(
            f"{where} is {what}, not CSV. Have the table written as Parquet, or as CSV, plain or compressed with gzip."
        )


def _sample_of(start: bytes, is_cut: bool, encoding: str, dialect: CsvDialect, where: str) -> _Sample:  # noqa: FBT001
    text = _decode(start, encoding, where)
    plain = text.lstrip(_BOM)
    before = Preamble()
    if dialect.described is None:
        has_header = dialect.names is None and dialect.header
        before = preamble_of(plain, dialect.delimiter or DELIMITERS, where, comments=has_header)
    marks = text[: len(text) - len(plain)]
    known = replace(dialect, delimiter=before.delimiter or dialect.delimiter)
    return _Sample(plain.removeprefix(before.text), is_cut, known, where, marks + before.text, before.lines)


def _decode(start: bytes, encoding: str, where: str) -> str:
    """Decode the start; invalid UTF-8 becomes lone surrogates."""
    if encoding == _UTF_8:
        text = start.decode(_UTF_8, "surrogateescape")
    else:
        # As a stream, because a character may be cut off at the end.
        text = _read(Transcoder(io.BytesIO(start), encoding, where, is_whole=False), 4 * len(start)).decode(
            _UTF_8
        )
    if "\0" in text[:1000]:
        raise ConfigurationError(
            f"{where} is not text, or it is UTF-16 without a byte order mark. Set `csv.encoding` of the source in the "
            "export file (such as utf-16-le), or have the table written as UTF-8."
        )
    return text


@dataclass(frozen=True)
class _Sample:
    """The first rows of a file.

    Attributes:
        text: The start of the file, without byte order marks.
        is_cut: Whether the file continues after it.
        dialect: What is known about the file.
        where: The file, for messages.
        before: Byte order marks, and lines that are not rows, before the text.
        lines_before: Number of these lines.
    """

    text: str
    is_cut: bool
    dialect: CsvDialect
    where: str
    before: str = ""
    lines_before: int = 0

    def holds_a_row(self) -> bool:
        """Whether the first row is complete, whatever the delimiter."""
        return all(any(self._rows(delimiter)) for delimiter in self.dialect.delimiter or DELIMITERS)

    def start(self, encoding: str, packed: bool) -> CsvStart:  # noqa: FBT001 (a fact like the other)
        """Detect how to read the file.

        Raises:
            ConfigurationError: The first rows do not allow it.
        """
        known = self.dialect.names
        columns = None if known is None else len(known)
        delimiter = self.dialect.delimiter or likely_delimiter(self._rows, columns)
        first = next(self._rows(delimiter), ())
        names, has_header = self._columns(first)
        skipped = len(self.before.encode(_UTF_8, "surrogateescape"))
        return CsvStart(delimiter, names, has_header, encoding, packed, skipped, self.lines_before, first)

    def _columns(self, first: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        """Names of the columns, and whether the first row has them."""
        if self.dialect.names is not None:
            names = self.dialect.names
            # There may be a header row although the dialect says that there is none: it repeats the names.
            return names, self._repeats(first, names)
        if self.is_cut and not first:
            raise row_too_long(self.where)
        if not self.dialect.header:
            if not first:
                raise ConfigurationError(
                    f"{self.where} has no row, so its columns are unknown. Set `csv.columns` of the source in the "
                    "export file, or have no files written without rows."
                )
            return tuple(str(place) for place in range(1, len(first) + 1)), False
        self._check(first)
        described = self.dialect.described or ()
        later = described[len(first) :] if _begins(described, first) else ()
        return first + later, True

    def _repeats(self, first: tuple[str, ...], names: tuple[str, ...]) -> bool:
        if self.dialect.described is not None and _begins(names, first):
            return True
        found, known = ([name_key(name) for name in row] for row in (first, names))
        if found != known and sorted(found) == sorted(known):
            raise ConfigurationError(
                f"{self.where}: its first row names the columns in another order than the model, or than `csv.columns` "
                "of the source in the export file. Correct one of the two, so that both have the same order."
            )
        return found == known

    def _rows(self, delimiter: str) -> Iterator[tuple[str, ...]]:
        """The complete rows; blank lines are not rows."""
        rows = csv.reader(
            (line[0] for line in _LINES.finditer(self.text)),  # of which only the first ones are read
            delimiter=delimiter,
            quotechar=self.dialect.quote,
            quoting=csv.QUOTE_MINIMAL if self.dialect.quote else csv.QUOTE_NONE,
            escapechar=self.dialect.escape,
        )
        last: tuple[str, ...] | None = None
        try:
            for row in rows:
                if last:
                    yield last
                last = tuple(row)
        except csv.Error:  # a value longer than the limit
            return
        if last and not self.is_cut:
            yield last

    def _check(self, names: tuple[str, ...]) -> None:
        if not any(name.strip() for name in names):
            raise ConfigurationError(
                f"{self.where} has no header row: its first rows are blank. Have it written with one."
            )
        if any("\ud800" <= char <= "\udfff" for name in names for char in name):
            raise ConfigurationError(
                f"{self.where}, row 1 (the header is row 1): the text is not UTF-8. Set `csv.encoding` of the source "
                "in the export file, or have the table written as UTF-8."
            )
        if any("@" in name for name in names):
            raise ConfigurationError(
                f"{self.where} has no header row: its first row holds addresses. Set `csv.header: false` of the source "
                "in the export file, or have the table written with a header."
            )
        if twice := repeated(filter(None, names)):
            raise ConfigurationError(
                f"{self.where}: the column {twice[0]!r} appears twice in the header. Rename one."
            )


def _begins(names: tuple[str, ...], first: tuple[str, ...]) -> bool:
    """Whether a row consists of the first of some names, and so is the header of a file older than the last columns.

    A single name does not count, because it may be a value.
    """
    return len(first) > 1 and [name_key(name) for name in first] == [
        name_key(name) for name in names[: len(first)]
    ]
