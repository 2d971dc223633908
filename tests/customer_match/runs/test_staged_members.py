"""Staged files of ended runs that hold certain members are deleted, and no others."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_match.members.digests import Digests
from customer_match.members.files import write_members
from customer_match.runs.staged_members import delete_staged
from tests.memory_storage import MemoryStorage


class Storage(MemoryStorage):
    def exists(self, relative: str) -> bool:
        return relative in self.files


def digests_of(people: Collection[int]) -> Digests:
    return np.array([[person] * 32 for person in sorted(people)], dtype=np.uint8).reshape(-1, 32)


def is_seven(digests: Digests) -> np.typing.NDArray[np.bool_]:
    return np.asarray(digests[:, 0] == 7)


def stage(storage: Storage, path: str, people: Collection[int]) -> None:
    write_members(storage, path, [digests_of(people)])


@pytest.mark.parametrize("root", ["staged", "runs"])
def test_only_files_with_the_members_are_deleted(root: str) -> None:
    """Earlier versions staged in `runs/`."""
    storage = Storage()
    stage(storage, f"{root}/a/1/gold/members.parquet", {1, 7})
    stage(storage, f"{root}/a/1/gold/parts/p/add-0001.parquet", {7})
    stage(storage, f"{root}/a/1/silver/members.parquet", {1, 2})
    stage(storage, f"{root}/a/1/silver/parts/p/add-0001.parquet", set())
    stage(storage, "ledgers/2/gold/bounds/0000000001/certain.parquet", {7})
    storage.files["runs/a/1/report.json"] = storage.files["runs/a/1/gold/chunk.json"] = b"{}"
    with storage.open_output("runs/a/1/gold/rejects.parquet") as file:
        pq.write_table(pa.table({"key": ["7"]}), file)
    before = set(storage.files)
    assert delete_staged(storage, is_seven) == (2, ())
    assert before - set(storage.files) == {
        f"{root}/a/1/gold/members.parquet",
        f"{root}/a/1/gold/parts/p/add-0001.parquet",
    }


def test_a_run_that_has_not_ended_and_what_a_ledger_needs_stay() -> None:
    storage = Storage()
    stage(storage, "staged/a/1/gold/members.parquet", {7})
    for name in ("members", "part"):
        stage(storage, f"staged/a/2/gold/{name}.parquet", {7})
    stage(storage, "staged/a/3/gold/members.parquet", {1})
    storage.files["runs/a/2/report.json"] = b"{}"
    found = delete_staged(storage, is_seven, needed={"staged/a/2/gold/part.parquet"})
    assert found == (1, ("staged/a/1", "staged/a/2"))
    assert "staged/a/2/gold/members.parquet" not in storage.files


def test_a_file_that_cannot_be_read_may_hold_anybody() -> None:
    storage = Storage()
    storage.files |= {"runs/a/1/gold/members.parquet": b"damaged", "runs/a/1/report.json": b"{}"}
    assert delete_staged(storage, is_seven) == (1, ())
