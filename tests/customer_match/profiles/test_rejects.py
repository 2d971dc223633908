"""`rejects.parquet`: keys and reasons of rejected rows, and nothing personal."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_match.profiles import rejects
from customer_match.profiles.rejects import RejectsFile, rejects_writer
from customer_match.workspace.workspace import Workspace


def frame(*rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"row": rows, "reason": ["missing"] * len(rows)}, {"row": pl.UInt32, "reason": pl.String}
    )


def table_of(storage: Any, path: str = "r") -> pa.Table:
    with storage.open_input(path) as file:
        return pq.ParquetFile(file).read()


def written(storage: Any, keys: pa.Array, *rows: int) -> tuple[RejectsFile, list[str | None]]:
    with rejects_writer(storage, "r") as writer:
        assert writer
        writer.add(keys, frame(*rows))
        file = writer.file()
    return file, table_of(storage)["key"].to_pylist()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (pa.array(["a", None, "c"]), ["a", None, "c"]),
        (pa.array([1, None, 2**62]), ["1", None, str(2**62)]),
        (pa.array([1.0, 2.5, None]), ["1", "2.5", None]),
        (
            pa.array([Decimal("0.00000012"), Decimal(0), None], pa.decimal128(20, 8)),
            ["0.00000012", "0.00000000", None],
        ),
        (pa.array([Decimal(1200), Decimal(7), None], pa.decimal128(9, 0)), ["1200", "7", None]),
        (pa.array(["f" * 32, "f" * 63, "Ä ñ"]), ["f" * 32, "f" * 63, "Ä ñ"]),
    ],
)
def test_keys_become_text(storage: Any, keys: pa.Array, told: list[str | None]) -> None:
    assert written(storage, keys, 0, 1, 2) == (RejectsFile(path="r", rows=3, withheld=0), told)
    assert table_of(storage).schema.names == ["key", "reason"]


@pytest.mark.parametrize(
    "key",
    [
        "ann@contoso.com", "crm:ann＠contoso.com", "ann﹫contoso.com", "mailto:ann%40contoso.com", "@contoso",
        hashlib.sha256(b"ann@contoso.com").hexdigest(), "id-" + "A0" * 32,
    ],
)  # fmt: skip
def test_keys_that_may_be_addresses_or_digests_are_withheld(storage: Any, key: str) -> None:
    file, keys = written(storage, pa.array(["x", key, "y"]), 1, 2)
    assert (keys, file.rows, file.withheld) == ([None, "y"], 2, 1)
    assert key.encode() not in storage.files["r"]


def test_no_row_makes_an_empty_file_and_no_path_none(storage: Any) -> None:
    file, keys = written(storage, pa.array(["x"]))
    assert (file.rows, keys) == (0, [])
    with rejects_writer(storage, None) as writer:
        assert writer is None
    assert list(storage.files) == ["r"]


def test_rows_are_written_in_groups_as_they_come(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "_ROWS", 4)
    with rejects_writer(storage, "r") as writer:
        assert writer
        for start in range(0, 9, 3):
            writer.add(pa.array(range(start, start + 3)), frame(0, 1, 2))
            assert sum(batch.num_rows for batch in writer._waiting) < 4
    assert table_of(storage)["key"].to_pylist() == [str(n) for n in range(9)]
    with storage.open_input("r") as file:
        assert pq.ParquetFile(file).num_row_groups == 2


@pytest.mark.faults
def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    workspace = Workspace(fsspec.filesystem("file"), str(tmp_path))

    def fail() -> None:
        with rejects_writer(workspace, "r") as writer:
            assert writer
            writer.add(pa.array(["x"]), frame(0))
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert list(tmp_path.iterdir()) == []
