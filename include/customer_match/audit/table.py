"""The entries of an audit trail as a table, for people and for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq

from customer_match.audit.events import (
    EntriesDeleted,
    Event,
    MembersErased,
    RunEnded,
    RunStarted,
    SegmentEnded,
)
from customer_match.audit.verification import TrailFile
from customer_match.errors import ConfigurationError

__all__ = ["COLUMNS", "as_csv", "as_parquet", "entries_of", "unfinished_runs"]

Entry = dict[str, Any]

_KINDS: Final[tuple[type[Event], ...]] = (RunStarted, SegmentEnded, RunEnded, MembersErased, EntriesDeleted)
_TYPES: Final = {int: pa.int64(), bool: pa.bool_()}


def entries_of(files: Iterable[TrailFile]) -> list[Entry]:
    """Parse the entries of a trail.

    Raises:
        ConfigurationError: A line is not an entry.
    """
    return [
        _entry(line, f"{file.name}, line {number}")
        for file in files
        for number, line in enumerate(file.content.splitlines(), start=1)
    ]


def unfinished_runs(entries: Iterable[Entry]) -> dict[str, str]:
    """Runs without an end, by their ids, each with the time of its start."""
    started: dict[str, str] = {}
    for entry in entries:
        if entry["event"] == "run started":
            started[entry["run_id"]] = entry["time"]
        elif entry["event"] == "run ended":
            started.pop(entry["run_id"], None)
    return started


def as_parquet(entries: Sequence[Entry]) -> bytes:
    """Return entries as a Parquet file: lists and mappings as JSON, `time` as a timestamp."""
    schema = pa.schema([(name, COLUMNS.get(name, pa.string())) for name in _names_in(entries)])
    rows = [
        {name: _cell(entry.get(name), schema.field(name).type) for name in schema.names} for entry in entries
    ]
    output = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), output)
    return bytes(output.getvalue())


def as_csv(entries: Sequence[Entry]) -> bytes:
    """Return entries as a CSV file: lists and mappings as JSON, unknown values empty."""
    names, output = _names_in(entries), io.StringIO(newline="")
    writer = csv.writer(output)
    writer.writerow(names)
    for entry in entries:
        values = (entry.get(name) for name in names)
        writer.writerow("" if value is None else _text(value) for value in values)
    return output.getvalue().encode()


def _entry(line: bytes, place: str) -> Entry:
    try:
        entry = json.loads(line)
        if isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("event", "time")):
            return entry
    except (ValueError, RecursionError):
        pass
    raise ConfigurationError(
        f"{place}, is not an entry of an audit trail. `customer-match audit verify` says what is wrong with the trail."
    )


def _names_in(entries: Iterable[Entry]) -> list[str]:
    """The columns: the known ones, then those of other kinds of events and of newer releases, then the hashes."""
    others = dict.fromkeys(name for entry in entries for name in entry if name not in COLUMNS)
    known = [name for name in COLUMNS if name not in _LAST]
    return [*known, *others, *_LAST]


def _cell(value: Any, type_: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_timestamp(type_):
        return datetime.fromisoformat(value)
    return _text(value) if pa.types.is_string(type_) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _type_of(annotation: Any) -> pa.DataType:
    """The Arrow type of a field; text for everything but numbers and yes or no."""
    if get_origin(annotation) in {Annotated, Union, UnionType}:
        kinds = [_type_of(one) for one in get_args(annotation) if one is not type(None)]
        return kinds[0]
    return _TYPES.get(annotation, pa.string())


_FIRST: Final = {
    "sequence": pa.int64(),
    "time": pa.timestamp("us", tz="UTC"),
    "export": pa.string(),
    "event": pa.string(),
}
_LAST: Final = {"previous": pa.string(), "hash": pa.string()}

COLUMNS: Final[dict[str, pa.DataType]] = {
    **_FIRST,
    **{
        name: _type_of(field.annotation)
        for kind in _KINDS
        for name, field in kind.model_fields.items()
        if name != "event"
    },
    **_LAST,
}
"""Columns of the table with their types."""
