"""The delimiter of a CSV file where neither the export file nor the file's first line (`preamble`) names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

__all__ = ["DELIMITERS", "likely_delimiter"]

DELIMITERS: Final = ",;\t|"
"""The possible delimiters; where several are equally likely, the first one counts."""

_ROWS_COMPARED: Final = 20

Rows = Iterable[Sequence[str]]


def likely_delimiter(split: Callable[[str], Rows], columns: int | None) -> str:
    """The delimiter that gives all rows the same width; among several, the one with the widest first row.

    Args:
        split: Splits the first rows of the file by a delimiter.
        columns: How many columns the file is known to have: the first row must be as wide. None: not known.
    """
    return max(DELIMITERS, key=lambda delimiter: _likelihood(split(delimiter), columns))


def _likelihood(rows: Rows, columns: int | None) -> tuple[bool, int]:
    widths = [len(row) for row in islice(rows, _ROWS_COMPARED)]
    width = widths[0] if widths else 0
    if columns is not None:
        return width == columns, width
    return width > 1 and len(set(widths)) == 1, width
