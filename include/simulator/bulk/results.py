"""Writing result files: a zip with one wide CSV, streamed, so that its size costs no memory."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import polars as pl

from include.simulator.bulk.columns import POSITION, RESULT_COLUMNS
from include.simulator.codes import code

__all__ = ["ResultFile", "error_row", "line", "line_expression"]

_SPECIAL: Final = r'[",\r\n]'


class ResultFile(AbstractContextManager["ResultFile"]):
    """One result file: BOM, LF, header of all Bulk columns, Format Version row, then rows.

    Args:
        path: Where to write the zip.
        member: Name of the CSV inside.
    """

    def __init__(self, path: Path, member: str) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._stream = self._zip.open(member, "w", force_zip64=True)
        self._stream.write(b"\xef\xbb\xbf")
        self.write([line(dict(zip(RESULT_COLUMNS, RESULT_COLUMNS, strict=True)))])
        self.write([line({"Type": "Format Version", "Name": "6.0"})])

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._zip.close()

    def write(self, lines: Iterable[str]) -> None:
        """Append complete lines, which lack their line ends."""
        text = "\n".join(lines)
        if text:
            self._stream.write(text.encode() + b"\n")


def line(values: Mapping[str, str]) -> str:
    """One CSV line without its line end; names that are no Bulk columns are left out."""
    cells = [""] * len(RESULT_COLUMNS)
    for name, value in values.items():
        if name in POSITION:
            cells[POSITION[name]] = value
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


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
