"""Parquet: files, folders, partitions, and files with different schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import pyarrow as pa

from customer_match_sample_lake.expected import Tally
from customer_match_sample_lake.lake import Batches, Lake, Row, customers
from customer_match_sample_lake.people import SCHEMA
from customer_match_sample_lake.shape import Sample, State, shape

_DICTIONARY: Final = pa.dictionary(pa.int32(), pa.string())


@shape("parquet-file", "a Parquet file for each segment, all of them exported")
def parquet_file(lake: Lake) -> Sample:
    """Write files named after the segments."""
    people = {"Parquet readers": lake.people(), "Parquet lapsed": lake.people(0.25, start=0.9)}
    found = {}
    for table, profiles in people.items():
        tally = Tally()
        lake.parquet(f"{table}.parquet", tally.of(customers(profiles)))
        found[table] = tally.expected()
    return Sample({"segments": "all", "email": "Email"}, [State(found)])


@shape("parquet-folder", "a folder of Parquet files at any depth, with what Spark leaves beside them")
def parquet_folder(lake: Lake) -> Sample:
    """Write tables of which a pattern selects some; one that does not match is beside them."""
    people = {
        "VIP gold": lake.people(),
        "VIP silver": lake.people(0.5, start=0.5),
        "Others": lake.people(0.1),
    }
    found = {}
    for table, profiles in people.items():
        tally = Tally()
        for number, rows in enumerate(_halves(tally.of(customers(profiles)))):
            lake.parquet(f"{table}/batch {number % 2}/part-{number:05}.snappy.parquet", [rows])
        for left in ("_SUCCESS", "batch 0/._part-00000.snappy.parquet.crc", "_temporary/0/part.parquet"):
            lake.file(f"{table}/{left}", b"")
        found[table] = tally.expected()
    del found["Others"]
    return Sample({"segments": "VIP*", "email": "Email"}, [State(found)])


@shape(
    "parquet-partitions", "Hive partitions: folders such as Region=EU%2FDE, with a condition on that column"
)
def parquet_partitions(lake: Lake) -> Sample:
    """Write partitions; only the folder names hold the region, and profiles of the USA have none."""
    tally = Tally(where=lambda row: row["Region"] is not None and row["Region"] != "EU/FR")
    schema = SCHEMA.remove(SCHEMA.get_field_index("Country"))
    for number, rows in enumerate(tally.of(_with_region(customers(lake.people())))):
        by_region: dict[str | None, list[Row]] = {}
        for row in rows:
            by_region.setdefault(row["Region"], []).append(row)
        for region, group in by_region.items():
            value = "__HIVE_DEFAULT_PARTITION__" if region is None else quote(region, "")
            lake.parquet(f"HighValue/Region={value}/part-{number:05}.parquet", [group], schema)
    export = {"segments": lake.segments("HighValue"), "email": "Email", "where": "Region <> 'EU/FR'"}
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("parquet-drift", "Parquet files of one table with other types, orders and numbers of columns")
def parquet_drift(lake: Lake) -> Sample:
    """Write columns that changed over the years; they are not used, or hold the same values in another type."""
    tally = Tally()
    columns: dict[str, list[tuple[str, pa.DataType]]] = {
        "plain": [("Email", pa.string()), ("CustomerId", pa.string())],
        "large": [("CustomerId", pa.string()), ("Score", pa.int64()), ("Email", pa.large_string())],
        "dictionary": [("Score", pa.string()), ("Email", _DICTIONARY), ("CustomerId", pa.string())],
    }
    for part, (name, fields) in enumerate(columns.items()):
        batches = tally.of(
            _scored(customers(lake.people(1 / 3, start=part / 3)), as_text=name == "dictionary")
        )
        lake.parquet(f"HighValue/{name}.parquet", batches, pa.schema(fields))
    export = {"segments": lake.segments("HighValue"), "email": "Email", "row_key": "CustomerId"}
    return Sample(export, [State({"HighValue": tally.expected()})])


def _halves(batches: Batches) -> Iterator[list[Row]]:
    """Split each batch in two, so that small tables have several files too."""
    for rows in batches:
        middle = -(-len(rows) // 2)
        yield from filter(None, (rows[:middle], rows[middle:]))


def _with_region(batches: Batches) -> Iterator[list[Row]]:
    for rows in batches:
        yield [row | {"Region": None if row["Country"] == "US" else f"EU/{row['Country']}"} for row in rows]


def _scored(batches: Batches, *, as_text: bool) -> Iterator[list[Row]]:
    for rows in batches:
        scores = (len(row["LastName"]) for row in rows)
        yield [row | {"Score": str(n) if as_text else n} for row, n in zip(rows, scores, strict=True)]
