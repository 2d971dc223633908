"""The segments of the form: one line for each that the file names, and for each table that was found in the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_microsoft_advertising.web.forms import Posted

__all__ = ["Line", "lines_of", "posted_lines", "segments_of_lines", "with_tables"]

_MAX_LINES: Final = 2_000
_PATTERN: Final = frozenset("*?[")


@dataclass(frozen=True)
class Line:
    """One segment, or a table that could be one.

    Attributes:
        table: Name of the table, or a pattern.
        audience: Name of the audience; empty: that of the table.
        chosen: Whether it is exported.
        item: Index of its item in the file's `segments`; None if it is not there.
        rows: Number of rows; None if unknown.
        fault: Why the table cannot be read; empty normally.
    """

    table: str
    audience: str = ""
    chosen: bool = False
    item: int | None = None
    rows: int | None = None
    fault: str = ""

    @property
    def is_pattern(self) -> bool:
        """Whether it may take several tables, which have audiences of their own names."""
        return bool(_PATTERN & set(self.table))


def lines_of(items: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """The lines of the segments of a file, in the spelling of `expand`."""
    return tuple(
        Line(str(item.get("table", "")), str(item.get("audience") or ""), chosen=True, item=at)
        for at, item in enumerate(items)
    )


def posted_lines(posted: Posted) -> tuple[Line, ...]:
    """The lines of a form."""
    count = min(_number(posted.text("lines")) or 0, _MAX_LINES)
    lines = [
        Line(
            posted.text(f"table.{at}"),
            posted.text(f"audience.{at}"),
            chosen=posted.text(f"chosen.{at}") == "yes",
            item=_number(posted.text(f"item.{at}")),
            rows=_number(posted.text(f"rows.{at}")),
        )
        for at in range(count)
    ]
    names = {line.table for line in lines}
    more = [one.strip() for one in posted.text("more").split(",")]
    lines += [Line(name, chosen=True) for name in dict.fromkeys(more) if name and name not in names]
    return tuple(line for line in lines if line.table)


def with_tables(
    lines: Sequence[Line], tables: Iterable[str], rows: Mapping[str, int | str]
) -> tuple[Line, ...]:
    """Add the tables that were found in the lake.

    Args:
        lines: The lines so far.
        tables: Names of all tables.
        rows: The number of rows, or why a table cannot be read, by name.
    """
    known = {line.table for line in lines}
    all_lines = [*lines, *(Line(table) for table in tables if table not in known)]
    return tuple(_with_rows(line, rows.get(line.table)) for line in all_lines)


def _with_rows(line: Line, found: int | str | None) -> Line:
    if isinstance(found, str):
        return replace(line, rows=None, fault=found)
    return replace(line, rows=found, fault="")


def segments_of_lines(lines: Sequence[Line], items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The segments that are chosen, in the spelling of `expand`.

    Args:
        lines: The lines.
        items: The segments of the file; an item keeps the keys that the form does not know.
    """
    return [_item(line, items) for line in lines if line.chosen]


def _item(line: Line, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    is_there = (
        line.item is not None and line.item < len(items) and items[line.item].get("table") == line.table
    )
    item = dict(items[line.item]) if is_there and line.item is not None else {"table": line.table}
    if line.audience == str(item.get("audience") or "") or line.is_pattern:
        return item
    item.pop("audience", None)
    return item | ({"audience": line.audience} if line.audience not in {"", line.table} else {})


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
