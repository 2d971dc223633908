"""A source as one run sees it, by whatever opens its folders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.export.sources import Source
from customer_match.profiles.dated_source import DatedSource
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
