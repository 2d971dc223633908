"""Writing result files: a zip with one wide CSV, streamed, so that its size costs no memory."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

import polars as pl

from include.simulator.bulk.columns import POSITION, RESULT_COLUMNS
from include.simulator.codes import code
from include.simulator.model import Audience

__all__ = ["ResultFile", "error_row", "line", "line_expression", "list_columns", "record_lines"]

_LINE_END: Final = "\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_SPECIAL: Final = r'[",\r\n]'


class ResultFile(AbstractContextManager["ResultFile"]):
    """One result file: BOM, LF, header of all Bulk columns, Format Version row, then rows.

    Args:
        path: Where to write the compressed file.
        member: Name of the file inside.
        separator: Between columns.
        use_gzip: Compress by gzip rather than as a zip.
    """

    def __init__(self, path: Path, member: str, *, separator: str = ",", use_gzip: bool = False) -> None:
        self._zip: zipfile.ZipFile | None = None
        self._stream: IO[bytes] | gzip.GzipFile
        if use_gzip:
            self._stream = gzip.GzipFile(path, "wb", compresslevel=1)
        else:
            self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
            self._stream = self._zip.open(member, "w", force_zip64=True)
        self._stream.write(_BOM)
        self.write([line(dict(zip(RESULT_COLUMNS, RESULT_COLUMNS, strict=True)), separator)])
        self.write([line({"Type": "Format Version", "Name": "6.0"}, separator)])

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if self._zip is not None:
            self._zip.close()

    def write(self, lines: Iterable[str]) -> None:
        """Append complete lines, which lack their line ends."""
        text = "\n".join(lines)
        if text:
            self._stream.write(text.encode() + b"\n")


def record_lines(path: Path) -> list[str]:
    """All rows of a small result zip, header first, each as CSV without its line end."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as raw:
        rows = csv.reader(io.TextIOWrapper(raw, "utf-8-sig", newline=""))
        return [_joined(row, ",") for row in rows]


def line(values: Mapping[str, str], separator: str = ",") -> str:
    """One line of a file without its line end; names that are no Bulk columns are left out."""
    cells = [""] * len(RESULT_COLUMNS)
    for name, value in values.items():
        if name in POSITION:
            cells[POSITION[name]] = value
    return _joined(cells, separator)


def _joined(cells: Iterable[str], separator: str) -> str:
    text = io.StringIO()
    # Until Python 3.13 the writer quotes only those line ends that the terminator holds.
    csv.writer(text, delimiter=separator, lineterminator=_LINE_END).writerow(cells)
    return text.getvalue().removesuffix(_LINE_END)


def list_columns(audience: Audience) -> dict[str, str]:
    """What a ``Customer List`` row says of a stored list, in results and in downloads."""
    return {
        "Id": str(audience.id),
        "Parent Id": audience.parent_id,
        "Status": "Deleted" if audience.deleted else "Active",
        "Audience": audience.name,
        "Scope": audience.scope.value,
        "Membership Duration": str(audience.membership_duration),
    }


def error_row(values: Mapping[str, str], number: int) -> dict[str, str]:
    """The row that follows a failed one: the same columns, Type + " Error", the code and its name."""
    return {
        **values,
        "Type": f"{values['Type']} Error",
        "Error": code(number).name,
        "Error Number": str(number),
        "Error Detail": code(number).message,
    }


def line_expression(columns: Mapping[str, pl.Expr]) -> pl.Expr:
    """Like `line`, for all rows of a frame at once."""
    parts: list[pl.Expr] = []
    position = 0
    for name in sorted(columns, key=POSITION.__getitem__):
        parts += [pl.lit("," * (POSITION[name] - position)), _quoted(columns[name])]
        position = POSITION[name]
    parts.append(pl.lit("," * (len(RESULT_COLUMNS) - 1 - position)))
    return pl.concat_str(parts)


def _quoted(value: pl.Expr) -> pl.Expr:
    escaped = pl.concat_str([pl.lit('"'), value.str.replace_all('"', '""', literal=True), pl.lit('"')])
    return pl.when(value.str.contains(_SPECIAL)).then(escaped).otherwise(value)
