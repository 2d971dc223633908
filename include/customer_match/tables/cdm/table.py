"""An entity of a CDM folder as a table: the files that its model names, read with the model's settings."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final

import fsspec
import pyarrow as pa

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, storage_faults
from customer_match.storage.paths import get_info, is_in_azure
from customer_match.table_formats import Format
from customer_match.tables.cdm import manifest
from customer_match.tables.cdm.documents import (
    Model,
    model_in,
    models_among,
    read_model,
    split_path,
)
from customer_match.tables.cdm.entity import Entity, FileSettings, dialect_of, is_parquet, unusable
from customer_match.tables.cdm.joined import JoinedTable
from customer_match.tables.cdm.locations import relative_to_model, shown
from customer_match.tables.cdm.patterns import matcher
from customer_match.tables.columns import Columns, find_column, merge_columns, repeated
from customer_match.tables.csv.table import CsvTable
from customer_match.tables.formats import FoundTable, Place
from customer_match.tables.inside import inside
from customer_match.tables.listing import Listing, TableFile, list_files, table_file_of, visible
from customer_match.tables.parquet.table import ParquetTable
from customer_match.tables.table import BATCH_ROWS, FileTable
from customer_match.tables.values import conform, stream_types

__all__ = ["FORMAT", "EntityTable", "entity_table", "file_settings"]

# Gzip is detected by content: models have no setting for it.
_PACKED_OTHERWISE: Final = frozenset(
    {".bz2", ".zst", ".xz", ".zip", ".snappy", ".lz4", ".lzo", ".deflate", ".7z"}
)
_FILES_AT_ONCE: Final = 8


@dataclass(frozen=True)
class EntityTable(JoinedTable):
    """One entity; its parts are tables of its files. It is never `by_time`, because a model keeps no older states.

    Attributes:
        parts: Tables of its files, in the model's order.
        described: Names of its columns, in the model's order; None: the model does not say.
        written: When the model was written; used as the table's time if there are no files.
    """

    parts: tuple[FileTable, ...]
    described: tuple[str, ...] | None
    written: datetime | None

    @property
    def modified(self) -> datetime | None:
        """Time of the newest file (UTC); None if the storage does not know."""
        return super().modified or self.written

    def batches(
        self, columns: Sequence[str], batch_rows: int = BATCH_ROWS, *, as_bytes: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Stream some columns in constant memory.

        Raises:
            ConfigurationError: A column is missing or differs between files, or a file is damaged.
            TransientError: The storage failed, or a file was changed while it was read.
        """
        names = tuple(dict.fromkeys(find_column(self._columns, name) for name in columns))
        types = stream_types(self._columns, names, as_bytes)
        for part in self.parts:
            for batch in part.batches(names, batch_rows, as_bytes=as_bytes):
                yield conform(batch, types, part.location)

    def _merge(self, found: Sequence[Columns]) -> Columns:
        """The columns of the files; without files, the columns that the model describes."""
        if not self.parts:
            return Columns(dict.fromkeys(self.described or (), pa.string()))
        parts = {part.location: part for part in self.parts}
        columns = {part.location: own for part, own in zip(self.parts, found, strict=True)}
        merged = merge_columns(columns, lambda where, name: parts[where].holds_nothing(name))
        merged.holds_nothing = lambda name: all(part.holds_nothing(name) for part in self.parts)
        return merged


@dataclass(frozen=True)
class _CdmFormat:
    """The format of CDM folders: folders with a `model.json` or a manifest."""

    name: Format = "cdm"
    title: str = "CDM folder"
    marker: str = "model.json or *.manifest.cdm.json in it or in the folder above, which names it"

    def find(self, place: Place) -> Sequence[FoundTable]:
        """Find the entities of all models, at any depth, without references to other models."""
        files = place.listing.files if place.listing else ()
        paths = [file.path for file in files if place.listing and visible(place.listing.relative(file))]
        found = []
        for folder, models in models_among(paths).items():
            for path in models:
                model = read_model(place.filesystem, path)
                found += [
                    FoundTable(name, f"{path}/{name}", folder)
                    for name, item in (model.entities.items() if model else ())
                    if item.get("$type") != "ReferenceEntity" and not manifest.is_reference(item)
                ]
        return found

    def forbids_plain(self, listing: Listing) -> bool:  # noqa: ARG002 (the same answer for every folder)
        """Never: with a format in the export file, the files may be read without the model."""
        return False

    def open(self, place: Place) -> EntityTable | None:
        """Open an entity: `folder/model.json/Entity`, `folder/Entity`, or the folder of a model with one entity."""
        if found := split_path(place.path):
            model = _named_model(place.filesystem, found[0])
            return _open(model, found[1]) if model else None
        inner = [] if place.listing is None else [file.path for file in place.listing.files]
        for path in models_among(inner).get(place.path, ()):
            if model := read_model(place.filesystem, path):
                return _open(model, _only_entity(model))
        parent, name = posixpath.split(place.path)
        model = model_in(place.filesystem, parent, name) if parent else None
        return _open(model, name) if model else None


FORMAT: Final = _CdmFormat()


def _named_model(filesystem: fsspec.AbstractFileSystem, path: str) -> Model | None:
    location = format_location(filesystem, path)
    try:
        with storage_faults(location):
            info = get_info(filesystem, path)
    except FileNotFoundError:
        return None
    if info["type"] != "file":
        return None
    model = read_model(filesystem, path)
    if model is None:
        raise ConfigurationError(
            f"{location} is not a CDM model: it has no list of entities. Correct the segment's path in the export file."
        )
    return model


def _only_entity(model: Model) -> str:
    if len(model.entities) != 1:
        raise ConfigurationError(
            f"{model.where} describes {len(model.entities)} tables: {', '.join(sorted(model.entities)) or 'none'}. "
            f"Name one of them as the segment's `path` in the export file: <this folder>/<table>."
        )
    return next(iter(model.entities))


def _open(model: Model, name: str) -> EntityTable:
    entity = model.entity(name)
    paths = file_settings(model, entity)
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        files = list(pool.map(lambda path: _file(model, entity, path), paths))
    return entity_table(model, entity, list(zip(files, paths.values(), strict=True)))


def entity_table(
    model: Model, entity: Entity, files: Sequence[tuple[TableFile, FileSettings]]
) -> EntityTable:
    """Make a table from an entity of a model and its files, each with its settings.

    Raises:
        ConfigurationError: The model's description is invalid.
        TransientError: The storage failed.
    """
    _check_names(entity, model.where)
    parts = tuple(_part(model, entity, file, settings) for file, settings in files)
    with storage_faults(model.where):
        written = table_file_of(get_info(model.filesystem, model.path)).modified
    return EntityTable(f"{model.where}/{entity.name}", _join_parts(parts), entity.columns, written)


def _join_parts(parts: Sequence[FileTable]) -> tuple[FileTable, ...]:
    """Join consecutive files with the same settings into one table, which fetches its next file in advance."""

    def way(part: FileTable) -> tuple[object, ...]:
        return type(part), part.dialect if isinstance(part, CsvTable) else None

    runs = [list(run) for _, run in groupby(parts, way)]
    return tuple(replace(run[0], files=tuple(file for part in run for file in part.files)) for run in runs)


def _check_names(entity: Entity, where: str) -> None:
    if twice := repeated(entity.columns or ()):
        raise unusable(where, entity.name, f"has the column {twice[0]!r} twice", "Rename one.")


def file_settings(model: Model, entity: Entity) -> dict[str, FileSettings]:
    """The files that a model names for an entity, with their settings.

    Listed files take precedence over files that a pattern matches.
    """
    paths: dict[str, FileSettings] = {}
    for partition in entity.partitions:
        paths.setdefault(_path(model, entity, partition.location), partition.settings)
    below: dict[str, list[str]] = {}
    for pattern in entity.patterns:
        root = _path(model, entity, pattern.root) if pattern.root.strip("/") else model.folder
        matches = matcher(pattern, model.where, entity.name)
        if root not in below:
            below[root] = _files_below(model, root)
        for file in below[root]:
            if matches.fits(file.removeprefix(root)):
                paths.setdefault(file, pattern.settings)
    return paths


def _files_below(model: Model, root: str) -> list[str]:
    try:
        return [file.path for file in list_files(model.filesystem, root).files]
    except FileNotFoundError:
        return []


def _path(model: Model, entity: Entity, location: str) -> str:
    in_azure = is_in_azure(model.filesystem)
    relative = relative_to_model(location, model.folder, entity.name, in_azure=in_azure)
    path = inside(model.filesystem, model.folder, relative) if relative else None
    if path is None:
        raise unusable(
            model.where,
            entity.name,
            f"has a file at {shown(location)}, which is outside of the model's folder",
            "Only files below the folder of the model are read. If the folder was copied, keep its name, or have the "
            "model written again at its new location.",
        )
    return path


def _file(model: Model, entity: Entity, path: str) -> TableFile:
    where = format_location(model.filesystem, path)
    try:
        with storage_faults(where):
            info = get_info(model.filesystem, path)
    except FileNotFoundError:
        raise unusable(
            model.where,
            entity.name,
            f"has a file that does not exist: {where}",
            "Have the table exported again, or copy the whole folder.",
        ) from None
    if info["type"] != "file":
        raise unusable(model.where, entity.name, f"names {where}, which is not a file", "Correct the model.")
    return table_file_of(info)


def _part(model: Model, entity: Entity, file: TableFile, settings: FileSettings) -> FileTable:
    where = format_location(model.filesystem, file.path)
    if is_parquet(settings, file.path):
        return ParquetTable(model.filesystem, where, (file,), described=entity.columns)
    if posixpath.splitext(file.path)[1].lower() in _PACKED_OTHERWISE:
        raise unusable(
            model.where,
            entity.name,
            f"has a file with an unsupported compression, {where}",
            "Have it written as Parquet, or as CSV, plain or compressed with gzip.",
        )
    dialect = dialect_of(settings, entity.columns, model.where, entity.name)
    return CsvTable(model.filesystem, where, (file,), dialect, described=entity.columns)
