"""Entries of an audit trail as a table for people.

Importing pandas takes 0.25 s, so only functions that show something import this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from customer_match.runs.report_tables import as_text

__all__ = ["summary_of"]

_COUNTS: Final = ("members", "added", "removed", "refused")


def summary_of(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return one line per entry, with aligned columns and a header."""
    frame = pd.DataFrame([_row(entry) for entry in entries])
    counts = {name: frame[name].astype("Int64") for name in _COUNTS if frame[name].notna().any()}
    return as_text(frame.drop(columns=list(_COUNTS)).assign(**counts))


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    refused = entry.get("refused")
    counts = {**entry, "refused": sum(refused.values()) if refused else None}
    return {
        "entry": str(entry.get("sequence")),
        "time (UTC)": entry["time"][:19].replace("T", " "),
        "event": entry["event"],
        "run": entry.get("run_id", ""),
        "kind": entry.get("kind", ""),
        "user": entry.get("user", ""),
        "audience": entry.get("audience", ""),
        "result": entry.get("outcome") or entry.get("state") or "",
        **{name: counts.get(name) for name in _COUNTS},
    }
