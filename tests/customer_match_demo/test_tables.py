import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from customer_match_demo.tables import (
    DEMO_TABLES,
    DemoTable,
    churn_tables,
    demo_tables,
    write_table,
    write_tables,
)
from customer_match_sample_lake.people import BATCH_ROWS, SCHEMA, Profiles


def test_the_demo_has_one_large_one_very_large_and_one_small_table() -> None:
    assert {table.table: len(table.profiles) for table in DEMO_TABLES} == {
        "HighValueCustomers": 500_000,
        "NewsletterReaders": 1_200_000,
        "LapsedVIPs": 1_000,
    }


@pytest.mark.parametrize("scale", [1.0, 0.01, 0.0001])
def test_segments_overlap_at_every_scale(scale: float) -> None:
    high_value, newsletter, lapsed = (set(table.profiles.numbers.tolist()) for table in demo_tables(scale))
    assert high_value & newsletter
    assert lapsed & newsletter


@pytest.mark.slow
def test_parquet_has_several_files_and_bounded_row_groups(tmp_path: Path) -> None:
    table = DemoTable("T", Profiles.first(150_001), files=2)
    folder = write_table(str(tmp_path / "T"), table)
    files = sorted((tmp_path / "T").iterdir())
    assert folder == str(tmp_path / "T")
    assert [file.name for file in files] == ["part-00000.parquet", "part-00001.parquet"]
    for file in files:
        metadata = pq.ParquetFile(file).metadata
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        assert max(sizes) <= BATCH_ROWS
        assert sum(sizes) in {75_000, 75_001}
    expected = pa.Table.from_batches(table.profiles.batches(), SCHEMA)
    assert pa.concat_tables(pq.read_table(file) for file in files).equals(expected)


def test_csv_carries_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    profiles = Profiles.first(3_000)
    write_table(str(tmp_path / "T"), DemoTable("T", profiles, format="csv"))
    read = pa_csv.read_csv(
        tmp_path / "T" / "part-00000.csv",
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(column_types=SCHEMA),
    )
    written = pa.Table.from_batches(profiles.batches(), SCHEMA)
    for name in ("CustomerId", "FirstName", "LastName", "Birthday"):
        assert read[name].to_pylist() == written[name].to_pylist()
    assert {",", '"', "\n"} <= set(
        "".join(written["FirstName"].to_pylist() + written["LastName"].to_pylist())
    )


def test_writing_again_leaves_nothing_of_the_old_table(tmp_path: Path) -> None:
    write_table(str(tmp_path / "T"), DemoTable("T", Profiles.first(100), files=3))
    write_table(str(tmp_path / "T"), DemoTable("T", Profiles.first(50), files=1, format="csv"))
    assert [file.name for file in (tmp_path / "T").iterdir()] == ["part-00000.csv"]


def test_tables_may_have_fewer_profiles_than_files_or_none(tmp_path: Path) -> None:
    write_table(str(tmp_path / "few"), DemoTable("few", Profiles.first(2), files=4))
    write_table(str(tmp_path / "none"), DemoTable("none", Profiles.first(0)))
    assert pq.read_table(tmp_path / "few").num_rows == 2
    assert pq.read_table(tmp_path / "none").schema.names == SCHEMA.names


def test_tables_can_be_written_to_any_file_system(tmp_path: Path) -> None:
    memory = MemoryFileSystem()
    paths = write_tables("/demo-lake", demo_tables(0.001), memory)
    write_tables(str(tmp_path), demo_tables(0.001))
    assert paths == [f"/demo-lake/{table.table}" for table in DEMO_TABLES]
    local = tmp_path / "LapsedVIPs" / "part-00000.csv"
    assert memory.cat("/demo-lake/LapsedVIPs/part-00000.csv") == local.read_bytes()
    memory.rm("/demo-lake", recursive=True)


def test_churn_changes_every_table() -> None:
    before = demo_tables(0.01)
    for old, new in zip(before, churn_tables(before, 0.2), strict=True):
        kept = set(old.profiles.numbers.tolist()) & set(new.profiles.numbers.tolist())
        assert len(kept) == round(len(old.profiles) * 0.9)


@pytest.mark.system
def test_the_command_writes_what_the_function_writes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "customer_match_demo.tables",
        str(tmp_path / "a"),
        "--scale",
        "0.001",
        "--churn",
        "0.1",
    ]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    write_tables(str(tmp_path / "b"), churn_tables(demo_tables(0.001), 0.1))
    assert "HighValueCustomers: 500 profiles" in printed
    written = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("part-*"))
    assert written
    for path in written:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
