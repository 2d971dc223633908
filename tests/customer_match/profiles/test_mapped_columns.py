"""Data minimisation: of a table, only the columns are read that the export file names (docs/privacy.md)."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.profiles.segment_rows import segment_rows
from customer_match.storage import paths, read_ahead
from customer_match.tables.opening import open_table
from customer_match.tables.parquet import footer
from customer_match_sample_lake.delta import DeltaSample

Row = dict[str, Any]
Range = tuple[int, int]

COLUMNS: Final = {"Id": pa.int64(), "Street": pa.string(), "Email": pa.string(), "Diagnosis": pa.string(),
                  "Country": pa.string(), "Born": pa.string()}  # fmt: skip
MAPPED: Final = {"Email", "Country", "Id"}
UNMAPPED: Final = COLUMNS.keys() - MAPPED
ROWS: Final = 40


def rows(size: int) -> list[Row]:
    """People, with values of so many bytes in the columns that nobody has named."""
    return [
        {
            "Id": number,
            "Email": f"person{number}@example.com",
            "Country": "DE" if number % 2 else "FR",
            **{name: secrets.token_urlsafe(size) for name in UNMAPPED},
        }
        for number in range(ROWS)
    ]


def write_parquet(lake: MemoryFileSystem, root: str, found: list[Row]) -> None:
    table = pa.table(
        {name: [row[name] for row in found] for name in COLUMNS}, pa.schema(list(COLUMNS.items()))
    )
    for part in range(2):
        with lake.open(f"{root}/part-{part}.parquet", "wb") as file:
            pq.write_table(table.slice(part * ROWS // 2, ROWS // 2), file, row_group_size=ROWS // 4)


def write_delta(lake: MemoryFileSystem, root: str, found: list[Row]) -> None:
    made = DeltaSample(lake, root, dict(COLUMNS), row_group=ROWS // 4)
    for part in range(2):
        made.append(found[part * ROWS // 2 : (part + 1) * ROWS // 2])


def write_csv(lake: MemoryFileSystem, root: str, found: list[Row]) -> None:
    lake.pipe_file(f"{root}/part-0.csv", csv_text(found, header=True).encode())


def write_cdm(lake: MemoryFileSystem, root: str, found: list[Row]) -> None:
    lake.pipe_file(f"{root}/data/part-0.csv", csv_text(found, header=False).encode())
    attributes = [{"name": name, "dataType": "string"} for name in COLUMNS]
    partition = {"name": "p", "location": f"https://a.dfs.core.windows.net/lake{root}/data/part-0.csv"}
    entity = {"$type": "LocalEntity", "name": "Gold", "attributes": attributes, "partitions": [partition]}
    model = {"name": "m", "version": "1.0", "entities": [entity]}
    lake.pipe_file(f"{root}/model.json", json.dumps(model).encode())


def csv_text(found: list[Row], *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS))
    if header:
        writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


FORMATS: Final = {"parquet": write_parquet, "delta": write_delta, "csv": write_csv, "cdm": write_cdm}


@dataclass
class Watched:
    """A table, and every request for its data files.

    Attributes:
        lake: The storage.
        path: The table.
        asked: The ranges that were requested, by file.
    """

    lake: MemoryFileSystem
    path: str
    asked: dict[str, list[Range]]

    def read(self) -> list[pa.RecordBatch]:
        """Read the rows as the step `normalise` does it."""
        export = Export.model_validate(
            {
                "name": "a", "cid": 1, "aid": 2, "source": "lake", "segments": ["Gold"], "email": "Email",
                "where": "Country = 'DE'", "row_key": "Id",
            }
        )  # fmt: skip
        opened = segment_rows(
            export, Segment(table="Gold", audience="Gold"), lambda *_: open_table(self.lake, self.path)
        )
        with opened.read(may_be_unlisted=False) as found:
            return list(found.batches)


@pytest.fixture
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A table of a format whose other columns have values of a size."""
    name, size = request.param
    lake, root = MemoryFileSystem(), f"/lake-{uuid4().hex}"
    FORMATS[name](lake, root, rows(size))
    table = Watched(lake, f"{root}/model.json/Gold" if name == "cdm" else root, {})
    fetch = paths.read_range

    def recording(filesystem: Any, path: str, start: int, end: int) -> bytes:
        table.asked.setdefault(path, []).append((start, end))
        return fetch(filesystem, path, start, end)

    monkeypatch.setattr("customer_match.storage.files.read_range", recording)
    yield table
    lake.rm(root, recursive=True)


def chunks(lake: MemoryFileSystem, path: str, names: set[str]) -> list[Range]:
    """Where the values of columns are in a Parquet file."""
    with lake.open(path, "rb") as file:
        metadata = pq.read_metadata(file)
    found = []
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            if column.path_in_schema in names:
                start = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
                found.append((start, start + column.total_compressed_size))
    return found


def common(one: Range, other: Range) -> int:
    """How many bytes two ranges share."""
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


@pytest.mark.parametrize(
    "watched", [("parquet", 120_000), ("delta", 120_000)], indirect=True, ids=["parquet", "delta"]
)
def test_no_byte_of_another_column_is_requested(watched: Watched) -> None:
    """But for the last 64 KB of each file, which are requested to find the footer."""
    assert sum(batch.num_rows for batch in watched.read()) == ROWS
    data = {path: ranges for path, ranges in watched.asked.items() if path.endswith(".parquet")}
    assert len(data) == 2
    for path, ranges in data.items():
        others, mapped = chunks(watched.lake, path, set(UNMAPPED)), chunks(watched.lake, path, set(MAPPED))
        assert all(end - start > read_ahead._HOLE_BYTES for start, end in others), "a check of the check"
        beginning = (0, watched.lake.size(path) - footer._TAIL_BYTES)
        needless = [
            common((max(start, 0), min(end, beginning[1])), other)
            for start, end in ranges
            for other in others
        ]
        assert not any(needless)
        assert all(any(common(one, asked) for asked in ranges) for one in mapped), (
            "what is needed is requested"
        )


@pytest.mark.parametrize("watched", [(name, 20) for name in FORMATS], indirect=True, ids=list(FORMATS))
def test_no_value_of_another_column_is_decoded(watched: Watched) -> None:
    """Of a small Parquet file or a text file, whole pieces are requested; other columns are not made into values."""
    batches = watched.read()
    assert sum(batch.num_rows for batch in batches) == ROWS
    assert {name for batch in batches for name in batch.schema.names} == MAPPED
    assert {value.as_py() for batch in batches for value in batch.column("Email")} == {
        f"person{number}@example.com" for number in range(ROWS)
    }
