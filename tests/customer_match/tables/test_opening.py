"""From a path to a table: its format, and which of its files hold data."""

from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table
from tests.customer_match.tables.small_tables import LOCAL, csv, emails, parquet


def names(table: Table) -> list[str]:
    return [Path(file.path).name for file in table.files]


def test_one_file_is_a_table(tmp_path: Path) -> None:
    path = csv(tmp_path / "Gold.csv", "a", "b")
    table = open_table(LOCAL, str(path))
    assert emails(table) == ["a", "b"]
    assert table.location == str(path)
    assert table.files[0].size_bytes == path.stat().st_size


def test_a_folder_is_read_at_any_depth_in_order(tmp_path: Path) -> None:
    parquet(tmp_path / "t/de/part-1.parquet", "c")
    parquet(tmp_path / "t/part-0.snappy.parquet", "d")
    parquet(tmp_path / "t/at/part-9.PARQUET", "a", "b")
    table = open_table(LOCAL, str(tmp_path / "t") + "/")
    assert emails(table) == ["a", "b", "c", "d"]


def test_bookkeeping_files_are_passed_over(tmp_path: Path) -> None:
    parquet(tmp_path / "t/part-0.parquet", "a")
    for name in (
        "_SUCCESS",
        "_temporary/0/part-7.parquet",
        ".part-0.parquet.crc",
        ".hidden/x.parquet",
        "README.md",
    ):
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_bytes(b"")
    assert names(open_table(LOCAL, str(tmp_path / "t"))) == ["part-0.parquet"]


def test_of_several_runs_of_an_export_only_the_newest_counts(tmp_path: Path) -> None:
    csv(tmp_path / "t/2026/11/21/0215/t_1.csv", "left@example.org")
    csv(tmp_path / "t/2026/11/22/0215/t_1.csv", "a")
    csv(tmp_path / "t/2026/11/22/0215/t_2.csv", "b")
    table = open_table(LOCAL, str(tmp_path / "t"))
    assert emails(table) == ["a", "b"]
    assert table.location == str(tmp_path / "t/2026/11/22/0215")


def test_folders_by_day_are_partitions_not_runs(tmp_path: Path) -> None:
    csv(tmp_path / "t/2026/11/21/x.csv", "a")
    csv(tmp_path / "t/2026/11/22/x.csv", "b")
    assert emails(open_table(LOCAL, str(tmp_path / "t"))) == ["a", "b"]


def test_the_newest_file_gives_the_tables_time(tmp_path: Path) -> None:
    import os

    for name, when in (("a.csv", 1_700_000_000), ("b.csv", 1_800_000_000), ("c.csv", 1_750_000_000)):
        os.utime(csv(tmp_path / "t" / name, "x"), (when, when))
    modified = open_table(LOCAL, str(tmp_path / "t")).modified
    assert modified is not None
    assert modified.isoformat() == "2027-01-15T08:00:00+00:00"


def test_a_file_without_an_extension_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    parquet(tmp_path / "members", "a")
    csv(tmp_path / "people", "b")
    assert emails(open_table(LOCAL, str(tmp_path / "members"))) == ["a"]
    assert emails(open_table(LOCAL, str(tmp_path / "people"))) == ["b"]


def test_parts_without_an_extension_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    parquet(tmp_path / "members/part-00000", "a")
    parquet(tmp_path / "members/part-00001", "b")
    csv(tmp_path / "people/part-00000", "c")
    assert emails(open_table(LOCAL, str(tmp_path / "members"))) == ["a", "b"]
    assert emails(open_table(LOCAL, str(tmp_path / "people"))) == ["c"]


def test_the_format_can_be_told(tmp_path: Path) -> None:
    csv(tmp_path / "t/a.csv", "from csv")
    parquet(tmp_path / "t/a.parquet", "from parquet")
    assert emails(open_table(LOCAL, str(tmp_path / "t"), "csv")) == ["from csv"]
    assert emails(open_table(LOCAL, str(tmp_path / "t"), "parquet")) == ["from parquet"]
    with pytest.raises(ConfigurationError, match="holds csv and parquet files"):
        open_table(LOCAL, str(tmp_path / "t"))


def test_a_file_system_without_times_has_no_time() -> None:
    memory = MemoryFileSystem()
    memory.store = {}
    memory.pipe_file("/t/a.csv", b"Email\nx\n")
    memory.store["/t/a.csv"].modified = None
    assert emails(open_table(memory, "/t")) == ["x"]


@pytest.mark.bad_input
class TestRefused:
    def refused(self, path: Path, *words: str) -> None:
        with pytest.raises(ConfigurationError) as raised:
            open_table(LOCAL, str(path))
        for word in (str(path), *words):
            assert word in str(raised.value)

    def test_a_missing_path_is_refused(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "nowhere", "There is no file or folder", "Correct")

    def test_an_empty_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "t").mkdir()
        self.refused(tmp_path / "t", "holds no Parquet or CSV files", "Correct")

    def test_folder_with_nothing_but_bookkeeping(self, tmp_path: Path) -> None:
        (tmp_path / "t").mkdir()
        (tmp_path / "t/_SUCCESS").touch()
        self.refused(tmp_path / "t", "1 other files")

    def test_an_empty_file_among_others_is_refused(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t/part-0.parquet", "a")
        (tmp_path / "t/part-1.parquet").touch()
        self.refused(tmp_path / "t", "part-1.parquet is empty (0 bytes)", "written again")

    @pytest.mark.parametrize("name", ["part-1.csv.bz2", "part-1.json.gz", "part-1.avro", "people.xlsx"])
    def test_formats_that_cannot_be_read_are_not_passed_over(self, tmp_path: Path, name: str) -> None:
        csv(tmp_path / "t/part-0.csv", "a")
        (tmp_path / "t" / name).write_bytes(b"x")
        self.refused(tmp_path / "t", "cannot be read", "CSV, plain or compressed with gzip")
        self.refused(tmp_path / "t" / name, "cannot be read")

    def test_a_delta_table_is_not_taken_for_plain_parquet(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t/part-0.parquet", "a")
        (tmp_path / "t/_delta_log").mkdir()
        (tmp_path / "t/_delta_log/00000000000000000000.json").write_text("{}")
        with pytest.raises(ConfigurationError, match="of the format Delta Lake"):
            open_table(LOCAL, str(tmp_path / "t"), "parquet")
        with pytest.raises(ConfigurationError, match="of the format Delta Lake, or contains one"):
            open_table(LOCAL, str(tmp_path))
