"""The newest rows of a log are those that plain Python finds, in every table format."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.change_logs import newest
from customer_match.change_logs.table import LatestRows, LogCounts, counts_of, latest_rows
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.changes import ChangeLog
from customer_match.tables.columns import Columns
from customer_match.tables.listing import TableFile
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table
from customer_match_sample_lake.delta import DeltaSample

LOCAL = LocalFileSystem()
Row = dict[str, Any]


class InMemory:
    """A table in memory, with small batches."""

    by_time = False
    modified = None
    location = "lake/contact"

    def __init__(self, table: pa.Table, size: int = 5, files: tuple[str, ...] = ("part-0.parquet",)) -> None:
        self.table = table
        self.size = size
        self.files = tuple(TableFile(f"lake/contact/{name}", 1, None) for name in files)

    def columns(self) -> Columns:
        return Columns({field.name: field.type for field in self.table.schema})

    def profiles(self) -> int | None:
        return int(self.table.num_rows)

    def batches(
        self, columns: Sequence[str], batch_rows: int = 65_536, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        yield from self.table.select(list(dict.fromkeys(columns))).to_batches(max_chunksize=self.size)


def rows_kept(table: Table, changes: ChangeLog | None = None, column: str = "n") -> list[Any]:
    """Return a column of the rows that count."""
    rows = latest_rows(table, changes)
    return [value for batch in rows.batches([column]) for value in batch.column(0).to_pylist()]


# --- Compared with plain Python ----------------------------------------------------------------------------------

CHANGES = st.fixed_dictionaries(
    {
        "id": st.integers(0, 9),
        "a": st.none() | st.integers(0, 3),
        "b": st.none() | st.integers(0, 3),
        "gone": st.booleans(),
    }
)


def find_newest(rows: list[Row], order: list[str], ties: str) -> Row:
    """The rule: the greatest value decides; where it is missing, the next values decide."""
    if not order:
        told = {row["n"]: (row["a"] is not None) + (row["b"] is not None) for row in rows}
        return max(rows, key=lambda row: (row["gone"] == (ties == "deleted"), told[row["n"]], row["n"]))
    told = [row for row in rows if row[order[0]] is not None]
    untold = [row for row in rows if row[order[0]] is None]
    rivals = []
    if told:
        greatest = max(row[order[0]] for row in told)
        rivals.append(find_newest([row for row in told if row[order[0]] == greatest], order[1:], ties))
    if untold:
        rivals.append(find_newest(untold, order[1:], ties))
    return find_newest(rivals, order[1:], ties) if len(rivals) > 1 else rivals[0]


@pytest.mark.slow
@pytest.mark.parametrize("spills", [False, True])
@settings(max_examples=60)
@given(rows=st.lists(CHANGES, max_size=60), ties=st.sampled_from(["deleted", "kept"]), as_text=st.booleans())
def test_the_newest_rows_are_those_of_plain_python(
    rows: list[Row], ties: str, *, as_text: bool, spills: bool
) -> None:
    for place, row in enumerate(rows):
        row["n"] = place
    kinds = pa.string() if as_text else pa.int64()
    schema = pa.schema(
        [("id", pa.int64()), ("a", kinds), ("b", kinds), ("gone", pa.bool_()), ("n", pa.int64())]
    )
    text = (lambda value: "" if value is None else f"{value * 5}") if as_text else (lambda value: value)
    written = [row | {key: text(row[key]) for key in ("a", "b")} for row in rows]
    table = latest_rows(
        InMemory(pa.Table.from_pylist(written, schema)),
        ChangeLog.model_validate({"key": "id", "order": ["a", "b"], "deleted": "gone", "ties": ties}),
    )
    with pytest.MonkeyPatch.context() as patch:
        if spills:
            patch.setattr(newest, "_IN_MEMORY", 7)
            patch.setattr(newest, "_BUCKETS", 256)
        found = [value for batch in table.batches(["n"]) for value in batch.column(0).to_pylist()]
        again = [value for batch in table.batches(["n", "a"]) for value in batch.column(0).to_pylist()]
    of_id = [
        find_newest([row for row in rows if row["id"] == one], ["a", "b"], ties)
        for one in {row["id"] for row in rows}
    ]
    assert found == again == sorted(row["n"] for row in of_id if not row["gone"])
    gone = sum(row["gone"] for row in of_id)
    assert counts_of([table]) == LogCounts(superseded=len(rows) - len(of_id), deleted=gone)


def test_spilled_rows_are_deleted_and_hold_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Any] = []
    made = tempfile.TemporaryFile

    def seen(**options: Any) -> Any:
        files.append(made(**options))
        return files[-1]

    written = bytearray()

    class Watched(newest.NewestRows):
        def release(self) -> None:
            if self._file:
                self._file.seek(0)
                written.extend(self._file.read())
            super().release()

    monkeypatch.setattr(newest.tempfile, "TemporaryFile", seen)
    monkeypatch.setattr(newest, "_IN_MEMORY", 10)
    monkeypatch.setattr(newest, "NewestRows", Watched)
    ids = [f"anna{number}@example.com" for number in range(50)] * 2
    table = InMemory(
        pa.table({"Id": ids, "SinkModifiedOn": ["11/1/2026 4:34:35 PM"] * 100, "n": list(range(100))})
    )
    assert rows_kept(table) == list(range(50, 100))
    assert files
    assert all(file.closed for file in files)
    assert b"11/1/2026" in written
    assert b"example" not in written


# --- Synapse Link for Dataverse, in every format -----------------------------------------------------------

COLUMNS = [
    "Id",
    "SinkCreatedOn",
    "SinkModifiedOn",
    "emailaddress1",
    "adsconsent",
    "versionnumber",
    "IsDelete",
]
FIRST = [
    ["a1", "1/2/2026 4:34:35 PM", "1/2/2026 4:34:35 PM", "ann@example.org", "true", "99", ""],
    ["a2", "1/2/2026 4:34:35 PM", "1/2/2026 4:34:35 PM", "bob@example.org", "true", "98", ""],
    ["a3", "1/2/2026 4:34:35 PM", "1/2/2026 4:34:35 PM", "carl@example.org", "true", "97", ""],
    ["a4", "1/2/2026 4:34:35 PM", "1/2/2026 4:34:35 PM", "dora@example.org", "true", "96", ""],
]
LATER = [
    ["A2", "1/2/2026 4:34:35 PM", "11/10/2026 4:34:35 PM", "robert@example.org", "false", "1000", ""],
    ["a3", "11/3/2026 4:34:35 AM", "11/3/2026 4:34:35 AM", "", "", "120", "True"],
    ["a4", "11/4/2026 4:34:35 AM", "11/4/2026 4:34:35 AM", "", "", "121", "True"],
    ["a4", "11/5/2026 4:34:35 AM", "11/5/2026 4:34:35 AM", "dora@example.net", "true", "122", ""],
    ["a2", "1/2/2026 4:34:35 PM", "9/9/2026 4:34:35 PM", "bobby@example.org", "true", "999", ""],
]
LEFT = ["ann@example.org", "dora@example.net", "robert@example.org"]


def as_csv(folder: Path, *, files: list[list[list[str]]], header: bool = True) -> None:
    folder.mkdir()
    for number, rows in enumerate(files):
        with (folder / f"{2030 - number}.csv").open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows] if header else rows)


def with_types(rows: list[list[str]]) -> pa.Table:
    """Write the rows with types, as programs do that know them."""
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    times = [
        datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
        for text in columns["SinkModifiedOn"]
    ]
    return pa.table(
        {
            "Id": columns["Id"],
            "SinkModifiedOn": pa.array(times, pa.timestamp("us", "UTC")),
            "emailaddress1": columns["emailaddress1"],
            "versionnumber": pa.array([int(text) for text in columns["versionnumber"]], pa.int64()),
            "IsDelete": pa.array([text == "True" or None for text in columns["IsDelete"]], pa.bool_()),
        }
    )


def test_csv_files_may_be_out_of_order(tmp_path: Path) -> None:
    as_csv(tmp_path / "contact", files=[FIRST, LATER])  # the later file's name comes first
    assert sorted(rows_kept(open_table(LOCAL, str(tmp_path / "contact")), column="emailaddress1")) == LEFT


def test_partitioned_parquet_is_read_as_a_log(tmp_path: Path) -> None:
    for year, rows in (("2027", FIRST), ("2026", LATER)):
        (tmp_path / "contact" / f"PartitionId={year}").mkdir(parents=True)
        pq.write_table(with_types(rows), tmp_path / "contact" / f"PartitionId={year}" / "part-0.parquet")
    assert sorted(rows_kept(open_table(LOCAL, str(tmp_path / "contact")), column="emailaddress1")) == LEFT


def test_a_delta_table_is_read_as_a_log(tmp_path: Path) -> None:
    names = with_types(FIRST).schema
    sample = DeltaSample(LOCAL, str(tmp_path / "contact"), dict(zip(names.names, names.types, strict=True)))
    for rows in (LATER, FIRST):
        sample.append(with_types(rows).to_pylist())
    assert sorted(rows_kept(open_table(LOCAL, str(tmp_path / "contact")), column="emailaddress1")) == LEFT


@pytest.mark.parametrize(
    "marks", [("True", ""), ("true", "false"), ("1", "0"), ("TRUE", " "), ("1.0", "0.0")]
)
def test_deletions_are_marked_in_several_spellings(marks: tuple[str, str]) -> None:
    flags = [marks[1], marks[0], marks[1]]
    column = pa.array(map(float, flags)) if "." in marks[0] else pa.array(flags)
    table = InMemory(pa.table({"Id": ["a", "b", "c"], "IsDelete": column, "n": [0, 1, 2]}))
    assert rows_kept(table) == [0, 2]


TIMES = [  # of one moment each after the one before
    "10/31/2026 11:59:59 PM",
    "2026-11-01",
    "11/1/2026 12:00:01 AM",
    "2026-11-01T00:00:02",
    "2026-11-01 00:00:02.5000000",
    "2026-11-01T02:00:03+02:00",
    "2026-10-31T20:00:04-04:00",
    "2026-11-01T00:00:05.0000001Z",
    "2026-11-01T00:00:05.0000002+00:00",
    "2026-11-01 02:00:06+02",
    "2026-10-31 20:00:07.5-04",
    "11/1/2026 4:34:35\u202fPM",
    "11/01/2026 10:00:00 pm",
    "2026-11-02 00:00:00 UTC",
    "20261102T020001+0200",
    "20261101T200002.5-0400",
    "2026/11/02 00:00:03",
    "2026.11.02 02:00:04 +02:00",
]


def test_times_in_several_forms_are_compared() -> None:
    for seed in range(5):
        numbers = list(range(len(TIMES)))
        random.Random(seed).shuffle(numbers)
        table = InMemory(
            pa.table(
                {"Id": ["a"] * len(numbers), "SinkModifiedOn": [TIMES[n] for n in numbers], "n": numbers}
            )
        )
        assert rows_kept(table) == [len(TIMES) - 1]
        pairs = list(pairwise(numbers))
        ids = [str(pair) for pair in range(len(pairs)) for _ in range(2)]
        rows = [number for pair in pairs for number in pair]
        table = InMemory(pa.table({"Id": ids, "SinkModifiedOn": [TIMES[n] for n in rows], "n": rows}))
        assert rows_kept(table) == [max(pair) for pair in pairs]


@pytest.mark.parametrize(
    ("values", "newest_place"),
    [
        (["9", "10", "1"], 1),
        (["110.0", "111", "99.50"], 1),
        (["1.5", "1.25", "1.50"], 2),
        (["20130906123547000000000000000003", "20130906123547000000000000000004", "9"], 1),
        (["0x00000027000001F80003", "0x00000027000001F80004", "0x00000027000001F80001"], 1),
        (["", "", "7"], 2),
        (["00000027", "0000002A", "00000029"], 1),
    ],
)
def test_versions_stored_as_text_are_compared(values: list[str], newest_place: int) -> None:
    table = InMemory(pa.table({"k": ["a"] * 3, "v": values, "n": [0, 1, 2]}), size=1)
    assert rows_kept(table, ChangeLog.model_validate({"key": "k", "order": "v"})) == [newest_place]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, 2.5, float("nan")], pa.float64()),
        pa.array([b"\x01\xff", b"\x02\x00", b"\x01\x00"], pa.binary()),
        pa.array([b"\x01\xff", b"\x02\x00", b"\x01\x00"], pa.binary(2)),
        pa.array([1, 10**18, 10**17], pa.timestamp("ns")),
        pa.array([1, 10**12, None], pa.timestamp("ms", "+05:30")),
        pa.array([1, 3, 2], pa.date32()),
        pa.array([1, 2**63, 2], pa.uint64()),
    ],
    ids=lambda column: str(column.type),
)
def test_versions_of_every_type_are_compared(column: pa.Array) -> None:
    table = InMemory(pa.table({"k": ["a"] * 3, "v": column, "n": [0, 1, 2]}))
    assert rows_kept(table, ChangeLog.model_validate({"key": "k", "order": "v"})) == [1]


def test_versions_stored_as_bytes_are_compared(tmp_path: Path) -> None:
    """SQL Server's `rowversion` and log sequence numbers are bytes, not text."""
    versions = [b"\x00\x27\xff", b"\x00\x28\x00", b"\x00\x27\x41"]
    pq.write_table(pa.table({"k": ["a"] * 3, "v": versions, "n": [0, 1, 2]}), tmp_path / "a.parquet")
    table = open_table(LocalFileSystem(), str(tmp_path / "a.parquet"))
    assert rows_kept(table, ChangeLog.model_validate({"key": "k", "order": "v"})) == [1]


def test_a_deleted_row_without_a_version_is_placed_by_its_time() -> None:
    rows = {
        "Id": ["a", "a", "b", "b", "b"],
        "versionnumber": ["10", "", "10", "", "12"],
        "SinkModifiedOn": [f"2026-01-0{day}" for day in (1, 2, 1, 2, 3)],
        "IsDelete": ["", "True", "", "True", ""],
        "n": [0, 1, 2, 3, 4],
    }
    assert rows_kept(InMemory(pa.table(rows))) == [4]


def test_ids_that_are_guids_are_the_same_in_every_spelling() -> None:
    one = "ce759201-f786-d590-bf21-34bff576c369"
    ids = [one, one.upper(), f"{{{one}}}", one.replace("-", "")]
    table = InMemory(pa.table({"k": ids, "v": [1, 2, 4, 3], "n": [0, 1, 2, 3]}))
    assert rows_kept(table, ChangeLog.model_validate({"key": "k", "order": "v"})) == [2]


def test_a_key_may_have_several_columns() -> None:
    columns = {"k": ["1", "1", "12", "1"], "l": ["2", "23", "3", "2"], "v": [1, 1, 1, 0], "n": [0, 1, 2, 3]}
    changes = ChangeLog.model_validate({"key": ["k", "l"], "order": "v"})
    assert rows_kept(InMemory(pa.table(columns)), changes) == [0, 1, 2]


# --- Other logs --------------------------------------------------------------------------------------------


def test_rows_that_are_ignored_and_deleted_by_values_and_conditions() -> None:
    rows = {
        "k": ["a", "a", "a", "b", "b", "c"],
        "v": [1, 2, 2, 1, 3, 1],
        "op": ["insert", "update_preimage", "update_postimage", "insert", "DELETE", "insert"],
        "n": [0, 1, 2, 3, 4, 5],
    }
    for deleted in ({"column": "op", "values": ["delete"]}, {"where": "op = 'DELETE'"}):
        changes = {
            "key": "k",
            "order": "v",
            "deleted": deleted,
            "ignored": {"column": "op", "values": ["update_preimage"]},
        }
        table = latest_rows(InMemory(pa.table(rows), size=2), ChangeLog.model_validate(changes))
        assert [n for batch in table.batches(["n"]) for n in batch.column(0).to_pylist()] == [2, 5]
        assert counts_of([table]) == LogCounts(superseded=3, deleted=1)


def test_a_table_whose_ids_have_one_row_each_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = InMemory(pa.table({"gone": [True, None, False], "n": [0, 1, 2]}))
    reads: list[Any] = []
    batches = table.batches
    monkeypatch.setattr(table, "batches", lambda *asked, **how: reads.append(asked) or batches(*asked, **how))
    rows = latest_rows(table, ChangeLog.model_validate({"deleted": "gone"}))
    for _ in range(2):
        assert [batch.to_pydict() for batch in rows.batches(["n"])] == [{"n": [1, 2]}]
        assert counts_of([rows]) == LogCounts(superseded=0, deleted=1)
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("ties", "left"),
    [("deleted", []), ("kept", [0]), ("refuse", None)],
    ids=["deleted", "kept", "refuse"],
)
def test_ties_decide_between_equal_rows(ties: str, left: list[int] | None) -> None:
    table = InMemory(pa.table({"k": ["a", "a"], "v": [1, 1], "gone": [False, True], "n": [0, 1]}))
    changes = ChangeLog.model_validate({"key": "k", "order": "v", "deleted": "gone", "ties": ties})
    if left is not None:
        assert rows_kept(table, changes) == left
        return
    with pytest.raises(ConfigurationError, match=r"equal values of 'v'.*changes\.order.*ties: deleted"):
        rows_kept(table, changes)


def test_ties_do_not_matter_if_a_newer_row_follows() -> None:
    rows = {
        "k": ["a"] * 3,
        "v": [None, None, 5],
        "w": [1, 1, 9],
        "gone": [True, False, False],
        "n": [0, 1, 2],
    }
    changes = ChangeLog.model_validate({"key": "k", "order": ["v", "w"], "deleted": "gone"})
    assert rows_kept(InMemory(pa.table(rows)), changes) == [2]
    with pytest.raises(ConfigurationError, match="equal values of 'v' and 'w'"):
        rows_kept(InMemory(pa.table(rows | {"w": [9, 9, 1]})), changes)


# --- Errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"Id": ["a", "a"], "IsDelete": ["", "True"]},
            r"'IsDelete' and several rows with the same 'Id'.*changes",
        ),
        ({"Id": ["a", ""], "SinkModifiedOn": ["2026-01-01"] * 2}, r"has no usable id in the column 'Id'"),
        (
            {"Id": ["a", "a"], "SinkModifiedOn": ["2026-01-01", "soon"]},
            r"'SinkModifiedOn'.*neither all numbers",
        ),
        (
            {"Id": ["a", "a"], "SinkModifiedOn": ["2026-01-01", "31/1/2026 1:00:00 AM"]},
            r"neither all numbers",
        ),
        ({"Id": ["a", "b"], "IsDelete": ["", "perhaps"]}, r"'IsDelete'.*neither true nor false.*changes"),
        ({"Id": ["a", "b"], "IsDelete": [0, 7]}, r"'IsDelete'.*neither true nor false"),
    ],
)
def test_undecidable_logs_are_rejected(columns: dict[str, Any], words: str) -> None:
    table = InMemory(pa.table(columns | {"n": [0, 1]}))
    with pytest.raises(ConfigurationError, match=words) as stopped:
        rows_kept(table)
    assert "perhaps" not in str(stopped.value)
    assert "soon" not in str(stopped.value)


@pytest.mark.parametrize(
    "values",
    [
        ["01/11/2026 10:00:00", "30/10/2026 10:00:00"],
        ["01/11/2026 01:00:00 PM", "30/10/2026 01:00:00 PM"],
        ["01.11.26", "30.10.26"],
        ["01-NOV-26", "30-OCT-26"],
        ["1. Nov. 2026", "9. Okt. 2026"],
        ["Nov 01 2026", "Oct 30 2026"],
        ["Sun, 01 Nov 2026 10:00:00 GMT", "Fri, 30 Oct 2026 10:00:00 GMT"],
        ["2026/11/01 01:00:00 PM", "2026/11/01 11:00:00 AM"],
        ["-5", "-9"],
        ["1.5e+18", "9.5e+17"],
        ["1e5", "9e4"],
        ["10,5", "9,50"],
    ],
)
def test_text_with_a_misleading_order_is_rejected(values: list[str]) -> None:
    """Values of one length, of which the oldest would be the newest as text."""
    table = InMemory(pa.table({"k": ["a", "a"], "v": values}))
    with pytest.raises(ConfigurationError, match=r"'v'.*neither all numbers.*changes\.order"):
        rows_kept(table, ChangeLog.model_validate({"key": "k", "order": "v"}))


def test_fractional_ids_are_reported_with_their_key() -> None:
    table = InMemory(pa.table({"k": [1.5, 2.0], "v": [1, 2]}))
    with pytest.raises(ConfigurationError, match=r"'k'.*not whole.*`changes\.key`"):
        rows_kept(table, ChangeLog.model_validate({"key": "k", "order": "v"}))


@pytest.mark.parametrize("rows", [1, 40])
def test_a_table_that_changes_between_the_readings_is_read_again_later(rows: int) -> None:
    table = InMemory(pa.table({"Id": ["a", "b"], "SinkModifiedOn": ["2026-01-01"] * 2, "n": [0, 1]}))
    latest = latest_rows(table, None)
    list(latest.batches(["n"]))
    table.table = pa.concat_tables([table.table] * 20).slice(0, rows)
    with pytest.raises(TransientError, match="changed while it was read"):
        list(latest.batches(["n"]))


def test_an_empty_log_is_an_empty_table() -> None:
    table = latest_rows(
        InMemory(pa.table({"Id": pa.array([], pa.string()), "SinkModifiedOn": pa.array([], pa.string())})),
        None,
    )
    assert isinstance(table, LatestRows)
    assert (table.profiles(), list(table.batches(["Id"]))) == (0, [])
    several = latest_rows(InMemory(pa.table({"Id": ["a"], "SinkModifiedOn": ["2026-01-01"]})), None)
    assert several.profiles() is None


def test_no_rows_are_read_before_they_are_requested() -> None:
    class Unread(InMemory):
        def batches(
            self, columns: Sequence[str], batch_rows: int = 0, *, as_bytes: Collection[str] = ()
        ) -> Iterator[pa.RecordBatch]:
            raise AssertionError("read")

    table = Unread(pa.table({"Id": ["a"], "SinkModifiedOn": ["2026-01-01"]}))
    assert isinstance(latest_rows(table, None), LatestRows)
    plain = Unread(pa.table({"Id": ["a"], "op": ["x"]}))
    assert latest_rows(plain, None) is plain


def test_many_rows_of_few_ids_are_spilled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "_IN_MEMORY", 1000)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    number = random.Random(7)
    versions = list(range(5000))
    number.shuffle(versions)
    ids = [version % 37 for version in versions]
    times = [str(day + timedelta(minutes=version)) for version in versions]
    table = InMemory(pa.table({"Id": ids, "SinkModifiedOn": times, "n": versions}), size=617)
    assert sorted(rows_kept(table)) == list(range(5000 - 37, 5000))
