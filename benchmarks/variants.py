"""The data path beside itself: with other rules, another format, and more profiles."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cases import engine, write_profiles
from benchmarks.measuring import Comparison, Job
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import Profiles

__all__ = ["BOTH", "CSV", "LARGE", "SHARES"]

SHARES = 5


def engine_both(table: Path, folder: Path) -> None:
    """Two digests of addresses that the two rules normalise differently."""
    engine(table, folder, "both")


def engine_csv(tables: Path, folder: Path) -> None:
    """The table as CSV."""
    engine(tables / "csv", folder)


def engine_parquet(tables: Path, folder: Path) -> None:
    """The same table as Parquet."""
    engine(tables / "parquet", folder)


def engine_all(tables: Path, folder: Path) -> None:
    """All profiles."""
    engine(tables / "all", folder)


def engine_share(tables: Path, folder: Path) -> None:
    """The first of the shares."""
    engine(tables / "share", folder)


def write_formats(folder: Path, size: int) -> Path:
    """Write the same profiles as a table of each format."""
    for kind in ("csv", "parquet"):
        write_table(str(folder / kind), DemoTable("t", Profiles.first(size), files=2, format=kind))
    return folder


def write_shares(folder: Path, size: int) -> Path:
    """Write the table `all`, and the table `share` with the first of its files."""
    everyone, share = folder / "all", folder / "share"
    write_table(str(everyone), DemoTable("t", Profiles.first(size), files=SHARES))
    share.mkdir()
    first = min(everyone.iterdir())
    (share / first.name).hardlink_to(first)
    return folder


BOTH = Comparison(
    case="the data path with the policy `both`",
    ours=Job(engine_both),
    baseline="the policy `basic`",
    other=Job(engine),
    prepare=write_profiles,
)
CSV = Comparison(
    case="the data path from CSV",
    ours=Job(engine_csv),
    baseline="from Parquet",
    other=Job(engine_parquet),
    prepare=write_formats,
)
LARGE = Comparison(
    case="the data path with five times the profiles",
    ours=Job(engine_all),
    baseline="a fifth of the profiles",
    other=Job(engine_share),
    prepare=write_shares,
)
