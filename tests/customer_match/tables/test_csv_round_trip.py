"""Tables written by Python's csv module in every way that `source.csv` can describe come back to the cell."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from customer_match.storage import read_ahead
from customer_match.tables.csv import sniffing as csv_start
from customer_match.tables.csv import streams as csv_streams
from customer_match.tables.csv import table as csv_files
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.files.first_bytes import foreign
from customer_match.tables.opening import open_table

Row = tuple[str, ...]

FOUND = ",;\t|"  # delimiters that are found by looking
DELIMITERS = FOUND + ":^~ \x01\x1f#*'"
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
OTHER_ENCODINGS = ("cp1252", "iso8859-1", "iso8859-15", "cp1251", "shift_jis", "gb18030", "euc_jp", "cp437")
SIGNS = {
    name: [
        char
        for char in (*map(chr, range(1, 0x250)), *"АБяЖ日本語ｱ中文☃")
        if char.encode(name, "ignore").decode(name) == char
    ]
    for name in OTHER_ENCODINGS
}
# First bytes by which other kinds of files are known.
MAGIC = (b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1", b"Obj\x01", b"%PDF-", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True)
class Style:
    """How files are written.

    Attributes:
        delimiter: Between values.
        quote: Around values; None: no value is quoted.
        escape: Before quotation marks, or without those before all signs that mean something.
        all_quoted: Whether values are quoted that need not be.
        line_end: After each row.
        header: `row`, `names` (said in the dialect) or `none`.
        encoding: Of the text.
        has_mark: Whether a byte order mark is written.
        is_last_line_open: Whether the last row has no line end.
    """

    delimiter: str
    quote: str | None
    escape: str | None
    all_quoted: bool
    line_end: str
    header: str
    encoding: str
    has_mark: bool
    is_last_line_open: bool

    def text(self, rows: Sequence[Row]) -> str:
        file = io.StringIO(newline="")
        csv.writer(
            file,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            quoting=csv.QUOTE_NONE
            if self.quote is None
            else csv.QUOTE_ALL
            if self.all_quoted
            else csv.QUOTE_MINIMAL,
            lineterminator=self.line_end,
        ).writerows(rows)
        return file.getvalue().removesuffix(self.line_end) if self.is_last_line_open else file.getvalue()

    def content(self, rows: Sequence[Row]) -> bytes:
        return (MARKS[self.encoding] if self.has_mark else b"") + self.text(rows).encode(self.encoding)


@dataclass(frozen=True)
class Written:
    """A table and its files.

    Attributes:
        columns: Names.
        files: Content of each, by name.
        rows: In the order of the files.
        dialect: What the reader is told.
        longest: UTF-8 bytes of the longest row.
    """

    columns: Row
    files: dict[str, bytes]
    rows: list[Row]
    dialect: CsvDialect
    longest: int


@st.composite
def styles(draw: st.DrawFn) -> Style:
    quote = draw(st.sampled_from(['"', '"', '"', "'", None]))
    escape = draw(st.sampled_from([None, None, "\\"]))
    delimiter = draw(st.sampled_from([sign for sign in DELIMITERS if sign not in (quote, escape)]))
    encoding = draw(st.sampled_from([*MARKS, "utf-8", *OTHER_ENCODINGS]))
    return Style(
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        all_quoted=draw(st.booleans()),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        header=draw(st.sampled_from(["row", "row", "names", "none"])),
        encoding=encoding,
        has_mark=encoding in MARKS and draw(st.booleans()),
        is_last_line_open=draw(st.booleans()),
    )


def cells(style: Style, most: int) -> st.SearchStrategy[str]:
    """Text that the style can hold."""
    special = "\"'\r\n\\ \t,;|é€日😀\ufeff\x85\u2028\x0b\x0c\x1c\x7f" + style.delimiter
    forbidden = "\0"
    if style.quote is None and style.escape is None:
        forbidden += f"\r\n{style.delimiter}"
    if not style.all_quoted or style.quote is None:
        forbidden += "".join({"\r", "\n"} - set(style.line_end))  # Python does not quote them
    usable = [sign for sign in special if sign not in forbidden and _fits(sign, style.encoding)]
    any_sign = (
        st.characters(exclude_categories=["Cs"])
        if style.encoding in MARKS
        else st.sampled_from(SIGNS[style.encoding])
    )
    text = st.text(st.one_of(st.sampled_from([*usable, "a", "b"]), any_sign), max_size=most)
    lines = st.sampled_from([sign * 2 for sign in usable])
    long = st.builds(lambda sign, count: sign * count, st.sampled_from(usable), st.integers(0, 20 * most))
    common = st.sampled_from(["", "", "a", "ann@example.org", " a ", " "])
    return st.one_of(text, text, common, lines, long).filter(lambda cell: not set(cell) & set(forbidden))


def _fits(sign: str, encoding: str) -> bool:
    try:
        return sign.encode(encoding).decode(encoding) == sign
    except UnicodeError:
        return False


@st.composite
def tables(draw: st.DrawFn, most: int) -> Written:
    style = draw(styles())
    cell = cells(style, most)
    if style.header == "none":
        columns: Row = tuple(str(place) for place in range(1, draw(st.integers(1, 4)) + 1))
    else:
        name = cell.filter(lambda name: name.strip() and "@" not in name)
        columns = tuple(
            draw(st.lists(name, min_size=1, max_size=4, unique_by=lambda name: name.strip().casefold()))
        )
    row = st.tuples(*([cell] * len(columns)))
    if style.quote is None and len(columns) == 1:
        row = row.filter(any)
    parts = draw(st.lists(st.lists(row, max_size=6), min_size=1, max_size=3))
    if style.header != "row":
        same = [name.strip().casefold() for name in columns]
        assume(not any(part and [c.strip().casefold() for c in part[0]] == same for part in parts))
    if style.header == "none":
        assume(all(parts))  # without a row nothing tells the columns
    files = {}
    for number, part in enumerate(parts):
        head = [columns] if style.header == "row" else []
        assume(head or part)
        content = style.content([*head, *part])
        assume(_is_plainly(style, content))
        files[f"t/{number}.csv"] = draw(packed(content))
    rows = [row for part in parts for row in part]
    text = [len(style.text([row]).encode()) for row in [columns, *rows]]
    return Written(columns, files, rows, draw(dialects(style, columns, rows)), max(text))


def _is_plainly(style: Style, content: bytes) -> bool:
    """Whether the first bytes do not happen to be those of something else."""
    rest = content.removeprefix(MARKS[style.encoding]) if style.has_mark else content
    is_known = rest.startswith((*MAGIC, *MARKS.values()))
    text = rest.decode(style.encoding)
    # A column `[` begins as JSON does, and `#` as a comment: documented, and refused or left out. The tests read few
    # bytes at a time, and `{` alone looks like JSON.
    starts = (text[:length].encode() for length in range(1, 65))
    return not (is_known or text.startswith(("\ufeff", "#")) or any(map(foreign, starts)))


@st.composite
def packed(draw: st.DrawFn, content: bytes) -> bytes:
    """Plain, or by gzip in one member or several."""
    if draw(st.booleans()):
        return content
    ends = sorted(draw(st.lists(st.integers(0, len(content)), max_size=4)))
    members = [content[first:last] for first, last in zip([0, *ends], [*ends, len(content)], strict=True)]
    return b"".join(gzip.compress(member, 1, mtime=0) for member in members)


@st.composite
def dialects(draw: st.DrawFn, style: Style, columns: Row, rows: Sequence[Row]) -> CsvDialect:
    """What the reader must be told, and perhaps what it could find by itself."""
    others = set(FOUND) - {style.delimiter}
    is_found = style.delimiter in FOUND and not any(
        others & set(cell) for row in [columns, *rows] for cell in row
    )
    delimiter = None if is_found and draw(st.booleans()) else style.delimiter
    encoding = style.encoding
    if style.has_mark:
        encoding = draw(st.sampled_from(["utf-8", "cp1252", style.encoding]))
    return CsvDialect(
        delimiter=delimiter,
        quote=style.quote,
        escape=style.escape,
        encoding=encoding,
        names=columns if style.header == "names" else None,
        header=style.header == "row",
    )


@contextmanager
def sizes(block: int, start: int, packed: int, piece: int) -> Iterator[None]:
    """Everything that is read in pieces is read in these."""
    with (
        mock.patch.object(csv_files, "BLOCK_BYTES", block),
        mock.patch.object(csv_streams, "BLOCK_BYTES", block),
        mock.patch.object(csv_streams, "_PACKED_BYTES", packed),
        mock.patch.object(csv_start, "_START_BYTES", start),
        mock.patch.object(read_ahead, "_PIECE_BYTES", piece),
    ):
        yield


def read(written: Written, batch_rows: int) -> list[Row]:
    lake = MemoryFileSystem()
    if lake.exists("/t"):
        lake.rm("/t", recursive=True)
    for name, content in written.files.items():
        lake.pipe_file(f"/{name}", content)
    table = open_table(lake, "/t", "csv", dialect=written.dialect)
    assert tuple(table.columns()) == written.columns
    rows: list[Row] = []
    for batch in table.batches(written.columns, batch_rows):
        assert 0 <= batch.num_rows <= batch_rows
        columns = [batch.column(name).to_pylist() for name in written.columns]
        rows += zip(*columns, strict=True)
    return rows


def check(data: st.DataObject, most: int) -> None:
    written = data.draw(tables(most))
    more = data.draw(st.integers(0, 5))
    with sizes(
        block=written.longest + more,
        start=data.draw(st.integers(4, 64)),
        packed=data.draw(st.integers(1, 64)),
        piece=data.draw(st.integers(16, 64)),
    ):
        assert read(written, data.draw(st.integers(1, 5))) == written.rows


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_table_comes_back_whatever_the_dialect_and_the_sizes_of_blocks(data: st.DataObject) -> None:
    check(data, most=8)


@pytest.mark.lengthy
@pytest.mark.slow
@settings(max_examples=1_500, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_many_tables_come_back(data: st.DataObject) -> None:
    check(data, most=40)
