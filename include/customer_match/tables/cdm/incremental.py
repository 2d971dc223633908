"""Incremental folders of Synapse Link for Dataverse: one folder for each interval, with the changes of each table.

Documented (azure-synapse-incremental-updates): folders are named by their time, each has a model of its own, tables are
append-only, and the first folder holds the data from when the feature was switched on. A table therefore consists of
all folders together, as a change log. `Changelog/changelog.info` names the folder that is being written, which must not
be read yet (documented). `Changelog/Synapse.log` lists all finished folders, so that a missing one can be detected
(observed by others, arasdk/fabric-code-samples).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import fsspec
import pyarrow as pa
from propcache.api import cached_property

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, storage_faults
from customer_match.storage.paths import get_info, list_folder
from customer_match.table_formats import Format
from customer_match.tables.cdm.documents import MODEL, Model, read_model, split_path
from customer_match.tables.cdm.entity import FileSettings
from customer_match.tables.cdm.joined import JoinedTable
from customer_match.tables.cdm.table import EntityTable, entity_table, file_settings
from customer_match.tables.columns import Columns, find_column, merge_columns
from customer_match.tables.documents import read_document
from customer_match.tables.formats import FoundTable, Place
from customer_match.tables.listing import Listing, TableFile, list_files, visible
from customer_match.tables.table import BATCH_ROWS
from customer_match.tables.values import conform, stream_types

__all__ = ["FORMAT", "IncrementalTable"]

# yyyy-MM-dd'T'HH:mm:ss.SSSz (documented), 2026-11-05T10.00.00Z (observed by others).
_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2})[.:](\d{2})[.:](\d{2})(?:\.\d{1,7})?[Zz]")
_ACTIVE: Final = "Changelog/changelog.info"
_FINISHED: Final = "Changelog/Synapse.log"
_NO_TABLES: Final = frozenset(
    {"Changelog", "EntitySyncFailure", "Microsoft.Athena.TrickleFeedService", "OptionsetMetadata"}
)
_FOLDERS_AT_ONCE: Final = 8


@dataclass(frozen=True)
class IncrementalTable(JoinedTable):
    """One table from all folders: a log of its changes, oldest first; each folder is a part."""

    def batches(
        self, columns: Sequence[str], batch_rows: int = BATCH_ROWS, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns in constant memory; a column that a folder lacks has no values in its rows.

        Raises:
            ConfigurationError: A column is missing or differs between files, or a file is damaged.
            TransientError: The storage failed, or a file was changed while it was read.
        """
        names = tuple(dict.fromkeys(find_column(self._columns, name) for name in columns))
        types = stream_types(self._columns, names, as_bytes)
        for part in self.parts:
            own = part.columns()
            # If it has none of them, any sound column gives the number of rows.
            asked = [name for name in names if name in own] or sorted(own, key=own.faults.__contains__)[:1]
            for batch in part.batches(asked, batch_rows, as_bytes=as_bytes):
                yield conform(_add_missing_columns(batch, types), types, part.location)

    def _merge(self, found: Sequence[Columns]) -> Columns:
        """Older folders may lack columns, newer ones may have lost some."""
        for own in found:
            for name in tuple(own.type_checks):
                own.determine_type(name)
        names = dict.fromkeys(name for own in reversed(found) for name in own)
        padded = {
            part.location: Columns({name: own.get(name, pa.null()) for name in names}, own.faults)
            for part, own in zip(self.parts, found, strict=True)
        }
        merged = merge_columns(padded)
        merged.holds_nothing = lambda name: all(own.holds_nothing(name) for own in found if name in own)
        return merged


def _add_missing_columns(batch: pa.RecordBatch, types: dict[str, pa.DataType]) -> pa.RecordBatch:
    """With the columns that it lacks: empty text, as CSV files have it, or nulls."""
    for name, kind in types.items():
        if name not in batch.schema.names:
            nothing = "" if kind == pa.string() else None
            batch = batch.append_column(name, pa.repeat(pa.scalar(nothing, kind), batch.num_rows))
    return batch


@dataclass(frozen=True)
class _Folders:
    """All incremental folders of one link.

    Attributes:
        filesystem: The file system.
        root: The folder above them.
        listing: All files in it.
        active: Names of folders that are being written.
    """

    filesystem: fsspec.AbstractFileSystem
    root: str
    listing: Listing
    active: frozenset[str]

    @cached_property
    def tables(self) -> dict[str, dict[str, list[TableFile]]]:
        """The files of each table by folder, oldest first, without folders that are being written."""
        found: dict[str, dict[str, list[TableFile]]] = {}
        for file in self.listing.files:
            relative = self.listing.relative(file)
            folder, _, below = relative.partition("/")
            table, _, name = below.partition("/")
            if _TIME.fullmatch(folder) and name and visible(below) and table not in _NO_TABLES:
                found.setdefault(table, {})
                if folder not in self.active:
                    found[table].setdefault(folder, []).append(file)
        return found

    @cached_property
    def _by_path(self) -> dict[str, TableFile]:
        return {file.path: file for file in self.listing.files}

    def open(self, name: str, as_of: datetime | None) -> IncrementalTable | None:
        """Open a table; None if no folder has it.

        Raises:
            ConfigurationError: A folder is missing or has no model, so changes would be missing.
        """
        if name not in self.tables:
            return None
        where = f"{format_location(self.filesystem, self.root)}/*/{name}"
        self._ensure_none_is_gone(where)
        folders = {
            folder: files
            for folder, files in self.tables[name].items()
            if as_of is None or _time_of(folder) <= as_of
        }
        with ThreadPoolExecutor(_FOLDERS_AT_ONCE) as pool:
            parts = tuple(pool.map(lambda folder: self._part(folder, name, folders[folder]), sorted(folders)))
        if not parts:
            raise ConfigurationError(
                f"{where} has no finished incremental folder up to the end of the run's data interval. Wait until "
                "Synapse Link has finished the first one, or run the export for a later data interval."
            )
        return IncrementalTable(where, parts, by_time=as_of is not None)

    def _part(self, folder: str, name: str, files: list[TableFile]) -> EntityTable:
        path = f"{self.root}/{folder}/{MODEL}"
        model = self._model(path)
        if model is None or name not in model.entities:
            raise ConfigurationError(
                f"{format_location(self.filesystem, f'{self.root}/{folder}')} has changes of {name!r}, but no {MODEL} "
                "that describes them: Synapse Link has not finished this folder. If it is still being written, wait; "
                "if it never will be (a later folder then has its changes), move the folder away."
            )
        entity = model.entity(name)
        known = file_settings(model, entity)
        usual = next(iter(known.values()), FileSettings())
        written = [file for file in files if file.size_bytes]  # an empty file has no rows and needs no header
        return entity_table(model, entity, [(file, known.get(file.path, usual)) for file in written])

    def _model(self, path: str) -> Model | None:
        file = self._by_path.get(path)
        return read_model(self.filesystem, path) if file and file.size_bytes else None

    def _ensure_none_is_gone(self, where: str) -> None:
        """Check that no listed folder is missing: without its changes, members that left may seem to be there."""
        path = f"{self.root}/{_FINISHED}"
        if path not in self._by_path:
            return
        there = {self.listing.relative(file).partition("/")[0] for file in self.listing.files}
        names = _names_in(self.filesystem, path)
        gone = [name for name in sorted(names - there) if not self._is_there(name)]
        if gone:
            raise ConfigurationError(
                f"{where}: {len(gone):,} of the incremental folders that {_FINISHED} lists no longer exist, the first "
                f"of them {gone[0]!r}. Without their changes, the table is incomplete. Keep all folders of a link, or "
                "set up a new link in Synapse Link; its Delta Lake option keeps tables without their history."
            )

    def _is_there(self, name: str) -> bool:
        """Whether a folder exists but is empty: a retry of Synapse Link may leave empty folders (documented)."""
        try:
            with storage_faults(format_location(self.filesystem, self.root)):
                return bool(get_info(self.filesystem, f"{self.root}/{name}")["type"] == "directory")
        except FileNotFoundError:
            return False


def _time_of(folder: str) -> datetime:
    found = _TIME.fullmatch(folder)
    assert found is not None  # noqa: S101 (asked before)
    try:
        return datetime.fromisoformat(f"{found[1]}:{found[2]}:{found[3]}").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _names_in(filesystem: fsspec.AbstractFileSystem, path: str) -> frozenset[str]:
    """The names of folders in a file of the change log."""
    text = read_document(filesystem, path).decode("utf-8-sig", "replace")
    names = (name.strip().strip('"').rstrip("/") for name in re.split(r"[,\r\n]", text))
    return frozenset(name for name in names if _TIME.fullmatch(name))


def _folders_in(filesystem: fsspec.AbstractFileSystem, root: str) -> _Folders | None:
    """The incremental folders in a folder; None if there are none."""
    try:
        with storage_faults(format_location(filesystem, root)):
            names = [
                posixpath.basename(str(info["name"]).rstrip("/")) for info in list_folder(filesystem, root)
            ]
    except (FileNotFoundError, NotADirectoryError, ConfigurationError):  # it may not be listed
        return None
    if not any(map(_TIME.fullmatch, names)) or posixpath.dirname(_ACTIVE) not in names:
        return None
    try:
        active = _names_in(
            filesystem, f"{root}/{_ACTIVE}"
        )  # read before the listing: a folder that is finished in between waits
    except FileNotFoundError:
        return None
    return _Folders(filesystem, root, list_files(filesystem, root), active)


def _folders_among(place: Place, listing: Listing, root: str) -> _Folders | None:
    """The incremental folders in a folder of which all files are known; None if there are none."""
    below = Listing(root, tuple(file for file in listing.files if file.path.startswith(f"{root}/")))
    folders = _Folders(place.filesystem, root, below, _names_in(place.filesystem, f"{root}/{_ACTIVE}"))
    return folders if folders.tables else None


@dataclass(frozen=True)
class _IncrementalFormat:
    """A container of Synapse Link with incremental folders."""

    name: Format = "cdm"
    title: str = "incremental folders of Synapse Link"
    marker: str = f"{_ACTIVE} beside folders that are named by times"

    def find(self, place: Place) -> Sequence[FoundTable]:
        """The tables of all links in a folder."""
        if place.listing is None:
            return ()
        self._refuse_one_folder(place)
        roots = [
            file.path.removesuffix(f"/{_ACTIVE}")
            for file in place.listing.files
            if file.path.endswith(f"/{_ACTIVE}")
        ]
        found = [folders for root in roots if (folders := _folders_among(place, place.listing, root))]
        return [
            FoundTable(name, f"{folders.root}/{name}", folders.root)
            for folders in found
            for name in folders.tables
        ]

    def forbids_plain(self, listing: Listing) -> bool:
        """Whether there are incremental folders: a single file then holds only part of a table's changes."""
        return any(listing.relative(file) == _ACTIVE for file in listing.files)

    def open(self, place: Place) -> IncrementalTable | None:
        """Open a table: `folder/table` or `folder/model.json/table`, if nothing else exists at the path."""
        self._refuse_one_folder(place)
        if place.listing is not None:
            self._refuse_all_tables(place, place.listing)
            return None
        named = split_path(place.path)
        root, name = (posixpath.dirname(named[0]), named[1]) if named else posixpath.split(place.path)
        folders = _folders_in(place.filesystem, root) if root else None
        return folders.open(name, place.as_of) if folders else None

    def _refuse_all_tables(self, place: Place, listing: Listing) -> None:
        folders = _folders_among(place, listing, listing.root) if self.forbids_plain(listing) else None
        if folders is not None:
            raise ConfigurationError(
                f"{place.where} holds incremental folders of Synapse Link, with the changes of {len(folders.tables)} "
                f"tables: {', '.join(sorted(folders.tables))}. Name one of them as the segment's `path` in the export "
                "file: <this folder>/<table>."
            )

    def _refuse_one_folder(self, place: Place) -> None:
        """Reject a path in a single folder: it holds the changes of one interval, not a table."""
        parts = place.path.split("/")
        at = next((number for number, part in enumerate(parts) if number and _TIME.fullmatch(part)), None)
        if at is None:
            return
        above = "/".join(parts[:at])
        if _folders_in(place.filesystem, above) is not None:
            raise ConfigurationError(
                f"{place.where} is one of the incremental folders of Synapse Link, or in one: it holds only the "
                f"changes of one interval. Name the folder above, {format_location(place.filesystem, above)}, as "
                "`root` of the source in the export file, or the table there as `path`: all folders are read together."
            )


FORMAT: Final = _IncrementalFormat()
