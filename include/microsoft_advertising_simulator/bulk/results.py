"""Writes result files: a zip with one wide CSV, as a stream in constant memory."""

from __future__ import annotations

import csv
import gzip
import io
import random
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

import polars as pl
from isal import isal_zlib
from propcache.api import cached_property

from microsoft_advertising_simulator.bulk.columns import RESULT_COLUMNS
from microsoft_advertising_simulator.codes import code
from microsoft_advertising_simulator.model import Audience

__all__ = [
    "Layout",
    "ResultFile",
    "error_row",
    "line",
    "line_expression",
    "list_columns",
    "plain_columns",
    "record_lines",
]

_LINE_END: Final = "\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_SPECIAL: Final = r'[",\r\n]'
_NEEDED: Final = ("Type", "Id", "Parent Id", "Client Id", "Name")
_ERROR_COLUMNS: Final = ("Error", "Error Number", "Field Path", "Error Detail")
_NEW_COLUMNS: Final = ("Simulated New Column", "Simulated Other Column")


@dataclass(frozen=True)
class Layout:
    """The columns of a result file, in order, and their delimiter."""

    names: tuple[str, ...]
    separator: str = ","

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Index of each column."""
        return {name: index for index, name in enumerate(self.names)}

    @classmethod
    def of(cls, kind: Literal["all", "uploaded", "shuffled"], uploaded: Sequence[str]) -> Layout:
        """All columns of Bulk, those of the uploaded file, or all in another order with additional ones."""
        if kind == "all":
            return cls(RESULT_COLUMNS)
        if kind == "uploaded":
            return cls(tuple(dict.fromkeys([*uploaded, *_NEEDED, *_ERROR_COLUMNS])))
        first, *others = RESULT_COLUMNS  # documented: the first is Type
        others += _NEW_COLUMNS
        random.Random(len(others)).shuffle(others)  # noqa: S311 - any order will do, the same each time
        return cls((first, *others))


class ResultFile(AbstractContextManager["ResultFile"]):
    """One result file: BOM, LF, header, Format Version row, then rows.

    Args:
        path: Where to write the compressed file.
        member: Name of the file inside.
        use_gzip: Compress with gzip instead of zip.
    """

    def __init__(self, path: Path, member: str, *, use_gzip: bool = False) -> None:
        self._zip: zipfile.ZipFile | None = None
        self._stream: IO[bytes] | gzip.GzipFile
        self._has_header = False
        if use_gzip:
            self._stream = gzip.GzipFile(path, "wb", compresslevel=1)
        else:
            self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
            self._stream = self._zip.open(member, "w", force_zip64=True)
            _deflate_fast(self._stream)

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if self._zip is not None:
            self._zip.close()

    def start(self, layout: Layout) -> Layout:
        """Write BOM, header and Format Version row, unless they are written already; returns the layout."""
        if not self._has_header:
            self._has_header = True
            self._stream.write(_BOM)
            version = {"Type": "Format Version", "Name": "6.0"}
            self.write([line({name: name for name in layout.names}, layout), line(version, layout)])
        return layout

    def write(self, lines: Iterable[str]) -> None:
        """Append complete lines, given without line ends."""
        text = "\n".join(lines)
        if text:
            self._stream.write(text.encode() + b"\n")

    def write_frame(self, lines: pl.DataFrame) -> None:
        """Append the complete lines of a frame's column ``line``; none of them becomes a Python string."""
        text = io.BytesIO()
        lines.select("line").write_csv(text, include_header=False, quote_style="never", line_terminator="\n")
        self._stream.write(text.getbuffer())


def _deflate_fast(member: IO[bytes]) -> None:
    """Compress with isal instead of zlib, because compression took longer than everything else.

    zipfile has no public way to choose this. If the attribute were renamed, writing would only be slow again.
    """
    member._compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)  # type: ignore[attr-defined]  # noqa: SLF001


def record_lines(path: Path) -> list[str]:
    """All rows of a small result zip, header first, each as CSV without its line end."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as raw:
        rows = csv.reader(io.TextIOWrapper(raw, "utf-8-sig", newline=""))
        return [_join(row, ",") for row in rows]


def line(values: Mapping[str, str], layout: Layout) -> str:
    """One line of a file without its line end; names without a column are left out."""
    cells = [""] * len(layout.names)
    for name, value in values.items():
        if name in layout.position:
            cells[layout.position[name]] = value
    return _join(cells, layout.separator)


def _join(cells: Iterable[str], separator: str) -> str:
    text = io.StringIO()
    # Until Python 3.13 the writer quotes only the line ends that are in the terminator.
    csv.writer(text, delimiter=separator, lineterminator=_LINE_END).writerow(cells)
    return text.getvalue().removesuffix(_LINE_END)


def list_columns(audience: Audience) -> dict[str, str]:
    """The columns of a ``Customer List`` row for a stored list, in results and in downloads."""
    return {
        "Id": str(audience.id),
        "Parent Id": audience.parent_id,
        "Status": "Deleted" if audience.deleted else "Active",
        "Audience": audience.name,
        "Scope": audience.scope.value,
        "Membership Duration": str(audience.membership_duration),
    }


def error_row(values: Mapping[str, str], number: int) -> dict[str, str]:
    """The error row of a failed row: the same columns, Type + " Error", the code and its name."""
    return {
        **values,
        "Type": f"{values['Type']} Error",
        "Error": code(number).name,
        "Error Number": str(number),
        "Error Detail": code(number).message,
    }


def plain_columns(frame: pl.DataFrame) -> frozenset[str]:
    """Text columns without values that need quotes, such as hashes and numbers."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    special = frame.select(pl.col(name).str.contains(_SPECIAL).any() for name in texts)
    return frozenset(name for name in texts if not special[name].any())


def line_expression(
    columns: Mapping[str, pl.Expr], layout: Layout, plain: Collection[str] = frozenset()
) -> pl.Expr:
    """As `line`, for all rows of a frame at once. Quoting is slow, so the columns in `plain` are not quoted."""
    parts: list[pl.Expr] = []
    position = 0
    for name in sorted(columns.keys() & layout.position.keys(), key=layout.position.__getitem__):
        value = columns[name] if name in plain else _quote(columns[name])
        parts += [pl.lit("," * (layout.position[name] - position)), value]
        position = layout.position[name]
    parts.append(pl.lit("," * (len(layout.names) - 1 - position)))
    return pl.concat_str(parts)


def _quote(value: pl.Expr) -> pl.Expr:
    escaped = pl.concat_str([pl.lit('"'), value.str.replace_all('"', '""', literal=True), pl.lit('"')])
    return pl.when(value.str.contains(_SPECIAL)).then(escaped).otherwise(value)
