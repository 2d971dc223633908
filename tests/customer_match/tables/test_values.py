"""Columns in the types that a table promises, whatever a file stores."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.opening import open_table
from customer_match.tables.values import conform, stream_type

LISTS = [["a", None], None, [], ["b", "c"]]


def test_only_text_has_one_type() -> None:
    kinds = [
        pa.large_string(),
        pa.null(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.large_list(pa.string_view()),
    ]
    assert [stream_type(kind) for kind in kinds] == [*[pa.string()] * 3, pa.list_(pa.string())]
    assert {stream_type(kind) for kind in (pa.binary(), pa.binary_view(), pa.uuid())} == {pa.string()}
    for kind in (pa.int8(), pa.date32(), pa.binary(4), pa.list_(pa.int64()), pa.timestamp("ms", "UTC")):
        assert stream_type(kind) == kind


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_lists_of_every_kind_become_lists_of_string(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"Id": [1, 2, 3, 4], "Emails": pa.array(LISTS, pa.list_(pa.string())).cast(kind)}), path
    )
    table = open_table(LocalFileSystem(), str(path))
    (batch,) = table.batches(["Emails"])
    assert batch.schema.field(0).type == pa.list_(pa.string())
    assert batch.column(0).to_pylist() == LISTS


def test_lists_of_a_fixed_length(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"Emails": pa.array([["a", "b"], None, [None, "c"]], pa.list_(pa.string(), 2))}), path
    )
    (batch,) = open_table(LocalFileSystem(), str(path)).batches(["Emails"])
    assert batch.column(0).to_pylist() == [["a", "b"], None, [None, "c"]]


@pytest.mark.parametrize("values", [LISTS, [["a"], ["b", "c"]], [None], []])
@pytest.mark.parametrize("kind", [pa.list_view(pa.string()), pa.large_list_view(pa.large_string())])
def test_views_of_lists(kind: pa.DataType, values: list[list[str | None] | None]) -> None:
    batch = pa.record_batch({"Emails": pa.array(values, kind)})
    for start in range(len(values) + 1):
        (column,) = conform(batch.slice(start), {"Emails": pa.list_(pa.string())}, "f").columns
        column.validate(full=True)
        assert column.to_pylist() == values[start:]


def not_utf_8(values: list[bytes | None]) -> pa.StringArray:
    raw = pa.array(values, pa.binary())
    return pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:], raw.buffers()[0], raw.null_count)


@pytest.mark.parametrize("start", [0, 1])
def test_bytes_that_are_not_utf_8_spoil_their_own_value_of_a_list_only(start: int) -> None:
    text = not_utf_8([b"good", b"b\xe4d", None, b"x"])
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 2, 4], pa.int32()), text, mask=pa.array([False, True, False])
    )
    batch = pa.record_batch({"Emails": lists}).slice(start)
    (column,) = conform(batch, {"Emails": pa.list_(pa.string())}, "f").columns
    assert column.to_pylist() == [["good", "b\ufffdd"], None, [None, "x"]][start:]
    column.validate(full=True)


def test_numbers_and_dates_keep_their_types_and_widen_between_files(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"n": pa.array([1, None], pa.int32()), "f": pa.array([1, 2], pa.int64())},
        {"n": pa.array([2**40], pa.int64()), "f": pa.array([0.5], pa.float64())},
    ]
    for number, columns in enumerate(rows):
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
    table = open_table(LocalFileSystem(), str(tmp_path))
    batches = list(table.batches(["f", "n", "f"]))
    assert {str(batch.schema) for batch in batches} == {"f: double\nn: int64"}
    assert [value for b in batches for value in b.column("n").to_pylist()] == [1, None, 2**40]


@pytest.mark.bad_input
def test_a_value_that_does_not_fit_is_not_told() -> None:
    batch = pa.record_batch({"n": pa.array([2**60 + 4711], pa.int64())})
    with pytest.raises(
        ConfigurationError, match="'n' of f holds int64, and one of its values does not fit int8"
    ) as raised:
        conform(batch, {"n": pa.int8()}, "f")
    assert str(2**60 + 4711) not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("start", range(4))
def test_uuids_in_the_middle_of_others(start: int) -> None:
    ids = [uuid.UUID(int=1), None, uuid.UUID("ce759201-f786-d590-bf21-34bff576c369")]
    batch = pa.record_batch({"Id": pa.array([one and one.bytes for one in ids], pa.uuid())}).slice(start)
    (column,) = conform(batch, {"Id": pa.string()}, "f").columns
    column.validate(full=True)
    assert column.to_pylist() == [one and str(one) for one in ids[start:]]
