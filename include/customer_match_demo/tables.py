"""The demo's lake: three segments as tables, with the same data on every machine.

`python -m customer_match_demo.tables FOLDER` writes them. `--churn 0.01` writes them after one per cent of their
profiles changed; `--scale 0.01` writes small tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import BinaryIO, Literal

import fsspec
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from customer_match_sample_lake.people import SCHEMA, Profiles

__all__ = ["DEMO_TABLES", "DemoTable", "Format", "churn_tables", "demo_tables", "write_table", "write_tables"]

Format = Literal["parquet", "csv"]


@dataclass(frozen=True)
class DemoTable:
    """One segment table of the demo; `include/exports/demo.yaml` exports it with the audience's name.

    Attributes:
        table: Folder below the lake's root.
        profiles: Its profiles.
        files: Number of files.
        format: Format of the files.
    """

    table: str
    profiles: Profiles
    files: int = 1
    format: Format = "parquet"


def demo_tables(scale: float = 1.0) -> tuple[DemoTable, ...]:
    """Return the demo's tables; a scale below 1 gives fewer profiles (at least ten each)."""

    def profiles(count: int, start: int = 0) -> Profiles:
        return Profiles.first(max(10, round(count * scale)), start=round(start * scale))

    # The segments overlap, as real ones do: high value customers read the newsletter.
    return (
        DemoTable("HighValueCustomers", profiles(500_000), files=2),
        DemoTable("NewsletterReaders", profiles(1_200_000), files=4),
        DemoTable("LapsedVIPs", profiles(1_000, start=499_500), format="csv"),
    )


DEMO_TABLES = demo_tables()


def churn_tables(tables: Sequence[DemoTable], share: float) -> tuple[DemoTable, ...]:
    """Return the tables after a share of each one's profiles changed: half of the share left, as many joined."""
    return tuple(replace(table, profiles=table.profiles.churn(share)) for table in tables)


def write_tables(
    root: str, tables: Sequence[DemoTable] = DEMO_TABLES, filesystem: fsspec.AbstractFileSystem | None = None
) -> list[str]:
    """Write the tables below a root folder, replacing existing ones; return their paths.

    Args:
        root: Folder in the file system, without a protocol.
        tables: The tables to write.
        filesystem: Any fsspec file system; default: the local one.
    """
    filesystem = filesystem or LocalFileSystem()
    return [write_table(str(PurePosixPath(root, table.table)), table, filesystem) for table in tables]


def write_table(folder: str, table: DemoTable, filesystem: fsspec.AbstractFileSystem | None = None) -> str:
    """Write one table as a folder of files `part-00000.…`, in row groups of at most 65,536 rows."""
    filesystem = filesystem or LocalFileSystem()
    if filesystem.exists(folder):
        filesystem.rm(folder, recursive=True)
    filesystem.makedirs(folder, exist_ok=True)
    for index, share in enumerate(_shares(table.profiles, table.files)):
        path = f"{folder}/part-{index:05d}.{table.format}"
        with filesystem.open(path, "wb") as file:
            _WRITERS[table.format](file, share)
    return folder


def _shares(profiles: Profiles, count: int) -> Iterator[Profiles]:
    size = -(-len(profiles) // count)
    for start in range(0, max(len(profiles), 1), max(size, 1)):
        yield replace(profiles, numbers=profiles.numbers[start : start + size])


def _write_parquet(file: BinaryIO, profiles: Profiles) -> None:
    with pq.ParquetWriter(file, SCHEMA, compression="snappy", use_dictionary=["Country"]) as writer:
        for batch in profiles.batches():
            writer.write_batch(batch)  # one row group


def _write_csv(file: BinaryIO, profiles: Profiles) -> None:
    with pa_csv.CSVWriter(file, SCHEMA) as writer:
        for batch in profiles.batches():
            writer.write_batch(batch)


_WRITERS = {"parquet": _write_parquet, "csv": _write_csv}


def _main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m customer_match_demo.tables", description="Write the demo's lake."
    )
    parser.add_argument("folder")
    parser.add_argument("--churn", type=float, default=0.0, help="share of profiles that changed, 0 to 1")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the tables, 1 = as in the demo")
    arguments = parser.parse_args()
    tables = churn_tables(demo_tables(arguments.scale), arguments.churn)
    for table, path in zip(tables, write_tables(arguments.folder, tables), strict=True):
        print(f"{path}: {len(table.profiles):,} profiles")


if __name__ == "__main__":
    _main()
