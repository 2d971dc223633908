"""An export whose tables lose two thirds of their profiles, so that guards stop all of its segments."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["CHANGES", "EXPORT", "TABLES", "audience", "members", "write_tables"]

EXPORT: Final = "guarded"
TABLES: Final = ("Gold", "Bronze", "Silver")


def audience(table: str) -> str:
    """The name of a table's audience."""
    return f"{EXPORT} {table}"


CHANGES: Final[dict[str, Any]] = {
    "segments": [{"table": table, "audience": audience(table)} for table in TABLES],
    "route": "bulk",
    "segments_per_task": 2,  # so that Gold and Bronze share their tasks
}


def _emails(table: str, count: int) -> list[str]:
    return [f"{table.lower()}.{number}@example.org" for number in range(count)]


def write_tables(folder: Path, count: int) -> None:
    """Write all tables with so many profiles each."""
    for table in TABLES:
        (folder / table).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"Email": _emails(table, count)}), folder / table / "part-0.parquet")


def members(table: str, count: int) -> list[str]:
    """The members of a table with so many profiles, as the service stores them."""
    return sorted(hashlib.sha256(email.encode()).hexdigest() for email in _emails(table, count))
