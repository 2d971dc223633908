"""Values that mean consent, as the column of a table holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["typed"]


def typed(values: Iterable[str], kind: str) -> list[object]:
    """Convert what a user wrote to values of a column.

    Args:
        values: One text for each value.
        kind: What the column holds: `text`, `number`, `true/false`; empty if unknown. A column of text holds texts.
    """
    return list(_typed([value.strip() for value in values], kind))


def _typed(values: Iterable[str], kind: str) -> Iterator[object]:
    for value in values:
        if kind != "text" and value.lower() in ("true", "false"):
            yield value.lower() == "true"
        elif kind == "number" and value.lstrip("-").isdecimal():
            yield int(value)
        else:
            yield value
