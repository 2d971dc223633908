"""The interface of all tables, and the base class of tables that consist of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem
from propcache.api import cached_property

from customer_match.errors import ConfigurationError, TransientError
from customer_match.storage.files import Input, format_location, storage_faults
from customer_match.storage.paths import get_info
from customer_match.storage.read_ahead import Requests
from customer_match.tables.columns import Columns, find_column, merge_columns, name_key
from customer_match.tables.listing import TableFile, table_file_of
from customer_match.tables.partitions import Partition
from customer_match.tables.values import conform, stream_types

__all__ = ["BATCH_ROWS", "FileTable", "Table", "TableFile", "TableMissing", "still_there"]


BATCH_ROWS = 65_536
_FILES_AT_ONCE = 8  # files whose headers or footers are fetched in parallel, or that are fetched ahead
_FILES_OPEN = 2  # at least: the one that is read, and the next one

T = TypeVar("T")


class TableMissing(ConfigurationError):
    """The table does not exist, or not for the requested time."""


class Table(Protocol):
    """A segment's table: facts from metadata, rows as a stream."""

    @property
    def location(self) -> str:
        """Its location, for messages."""

    @property
    def files(self) -> tuple[TableFile, ...]:
        """Its data files, in the order in which they are read."""

    @property
    def by_time(self) -> bool:
        """Whether it is the state at a requested time, not just the present state."""

    @property
    def modified(self) -> datetime | None:
        """Time of the newest file (UTC); None if the storage does not know."""

    @property
    def version(self) -> str | None:
        """Version in the table's own log; None if its format has none."""

    def columns(self) -> Columns:
        """Names and types of the columns."""

    def profiles(self) -> int | None:
        """Number of rows; None if it is known only after reading."""

    def batches(
        self, columns: Sequence[str], batch_rows: int = BATCH_ROWS, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns in constant memory, with the types that `stream_type` makes from those of `columns()`.

        Args:
            columns: Names as `columns()` spells them.
            batch_rows: Largest number of rows in a batch.
            as_bytes: Columns, of these, whose bytes are not text.
        """


@dataclass(frozen=True)
class FileTable(ABC):
    """A table of one or more files that all have the needed columns.

    Attributes:
        filesystem: The file system of the files.
        location: The table's location, for messages.
        files: Its data files, in order of their paths; at least one.
        partitions: Columns in the names of the files' folders, by the files' paths. They take precedence over columns
            of the same name in the files, as in Hive and Spark.
        by_time: Whether it is the state at a requested time.
        described: Names of the columns in a model of the table; None if there is no model.
    """

    filesystem: fsspec.AbstractFileSystem
    location: str
    files: tuple[TableFile, ...]
    partitions: Mapping[str, Partition] = field(default_factory=dict, kw_only=True)
    by_time: bool = field(default=False, kw_only=True)
    described: tuple[str, ...] | None = field(default=None, kw_only=True)

    @property
    def modified(self) -> datetime | None:
        """Time of the newest file (UTC); None if the storage does not know."""
        return max((file.modified for file in self.files if file.modified), default=None)

    @property
    def version(self) -> str | None:
        """Version in the table's own log; None if its format has none."""
        return None

    def columns(self) -> Columns:
        """Names and types of the columns, from headers or footers alone.

        Raises:
            ConfigurationError: A file is damaged or has another format; the message names it.
        """
        return self._merged_columns

    def profiles(self) -> int | None:
        """Number of rows; None if it is known only after reading."""
        return None

    def batches(
        self, columns: Sequence[str], batch_rows: int = BATCH_ROWS, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns in constant memory, with the same types for every file (`stream_type`).

        Args:
            columns: Names as `columns()` spells them.
            batch_rows: Largest number of rows in a batch.
            as_bytes: Columns, of these, whose bytes are not text.

        Raises:
            ConfigurationError: A column is missing or differs between files, or a file is damaged.
            TransientError: The storage failed, or a file was changed while it was read.
        """
        names = tuple(dict.fromkeys(find_column(self._merged_columns, name) for name in columns))
        types = stream_types(self._merged_columns, names, as_bytes)
        with (
            Requests() as requests,
            self._checks_for_changes(requests) as ensure_unchanged,
            closing(self._in_turn(names, requests)) as turns,
        ):
            for file, content in turns:
                where = self._where(file)
                with still_there(where), self._damage_unless_changed(file):
                    for batch in self._whole_batches_of(file, content, names, batch_rows):
                        yield conform(batch, types, where)
                ensure_unchanged(file)

    def _in_turn(
        self, columns: tuple[str, ...], requests: Requests
    ) -> Generator[tuple[TableFile, Input | None], None, None]:
        """Each file as opened by `_start_fetch`; the next ones are opened in advance, to fetch them meanwhile."""
        files = deque(self.files)
        opened: deque[tuple[TableFile, Input | None]] = deque()
        try:
            while files or opened:
                while files and (
                    len(opened) < _FILES_OPEN or (len(opened) < _FILES_AT_ONCE and not requests.is_waiting)
                ):
                    opened.append((files[0], self._start_fetch(files[0], columns, requests)))
                    files.popleft()
                yield opened[0]
                _close(opened.popleft()[1])
        finally:
            for _, content in opened:
                _close(content)

    @contextmanager
    def _checks_for_changes(self, requests: Requests) -> Iterator[Callable[[TableFile], None]]:
        """Check that files were not overwritten while they were read; in a lake in the background.

        All checks are done at the end, or before an error of a later file is raised.
        """
        running: deque[Future[None]] = deque()

        def check(file: TableFile) -> None:
            if isinstance(self.filesystem, LocalFileSystem):  # takes less time than handing it over
                self._ensure_unchanged(file)
                return
            running.append(requests.run(self._ensure_unchanged, file))
            if len(running) > _FILES_AT_ONCE:
                running.popleft().result()

        try:
            yield check
        except Exception:
            for one in running:
                one.result()
            raise
        for one in running:
            one.result()

    @abstractmethod
    def _start_fetch(self, file: TableFile, columns: tuple[str, ...], requests: Requests) -> Input | None:
        """Open a file and start to fetch it; None if it is opened only when it is read.

        Args:
            file: The file.
            columns: The columns that will be read.
            requests: Those of the files that are read before it.
        """

    @abstractmethod
    def _columns_of(self, file: TableFile) -> Mapping[str, pa.DataType]:
        """The columns of one file."""

    @abstractmethod
    def _batches_of(
        self, file: TableFile, content: Input | None, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns of one file as they are stored, possibly with others.

        Args:
            file: The file.
            content: The file as opened by `_start_fetch`.
            columns: The requested columns.
            batch_rows: Largest number of rows in a batch.
        """

    @cached_property
    def _merged_columns(self) -> Columns:
        files = {self._where(file): file for file in self.files}
        merged = merge_columns(
            {where: self._whole_columns_of(file) for where, file in files.items()},
            lambda where, name: self._holds_nothing(files[where], name),
        )
        merged.holds_nothing = self.holds_nothing
        return merged

    def holds_nothing(self, name: str) -> bool:
        """Whether a column has no value in any row, as far as that is known."""
        return all(self._holds_nothing(file, name) for file in self.files)

    def _holds_nothing(self, file: TableFile, name: str) -> bool:
        """Whether a column of one file has no value in any row, as far as that is known."""
        return bool(self._whole_columns_of(file).get(name) == pa.null())

    def _whole_columns_of(self, file: TableFile) -> Columns:
        """The columns of a file and of its folders; newer columns of the model have no values in an older file."""
        own, added = self._columns_of(file), self.partitions.get(file.path, {})
        faults = getattr(own, "faults", {})
        return Columns(
            {
                **own,
                **dict.fromkeys(added, pa.string()),
                **dict.fromkeys(self._later_columns(own), pa.null()),
            },
            {name: fault for name, fault in faults.items() if name not in added},
            getattr(own, "origin", ""),
        )

    def _later_columns(self, own: Mapping[str, pa.DataType]) -> list[str]:
        """Columns of the model that are newer than a file; none if the file has columns that the model lacks."""
        known = {name_key(name): name for name in self.described or ()}
        keys = set(map(name_key, own))
        return [name for key, name in known.items() if key not in keys] if keys <= known.keys() else []

    def _whole_batches_of(
        self, file: TableFile, content: Input | None, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        added = self.partitions.get(file.path, {})
        if self.described:
            added = {**added, **dict.fromkeys(self._later_columns(self._columns_of(file)))}
        stored = tuple(name for name in columns if name not in added)
        if not stored:  # any other column gives the number of rows
            own = self._whole_columns_of(file)
            stored = tuple(name for name in own if name not in added and name not in own.faults)[:1]
        for batch in self._batches_of(file, content, stored, batch_rows):
            for name, value in added.items():
                if name in columns:
                    values = pa.repeat(pa.scalar(value, pa.string()), batch.num_rows)
                    batch = batch.append_column(name, values)  # noqa: PLW2901 (the same rows, with one column more)
            yield batch

    def _of_each_file(self, inspect: Callable[[TableFile], T]) -> dict[str, T]:
        """Inspect every file, several at a time: in a lake each inspection takes one to three round trips."""

        def guarded(file: TableFile) -> T:
            with still_there(self._where(file)), self._damage_unless_changed(file):
                return inspect(file)

        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            return dict(zip((file.path for file in self.files), pool.map(guarded, self.files), strict=True))

    def _where(self, file: TableFile) -> str:
        return format_location(self.filesystem, file.path)

    @contextmanager
    def _damage_unless_changed(self, file: TableFile) -> Iterator[None]:
        """Report a change instead of damage if the file was overwritten: its parts come from an old and a new file."""
        try:
            yield
        except ConfigurationError:
            self._ensure_unchanged(file)
            raise

    def _ensure_unchanged(self, file: TableFile) -> None:
        """Check that the file was not overwritten: parts of an old and a new file would give a wrong segment."""
        where = self._where(file)
        with still_there(where), storage_faults(where):
            now = table_file_of(get_info(self.filesystem, file.path))
        if not now.is_unchanged_since(file):
            raise TransientError(
                f"{where} was changed while it was read. The next try reads it again. Run the export after the table "
                "is written."
            )


def _close(content: Input | None) -> None:
    if content:
        content.close()


@contextmanager
def still_there(where: str) -> Iterator[None]:
    """Turn a missing file that was listed before into a transient error: it is probably being rewritten."""
    try:
        yield
    except FileNotFoundError as error:
        raise TransientError(
            f"{where} disappeared while the table was read. The next try looks for it again. Run the export after the "
            "table is written."
        ) from error
