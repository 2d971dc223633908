"""Parses the list of a customer's segments in one row of a table of memberships.

Dataverse's `msdynci_segmentmembership` has JSON text, `{"Segments":["HighValue","Newsletter"]}` (Customer Insights'
tables page). Also accepted are a bare JSON list, JSON encoded twice, a list column, and a text that is the name of one
segment. Null, also in JSON, means no segment. Names are compared exactly; upper and lower case differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

__all__ = ["SegmentLists", "names_in"]

_KEY: Final = "segments"
_BOM: Final = "\ufeff"
_STRING: Final = r'"[^"\\]*"'
# JSON without escapes: the text between the brackets can be searched directly.
_PLAIN: Final = rf'^\{{\s*"Segments"\s*:\s*\[((?:\s*{_STRING}\s*(?:,\s*{_STRING}\s*)*)?)\]\s*\}}$'
_TEXT = pl.col("text")


def names_in(text: str) -> tuple[str, ...] | None:
    """The segment names in a text; None if it cannot be parsed."""
    text = text.strip().removeprefix(_BOM)
    if not text.startswith(("{", "[", '"')) and text != "null":
        return (text,) if text else ()
    try:
        found = json.loads(text, strict=False)  # allows line breaks in names, like the fast path
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        found = next((value for key, value in found.items() if key.casefold() == _KEY), False)
    if found is None:
        return ()
    if isinstance(found, str) and text.startswith('"'):
        return None if found.startswith('"') else names_in(found)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return None
    return tuple(found)


@dataclass(frozen=True)
class SegmentLists:
    """The segment lists of one batch.

    Attributes:
        rows: Number of rows.
        unreadable: Number of rows whose text cannot be parsed; they count for no segment.
    """

    rows: int
    unreadable: int
    _plain: pl.Series  # the text between the brackets; null if it has escapes or another form
    _odd: Mapping[int, tuple[str, ...]]  # names by row, for all other forms

    @classmethod
    def of(cls, column: pa.Array) -> SegmentLists:
        """Parse a column of text or of lists of text."""
        values: pl.Series = pl.from_arrow(column)  # type: ignore[assignment]  # of an array
        if isinstance(values.dtype, pl.List | pl.Array):
            lists = {row: _without_none(names) for row, names in enumerate(values.to_list()) if names}
            return cls(len(values), 0, pl.Series([None] * len(values), dtype=pl.String), lists)
        frame = values.cast(pl.String).to_frame("text").select(_TEXT.str.strip_chars())
        plain = frame.select(_TEXT.str.extract(_PLAIN, 1)).to_series()
        odd = frame.with_row_index("row").filter(plain.is_null() & frame["text"].is_not_null())
        names = {row: names_in(text) for row, text in odd.iter_rows()}
        readable = {row: found for row, found in names.items() if found is not None}
        return cls(len(values), len(names) - len(readable), plain, readable)

    def listing(self, name: str) -> npt.NDArray[np.bool_]:
        """Which rows list a segment, shape (rows,)."""
        listed: npt.NDArray[np.bool_] = np.zeros(self.rows, dtype=np.bool_)
        if not set('"\\') & set(name):  # otherwise it needs an escape, so it is not in plain text
            between = not name.strip(" \t\r\n,")  # such a name looks like the delimiter between two names
            quoted = f'"{name}"'
            texts = self._plain.str
            found = (
                texts.extract_all(_STRING).list.contains(quoted)
                if between
                else texts.contains(quoted, literal=True)
            )
            listed |= found.fill_null(value=False).to_numpy()
        listed[[row for row, names in self._odd.items() if name in names]] = True
        return listed

    def names(self) -> set[str]:
        """All segments that any row lists."""
        found = self._plain.drop_nulls().unique().str.extract_all(_STRING).explode().drop_nulls().unique()
        names = {text[1:-1] for text in found.to_list()}
        return names.union(*self._odd.values())


def _without_none(names: list[Any]) -> tuple[str, ...]:
    return tuple(name for name in names if name is not None)
