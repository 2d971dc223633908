"""Kinds of values in Parquet that pyarrow does not know, cannot read, or takes for bytes."""

from __future__ import annotations

import contextlib
import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import resolve_column
from customer_match.tables.opening import open_table
from customer_match.tables.parquet.footer import read_footer
from customer_match.tables.table import Table
from customer_match_sample_lake.delta import DeltaSample
from tests.parquet_kinds import BSON, ENUM, FUTURE, JSON, UUID, annotated, packed_as, parquet

LOCAL = LocalFileSystem()
EMAILS = ["ann@example.org", None, "bob@example.org"]
IDS = [uuid.UUID(int=n << 64 | n) for n in (1, 2**60, 2**63 + 7)]


def polars_parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"Email": EMAILS, **columns}).write_parquet(buffer, row_group_size=2)
    return buffer.getvalue()


def opened(folder: Path, *files: bytes) -> Table:
    for number, content in enumerate(files):
        (folder / f"{number}.parquet").write_bytes(content)
    return open_table(LOCAL, str(folder))


def values(table: Table, column: str = "Email") -> list[Any]:
    return [value for batch in table.batches([column]) for value in batch.column(column).to_pylist()]


OTHERS: dict[str, Callable[[], bytes]] = {
    "Int128": lambda: polars_parquet(X=pl.Series([1, None, 2**100], dtype=pl.Int128)),
    "UInt128": lambda: polars_parquet(X=pl.Series([1, None, 2**100], dtype=pl.UInt128)),
    "list of Int128": lambda: polars_parquet(X=pl.Series([[1], None, []], dtype=pl.List(pl.Int128))),
    "struct with Int128": lambda: polars_parquet(
        X=pl.Series([{"a": 1}] * 3, dtype=pl.Struct({"a": pl.Int128}))
    ),
    "a kind of the future": lambda: annotated(parquet({"Email": EMAILS, "X": EMAILS}), "X", FUTURE),
    "an older kind of no version": lambda: annotated(parquet({"Email": EMAILS, "X": EMAILS}), "X", None, 40),
    "text that is numbers": lambda: annotated(parquet({"Email": EMAILS, "X": [1, 2, 3]}), "X", None, 0),
    "a packing that is not known": lambda: packed_as(parquet({"Email": EMAILS, "X": EMAILS}), 1, 3),
    "a packing of the future": lambda: packed_as(parquet({"Email": EMAILS, "X": EMAILS}), 1, 9),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_column_that_nobody_asks_for_does_not_spoil_the_file(tmp_path: Path, other: str) -> None:
    table = opened(tmp_path, OTHERS[other](), parquet({"Email": ["c@example.org"]}))
    assert table.profiles() == 4
    assert values(table) == [*EMAILS, "c@example.org"]


def test_files_of_a_delta_table(tmp_path: Path) -> None:
    sample = DeltaSample(LOCAL, str(tmp_path / "t"), columns={"Email": pa.string(), "Id": pa.string()})
    sample.append([{"Email": "a", "Id": "1"}])
    (file,) = (tmp_path / "t").glob("*.parquet")
    file.write_bytes(polars_parquet(Id=["1", "2", "3"], X=pl.Series([1, 2, 3], dtype=pl.Int128)))
    assert values(open_table(LOCAL, str(tmp_path / "t"))) == EMAILS


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            "Int128",
            "'X' holds 16 bytes a value, as 128-bit numbers of polars or UUIDs without their type, not text",
        ),
        ("UInt128", "'X' holds 16 bytes a value"),
        ("list of Int128", r"'X' holds list<element: fixed_size_binary\[16\]>, not text"),
        ("struct with Int128", "'X' holds struct<"),
        ("a kind of the future", "'X' holds an unknown type of values, not text"),
        ("text that is numbers", "'X' holds int64, not text"),
        ("a packing that is not known", r"0\.parquet: its columns X are stored in a way .*LZO compression"),
        ("a packing of the future", r"0\.parquet: its columns X are stored in a way .*codec value: 9"),
    ],
)
def test_that_column_is_named_where_it_is_needed(tmp_path: Path, other: str, words: str) -> None:
    table = opened(tmp_path, OTHERS[other]())
    with pytest.raises(ConfigurationError, match=f"{words}.*(Set|Have)"):
        values(table, resolve_column(table.columns(), "X"))


TEXTS: dict[str, Callable[[], bytes]] = {
    "ENUM": lambda: annotated(parquet({"Email": EMAILS}, store_schema=False), "Email", ENUM, 4),
    "ENUM of old": lambda: annotated(parquet({"Email": EMAILS}, store_schema=False), "Email", None, 4),
    "JSON": lambda: annotated(parquet({"Email": EMAILS}, store_schema=False), "Email", JSON, 19),
    "no kind": lambda: annotated(parquet({"Email": EMAILS}, store_schema=False), "Email"),
    "bytes": lambda: parquet({"Email": pa.array(EMAILS).cast(pa.binary())}),
    "large bytes": lambda: parquet({"Email": pa.array(EMAILS).cast(pa.large_binary())}),
    "UTF-8 of old": lambda: annotated(parquet({"Email": EMAILS}, store_schema=False), "Email", None, 0),
    "a fixed length": lambda: annotated(
        parquet({"Email": pa.array([e and e.encode().ljust(20, b"\0") for e in EMAILS], pa.binary(20))}),
        "Email",
        None,
        0,
    ),
    "polars' Categorical": lambda: polars_parquet(Email=pl.Series(EMAILS, dtype=pl.Categorical)),
    "polars' Enum": lambda: polars_parquet(Email=pl.Series(EMAILS, dtype=pl.Enum([e for e in EMAILS if e]))),
    **{
        f"dictionary with {index}": lambda index=index: parquet(  # type: ignore[misc]
            {"Email": pa.array(EMAILS).cast(pa.dictionary(index, pa.string()))}, row_group_size=1
        )
        for index in (pa.int8(), pa.uint16(), pa.int64())
    },
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_of_every_kind(tmp_path: Path, kind: str) -> None:
    table = opened(tmp_path, parquet({"Email": ["c@example.org"]}), TEXTS[kind](), TEXTS[kind]())
    assert values(table, resolve_column(table.columns(), "Email")) == ["c@example.org", *EMAILS, *EMAILS]
    assert {str(batch.schema.field(0).type) for batch in table.batches(["Email"])} == {"string"}


LISTS = [["a@example.org", None], None, [], ["b@example.org"], ["a@example.org"]]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
        pa.large_list(pa.dictionary(pa.int8(), pa.large_string())),
        pa.list_(pa.binary()),
        pa.large_list(pa.string()),
        pa.list_(pa.string_view()),
    ],
    ids=str,
)
def test_lists_over_several_row_groups_and_files(tmp_path: Path, kind: pa.DataType) -> None:
    lists = pa.array(LISTS, pa.list_(pa.string())).cast(kind)
    content = parquet({"Email": lists}, row_group_size=2)
    table = opened(tmp_path, content, parquet({"Email": LISTS}), content)
    assert values(table, resolve_column(table.columns(), "Email")) == 3 * LISTS


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            annotated(parquet({"Email": EMAILS}, store_schema=False), "Email", BSON, 20),
            "holds BSON, not text",
        ),
        (parquet({"Email": [b"\xff\xfe", b"\xfd", b"a"]}), "holds bytes that are not UTF-8 text"),
        (parquet({"Email": pa.array([b"ab"], pa.binary(2))}), "holds 2 bytes a value, not text"),
        (parquet({"Email": pa.array([uid.bytes for uid in IDS], pa.uuid())}), "holds UUIDs, not text"),
        (parquet({"Email": pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))}), "holds map<"),
        (parquet({"Email": [[{"a": "b"}]]}), "holds list<element: struct<"),
    ],
)
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    table = opened(tmp_path, content)
    with pytest.raises(ConfigurationError, match=f"'Email'.* {words}"):
        values(table, resolve_column(table.columns(), "Email"))


@pytest.mark.parametrize("has_schema", [True, False])
def test_uuids_are_text(tmp_path: Path, has_schema: bool) -> None:
    """Of every batch its own rows, and missing ones."""
    ids = pa.array([None if n % 7 == 3 else IDS[n % 3].bytes for n in range(100)], pa.uuid())
    table = opened(tmp_path, parquet({"Id": ids}, store_schema=has_schema), parquet({"Id": ["x"]}))
    read = [v for batch in table.batches(["Id"], batch_rows=9) for v in batch.column(0).to_pylist()]
    assert read == [*(None if n % 7 == 3 else str(IDS[n % 3]) for n in range(100)), "x"]


def test_uuids_without_arrows_name_for_them(tmp_path: Path) -> None:
    plain = parquet({"Id": pa.array([uid.bytes for uid in IDS], pa.binary(16))}, store_schema=False)
    assert values(opened(tmp_path, annotated(plain, "Id", UUID)), "Id") == list(map(str, IDS))


@pytest.mark.bad_input
@pytest.mark.parametrize("place", range(0, 200, 3))
def test_a_damaged_footer_is_told_by_pyarrows_errors_alone(place: int) -> None:
    content = bytearray(annotated(parquet({"X": [1]}), "X", None, 40))
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[start + place] ^= 0xFF
    with contextlib.suppress(OSError, pa.ArrowException):
        read_footer(io.BytesIO(bytes(content)))


@pytest.mark.bad_input
@pytest.mark.parametrize("inner", [1, 3, 7], ids=["booleans", "bytes", "doubles"])
def test_a_footer_that_claims_a_list_without_end(inner: int) -> None:
    footer = bytes([0x19, 0xF0 | inner, *(8 * [0xFF]), 0x7F, 0])
    with pytest.raises((OSError, pa.ArrowException)):
        read_footer(io.BytesIO(b"".join([footer, len(footer).to_bytes(4, "little"), b"PAR1"])))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"\xff" * 20, b"PAR1" + b"\xff\xff\xff\x7fPAR1", b"\x19" * 30 + b"\x1e\0\0\0PAR1"],
)
def test_what_is_no_footer(content: bytes) -> None:
    with pytest.raises((OSError, pa.ArrowException)):
        read_footer(io.BytesIO(content))
