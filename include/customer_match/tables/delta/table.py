"""One version of a Delta table: the data files in its log, without deleted rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import unquote

import fsspec
import numpy as np
import pyarrow as pa
from propcache.api import cached_property

from customer_match.errors import ConfigurationError
from customer_match.storage.files import Input, format_location, open_input, storage_faults
from customer_match.storage.paths import get_info
from customer_match.table_formats import Format
from customer_match.tables.columns import Columns, is_text
from customer_match.tables.delta import deletion_vectors
from customer_match.tables.delta.actions import LogReader
from customer_match.tables.delta.log_files import LOG_FOLDER, LogFiles, version_at
from customer_match.tables.delta.replay import DataFile, DeletionVector, Snapshot, replay_log
from customer_match.tables.delta.schema import Column, Schema
from customer_match.tables.formats import FoundTable, Place
from customer_match.tables.inside import inside
from customer_match.tables.listing import Listing, TableFile, table_file_of, visible
from customer_match.tables.parquet.footer import Footer
from customer_match.tables.parquet.table import ParquetTable

__all__ = ["FORMAT"]

_HAS_ZONE: Final = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")


@dataclass(frozen=True)
class DeltaTable(ParquetTable):
    """One version of a Delta table.

    Attributes:
        root: The table's folder.
        schema: Its columns.
        entries: The log's entry of each data file, by the file's path.
        committed: When the version was committed; None if unknown.
        number: Number of the version.
    """

    root: str
    schema: Schema
    entries: Mapping[str, DataFile]
    committed: datetime | None
    number: int

    @property
    def version(self) -> str:
        """Number of the version in the log."""
        return str(self.number)

    @property
    def modified(self) -> datetime | None:
        """When the version was committed (UTC); None if unknown."""
        return self.committed

    def profiles(self) -> int:
        """Number of rows: from the log, or from the footers if the log does not say."""
        known = [entry.rows for entry in self.entries.values()]
        if None in known:
            known = [footer.rows for footer in self._footers.values()]
        deleted = sum(entry.vector.rows for entry in self.entries.values() if entry.vector)
        return sum(rows or 0 for rows in known) - deleted

    @cached_property
    def _merged_columns(self) -> Columns:
        return self.schema.types()

    def _stored(self, footer: Footer, columns: tuple[str, ...]) -> Collection[str]:
        stored = self.schema.stored(footer.metadata.schema.to_arrow_schema()) or {}
        return {stored[name] for name in columns if name in stored}

    def _batches_of(
        self, file: TableFile, content: Input | None, columns: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        entry = self.entries[file.path]
        deleted = self._read_deletion_vector(entry.vector) if entry.vector else None
        wanted = [self.schema.columns[name] for name in columns]
        told = {c.name: self._partition_value(c, entry) for c in wanted if c.name in self.schema.partitions}
        with self._open_file(file, columns, content) as opened:
            stored = self.schema.stored(opened.parquet.schema_arrow)
            if (
                stored is None
            ):  # documented: must be refused; treating the columns as empty would lose members
                raise ConfigurationError(
                    f"{self._where(file)} has no column ids, which this Delta table needs to find its columns (column "
                    "mapping `id`). Have the table rewritten (`OPTIMIZE`, `REORG`)."
                )
            names = [stored[name] for name in columns if name in stored]
            start = 0
            for batch in opened.parquet.iter_batches(batch_rows, columns=names, use_threads=False):
                arrays = {
                    c.name: pa.repeat(told[c.name], batch.num_rows)
                    if c.name in told
                    else self._values(c, batch, stored.get(c.name), file)
                    for c in wanted
                }
                rows = pa.record_batch(arrays)
                yield (
                    rows
                    if deleted is None
                    else rows.filter(_mask_of_kept_rows(deleted, start, batch.num_rows))
                )
                start += batch.num_rows

    def _values(self, column: Column, batch: pa.RecordBatch, stored: str | None, file: TableFile) -> pa.Array:
        """A column's values: from the file, or nulls if the file is older than the column."""
        target = column.type or pa.null()  # columns that cannot be read are refused before
        if stored is None:
            return pa.nulls(batch.num_rows, target)
        values = batch.column(stored)
        if is_text(target) or values.type == target:
            return values
        try:
            return values.cast(target)
        except pa.ArrowException:  # its message would quote the value
            raise ConfigurationError(
                f"The column {column.name!r} of {self._where(file)} holds {values.type}, and one of its values is not "
                f"of the type {column.described} in the Delta log. Have the table written again."
            ) from None

    def _partition_value(self, column: Column, entry: DataFile) -> pa.Scalar:
        """The value of a partition column in the log."""
        target = column.type or pa.null()
        # Documented: an empty text means null, whatever the type.
        text = entry.partition_values.get(column.physical) or None
        try:
            value = pa.scalar(text, pa.string())
            if text and pa.types.is_timestamp(target) and not _HAS_ZONE.search(text):
                value = value.cast(pa.timestamp("us"))  # documented without a zone; UTC, as delta-rs reads it
            return value.cast(target)
        except (pa.ArrowException, UnicodeError):
            raise ConfigurationError(
                f"{self.location}: its Delta log has a partition whose value of {column.name!r} is not of the type "
                f"{column.described}. Have the table written again."
            ) from None

    def _read_deletion_vector(self, vector: DeletionVector) -> deletion_vectors.Rows:
        try:
            return deletion_vectors.numbers(self._content_of(vector), vector)
        except deletion_vectors.Damaged as damage:
            raise ConfigurationError(
                f"{self.location}: a deletion vector of this Delta table {damage}, so deleted rows cannot be "
                "distinguished from others. Restore it, or write the table again (`REORG TABLE … APPLY (PURGE)`)."
            ) from None

    def _content_of(self, vector: DeletionVector) -> bytes:
        if vector.storage == "i":
            return deletion_vectors.z85_decoded(vector.value)
        path = _path_of(self.filesystem, self.root, deletion_vectors.file_of(vector), self.location)
        try:
            with open_input(self.filesystem, path) as file:
                file.seek(vector.offset or 0)
                frame = file.read(vector.size_bytes + deletion_vectors.FRAME_BYTES)
        except FileNotFoundError:
            raise _missing_file(self.location, format_location(self.filesystem, path)) from None
        return deletion_vectors.unframe(frame, vector)


@dataclass(frozen=True)
class _DeltaFormat:
    """The format Delta Lake: folders with a log."""

    name: Format = "delta"
    title: str = "Delta Lake"
    marker: str = f"folder {LOG_FOLDER}"

    def find(self, place: Place) -> Sequence[FoundTable]:
        """Find folders with a log, at any depth, including the listed folder itself."""
        folders = self._folders(place.listing) if place.listing else []
        return [FoundTable(folder.rsplit("/", 1)[-1], folder, folder) for folder in folders]

    def forbids_plain(self, listing: Listing) -> bool:
        """Whether there is a log: files of older versions are stored next to those of the newest one."""
        return bool(self._folders(listing))

    def _folders(self, listing: Listing) -> list[str]:
        tables = dict.fromkeys(
            before
            for file in listing.files
            for before, log, _ in [f"/{listing.relative(file)}".partition(f"/{LOG_FOLDER}/")]
            if log and visible(before.lstrip("/"))
        )
        return [f"{listing.root}{table}" for table in tables]

    def open(self, place: Place) -> DeltaTable | None:
        """Open a folder with a log, as it was at a given time."""
        listing, where = place.listing, place.where
        if listing is None or listing.is_file:
            return None
        log_files = [f for f in listing.files if listing.relative(f).rpartition("/")[0] == LOG_FOLDER]
        if not log_files:
            return None
        log = LogFiles.of(where, log_files)
        if not log.versions:
            raise ConfigurationError(
                f"{where} has a folder {LOG_FOLDER}, but it holds no readable version: neither the first commit nor a "
                "checkpoint. Restore the log, or write the table again."
            )
        reader = LogReader(place.filesystem, place.path, log)
        version = log.versions[-1] if place.as_of is None else version_at(log, place.as_of, reader.time_of)
        steps = log.steps_to(version)
        snapshot = replay_log(where, version, reader.checkpoint(steps), reader.commits(steps))
        table = _table(place.filesystem, listing, where, snapshot, reader.known_time_of(version))
        return replace(table, by_time=place.as_of is not None)


FORMAT: Final = _DeltaFormat()


def _table(
    filesystem: fsspec.AbstractFileSystem,
    listing: Listing,
    where: str,
    snapshot: Snapshot,
    committed: datetime | None,
) -> DeltaTable:
    listed = {file.path: file for file in listing.files}
    files, entries = [], {}
    for entry in snapshot.files:
        path = _path_of(filesystem, listing.root, unquote(entry.path), where)
        if path in entries:
            raise ConfigurationError(
                f"{where}: the Delta log lists the same data file twice in version {snapshot.version}. Restore the "
                "log, or write the table again."
            )
        files.append(listed.get(path) or _find_unlisted_file(filesystem, path, where))
        entries[path] = entry
    return DeltaTable(
        filesystem,
        where,
        tuple(files),
        listing.root,
        Schema.of(snapshot.metadata, where),
        entries,
        committed,
        snapshot.version,
    )


def _find_unlisted_file(filesystem: fsspec.AbstractFileSystem, path: str, where: str) -> TableFile:
    """Find a file that was not listed: it may have been written since; if it does not exist, it was deleted."""
    location = format_location(filesystem, path)
    try:
        with storage_faults(location):
            return table_file_of(get_info(filesystem, path))
    except FileNotFoundError:
        raise _missing_file(where, location) from None


def _missing_file(where: str, file: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where}: this version of the Delta table needs {file}, which does not exist. It was deleted by hand, or by "
        "VACUUM because the version is too old. Run the export for a later data interval, have data files kept longer "
        "(`delta.deletedFileRetentionDuration`), or restore the file."
    )


def _path_of(filesystem: fsspec.AbstractFileSystem, root: str, named: str, where: str) -> str:
    """The path of a file that the log names."""
    own = format_location(filesystem, root).rstrip("/") + "/"
    path = inside(filesystem, root, named.removeprefix(own))
    if path is None:
        raise ConfigurationError(
            f"{where}: its Delta log names a file outside of the table's folder, as a shallow clone does. Only files "
            "in the folder are read: have the table written as a whole (a deep clone)."
        )
    return path


def _mask_of_kept_rows(deleted: deletion_vectors.Rows, start: int, count: int) -> pa.Array:
    """A mask of the rows of a batch that are not deleted."""
    first, end = np.searchsorted(deleted, [start, start + count])
    mask = np.ones(count, dtype=bool)
    mask[deleted[first:end] - start] = False
    return pa.array(mask)
