"""A source as one run sees it, by whatever opens its folders."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.export.sources import Source
from customer_match.profiles import dated_source
from customer_match.profiles.dated_source import DatedSource
from customer_match.tables.discovery import discover
from customer_match.tables.table import TableMissing

DAY = datetime(2026, 5, 2, tzinfo=UTC)


class Opener:
    """Opens local folders, and notes what it opened."""

    def __init__(self) -> None:
        self.opened: list[tuple[str | None, str]] = []

    def __call__(self, connection: str | None, location: str) -> Any:
        self.opened.append((connection, location))
        return LocalFileSystem(), location


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    for day in ("2026-04-29", "2026-05-01", "2026-05-03"):
        folder = tmp_path / "Dated" / day
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"Email": ["anna@example.com"]}), folder / "part-0.parquet")
    return Opener()


def dated(tmp_path: Path, opener: Opener, day: datetime = DAY) -> DatedSource:
    source = Source.model_validate({"root": str(tmp_path)})
    return DatedSource.at(source, day, "UTC", opener)


def test_the_table_of_the_day_is_opened(tmp_path: Path, opener: Opener) -> None:
    source = dated(tmp_path, opener, datetime(2026, 5, 1, tzinfo=UTC))
    table = source.open("Dated", "Dated/{{ ds }}", "the segment")
    assert table.location == f"{tmp_path}/Dated/2026-05-01"
    assert {connection for connection, _ in opener.opened} == {None}


@pytest.mark.slow
def test_other_days_are_looked_for_without_opening_the_storage_for_each(
    tmp_path: Path, opener: Opener
) -> None:
    with pytest.raises(
        TableMissing, match=r"nearest earlier one is .*2026-05-01.*nearest later one .*2026-05-03"
    ):
        dated(tmp_path, opener).open("Dated", "Dated/{{ ds }}", "the segment")
    assert 0 < len(opener.opened) < 10


# --- Many tables of one source -----------------------------------------------------------------------------


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.table({"Email": ["anna@example.com"]}), folder / name / "part-0.parquet")


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The roots that were listed."""
    roots: list[str] = []

    def noting(lake: Any, root: str, **options: Any) -> Any:
        roots.append(root)
        return discover(lake, root, **options)

    monkeypatch.setattr(dated_source, "discover", noting)
    return roots


def test_the_source_is_listed_once_for_all_of_its_tables(tmp_path: Path, listings: list[str]) -> None:
    write(tmp_path, "Gold", "Silver", "Bronze")
    source = dated(tmp_path, Opener())
    for name in ("Gold", "Silver", "Bronze"):
        assert source.open(name, None, "the segment").location == f"{tmp_path}/{name}"
    assert listings == [str(tmp_path)]


def test_a_table_that_has_just_appeared_or_gone_is_noticed(tmp_path: Path, listings: list[str]) -> None:
    write(tmp_path, "Gold")
    source = dated(tmp_path, Opener())
    source.open("Gold", None, "the segment")
    write(tmp_path, "Silver")
    source.open("Silver", None, "the segment")
    shutil.rmtree(tmp_path / "Silver")
    with pytest.raises(TableMissing, match="There is no table 'Silver'"):
        source.open("Silver", None, "the segment")


def test_an_old_listing_is_not_trusted(
    tmp_path: Path, listings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "Gold")
    source = dated(tmp_path, Opener())
    source.open("Gold", None, "the segment")
    later = time.monotonic() + 61
    monkeypatch.setattr(dated_source.time, "monotonic", lambda: later)
    source.open("Gold", None, "the segment")
    assert len(listings) == 2


def test_sizes_are_those_of_folders_files_and_paths(tmp_path: Path) -> None:
    write(tmp_path, "Gold", "Gold2", "elsewhere/Silver", "Dated/2026-05-02")
    (tmp_path / "Plain.csv").write_text("Email\nanna@example.com\n")
    size = (tmp_path / "Gold" / "part-0.parquet").stat().st_size
    sizes = dated(tmp_path, Opener()).sizes(
        [
            ("Gold", None),
            ("Plain", None),
            ("Silver", "elsewhere/Silver"),
            ("Dated", "Dated/{{ ds }}"),
            ("Missing", None),
            ("Gone", "no/such/folder"),
        ]
    )
    assert sizes == {
        ("Gold", None): size,
        ("Plain", None): 23,
        ("Silver", "elsewhere/Silver"): size,
        ("Dated", "Dated/{{ ds }}"): size,
    }
