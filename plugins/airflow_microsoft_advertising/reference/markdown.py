"""Tables and texts in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["cell", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown in which pipes are allowed."""
    return "\n".join(_row(row) for row in (head, ["---"] * len(head), *rows))


def cell(text: str) -> str:
    """Return text for a cell: in one line, and with pipes that do not end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell(one) for one in cells)} |"
