"""Several tables as one: their headers and footers are read side by side."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.tables.cdm.table import EntityTable
from customer_match.tables.listing import TableFile
from customer_match.tables.parquet.table import ParquetTable

PARTS = 4


def test_parts_are_looked_at_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a lake each look is a round trip or three: a lock that all parts share would add them up."""
    all_look = threading.Barrier(PARTS, timeout=10)
    facts_of = ParquetTable._facts_of

    def met(table: ParquetTable, file: TableFile) -> object:
        all_look.wait()
        return facts_of(table, file)

    monkeypatch.setattr(ParquetTable, "_facts_of", met)
    paths = [tmp_path / f"{number}.parquet" for number in range(PARTS)]
    for path in paths:
        pq.write_table(pa.table({"Email": ["anna@example.com"]}), path)
    parts = [
        ParquetTable(LocalFileSystem(), path.name, (TableFile(str(path), path.stat().st_size, None),))
        for path in paths
    ]
    assert list(EntityTable("contact", tuple(parts), None, None).columns()) == ["Email"]
