"""The files of an export's history: one Parquet file a month, in `history/<export>/` of the workspace.

Files never change. A run is added by writing a new file with the rows of the month's files and its own, and by deleting
those files afterwards. So a crash loses nothing, and neither do runs that end at the same time: what one of them
deletes is in a file that it has written. For a moment, or after a crash until the next run of that month is added, rows
may be in two files; a run's rows that were recorded last count.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from customer_match.errors import TransientError
from customer_match.history.model import SCHEMA, HistoryRow
from customer_match.redaction import logger
from customer_match.safe_names import slug

__all__ = ["History"]

log = logger(__name__)

_NAME: Final = re.compile(r"(?P<month>\d{4}-\d{2})-[0-9a-f]{16}\.parquet")
_TRIES: Final = 5  # of merging the files of runs that end at the same time


class Files(Protocol):
    """The part of a workspace that the history needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; none if there is no such folder."""

    def delete(self, relative: str, /) -> None:
        """Delete a file, if it is there."""


class History:
    """The history of an export.

    Args:
        files: The workspace.
        export: Name of the export.
    """

    def __init__(self, files: Files, export: str) -> None:
        self._files = files
        self.folder = f"history/{slug(export)}"

    def record(self, rows: Sequence[HistoryRow]) -> None:
        """Add the rows of a run; if it was recorded before, replace them.

        Args:
            rows: All rows of one run; at least one.
        """
        month = f"{rows[0].started:%Y-%m}"
        added = pa.Table.from_pylist([row.model_dump() for row in rows], schema=SCHEMA)
        for _ in range(_TRIES):
            before = set(self._months().get(month, []))
            found = {name: table for name in before if (table := self._read_if_there(name)) is not None}
            merged = _newest_of_each_run([*found.values(), added])
            target = f"{month}-{_content_id(merged)}.parquet"
            if target not in before:
                self._files.write_bytes(f"{self.folder}/{target}", _as_parquet(merged))
            for name in found.keys() - {target}:
                self._files.delete(f"{self.folder}/{name}")
            unread = before - found.keys()  # damaged, or merged by another run meanwhile
            if set(self._months().get(month, [])) - unread <= {target}:
                return

    def read(self, *, runs: int | None = None, columns: Iterable[str] | None = None) -> pa.Table:
        """Read the rows, in the order in which the runs began.

        Args:
            runs: Only this many runs, the newest; None: all. Files of earlier months are then not opened.
            columns: Only these columns, and those that identify a run; None: all.

        Raises:
            TransientError: Other runs replaced the files each time before they could be read.
        """
        for _ in range(_TRIES):
            with suppress(
                FileNotFoundError
            ):  # replaced by a run that was just added: its new file has the rows
                return self._read_months(runs, columns)
        raise TransientError(f"The history in {self.folder} changes all the time. Try again.")

    def _read_months(self, runs: int | None, columns: Iterable[str] | None) -> pa.Table:
        wanted = None if columns is None else {*columns, "run_id", "started", "ended"}
        tables: list[pa.Table] = []
        for _, names in sorted(self._months().items(), reverse=True):
            tables += [table for name in names if (table := self._read(name, wanted)) is not None]
            if runs is not None and len({run for one in tables for run in _runs_of(one)}) >= runs:
                break
        found = _newest_of_each_run(tables, wanted)
        newest = list(dict.fromkeys(reversed(_runs_of(found))))[:runs]
        return found.filter(pc.is_in(found["run_id"], pa.array(newest, pa.string())))

    def forget_before(self, day: date) -> list[str]:
        """Delete the files of the months that had ended before a day; return the ids of their runs."""
        runs: dict[str, None] = {}
        for month, names in self._months().items():
            following = (date.fromisoformat(f"{month}-01") + timedelta(days=31)).replace(day=1)
            if following <= day:
                for name in names:
                    table = self._read_if_there(name, {"run_id"})
                    runs |= dict.fromkeys(_runs_of(table) if table else [])
                    self._files.delete(f"{self.folder}/{name}")
        return list(runs)

    def _months(self) -> dict[str, list[str]]:
        """The names of the files, by month. Other files, such as those that people put there, are left alone."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self._files.list(self.folder):
            if match := _NAME.fullmatch(name):
                found[match["month"]].append(name)
        return found

    def _read_if_there(self, name: str, columns: set[str] | None = None) -> pa.Table | None:
        try:
            return self._read(name, columns)
        except FileNotFoundError:
            return None

    def _read(self, name: str, columns: set[str] | None = None) -> pa.Table | None:
        """Read a file; None if it is damaged or no part of the history."""
        content = self._files.read_bytes(f"{self.folder}/{name}")
        try:
            file = pq.ParquetFile(pa.BufferReader(content))
            if _is_history(file.schema_arrow):
                names = [one for one in file.schema_arrow.names if columns is None or one in columns]
                return file.read(names, use_threads=False)  # the files are small
        except pa.ArrowInvalid:
            pass
        log.warning("The file %s of the history is damaged and is ignored; you may delete it", name)
        return None


def _is_history(schema: pa.Schema) -> bool:
    """Whether a file has the columns that identify a run, and no column of another type than ours."""
    known = [name for name in schema.names if name in SCHEMA.names]
    return {"run_id", "started", "ended"}.issubset(known) and all(
        schema.field(name).type == SCHEMA.field(name).type for name in known
    )


def _newest_of_each_run(tables: Sequence[pa.Table], columns: Container[str] | None = None) -> pa.Table:
    """Merge tables, in the order in which the runs began. If several hold a run, its last recorded rows stay."""
    ours = SCHEMA.empty_table().select([one for one in SCHEMA.names if columns is None or one in columns])
    # Null where a file lacks a column; columns that a newer release has added stay.
    merged = pa.concat_tables([ours, *tables], promote_options="default")
    places = [place for place, table in enumerate(tables) for _ in range(len(table))]
    recorded = list(zip(merged["ended"].cast(pa.int64()).to_pylist(), places, strict=True))
    last: dict[str, tuple[int, int]] = {}
    for run, one in zip(_runs_of(merged), recorded, strict=True):
        last[run] = max(one, last.get(run, one))
    stays = [last[run] == one for run, one in zip(_runs_of(merged), recorded, strict=True)]
    return merged.filter(pa.array(stays, pa.bool_())).sort_by(
        [("started", "ascending"), ("run_id", "ascending")]
    )


def _runs_of(table: pa.Table) -> list[str]:
    runs: list[str] = table["run_id"].to_pylist()
    return runs


def _content_id(table: pa.Table) -> str:
    """The same runs, recorded at the same times, give the same name, in whatever order they were merged."""
    recorded = sorted(set(zip(_runs_of(table), table["ended"].cast(pa.int64()).to_pylist(), strict=True)))
    return hashlib.sha256(repr(recorded).encode()).hexdigest()[:16]


def _as_parquet(table: pa.Table) -> bytes:
    output = pa.BufferOutputStream()
    pq.write_table(table, output)  # Snappy, which every engine reads
    return bytes(output.getvalue())
