"""Delta tables read back: against what was written, and against what `deltalake` reads."""

from __future__ import annotations

import json
import os
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError, TransientError
from customer_match.tables.columns import resolve_column
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table
from customer_match_sample_lake.delta import CHECKPOINTS, DeltaSample

LOCAL = LocalFileSystem()
COLUMNS = {"Email": pa.string(), "Country": pa.string(), "Note": pa.string()}
START = datetime(2026, 11, 1, 6, tzinfo=UTC)


def people(*numbers: int) -> list[dict[str, Any]]:
    countries = ("DE", "A/T é", None)
    return [
        {"Email": f"e{n}", "Country": countries[n % 3], "Note": None if n % 4 else "x" * (n + 1)}
        for n in numbers
    ]


def sample(root: Path, **options: Any) -> DeltaSample:
    return DeltaSample(LOCAL, str(root), dict(COLUMNS), **options)


def rows(table: Table, columns: Sequence[str] = tuple(COLUMNS), batch_rows: int = 2) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for batch in table.batches(columns, batch_rows):
        assert batch.num_rows <= batch_rows
        assert batch.schema.names == list(columns)
        assert {field.type for field in batch.schema} == {pa.string()}
        found += zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    return sorted(found, key=str)


def held(sample: DeltaSample, columns: Sequence[str] = tuple(COLUMNS)) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.get(name) for name in columns) for row in sample.rows), key=str)


def stamp(root: Path, times: Callable[[int], datetime] | None = None) -> None:
    """Each version a day after the one before, by the files' times."""
    for path in (root / "_delta_log").glob("*.json"):
        version = int(path.name.split(".")[0])
        when = (times(version) if times else START + timedelta(days=version)).timestamp()
        os.utime(path, (when, when))


def test_the_next_files_are_fetched_while_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = MemoryFileSystem()
    made = DeltaSample(lake, "/ahead", dict(COLUMNS), mapping="id")
    for number in range(5):
        made.append([{"Email": f"e{number}", "Country": "DE", "Note": None}])
    table = open_table(lake, "/ahead")
    asked: list[str] = []
    fetch = MemoryFileSystem.cat_file

    def recording(own: MemoryFileSystem, path: str, **span: int) -> bytes:
        if span["end"] < table.files[0].size_bytes:  # not a footer
            asked.append(path)
        content: bytes = fetch(own, path, **span)
        return content

    monkeypatch.setattr(MemoryFileSystem, "cat_file", recording)
    batches = table.batches(["Email"])
    first = next(batches)
    deadline = time.monotonic() + 30
    while len(asked) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(asked) == sorted(file.path for file in table.files)
    found = [first, *batches]
    assert sorted(value for batch in found for value in batch.column(0).to_pylist()) == [
        f"e{n}" for n in range(5)
    ]
    assert len(asked) == 5
    lake.rm("/ahead", recursive=True)


MAPPINGS = ("none", "name", "id")
KINDS = [  # every mapping with every kind of vectors, every checkpoint with every kind of vectors
    (MAPPINGS[(number + number // 3) % 3], vectors, checkpoint, (("Country",), ())[number % 2])
    for number, (checkpoint, vectors) in enumerate(product([None, *CHECKPOINTS], ["no", "log", "file"]))
]


@pytest.mark.parametrize(("mapping", "vectors", "checkpoint", "partition_by"), KINDS)
def test_every_kind_of_table(
    tmp_path: Path, mapping: Any, vectors: Any, checkpoint: Any, partition_by: tuple[str, ...]
) -> None:
    written = sample(tmp_path / "t", mapping=mapping, vectors=vectors, partition_by=partition_by)
    written.append(people(*range(10)))
    written.delete("Email", ["e1", "e2", "e9"])
    if checkpoint:
        written.checkpoint(checkpoint)
        (tmp_path / f"t/_delta_log/{0:020}.json").unlink()  # as log clean-up does
    written.append(people(20, 21, 22))
    written.delete("Email", ["e21", "e3"])
    table = open_table(LOCAL, str(tmp_path / "t"))
    assert rows(table) == held(written)
    assert table.profiles() == len(written.rows) == 8
    assert dict(table.columns()) == COLUMNS
    reference = pa.table(deltalake.DeltaTable(tmp_path / "t").scan(columns=list(COLUMNS)))
    assert sorted(zip(*(reference.column(n).to_pylist() for n in COLUMNS), strict=True), key=str) == rows(
        table
    )


def test_with_ids_the_names_in_the_files_mean_nothing(tmp_path: Path) -> None:
    written = sample(tmp_path, mapping="id", misleading=True)
    written.append(people(1, 2))
    assert rows(open_table(LOCAL, str(tmp_path))) == held(written)


@pytest.mark.parametrize("mapping", ["name", "id"])
def test_renamed_and_newer_columns(tmp_path: Path, mapping: Any) -> None:
    written = sample(tmp_path, mapping=mapping)
    written.append(people(1, 2))
    written.rename("Email", "E-Mail, new")
    written.add_column("Phone", pa.string())
    written.append([{"E-Mail, new": "e3", "Phone": "1"}])
    columns = ("E-Mail, new", "Country", "Note", "Phone")
    table = open_table(LOCAL, str(tmp_path))
    assert rows(table, columns) == held(written, columns)
    assert [row[3] for row in rows(table, columns)] == [None, None, "1"]
    assert "Email" not in table.columns()


def test_columns_of_the_log_alone_need_nothing_of_the_files(tmp_path: Path) -> None:
    written = sample(tmp_path, partition_by=("Country",), vectors="log")
    written.append(people(*range(9)))
    written.delete("Email", ["e3"])
    assert rows(open_table(LOCAL, str(tmp_path)), ["Country"]) == held(written, ["Country"])


def test_without_statistics_the_footers_tell_how_many(tmp_path: Path) -> None:
    written = sample(tmp_path, vectors="file")
    written.append(people(*range(9)))
    written.delete("Email", ["e3"])
    for path in (tmp_path / "_delta_log").glob("*.json"):
        path.write_text(path.read_text().replace("numRecords", "unknown"))
    assert open_table(LOCAL, str(tmp_path)).profiles() == 8


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    sample(tmp_path)
    table = open_table(LOCAL, str(tmp_path))
    assert (table.profiles(), rows(table), table.files) == (0, [], ())
    assert dict(table.columns()) == COLUMNS


def test_columns_come_as_they_are_stored(tmp_path: Path) -> None:
    types = {"Id": pa.int64(), "All": pa.list_(pa.string())}
    written = DeltaSample(LOCAL, str(tmp_path), types)
    written.append([{"Id": 7, "All": ["ann@contoso.com", "bea@contoso.com"]}, {"Id": None, "All": None}])
    table = open_table(LOCAL, str(tmp_path))
    assert dict(table.columns()) == types
    [batch] = table.batches(["Id", "All"])
    assert dict(zip(batch.schema.names, batch.schema.types, strict=True)) == types
    assert batch.to_pydict() == {"Id": [7, None], "All": [["ann@contoso.com", "bea@contoso.com"], None]}
    with pytest.raises(ConfigurationError, match="'Id' holds int64, not text"):
        resolve_column(table.columns(), "id")


def test_only_the_needed_columns_are_read(tmp_path: Path) -> None:
    class Counting(LocalFileSystem):  # type: ignore[misc]
        opened: ClassVar[list[Any]] = []

        def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
            file = super()._open(path, mode, **options)
            if path.endswith(".parquet"):
                self.opened.append(file)
                read = file.f.read
                file.total = 0

                def counted(size: int = -1) -> bytes:
                    content: bytes = read(size)
                    file.total += len(content)
                    return content

                file.read = counted
            return file

    written = sample(tmp_path)
    written.append([{"Email": f"e{n}", "Note": os.urandom(2000).hex()} for n in range(200)])
    table = open_table(Counting(skip_instance_cache=True), str(tmp_path))
    assert len(rows(table, ["Email"])) == 200
    assert 0 < sum(file.total for file in Counting.opened) < table.files[0].size_bytes / 3


class TestTimeTravel:
    def history(self, root: Path, **options: Any) -> list[list[tuple[Any, ...]]]:
        written = sample(root, **options)
        states = [held(written)]
        written.append(people(1, 2, 3))
        states.append(held(written))
        written.delete("Email", ["e2"])
        states.append(held(written))
        written.overwrite(people(7))
        states.append(held(written))
        return states

    def test_the_version_that_was_valid_is_read(self, tmp_path: Path) -> None:
        states = self.history(tmp_path, vectors="file")
        stamp(tmp_path)
        for version, state in enumerate(states):
            for later in (timedelta(), timedelta(hours=23, minutes=59)):
                moment = START + timedelta(days=version) + later
                table = open_table(LOCAL, str(tmp_path), as_of=moment)
                assert rows(table) == state
                assert table.modified == START + timedelta(days=version)
        assert rows(open_table(LOCAL, str(tmp_path))) == states[-1]
        assert rows(open_table(LOCAL, str(tmp_path), as_of=datetime(2099, 1, 1, tzinfo=UTC))) == states[-1]

    def test_the_times_in_the_commits_go_before_those_of_the_files(self, tmp_path: Path) -> None:
        states = self.history(tmp_path, times=lambda version: START + timedelta(days=version))
        for version, state in enumerate(states):
            moment = START + timedelta(days=version, milliseconds=1)
            assert rows(open_table(LOCAL, str(tmp_path), as_of=moment)) == state

    def test_a_file_that_seems_older_than_the_one_before_is_not(self, tmp_path: Path) -> None:
        states = self.history(tmp_path)
        jump = {0: 0, 1: 5, 2: 3, 3: 6}  # the clock went back two days
        stamp(tmp_path, lambda version: START + timedelta(days=jump[version]))
        at = lambda days: rows(open_table(LOCAL, str(tmp_path), as_of=START + timedelta(days=days)))  # noqa: E731
        assert at(4) == states[0]
        assert at(5) == states[1]
        assert at(5.1) == states[2]
        assert at(6) == states[3]

    def test_a_first_version_that_is_later_is_told_with_both_times(self, tmp_path: Path) -> None:
        self.history(tmp_path)
        stamp(tmp_path)
        with pytest.raises(ConfigurationError) as raised:
            open_table(LOCAL, str(tmp_path), as_of=START - timedelta(seconds=1))
        assert "2026-11-01T05:59:59+00:00" in str(raised.value)
        assert "version 0 of 2026-11-01T06:00:00+00:00" in str(raised.value)

    def test_what_log_clean_up_left_begins_at_a_checkpoint(self, tmp_path: Path) -> None:
        written = sample(tmp_path)
        written.append(people(1))
        written.append(people(2))
        written.checkpoint()
        written.append(people(3))
        stamp(tmp_path)
        (tmp_path / f"_delta_log/{0:020}.json").unlink()  # 1 is still there, but of no use
        assert len(rows(open_table(LOCAL, str(tmp_path), as_of=START + timedelta(days=2)))) == 2
        with pytest.raises(ConfigurationError, match="starts later: with version 2 of 2026-11-03"):
            open_table(LOCAL, str(tmp_path), as_of=START + timedelta(days=1))

    def test_a_version_whose_files_were_cleaned_away_is_told(self, tmp_path: Path) -> None:
        states = self.history(tmp_path)
        stamp(tmp_path)
        newest = open_table(LOCAL, str(tmp_path))
        for path in tmp_path.glob("*.parquet"):
            if str(path) not in {file.path for file in newest.files}:
                path.unlink()
        assert rows(open_table(LOCAL, str(tmp_path))) == states[-1]
        with pytest.raises(ConfigurationError, match=r"part-.*parquet, which does not exist.*VACUUM"):
            open_table(LOCAL, str(tmp_path), as_of=START + timedelta(days=1))

    def test_where_nothing_tells_times_there_is_only_the_newest_version(self) -> None:
        memory = MemoryFileSystem()
        memory.store = {}
        written = DeltaSample(memory, "/t", dict(COLUMNS))
        written.append(people(1))
        assert (rows(table := open_table(memory, "/t")), table.modified) == (held(written), None)
        with pytest.raises(ConfigurationError, match="it is unknown when version 1"):
            open_table(memory, "/t", as_of=START)

    def test_where_files_have_no_times_the_commits_may(self) -> None:
        memory = MemoryFileSystem()
        memory.store = {}
        written = DeltaSample(memory, "/t", dict(COLUMNS))
        written.append(people(1))
        for version in (0, 1):
            path = f"/t/_delta_log/{version:020}.json"
            when = round((START + timedelta(days=version)).timestamp() * 1000)
            text = memory.cat_file(path).decode().replace('"WRITE"', f'"WRITE", "timestamp": {when}')
            memory.pipe_file(path, text.encode())
        assert rows(open_table(memory, "/t", as_of=START)) == []
        assert open_table(memory, "/t").modified == START + timedelta(days=1)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.integers(0, 30), max_size=8)),
        st.tuples(st.just("overwrite"), st.lists(st.integers(0, 30), max_size=8)),
        st.tuples(st.just("delete"), st.lists(st.integers(0, 30), max_size=12)),
        st.tuples(st.just("checkpoint"), st.sampled_from(CHECKPOINTS)),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(
    operations=OPERATIONS,
    mapping=st.sampled_from(["none", "name", "id"]),
    vectors=st.sampled_from(["no", "log", "file"]),
    partition_by=st.sampled_from([(), ("Country",), ("Country", "Note")]),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_reads_back_as_it_was_at_every_version(
    tmp_path: Path, operations: Any, mapping: Any, vectors: Any, partition_by: Any
) -> None:
    root = tmp_path / "t"
    shutil.rmtree(root, ignore_errors=True)
    written = sample(
        root,
        mapping=mapping,
        vectors=vectors,
        partition_by=partition_by,
        times=lambda version: START + timedelta(days=version),
    )
    states = [held(written)]
    for operation, numbers in operations:
        if operation == "checkpoint":
            written.checkpoint(numbers)
            continue
        if operation == "delete":
            written.delete("Email", [f"e{number}" for number in numbers])
        else:
            getattr(written, operation)(people(*numbers))
        states.append(held(written))
    for version, state in enumerate(states):
        table = open_table(LOCAL, str(root), as_of=START + timedelta(days=version))
        assert rows(table) == state
        assert table.profiles() == len(state)


PARTITIONS = {
    "text": pa.array(["a b/é=100%", "..", None]),
    "int": pa.array([1, -2, None], pa.int32()),
    "truth": pa.array([True, False, None]),
    "day": pa.array([START.date(), None, None], pa.date32()),
    "moment": pa.array([START.replace(microsecond=1), START, None], pa.timestamp("us", "UTC")),
    "local": pa.array([START.replace(tzinfo=None), None, None], pa.timestamp("us")),
    "decimal": pa.array(["1.50", "21.25", None]).cast(pa.decimal128(10, 2)),
}


@pytest.mark.parametrize("kind", PARTITIONS)
def test_partitions_of_every_type(tmp_path: Path, kind: str) -> None:
    values = PARTITIONS[kind]
    data = pa.table({"Email": ["a", "b", "c"], "By": values})
    deltalake.write_deltalake(str(tmp_path), data, partition_by=["By"])
    table = open_table(LOCAL, str(tmp_path))
    found = pa.Table.from_batches(table.batches(["Email", "By"])).sort_by("Email")
    assert found == data


@pytest.mark.bad_input
@pytest.mark.parametrize("value", ["ann.secret@example.org", "2026-02-30", "\ud800"])
def test_a_partition_whose_value_is_not_of_its_type(tmp_path: Path, value: str) -> None:
    data = pa.table({"Email": ["a"], "By": PARTITIONS["day"][:1]})
    deltalake.write_deltalake(str(tmp_path), data, partition_by=["By"])
    log = tmp_path / "_delta_log/00000000000000000000.json"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "add" in line:
            line["add"]["partitionValues"] = {"By": value}
    log.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(
        ConfigurationError, match=r"whose value of 'By' is not of the type date.*written again"
    ) as raised:
        list(open_table(LOCAL, str(tmp_path)).batches(["Email", "By"]))
    assert value not in str(raised.value)
    assert raised.value.__suppress_context__


def rewritten(root: Path, **columns: Any) -> Table:
    """A table whose one file holds something else than its log says."""
    deltalake.write_deltalake(str(root), pa.table({"Email": ["a"], "N": pa.array([1], pa.int32())}))
    (file,) = root.glob("*.parquet")
    pq.write_table(pa.table(columns), file)
    return open_table(LOCAL, str(root))


def test_columns_of_a_file_in_another_case_are_the_same(tmp_path: Path) -> None:
    (batch,) = rewritten(tmp_path, EMAIL=["b"], n=[2]).batches(["Email", "N"])
    assert batch.to_pylist() == [{"Email": "b", "N": 2}]


@pytest.mark.bad_input
@pytest.mark.parametrize("value", ["ann.secret@example.org", 2**40 + 4711])
def test_a_file_with_another_type_than_the_log_says_does_not_tell_its_values(
    tmp_path: Path, value: Any
) -> None:
    table = rewritten(tmp_path, Email=["b"], N=[value])
    with pytest.raises(
        ConfigurationError, match=r"'N' of .*parquet holds .* is not of the type integer.*again"
    ) as raised:
        list(table.batches(["Email", "N"]))
    assert str(value) not in "".join(traceback.format_exception(raised.value))


def test_tables_that_deltalake_writes(tmp_path: Path) -> None:
    root = str(tmp_path / "t")

    def write(*numbers: int, mode: Any = "append") -> None:
        data = pa.Table.from_pylist(people(*numbers), schema=pa.schema(COLUMNS))
        deltalake.write_deltalake(root, data, mode=mode, partition_by=["Country"])

    def reference(version: int) -> list[tuple[Any, ...]]:
        data = pa.table(deltalake.DeltaTable(root, version=version).scan(columns=list(COLUMNS)))
        return sorted(zip(*(data.column(name).to_pylist() for name in COLUMNS), strict=True), key=str)

    write(*range(12))
    write(30, 31)
    deltalake.DeltaTable(root).delete("Email = 'e4'")
    deltalake.DeltaTable(root).create_checkpoint()
    write(40)
    deltalake.DeltaTable(root).optimize.compact()
    write(50, 51, mode="overwrite")
    newest = deltalake.DeltaTable(root).version()
    assert newest == 5
    stamp(tmp_path / "t")
    for version in range(newest + 1):
        table = open_table(LOCAL, root, as_of=START + timedelta(days=version))
        assert rows(table) == reference(version)
        assert table.profiles() == len(reference(version))


class TestFound:
    def test_delta_tables_are_found_at_any_depth_and_their_files_are_no_tables(self, tmp_path: Path) -> None:
        written = sample(tmp_path / "dbo/Gold", partition_by=("Country",))
        written.append(people(1, 2))
        sample(tmp_path / "VIPs").append(people(3))
        sample(tmp_path / "_staging/Hidden")
        (tmp_path / "Old.csv").write_text("Email\nx\n")
        found = discover(LOCAL, str(tmp_path))
        assert list(found) == ["Gold", "Old", "VIPs"]
        assert rows(open_table(LOCAL, found["Gold"])) == held(written)
        assert list(discover(LOCAL, str(tmp_path), format="delta")) == ["Gold", "VIPs"]
        assert discover(LOCAL, str(tmp_path), "V*") == {"VIPs": str(tmp_path / "VIPs")}

    def test_the_folder_itself_may_be_the_table(self, tmp_path: Path) -> None:
        sample(tmp_path / "Gold", partition_by=("Country",)).append(people(1))
        assert discover(LOCAL, str(tmp_path / "Gold")) == {"Gold": str(tmp_path / "Gold")}

    def test_two_of_one_name_are_refused(self, tmp_path: Path) -> None:
        sample(tmp_path / "a/Gold")
        sample(tmp_path / "b/Gold")
        assert "'Gold' could be a/Gold and b/Gold" in discover(LOCAL, str(tmp_path)).faults["Gold"]

    def test_a_format_that_it_has_not_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "t").mkdir()
        pq.write_table(pa.table({"Email": ["a"]}), tmp_path / "t/a.parquet")
        with pytest.raises(ConfigurationError, match=r"not have the format Delta Lake.*no folder _delta_log"):
            open_table(LOCAL, str(tmp_path / "t"), "delta")


@pytest.mark.bad_input
class TestRefused:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        written = sample(tmp_path, vectors="file")
        written.append(people(*range(6)))
        written.delete("Email", ["e1"])
        written.append(people(9))
        return tmp_path

    def refused(self, root: Path, *words: str) -> None:
        with pytest.raises(ConfigurationError) as raised:
            rows(open_table(LOCAL, str(root)))
        for word in (str(root), *words):
            assert word in str(raised.value)

    def commit(self, root: Path, version: int) -> Path:
        return root / f"_delta_log/{version:020}.json"

    def change(self, path: Path, change: Callable[[dict[str, Any]], None]) -> None:
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        for action in actions:
            change(action)
        path.write_text("".join(json.dumps(action) + "\n" for action in actions))

    def test_a_hole_in_the_log(self, root: Path) -> None:
        self.commit(root, 2).unlink()
        self.refused(root, "log is incomplete", f"{2:020}.json is missing", "version 3")

    def test_a_log_without_a_beginning(self, root: Path) -> None:
        self.commit(root, 0).unlink()
        self.refused(root, "no readable version")

    def test_a_truncated_commit(self, root: Path) -> None:
        path = self.commit(root, 3)
        path.write_bytes(path.read_bytes()[:-20])
        self.refused(root, f"{3:020}.json, line 2", "truncated or damaged")

    @pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"\0" * 100])
    def test_a_damaged_checkpoint(self, root: Path, content: bytes) -> None:
        (root / f"_delta_log/{3:020}.checkpoint.parquet").write_bytes(content)
        self.refused(root, "is not a complete checkpoint")

    def test_a_checkpoint_in_parts_of_which_one_is_missing_is_ignored(self, tmp_path: Path) -> None:
        written = sample(tmp_path)
        written.append(people(1, 2))
        first, _ = written.checkpoint("parts")
        written.append(people(3))
        Path(first).unlink()
        assert rows(open_table(LOCAL, str(tmp_path))) == held(written)

    def test_a_sidecar_that_is_gone_comes_back_or_not(self, tmp_path: Path) -> None:
        written = sample(tmp_path)
        _, sidecar = written.checkpoint("v2-json")
        Path(sidecar).unlink()
        with pytest.raises(TransientError, match=r"_sidecars/.* disappeared"):
            open_table(LOCAL, str(tmp_path))

    def test_a_data_file_that_is_gone(self, root: Path) -> None:
        next(root.glob("part-*.parquet")).unlink()
        self.refused(root, "which does not exist", "VACUUM")

    def test_a_vector_that_is_gone(self, root: Path) -> None:
        next(root.glob("deletion_vector_*.bin")).unlink()
        self.refused(root, "deletion_vector_", "which does not exist")

    @pytest.mark.parametrize(
        ("place", "words"),
        [
            (-1, "does not match its checksum"),
            (-6, "does not match its checksum"),
            (17, "does not have the size that the log says"),
        ],
    )
    def test_a_damaged_vector(self, root: Path, place: int, words: str) -> None:
        path = next(root.glob("deletion_vector_*.bin"))
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(bytes(content))
        self.refused(root, words, "deleted rows cannot be distinguished from others")

    def test_a_truncated_vector(self, root: Path) -> None:
        path = next(root.glob("deletion_vector_*.bin"))
        path.write_bytes(path.read_bytes()[:-1])
        self.refused(root, "does not have the size that the log says")

    def test_a_vector_of_another_file(self, root: Path) -> None:
        def more(action: dict[str, Any]) -> None:
            if vector := action.get("add", {}).get("deletionVector"):
                vector["cardinality"] = 2

        self.change(self.commit(root, 2), more)
        self.refused(root, "deletes 1 rows, but the log says 2")

    @pytest.mark.parametrize(
        ("vector", "words"),
        [
            ({"storageType": "x"}, "stored in an unknown way"),
            ({"pathOrInlineDv": "short"}, "stored in an unknown way"),
            ({"pathOrInlineDv": "~" * 20}, "not written as Z85"),
            ({"pathOrInlineDv": "#" * 20}, "not written as Z85"),
            ({"storageType": "i", "pathOrInlineDv": "00000"}, "does not start like one"),
            ({"storageType": "i", "pathOrInlineDv": "^Bg9^0rr91"}, "is not a bitmap"),
            ({"storageType": "p", "pathOrInlineDv": "abfss://c@a.dfs.core.windows.net/x.bin"}, "outside"),
            ({"pathOrInlineDv": "../other/" + "0" * 20}, "outside of the table's folder"),
        ],
    )
    def test_a_vector_that_is_described_wrongly(self, root: Path, vector: dict[str, Any], words: str) -> None:
        def other(action: dict[str, Any]) -> None:
            if own := action.get("add", {}).get("deletionVector"):
                own |= vector

        self.change(self.commit(root, 2), other)
        self.refused(root, words)

    @pytest.mark.parametrize(
        "path",
        ["../other/part-0.parquet", "a/%2e%2e/%2e%2e/part-0.parquet", "/etc/passwd",
         "abfss://c@a.dfs.core.windows.net/t/part-0.parquet", "..%5Cother", "C:/part-0.parquet", ""],
    )  # fmt: skip
    def test_a_file_outside_of_the_table(self, root: Path, path: str) -> None:
        self.change(self.commit(root, 3), lambda action: action.get("add", {}).update(path=path))
        self.refused(root, "outside of the table's folder", "shallow clone")

    def test_a_link_out_of_the_table(self, root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        file = next(root.glob("part-*.parquet"))
        file.replace(elsewhere := tmp_path_factory.mktemp("elsewhere") / file.name)
        file.symlink_to(elsewhere)
        self.refused(root, "outside of the table's folder")

    def test_whole_paths_into_the_table_are_its_files(self, root: Path) -> None:
        before = rows(open_table(LOCAL, str(root)))
        self.change(
            self.commit(root, 3),
            lambda action: action.get("add", {}).update(path=f"{root}/{action.get('add', {}).get('path')}"),
        )
        assert rows(open_table(LOCAL, str(root))) == before

    @pytest.mark.parametrize(
        ("protocol", "words"),
        [
            ({"readerFeatures": ["deletionVectors", "brandNew"]}, "needs an unsupported feature: brandNew"),
            ({"readerFeatures": ["catalogManaged"]}, "whose versions are managed by a catalog"),
            ({"minReaderVersion": 4}, "reader version 4"),
        ],
    )
    def test_features_that_are_not_known(self, root: Path, protocol: dict[str, Any], words: str) -> None:
        self.change(self.commit(root, 0), lambda action: action.get("protocol", {}).update(protocol))
        self.refused(root, words)

    @pytest.mark.parametrize(
        ("metadata", "words"),
        [
            ({"schemaString": "{"}, "columns in the log"),
            ({"schemaString": "[]"}, "columns in the log"),
            ({"format": {"provider": "orc"}}, "of orc files"),
        ],
    )
    def test_metadata_that_cannot_be_used(self, root: Path, metadata: dict[str, Any], words: str) -> None:
        self.change(self.commit(root, 0), lambda action: action.get("metaData", {}).update(metadata))
        self.refused(root, words)

    @pytest.mark.parametrize(("key", "words"), [("protocol", "protocol"), ("metaData", "columns")])
    def test_a_log_that_does_not_say_what_the_table_is(self, root: Path, key: str, words: str) -> None:
        self.change(self.commit(root, 0), lambda action: action.pop(key, None) and None)
        self.refused(root, f"does not define the table's {words}")

    def test_an_action_that_lacks_what_it_must_have(self, root: Path) -> None:
        self.change(self.commit(root, 3), lambda action: action.get("add", {"path": 0}).pop("path") and None)
        self.refused(root, "lacks a required value")

    def test_one_file_twice(self, root: Path) -> None:
        def again(action: dict[str, Any]) -> None:
            action.pop("remove", None)  # of the file without its vector

        self.change(self.commit(root, 2), again)
        self.refused(root, "the same data file twice")

    def test_a_mapping_that_is_not_known(self, tmp_path: Path) -> None:
        sample(tmp_path, mapping="name")
        path = self.commit(tmp_path, 0)
        path.write_text(path.read_text().replace('mode": "name"', 'mode": "magic"'))
        self.refused(tmp_path, "column mapping 'magic'")

    def test_files_without_ids_where_ids_count(self, tmp_path: Path) -> None:
        written = sample(tmp_path, mapping="id")
        written.append(people(1))
        file = next(tmp_path.glob("part-*.parquet"))
        pq.write_table(pa.table({"Email": ["a"]}), file)
        with pytest.raises(ConfigurationError, match="has no column ids"):
            rows(open_table(LOCAL, str(tmp_path)))

    def test_a_data_file_that_is_damaged(self, root: Path) -> None:
        next(root.glob("part-*.parquet")).write_bytes(b"no Parquet")
        self.refused(root, "is not a complete Parquet file")


@pytest.mark.azurite
def test_on_azure_storage(lake_container: Any) -> None:
    root = f"{lake_container.name}/lake/Gold"
    written = DeltaSample(
        lake_container.filesystem,
        root,
        dict(COLUMNS),
        partition_by=("Country",),
        mapping="name",
        vectors="file",
        times=lambda version: START + timedelta(days=version),
    )
    written.append(people(*range(8)))
    written.delete("Email", ["e2", "e5"])
    before = held(written)
    written.checkpoint("v2-parquet")
    written.overwrite(people(20, 21))
    found = discover(lake_container.filesystem, f"{lake_container.name}/lake")
    assert found == {"Gold": root}
    table = open_table(lake_container.filesystem, root)
    assert (rows(table), table.profiles()) == (held(written), 2)
    earlier = open_table(lake_container.filesystem, root, as_of=START + timedelta(days=2.5))
    assert (rows(earlier), earlier.profiles()) == (before, 6)
    assert earlier.location == f"{lake_container.url}/lake/Gold"
    with pytest.raises(
        ConfigurationError, match=r"starts later: with version 0 of 2026-11-01T06:00:00\+00:00"
    ):
        open_table(lake_container.filesystem, root, as_of=START - timedelta(days=1))
