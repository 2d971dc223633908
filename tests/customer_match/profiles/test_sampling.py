"""Which columns hold addresses, by their first rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from customer_match.profiles.sampling import SAMPLE_ROWS, usable_shares
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table


def table(folder: Path, columns: dict[str, list[str | None]]) -> Table:
    (folder / "Gold").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "Gold" / "part-0.parquet")
    return open_table(LocalFileSystem(), str(folder / "Gold"))


def test_the_share_of_rows_with_an_address(tmp_path: Path) -> None:
    columns: dict[str, list[str | None]] = {
        "Mail": ["anna@example.org", None, "ben@example.org", "x"],
        "Name": list("abcd"),
    }
    assert usable_shares(table(tmp_path, columns), ["Mail", "Name"]) == {"Mail": 0.5, "Name": 0.0}


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    mails: list[str | None] = ["anna@example.org"] * SAMPLE_ROWS + ["x"] * SAMPLE_ROWS
    assert usable_shares(table(tmp_path, {"Mail": mails}), ["Mail"]) == {"Mail": 1.0}


def test_without_rows_or_columns_nothing_is_known(tmp_path: Path) -> None:
    empty = table(tmp_path, {"Mail": []})
    assert usable_shares(empty, ["Mail"]) == {}
    assert usable_shares(empty, []) == {}
