"""What the names of files tell."""

import pytest

from customer_match.tables.files.names import (
    fault_of,
    format_of,
    is_bookkeeping,
    is_table_alone,
    table_name,
)


@pytest.mark.parametrize(
    "name",
    [
        "_SUCCESS",
        "_committed_12",
        "_temporary/0/part-0.csv",
        ".part-0.crc",
        "part-0.crc",
        "part-0.csv.md5",
        "Thumbs.db",
        "Desktop.INI",
        ".DS_Store",
        "README.md",
        "ReadMe.txt",
        "README",
        "model.json",
        "Gold.cdm.json",
        "default.manifest.cdm.json",
        "schema.json",
        "1f0a.csv.metadata",
    ],
)
def test_bookkeeping_is_known_by_its_name(name: str) -> None:
    assert is_bookkeeping(name, 10)
    assert is_bookkeeping(f"day=1/{name}", 10)


@pytest.mark.parametrize(
    "name",
    [
        "part-0",
        "000000_0",
        "people.json",
        "readme.csv",
        "schema.csv",
        "manifest",
        "people.dat",
        "notes.log",
        "_day=1/x.csv",
        "people.csv.1",
    ],
)
def test_names_that_may_be_data_are_no_bookkeeping(name: str) -> None:
    assert not is_bookkeeping(name, 10)


def test_what_one_job_leaves_for_the_next_holds_nothing_while_it_is_empty() -> None:
    for name in ("gold.done", "SUCCESS", "ready"):
        assert is_bookkeeping(name, 0)
        assert not is_bookkeeping(name, 1)
    assert not is_bookkeeping("part-0", 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.ndjson", "cannot be read (.ndjson)"),
        ("a.JSON", "cannot be read (.json)"),
        ("a.json.gz", "cannot be read (.json.gz)"),
        ("a.avro", "cannot be read"),
        ("a.parquet.tmp", "is not complete"),
        ("a.csv._COPYING_", "is not complete"),
        ("a.csv.crdownload", "is not complete"),
        ("a.csv.bak", "another version"),
        ("a.csv~", "another version"),
    ],
)
def test_names_that_tell_that_a_file_must_not_be_read(name: str, words: str) -> None:
    assert words in str(fault_of(f"t/{name}"))


@pytest.mark.parametrize(
    "name", ["a.csv", "part-00000.c000", "000000_0_copy_1", "a.dat", "a.csv.1", "a.GZ", "a.v2.gz"]
)
def test_names_that_tell_nothing_against_a_file(name: str) -> None:
    assert fault_of(f"t/{name}", ["t/b.csv"]) is None


def test_a_number_behind_the_name_of_another_file_makes_it_an_older_copy() -> None:
    assert "another version" in str(fault_of("t/a.csv.1", ["t/a.csv", "t/a.csv.1"]))
    assert fault_of("t/a.csv.2", ["t/a.csv.1", "t/a.csv.2"]) is None


def test_formats_and_tables() -> None:
    assert [getattr(format_of(name), "name", None) for name in ("A.PARQUET", "a.tsv.gz", "a.psv", "a")] == [
        "parquet",
        "csv",
        None,
        None,
    ]
    named = (
        "Gold.csv",
        "Gold.csv.gz",
        "Gold.csv.1",
        "Gold.v2.csv",
        "Gold",
        "Gold.json.gz",
        "Gold.parquet.tmp",
    )
    assert [table_name(name) for name in named] == ["Gold", "Gold", "Gold", "Gold.v2", "Gold", "Gold", "Gold"]
    alone = (
        "Gold.csv",
        "Gold.ndjson",
        "Gold.avro",
        "part-0",
        "settings.json",
        "README",
        "run.log",
        "Gold.dat",
    )
    assert [is_table_alone(name) for name in alone] == [True] * 4 + [False] * 4
