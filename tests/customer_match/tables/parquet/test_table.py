import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from packaging.version import Version

from customer_match.errors import ConfigurationError, TransientError
from customer_match.tables.columns import resolve_column
from customer_match.tables.listing import TableFile
from customer_match.tables.opening import open_table
from customer_match.tables.parquet.table import ParquetTable

LOCAL = LocalFileSystem()
ADDRESS = "ann.example"


def write(path: Path, columns: dict[str, Any], **options: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return str(path)


def test_facts_come_from_the_footers(tmp_path: Path) -> None:
    write(tmp_path / "t/a.parquet", {"Id": [1, 2], "Email": ["x", None]})
    write(tmp_path / "t/b.parquet", {"Id": [3], "Email": ["z"]})
    table = open_table(LOCAL, str(tmp_path / "t"))
    assert table.profiles() == 3
    assert dict(table.columns()) == {"Id": pa.int64(), "Email": pa.string()}


def test_batches_hold_the_asked_columns_in_the_asked_order_and_no_more_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        {"Id": range(1000), "Email": [f"e{i}" for i in range(1000)], "Other": [f"o{i}" for i in range(1000)]},
        row_group_size=300,
    )
    batches = list(open_table(LOCAL, path).batches(["Other", "Email"], batch_rows=128))
    assert {tuple(batch.schema.names) for batch in batches} == {("Other", "Email")}
    assert max(batch.num_rows for batch in batches) <= 128
    assert [v for b in batches for v in b.column("Email").to_pylist()] == [f"e{i}" for i in range(1000)]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_of_every_kind_becomes_string(tmp_path: Path, kind: pa.DataType) -> None:
    path = write(tmp_path / "a.parquet", {"Email": pa.array(["x", None, "x"], pa.string()).cast(kind)})
    (batch,) = open_table(LOCAL, path).batches(["Email"])
    assert batch.schema.field("Email").type == pa.string()
    assert batch.column("Email").to_pylist() == ["x", None, "x"]


def test_a_column_without_any_value_is_a_column_of_missing_values(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"Email": pa.nulls(3)})
    (batch,) = open_table(LOCAL, path).batches(["Email"])
    assert batch.column("Email").to_pylist() == [None, None, None]


def test_names_with_dots_are_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"contact.email": ["x"], "contact": ["y"]})
    (batch,) = open_table(LOCAL, path).batches(["contact.email"])
    assert batch.column(0).to_pylist() == ["x"]


def test_many_columns_are_looked_at_once_each(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet", {**{f"c{number}": [number] for number in range(10_000)}, "Email": ["x"]}
    )
    began = time.process_time()
    assert len(open_table(LOCAL, path).columns()) == 10_001
    assert time.process_time() - began < 5  # each among all: 15 s


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    table = open_table(LOCAL, write(tmp_path / "a.parquet", {"Email": pa.array([], pa.string())}))
    assert table.profiles() == 0
    assert sum(batch.num_rows for batch in table.batches(["Email"])) == 0


def test_bytes_that_are_not_utf_8_spoil_their_own_row_only(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"b\xe4d", None], pa.binary())
    text = pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:], raw.buffers()[0], raw.null_count)
    path = write(tmp_path / "a.parquet", {"Email": text})
    (batch,) = open_table(LOCAL, path).batches(["Email"])
    assert batch.column("Email").to_pylist() == ["good", "b\ufffdd", None]


def test_only_the_asked_column_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    path = write(
        tmp_path / "a.parquet",
        {"Photo": [os.urandom(1000).hex() for _ in range(5000)], "Email": ["x"] * 5000},
        compression="none",
        use_dictionary=False,
    )
    read = 0
    plain_open = LocalFileSystem.open

    def counting_open(self: LocalFileSystem, *args: Any, **options: Any) -> Any:
        file = plain_open(self, *args, **options)
        plain_read = file.read

        def counting_read(size: int = -1) -> bytes:
            nonlocal read
            content: bytes = plain_read(size)
            read += len(content)
            return content

        file.read = counting_read
        return file

    monkeypatch.setattr(LocalFileSystem, "open", counting_open)
    assert sum(b.num_rows for b in open_table(LOCAL, path).batches(["Email"])) == 5000
    assert read < 400_000 < Path(path).stat().st_size / 20


@pytest.mark.slow
@pytest.mark.parametrize("row_group_size", [65_536, 2_000_000], ids=["many row groups", "one row group"])
def test_memory_is_that_of_some_batches_however_large_the_table(tmp_path: Path, row_group_size: int) -> None:
    path = write(
        tmp_path / "a.parquet",
        {"Email": [f"{'e' * 40}{index:09d}@{'e' * 40}.example" for index in range(800_000)]},
        row_group_size=row_group_size,
        use_dictionary=False,
        compression="none",
    )
    table = open_table(LOCAL, path)
    pool, default = pa.proxy_memory_pool(pa.system_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        for batch in table.batches(["Email"], batch_rows=8192):
            del batch
        peak = int(pool.max_memory()) + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)
    assert 2**20 < peak < 24 * 2**20 < table.files[0].size_bytes / 3


@pytest.mark.bad_input
class TestRefused:
    def opened(self, path: str) -> Iterator[pa.RecordBatch]:
        table = open_table(LOCAL, path)
        resolve_column(table.columns(), "Email")
        table.profiles()
        return table.batches(["Email"])

    @pytest.mark.parametrize("kept", [3, 12, 0.5, 0.99])
    def test_a_truncated_file_is_refused(self, tmp_path: Path, kept: float) -> None:
        path = write(tmp_path / "a.parquet", {"Email": [f"{ADDRESS}{i}" for i in range(10_000)]})
        content = Path(path).read_bytes()
        Path(path).write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
        with pytest.raises(
            ConfigurationError, match=r"a\.parquet is not a complete Parquet file.*written again"
        ):
            self.opened(path)

    def test_another_format_under_the_name(self, tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_text("Id,Email\n1,ann@example.org\n" * 10)
        with pytest.raises(ConfigurationError, match="if it is CSV, name it") as raised:
            self.opened(str(tmp_path / "a.parquet"))
        assert "@" not in str(raised.value)

    def test_damaged_in_the_middle(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.parquet",
            {"Email": [f"{ADDRESS}{i}" for i in range(50_000)]},
            write_page_checksum=True,
            compression="none",
            use_dictionary=False,
        )
        content = bytearray(Path(path).read_bytes())
        content[len(content) // 2] ^= 0xFF
        Path(path).write_bytes(content)
        with pytest.raises(ConfigurationError, match="truncated, damaged") as raised:
            list(self.opened(path))
        assert ADDRESS not in str(raised.value)

    def test_a_column_missing_in_one_file(self, tmp_path: Path) -> None:
        write(tmp_path / "t/a.parquet", {"Email": ["x"], "New": ["x"]})
        write(tmp_path / "t/b.parquet", {"Mail": ["x"], "Email2": ["x"]})
        with pytest.raises(ConfigurationError, match=r"'Email' is missing in .*b\.parquet"):
            self.opened(str(tmp_path / "t"))

    def test_columns_that_nobody_asks_for_may_differ(self, tmp_path: Path) -> None:
        write(tmp_path / "t/a.parquet", {"Email": ["x"], "Old": [1]})
        write(tmp_path / "t/b.parquet", {"New": [2.0], "Email": ["y"]})
        assert [v for b in self.opened(str(tmp_path / "t")) for v in b.column(0).to_pylist()] == ["x", "y"]

    def test_numbers_in_one_file(self, tmp_path: Path) -> None:
        write(tmp_path / "t/a.parquet", {"Email": ["x"]})
        write(tmp_path / "t/b.parquet", {"Email": [7]})
        with pytest.raises(ConfigurationError, match=r"holds int64 in .*b\.parquet, not text"):
            list(open_table(LOCAL, str(tmp_path / "t")).batches(["Email"]))


# Before 2026.9, its listings have paths of the file system below (observed up to 2026.7).
NOT_LOCAL = pytest.param(
    DirFileSystem,
    marks=pytest.mark.skipif(
        Version(version("fsspec")) < Version("2026.9"),
        reason="DirFileSystem of this fsspec lists other paths",
    ),
)


@pytest.mark.faults
class TestRewrittenMeanwhile:
    def test_a_file_that_changed(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.parquet", {"Email": [f"{i}" for i in range(100)]})
        batches = open_table(LOCAL, path).batches(["Email"], batch_rows=10)
        next(batches)
        write(tmp_path / "b.parquet", {"Email": ["other"]})
        (tmp_path / "b.parquet").replace(path)
        with pytest.raises(TransientError, match=r"a\.parquet was changed while it was read"):
            list(batches)

    @pytest.mark.parametrize("kind", [LocalFileSystem, NOT_LOCAL])
    def test_a_changed_file_is_told_before_what_is_wrong_with_a_later_one(
        self, tmp_path: Path, kind: type[AbstractFileSystem]
    ) -> None:
        path = write(tmp_path / "t/a.parquet", {"Email": [f"{i}" for i in range(100)]})
        later = Path(write(tmp_path / "t/b.parquet", {"Email": ["x"]}))
        lake = (
            LOCAL if kind is LocalFileSystem else DirFileSystem(str(tmp_path), LOCAL)
        )  # the latter: not local
        table = open_table(lake, str(tmp_path / "t") if lake is LOCAL else "t")
        batches = table.batches(["Email"], batch_rows=10)
        next(batches)
        write(tmp_path / "c.parquet", {"Email": ["other"]})
        (tmp_path / "c.parquet").replace(path)
        later.write_bytes(bytes(later.stat().st_size))
        with pytest.raises(TransientError, match=r"a\.parquet was changed while it was read"):
            list(batches)

    @pytest.mark.parametrize("kind", [LocalFileSystem, NOT_LOCAL])
    @pytest.mark.parametrize("changed", [0, 5, 19])
    def test_a_change_of_any_file_is_told_by_the_end(
        self, tmp_path: Path, changed: int, kind: type[AbstractFileSystem]
    ) -> None:
        for number in range(20):
            write(tmp_path / f"t/{number:02}.parquet", {"Email": ["x"]})
        lake = (
            LOCAL if kind is LocalFileSystem else DirFileSystem(str(tmp_path), LOCAL)
        )  # the latter: not local
        table = open_table(lake, str(tmp_path / "t") if lake is LOCAL else "t")
        table.columns()
        write(tmp_path / f"t/{changed:02}.parquet", {"Email": ["another"]})
        with pytest.raises(TransientError, match=rf"{changed:02}\.parquet was changed while it was read"):
            list(table.batches(["Email"]))

    def test_a_file_of_which_another_half_is_read(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.parquet", {"Email": [f"{i}" for i in range(100)]})
        table = open_table(LOCAL, path)
        table.columns()
        Path(path).write_bytes(bytes(Path(path).stat().st_size))  # of the same size
        with pytest.raises(TransientError, match=r"a\.parquet was changed while it was read"):
            list(table.batches(["Email"]))
        with pytest.raises(TransientError, match=r"a\.parquet was changed while it was read"):
            replace(table, location="t").columns()

    def test_a_file_that_went(self, tmp_path: Path) -> None:
        write(tmp_path / "t/a.parquet", {"Email": ["x"]})
        gone = Path(write(tmp_path / "t/b.parquet", {"Email": ["y"]}))
        table = open_table(LOCAL, str(tmp_path / "t"))
        table.columns()
        gone.unlink()
        with pytest.raises(TransientError, match=r"b\.parquet disappeared"):
            list(table.batches(["Email"]))

    def test_a_file_that_went_before_its_footer_was_read(self, tmp_path: Path) -> None:
        gone = Path(write(tmp_path / "t/b.parquet", {"Email": ["y"]}))
        table = open_table(LOCAL, str(tmp_path / "t"))
        gone.unlink()
        with pytest.raises(TransientError, match=r"b\.parquet disappeared"):
            table.columns()

    def test_storage_trouble_in_the_middle_is_not_called_damage(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "a.parquet", {"Email": ["x" * 100] * 100_000}, use_dictionary=False)
        plain_open, calls = LocalFileSystem.open, iter(range(100))

        def failing_open(self: LocalFileSystem, *args: Any, **options: Any) -> Any:
            file = plain_open(self, *args, **options)
            plain_read = file.read

            def failing_read(size: int = -1) -> bytes:
                if next(calls) > 0:  # the footer is read, the rows are not
                    raise ConnectionResetError(104, "Connection reset by peer")
                content: bytes = plain_read(size)
                return content

            file.read = failing_read
            return file

        monkeypatch.setattr(LocalFileSystem, "open", failing_open)
        with pytest.raises(TransientError, match="Connection reset by peer"):
            list(open_table(LOCAL, path).batches(["Email"]))


def test_times_of_old_writers_are_not_bent(tmp_path: Path) -> None:
    """INT96, as Spark writes times unless told otherwise; nanoseconds would overflow without a word."""
    times = [datetime(1, 1, 1), datetime(2026, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31), None]  # noqa: DTZ001 (none)
    stored = pa.table({"Until": pa.array(times, pa.timestamp("us"))})
    pq.write_table(stored, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    table = open_table(LOCAL, str(tmp_path))
    assert table.columns() == {"Until": pa.timestamp("us")}
    assert [value for batch in table.batches(["Until"]) for value in batch.column(0).to_pylist()] == times


def test_whole_numbers_beside_a_part_without_any(tmp_path: Path) -> None:
    """pandas makes floats of a column of only None; the whole numbers of other parts do not fit these."""
    write(tmp_path / "t/a.parquet", {"Id": pa.nulls(2, pa.float64())})
    write(tmp_path / "t/b.parquet", {"Id": [2**60 + 1]})
    read = [
        v for b in open_table(LOCAL, str(tmp_path / "t")).batches(["Id"]) for v in b.column(0).to_pylist()
    ]
    assert read == [None, None, 2**60 + 1]


@pytest.mark.bad_input
def test_files_whose_values_fit_no_common_type_are_named(tmp_path: Path) -> None:
    write(tmp_path / "t/a.parquet", {"Id": [2**60 + 1], "Day": pa.array([1], pa.date32())})
    write(tmp_path / "t/b.parquet", {"Id": [2.0], "Day": pa.array([1], pa.timestamp("us", "UTC"))})
    table = open_table(LOCAL, str(tmp_path / "t"))
    with pytest.raises(ConfigurationError, match=r"'Id' of .*a\.parquet holds int64, .*does not fit double"):
        list(table.batches(["Id"]))
    with pytest.raises(
        ConfigurationError, match=r"'Day' holds timestamp.* in .*b\.parquet, not date.*a\.parquet"
    ):
        list(table.batches(["Day"]))


def test_types_that_differ_cost_nothing_until_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "t/a.parquet", {"Email": ["x"], "Other": pa.nulls(1, pa.float64())})
    write(tmp_path / "t/b.parquet", {"Email": ["y"], "Other": ["z"]})
    table = open_table(LOCAL, str(tmp_path / "t"))
    looks: list[str] = []
    look = ParquetTable._holds_nothing

    def counted(self: ParquetTable, file: TableFile, name: str) -> bool:
        looks.append(name)
        return look(self, file, name)

    monkeypatch.setattr(ParquetTable, "_holds_nothing", counted)
    assert [v for b in table.batches(["Email"]) for v in b.column(0).to_pylist()] == ["x", "y"]
    assert looks == []
    assert [v for b in table.batches(["Other"]) for v in b.column(0).to_pylist()] == [None, "z"]
    assert looks == ["Other", "Other"]
