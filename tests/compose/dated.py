"""Exports with a table for each day, of which some are missing: what backfills over ten days read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, Final

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["DAYS", "EXPORTS", "MISSING", "TABLE", "changes", "members", "write_tables"]

TABLE: Final = "Members"
EXPORTS: Final = ("parallel", "backwards")
DAYS: Final = [date(2026, 11, 1) + timedelta(days=number) for number in range(10)]
MISSING: Final = (DAYS[2], DAYS[6])
"""Days that have no table at first."""


def changes(name: str) -> dict[str, Any]:
    """Return the keys of an export file that differ from the demo's."""
    return {
        "name": name,
        "title": f"Backfill {name}",
        "source": {"connection": "lake", "root": f"abfs://lake/{name}"},
        "workspace": {"connection": "lake", "root": "abfs://lake/workspace"},
        "segments": [{"table": TABLE, "path": f"{TABLE}/{{{{ ds }}}}", "audience": f"backfill {name}"}],
        "schedule": "0 5 * * *",
        "start_date": str(DAYS[0]),
        "guards": {"max_removed": None},  # each day has other members
        "retries": 0,
    }


def members(name: str, day: date) -> list[str]:
    """Return the digests of a day's members, sorted."""
    return sorted(hashlib.sha256(address.encode()).hexdigest() for address in _addresses(name, day))


def write_tables(
    root: str, filesystem: fsspec.AbstractFileSystem, days: Collection[date] = tuple(set(DAYS) - set(MISSING))
) -> None:
    """Write the tables of some days; default: all that are there at first."""
    for day in days:
        table = pa.table({"Email": _addresses(root.rpartition("/")[2], day)})
        folder = f"{root}/{TABLE}/{day}"
        filesystem.makedirs(folder, exist_ok=True)
        with filesystem.open(f"{folder}/part-0.parquet", "wb") as file:
            pq.write_table(table, file)


def _addresses(name: str, day: date) -> list[str]:
    """Ten who are always there, and some of the day alone, never as many as the day before."""
    stays = [f"{name}.{number}@example.org" for number in range(10)]
    return stays + [f"{name}.{day}.{number}@example.org" for number in range(1 + day.toordinal() % 5)]
