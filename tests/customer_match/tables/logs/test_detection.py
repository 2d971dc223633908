"""Tables whose logs are not read are refused by their signs, wherever the path points."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match_sample_lake.delta import DeltaSample

LOCAL = LocalFileSystem()
CSV = "Id,Email\n1,left@example.org\n"
SIGNS = {
    "Apache Hudi": ".hoodie/hoodie.properties",
    "Apache Iceberg": "metadata/00001-0f8f.metadata.json",
    "Apache Iceberg, packed": "metadata/00001-0f8f.metadata.json.gz",
    "Apache Iceberg, of Hadoop": "metadata/version-hint.text",
    "Apache Paimon": "snapshot/snapshot-1",
    "Hive with transactions": "base_0000002/bucket_00000",
    "Hive with transactions, changes": "delete_delta_0000001_0000001_0000/bucket_00000",
    "Lance": "_versions/1.manifest",
    "DuckLake": "ducklake-0198f5b1-7b0b-7c71-8a5b-0f8fad5b0d9c.parquet",
    "Delta Lake, whose log is not there": "_symlink_format_manifest/manifest",
}


def write(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CSV if name.endswith(".csv") else "x")
    return root


def refused(path: Path, *words: str, **options: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_table(LOCAL, str(path), **options)  # type: ignore[arg-type]
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize("title", SIGNS)
class TestRefused:
    def test_the_table_is_refused_by_its_log(self, tmp_path: Path, title: str) -> None:
        table = write(tmp_path / "Gold", "a.csv", SIGNS[title])
        for wanted in ("auto", "csv", "parquet"):
            refused(
                table,
                str(table),
                title.split(",", maxsplit=1)[0],
                "only its log says which",
                format=wanted,
            )

    def test_a_folder_above(self, tmp_path: Path, title: str) -> None:
        write(tmp_path / "bronze" / "Gold", "a.csv", SIGNS[title])
        refused(tmp_path / "bronze", f"{tmp_path}/bronze/Gold is a table of", title.split(",", maxsplit=1)[0])

    def test_a_folder_in_it_and_a_file(self, tmp_path: Path, title: str) -> None:
        table = write(tmp_path / "Gold", "day=1/country=DE/a.csv", "data/x=1/a.csv", "b.csv", SIGNS[title])
        for below in ("day=1", "day=1/country=DE", "day=1/country=DE/a.csv", "data", "data/x=1", "b.csv"):
            refused(
                table / below,
                f"{table / below} is in {table}, which is a table of",
                title.split(",", maxsplit=1)[0],
            )

    def test_it_is_one_table_for_patterns(self, tmp_path: Path, title: str) -> None:
        write(tmp_path / "bronze" / "Gold", "a.csv", "day=1/a.csv", SIGNS[title])
        write(tmp_path, "Silver/a.csv")
        assert discover(LOCAL, str(tmp_path)) == {
            "Gold": f"{tmp_path}/bronze/Gold",
            "Silver": f"{tmp_path}/Silver",
        }


@pytest.mark.parametrize(
    ("title", "names"),
    [
        (
            "Apache Hudi",
            [
                "6f1c2d34-0b4e-4f5e-9a31-0c1d2e3f4a5b-0_0-21-30_20261127050000000.parquet",
                "00000003-0b4e-4f5e-9a31-0c1d2e3f4a5b-0_3-5-0_20200329002247.parquet",
            ],
        ),
        (
            "Apache Iceberg",
            [
                "00000-0-60eaff07-6ba3-4d01-afc9-e05621fcf701.parquet",  # pyiceberg 0.12
                "00000-3-60eaff07-6ba3-4d01-afc9-e05621fcf701-00001.parquet",  # Spark
                "00001-3-60eaff07-6ba3-4d01-afc9-e05621fcf701-00002-deletes.parquet",
            ],
        ),
    ],
)
def test_data_files_without_their_log_are_known_by_their_names(
    tmp_path: Path, title: str, names: list[str]
) -> None:
    for name in names:
        table = write(tmp_path / name[-20:], f"day=1/{name}")
        refused(table, f"{title}, whose log is not there")
        refused(table / "day=1" / name, f"{title}, whose log is not there")
    assert len(discover(LOCAL, str(tmp_path))) == len(names)


def test_names_that_others_give_their_files(tmp_path: Path) -> None:
    names = (
        "part-00000-60eaff07-6ba3-4d01-afc9-e05621fcf701-c000.snappy.parquet",
        "part-00000-60eaff07-6ba3-4d01-afc9-e05621fcf701.c000.csv",
        "people_20261129050000.parquet",
        "00000-people.parquet",
    )
    for name in names:
        table = write(tmp_path / name, name)
        assert open_table(LOCAL, str(table)).files


def test_hudi_marks_each_of_its_folders(tmp_path: Path) -> None:
    table = write(tmp_path / "Gold", "2026/11/29/a.csv", "2026/11/29/.hoodie_partition_metadata")
    refused(table / "2026/11/29", "Apache Hudi")
    refused(table / "2026", "Apache Hudi")


def test_of_what_a_delta_table_holds_nothing_is_read_by_its_path(tmp_path: Path) -> None:
    """Files of older versions lie beside those of the newest one."""
    table = write(tmp_path / "Gold", "_delta_log/00000000000000000000.json", "day=1/a.csv", "b.csv")
    for below in ("day=1", "day=1/a.csv", "b.csv"):
        refused(
            table / below,
            f"is in {table}, which is a table of Delta Lake (_delta_log)",
            "Name the table's own",
        )


def test_so_it_is_for_sparks_sink_and_for_single_files_of_databricks(tmp_path: Path) -> None:
    table = write(tmp_path / "Sink", "_spark_metadata/0", "day=1/a.csv", "b.csv")
    refused(table / "day=1", "Spark Structured Streaming (_spark_metadata)")
    refused(table / "b.csv", "Spark Structured Streaming")
    table = write(tmp_path / "Bricks", "_committed_1", "b.csv", "day=1/a.csv")
    refused(table / "b.csv", "Databricks' transactional writes (_committed_…)")
    assert open_table(LOCAL, str(table / "day=1")).files, "each folder has commits of its own"


def test_a_log_that_delta_readers_know_goes_before_the_others(tmp_path: Path) -> None:
    """Delta Lake's UniForm writes the metadata of Iceberg, too; Apache XTable that of all three."""
    folder = tmp_path / "Gold"
    DeltaSample(LOCAL, str(folder), columns={"Email": pa.string()}).append([{"Email": "a@example.org"}])
    write(folder, "metadata/v1.metadata.json", ".hoodie/hoodie.properties")
    assert open_table(LOCAL, str(folder)).profiles() == 1
    assert discover(LOCAL, str(tmp_path)) == {"Gold": str(folder)}


@pytest.mark.parametrize(
    "other",
    [
        "metadata/notes.csv",
        "base_20261129/a.csv",
        "delta_20261128_20261129/a.csv",
        "snapshot/a.csv",
        "_old/.hoodie/hoodie.properties",
    ],
)
def test_what_only_looks_like_a_log_is_read(tmp_path: Path, other: str) -> None:
    table = write(tmp_path / "Gold", "a.csv", other)
    assert open_table(LOCAL, str(table)).files


def test_a_neighbours_log_is_none_of_its_business(tmp_path: Path) -> None:
    write(tmp_path / "lake", "Hudi/.hoodie/hoodie.properties", "Gold/a.csv", "Silver.csv")
    write(tmp_path, "_delta_log/00000000000000000000.json")  # far above: no part of a table is called `lake`
    assert open_table(LOCAL, str(tmp_path / "lake" / "Gold")).files
    assert open_table(LOCAL, str(tmp_path / "lake" / "Silver.csv")).files


def test_folders_above_that_may_not_be_looked_into_are_left(tmp_path: Path) -> None:
    class Closed(LocalFileSystem):  # type: ignore[misc]
        cachable = False

        def ls(self, path: str, detail: bool = False, **kwargs: object) -> object:
            if path.endswith("Gold"):
                raise PermissionError(path)
            return super().ls(path, detail=detail, **kwargs)

    write(tmp_path / "Gold", ".hoodie/hoodie.properties", "day=1/a.csv")
    assert open_table(Closed(), str(tmp_path / "Gold" / "day=1")).files
