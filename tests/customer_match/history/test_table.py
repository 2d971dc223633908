"""The files of the history: added to, replaced, merged after crashes and concurrent runs, forgotten, queried."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.history.model import SCHEMA
from customer_match.history.table import History
from customer_match.workspace.workspace import Workspace
from tests.conftest import LakeContainer
from tests.customer_match.history.runs import rows_on
from tests.memory_storage import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


def members(history: History, **options: Any) -> dict[str, list[int]]:
    """The members of the segments of each run, in the order of the table."""
    found: dict[str, list[int]] = {}
    for row in history.read(**options).to_pylist():
        found.setdefault(row["run_id"], []).append(row["members"])
    return found


class Held(MemoryStorage):
    """Does something else before the next file is deleted, as another process would."""

    def __init__(self) -> None:
        super().__init__()
        self.before_delete: list[Callable[[], None]] = []

    def delete(self, relative: str, *, recursive: bool = False) -> None:
        if self.before_delete:
            self.before_delete.pop()()
        super().delete(relative, recursive=recursive)


class Killed(BaseException):
    """The end of a process."""


def test_each_run_is_added_to_the_file_of_its_month(storage: MemoryStorage) -> None:
    history = History(storage, "autumn")
    for day in (0, 1, 29, 30):  # the 1st, 2nd and 30th of June, the 1st of July
        history.record(rows_on(day, [day, day + 1]))
    assert members(history) == {f"run {day}": [day, day + 1] for day in (0, 1, 29, 30)}
    assert [name.rpartition("/")[2][:8] for name in sorted(storage.files)] == ["2026-06-", "2026-07-"]
    assert history.read().schema.equals(SCHEMA)


def test_a_run_that_is_recorded_again_replaces_its_rows(storage: MemoryStorage) -> None:
    history = History(storage, "autumn")
    history.record(rows_on(0, [1, 2, 3]))
    history.record(rows_on(1, [4]))
    history.record(rows_on(0, [7, 8], minutes=90))
    assert members(history) == {"run 0": [7, 8], "run 1": [4]}
    history.record(rows_on(0, [7, 8], minutes=90))
    assert members(history) == {"run 0": [7, 8], "run 1": [4]}
    assert len(storage.files) == 1


def test_a_late_writer_does_not_undo_a_newer_record(storage: MemoryStorage) -> None:
    history = History(storage, "autumn")
    history.record(rows_on(0, [7, 8], minutes=90))
    history.record(rows_on(0, [1, 2, 3]))
    assert members(history) == {"run 0": [7, 8]}


def test_runs_that_end_together_lose_nothing() -> None:
    storage = Held()
    history, other = History(storage, "autumn"), History(storage, "autumn")
    history.record(rows_on(0, [1]))
    storage.before_delete = [lambda: other.record(rows_on(1, [2]))]
    history.record(rows_on(2, [3]))
    assert members(history) == {"run 0": [1], "run 1": [2], "run 2": [3]}
    assert len(storage.files) == 1


def test_a_file_that_another_run_merges_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    history, other = History(storage, "autumn"), History(storage, "autumn")
    history.record(rows_on(0, [1]))
    read = storage.read_bytes

    def read_late(relative: str) -> bytes:
        monkeypatch.undo()
        other.record(rows_on(1, [2]))
        return read(relative)

    monkeypatch.setattr(storage, "read_bytes", read_late)
    history.record(rows_on(2, [3]))
    assert members(history) == {"run 0": [1], "run 1": [2], "run 2": [3]}
    assert len(storage.files) == 1


def test_a_reader_that_meets_a_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that it has listed is gone; its rows are in a new one."""
    storage = MemoryStorage()
    history = History(storage, "autumn")
    history.record(rows_on(0, [1]))
    read = storage.read_bytes

    def read_late(relative: str) -> bytes:
        monkeypatch.undo()
        history.record(rows_on(1, [2]))
        return read(relative)

    monkeypatch.setattr(storage, "read_bytes", read_late)
    assert members(history) == {"run 0": [1], "run 1": [2]}


def test_a_crash_before_old_files_are_deleted(storage: MemoryStorage) -> None:
    held = Held()
    history = History(held, "autumn")
    history.record(rows_on(0, [1, 2]))

    def die() -> None:
        raise Killed

    held.before_delete = [die]
    with pytest.raises(Killed):
        history.record(rows_on(1, [3]))
    assert len(held.files) == 2
    assert members(history) == {"run 0": [1, 2], "run 1": [3]}
    history.record(rows_on(2, [4]))
    assert members(history) == {"run 0": [1, 2], "run 1": [3], "run 2": [4]}
    assert len(held.files) == 1


def test_only_the_newest_runs(storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(storage, "autumn")
    for day in range(0, 100, 10):
        history.record(rows_on(day, [day]))
    opened: list[str] = []
    read = storage.read_bytes
    monkeypatch.setattr(storage, "read_bytes", lambda relative: opened.append(relative) or read(relative))
    assert members(history, runs=2) == {"run 80": [80], "run 90": [90]}
    assert {name.rpartition("/")[2][:7] for name in opened} == {"2026-08"}
    assert history.read(runs=2, columns=["members"]).column_names == ["run_id", "started", "ended", "members"]
    assert list(members(history, runs=99)) == [f"run {day}" for day in range(0, 100, 10)]


def test_no_history_yet(storage: MemoryStorage) -> None:
    assert History(storage, "autumn").read(runs=30).equals(SCHEMA.empty_table())


def test_exports_have_histories_of_their_own(storage: MemoryStorage) -> None:
    History(storage, "autumn").record(rows_on(0, [1]))
    History(storage, "Autumn").record(rows_on(0, [2]))
    assert members(History(storage, "autumn")) == {"run 0": [1]}


@pytest.mark.parametrize(
    ("day", "left"),
    [
        (date(2026, 6, 30), ["2026-06", "2026-07"]),
        (date(2026, 7, 1), ["2026-07"]),
        (date(2026, 7, 31), ["2026-07"]),
        (date(2026, 8, 1), []),
    ],
)
def test_months_that_ended_before_a_day_are_forgotten(
    storage: MemoryStorage, day: date, left: list[str]
) -> None:
    history = History(storage, "autumn")
    for begun in (0, 29, 30):
        history.record(rows_on(begun))
    storage.files[f"{history.folder}/notes.txt"] = b"of a person"
    history.forget_before(day)
    names = [name.rpartition("/")[2] for name in sorted(storage.files)]
    assert [name[:7] for name in names if name != "notes.txt"] == left
    assert "notes.txt" in names


def parquet(table: pa.Table) -> bytes:
    output = pa.BufferOutputStream()
    pq.write_table(table, output)
    return bytes(output.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1 cut off",
        b"",
        parquet(pa.table({"run_id": ["run 0"], "other": [1]})),
        parquet(
            SCHEMA.empty_table().drop_columns(["members"]).append_column("members", pa.array([], pa.string()))
        ),
    ],
)
def test_a_damaged_or_foreign_file_is_named_and_left_alone(
    storage: MemoryStorage, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    history = History(storage, "autumn")
    history.record(rows_on(0, [1]))
    [path] = storage.files
    storage.files[path] = content
    history.record(rows_on(1, [2]))
    assert members(history) == {"run 1": [2]}
    assert path in storage.files
    assert path.rpartition("/")[2] in caplog.text


def test_files_of_other_releases(storage: MemoryStorage) -> None:
    """One without a column that we know, with one that we do not know: nothing is lost when it is merged."""
    history = History(storage, "autumn")
    history.record(rows_on(0, [1]))
    [path] = storage.files
    table = pq.read_table(pa.BufferReader(storage.files[path]))
    other = table.drop_columns(["match_rate"]).append_column("later", pa.array(["new"]))
    storage.files[path] = parquet(other)
    history.record(rows_on(1, [2]))
    found = history.read().to_pylist()
    assert [(row["members"], row["later"], row["match_rate"]) for row in found] == [
        (1, "new", None),
        (2, None, None),
    ]


def test_people_query_the_folder(tmp_path: Path) -> None:
    """With pandas and polars, over all exports; as docs/history.md shows."""
    workspace = Workspace(LocalFileSystem(), str(tmp_path))
    for export in ("autumn", "spring"):
        for day in (0, 30):
            rows = [row.model_copy(update={"export": export}) for row in rows_on(day, [day])]
            History(workspace, export).record(rows)
    frame = pd.read_parquet(tmp_path / "history")
    assert frame.groupby("export")["members"].sum().to_dict() == {"autumn": 30, "spring": 30}
    assert str(frame["started"].dtype) == "datetime64[us, UTC]"
    assert set(frame.groupby(["export", "audience"])["members"].agg(["min", "max", "last"])["last"]) == {30}
    held = frame[frame["sent"].notna()].groupby(["export", "audience"])["members"].last()
    assert held.to_dict() == {("autumn", "VIPs 0"): 30, ("spring", "VIPs 0"): 30}
    counts = pl.read_parquet(f"{tmp_path}/history/**/*.parquet").group_by("export").len()
    assert dict(counts.rows()) == {"autumn": 2, "spring": 2}


@pytest.mark.azurite
def test_the_history_in_azure(lake_container: LakeContainer) -> None:
    workspace = Workspace(lake_container.filesystem, f"{lake_container.name}/workspace")
    history = History(workspace, "autumn")
    for day in (0, 1, 30):
        history.record(rows_on(day, [day]))
    history.record(rows_on(0, [7, 8], minutes=90))
    assert members(history, runs=2) == {"run 1": [1], "run 30": [30]}
    folder = f"{lake_container.name}/workspace/history"
    frame = pd.read_parquet(folder, filesystem=lake_container.filesystem)
    assert sorted(frame["members"]) == [1, 7, 8, 30]
    assert history.forget_before(date(2026, 7, 1)) == ["run 0", "run 1"]
    assert members(history) == {"run 30": [30]}


def test_runs_of_many_processes_that_end_together(tmp_path: Path) -> None:
    """As the mapped tasks of an operator do. Duplicates may stay until the next run is added; nothing is lost."""
    history = History(Workspace(LocalFileSystem(), str(tmp_path)), "autumn")

    def record(day: int) -> None:
        history.record(rows_on(0, [day], run_id=f"run {day}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, range(40)))
    wanted = {f"run {day}": [day] for day in range(40)}
    assert members(history) == wanted
    record(40)
    assert members(history) == wanted | {"run 40": [40]}
    assert len(list(tmp_path.glob("history/*/*.parquet"))) == 1
