"""Tables of an export whose segments share tasks: ten small ones, a large one, and a broken one."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from customer_match.runs.grouping import LARGE_TABLE_BYTES

__all__ = [
    "BROKEN",
    "CHANGES",
    "EXPORT",
    "LARGE",
    "MAX_MAP_LENGTH",
    "SMALL",
    "audience",
    "write_batch_tables",
    "write_table",
]

EXPORT: Final = "batches"
SMALL: Final = tuple(f"Small{number:02d}" for number in range(1, 11))
LARGE, BROKEN = "Large", "Broken"
CHANGES: Final[dict[str, Any]] = {
    "segments": [{"table": table, "audience": f"{EXPORT} {table}"} for table in (*SMALL, LARGE, BROKEN)],
    "route": "bulk",
}
MAX_MAP_LENGTH: Final = 6
"""Airflow's limit of mapped tasks in the system tests: the export has more segments."""
_PROFILES: Final = 40


def audience(table: str) -> str:
    """Return the name of a table's audience."""
    return f"{EXPORT} {table}"


def write_batch_tables(folder: Path) -> None:
    """Write all tables; the broken one lacks its end."""
    for table in (*SMALL, LARGE, BROKEN):
        write_table(folder, table)
    file = folder / BROKEN / "part-0.parquet"
    file.write_bytes(file.read_bytes()[:-20])


def write_table(folder: Path, table: str) -> None:
    """Write one table. The large one has an e-mail for each profile too, and a large column that is not read."""
    emails = [f"{table.lower()}.{number}@example.org" for number in range(_PROFILES)]
    columns: dict[str, list[Any]] = {
        "CustomerId": [str(number) for number in range(_PROFILES)],
        "Email": emails,
    }
    if table == LARGE:
        columns["Photo"] = [secrets.token_bytes(LARGE_TABLE_BYTES // _PROFILES + 1) for _ in emails]
    (folder / table).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / table / "part-0.parquet")
