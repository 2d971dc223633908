"""Tables that are called by dates, one a day, each with members of its own: what a backfill has to tell apart.

The export is due at half past midnight in Berlin, when the day has begun there and not yet in UTC: `ds` and the local
date of a run differ.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["CHANGES", "PATHS", "RUNS", "members", "newest_run", "path_of", "write_dated_tables"]

BERLIN: Final = ZoneInfo("Europe/Berlin")
PATHS: Final = {
    "Gold": "Gold/{{ ds }}",
    "Silver": "Silver/{{ data_interval_end | local | ds_nodash }}/{{ macros.ds_add(ds, -1) }}",
}
CHANGES: Final[dict[str, Any]] = {
    "segments": [
        {"table": table, "path": path, "audience": f"dated {table}"} for table, path in PATHS.items()
    ],
    "schedule": "30 0 * * *",
    "timezone": "Europe/Berlin",
    "guards": {"max_removed": None},  # every day has other people
}
RUNS: Final = 3
LACKING: Final = ("Gold", 1)
"""The table that is not there, and how many days before the newest run."""


def newest_run(now: datetime) -> datetime:
    """The last moment that has tables: two days ago, so that the run that the schedule makes by itself has none."""
    today = now.astimezone(BERLIN).date()
    return datetime.combine(today - timedelta(days=2), datetime.min.time(), BERLIN).replace(minute=30)


def path_of(table: str, run: datetime) -> str:
    """Where the table of a run lies, worked out without templates."""
    in_utc, in_berlin = run.astimezone(UTC).date(), run.astimezone(BERLIN).date()
    if table == "Gold":
        return f"Gold/{in_utc}"
    return f"Silver/{in_berlin:%Y%m%d}/{in_utc - timedelta(days=1)}"


def members(table: str, run: datetime) -> list[str]:
    """The digests that an audience holds after a run, sorted."""
    return sorted(hashlib.sha256(address.encode()).hexdigest() for address in _addresses(table, run))


def write_dated_tables(folder: Path, now: datetime) -> None:
    """Write the tables of the last runs, but for the one that lacks."""
    for days in range(RUNS):
        run = newest_run(now) - timedelta(days=days)
        for table in PATHS:
            if (table, days) == LACKING:
                continue
            place = folder / path_of(table, run)
            place.mkdir(parents=True)
            pq.write_table(pa.table({"Email": _addresses(table, run)}), place / "part-0.parquet")


def _addresses(table: str, run: datetime) -> list[str]:
    """Ten who are always there, and some of the day alone, never as many as the day before."""
    day: date = run.astimezone(BERLIN).date()
    stays = [f"{table}.{number}@example.org".lower() for number in range(10)]
    return stays + [
        f"{table}.{day}.{number}@example.org".lower() for number in range(1 + day.toordinal() % 5)
    ]
