"""How a CSV file is written, as far as the export file or a model says."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CsvDialect"]


@dataclass(frozen=True)
class CsvDialect:
    """What is known about a CSV file before it is opened.

    Attributes:
        delimiter: The delimiter between values; None: `delimiter.py` detects it.
        quote: The quotation mark around values with a delimiter or a line break; None: quotation marks are text.
        escape: The character that makes the next one part of the value; None: quotation marks are doubled instead.
        encoding: Python's name of the encoding. A byte order mark takes precedence, and is skipped.
        names: Names of the columns by position, if the file does not name them. A first row that repeats the names is
            skipped; None: see `header`.
        header: Without `names`: whether the first row has the names; otherwise they are "1", "2" and so on, and the
            first row is data.
        described: The names in a model of the table, in the order of the values; None if there is no model. Files that
            are older than a column lack it in their rows, and possibly in their header: values that are missing at the
            end of a row are empty.
    """

    delimiter: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    names: tuple[str, ...] | None = None
    header: bool = True
    described: tuple[str, ...] | None = None
