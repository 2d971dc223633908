"""The tables of a run for users: counts as data frames, as text for a terminal, and as cells of the page.

Importing pandas takes 0.25 s and 32 MB, so only the functions that show a table import this module.
"""

from __future__ import annotations

from typing import Final

import pandas as pd
from pandas.api.types import is_integer_dtype
from rich.cells import cell_len

from customer_match.runs.report import RunReport, SegmentReport
from customer_match.runs.report_text import headline_of, notes_of

__all__ = ["as_cells", "as_text", "reason_table", "run_text", "segment_table"]

_IN_TERMINAL: Final = [
    "audience", "outcome", "profiles", "rejected", "duplicates", "members", "added", "removed", "renewed", "refused",
    "parts",
]  # fmt: skip
_ONLY_IF_ANY: Final = ["renewed", "refused"]


def segment_table(report: RunReport) -> pd.DataFrame:
    """One row per segment, in the order of the report; counts are `Int64`, where `<NA>` means unknown."""
    counts = pd.DataFrame([_counts(one) for one in report.segments], dtype="Int64")
    names = pd.DataFrame(
        {
            "audience": [one.audience for one in report.segments],
            "outcome": [str(one.outcome) for one in report.segments],
        }
    )
    return pd.concat([names, counts], axis="columns")


def reason_table(report: RunReport) -> pd.DataFrame:
    """One row per segment and reason: how many were rejected, kept out, or refused by the service."""
    rows = [
        (one.audience, what, reason.replace("_", " "), count)
        for one in report.segments
        for what, counts in (
            ("rejected", one.rejected),
            ("kept out", one.kept_out),
            ("refused", one.refused),
        )
        for reason, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=["audience", "what", "reason", "count"]).astype({"count": "Int64"})


def as_cells(frame: pd.DataFrame, unknown: str) -> pd.DataFrame:
    """Format the values as text: counts with thousands separators, and `unknown` for missing values."""
    return pd.DataFrame({name: _texts(column, unknown) for name, column in frame.items()})


def as_text(frame: pd.DataFrame) -> str:
    """Format aligned columns for a terminal: counts to the right, names to the left, `?` for unknown values.

    Widths are those of a terminal, where a Chinese character takes two columns. pandas' own `to_string` aligns all
    text to the right.
    """
    columns = [
        _aligned([str(name), *_texts(column, "?")], right=is_integer_dtype(column))
        for name, column in frame.items()
    ]
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def run_text(report: RunReport) -> str:
    """Format a report for a terminal: the counts of each segment, the reasons, and the notes."""
    parts = [headline_of(report)]
    if report.segments:
        table = segment_table(report)
        unused = [name for name in _ONLY_IF_ANY if not table[name].any()]
        parts.append(as_text(table[_IN_TERMINAL].drop(columns=unused)))
    reasons = reason_table(report)
    if len(reasons):
        parts.append(as_text(reasons))
    if notes := notes_of(report):
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _counts(segment: SegmentReport) -> dict[str, int | None]:
    sizes = segment.sizes
    return {
        "profiles": segment.profiles,
        "valid": segment.valid,
        "rejected": None if segment.valid is None else sum(segment.rejected.values()),
        "duplicates": segment.duplicates,
        "members": segment.members,
        "added": segment.added,
        "removed": segment.removed,
        "renewed": segment.renewed,
        "refused": None if segment.audience_id is None else sum(segment.refused.values()),
        "parts": segment.parts,
        "calls": segment.calls,
        "search_size": sizes.search_size if sizes else None,
        "network_size": sizes.network_size if sizes else None,
    }


def _texts(column: pd.Series, unknown: str) -> list[str]:
    style = "{:,}" if is_integer_dtype(column) else "{}"
    return [unknown if pd.isna(value) else style.format(value) for value in column]


def _aligned(texts: list[str], *, right: bool) -> list[str]:
    width = max(map(cell_len, texts))
    spaces = [" " * (width - cell_len(text)) for text in texts]
    return [space + text if right else text + space for text, space in zip(texts, spaces, strict=True)]
