"""How a CSV file is written, as far as somebody has said it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CsvDialect"]


@dataclass(frozen=True)
class CsvDialect:
    """What is known of a CSV file before it is opened.

    Attributes:
        delimiter: Between values; None: `delimiter.py` finds it.
        quote: Around values that contain a delimiter or a line break; None: quotation marks are text.
        escape: Makes the next character a part of the value; None: a quotation mark is doubled instead.
        encoding: As Python names it. A byte order mark goes before it, and is passed over.
        names: Of the columns, where the file does not name them: values then count by their position. A
            first row that repeats the names is passed over; None: see `header`.
        header: Without `names`: whether the first row has them; else they are "1", "2" and so on, and the
            first row is data.
        described: The names that a model of the table has, in the order of the values; None: there is none. Files
            that are older than a column of it lack the column, in their rows or in their header as well: the values
            that a row lacks at its end are empty.
    """

    delimiter: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    names: tuple[str, ...] | None = None
    header: bool = True
    described: tuple[str, ...] | None = None
