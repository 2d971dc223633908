"""Write Delta tables commit by commit, with optional features: vectors, renamed columns, partitions, checkpoints."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from customer_match_sample_lake import deletion_vectors

__all__ = ["CHECKPOINTS", "DeltaSample"]

ColumnMapping = Literal["none", "name", "id"]
CheckpointKind = Literal["classic", "parts", "v2-json", "v2-parquet"]
CHECKPOINTS: Final[tuple[CheckpointKind, ...]] = ("classic", "parts", "v2-json", "v2-parquet")

Row = dict[str, Any]

_LIST_OF_TEXTS: Final = {"type": "array", "elementType": "string", "containsNull": True}
_TYPES: Final = {
    pa.string(): "string",
    pa.int64(): "long",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.timestamp("us", "UTC"): "timestamp",
    pa.list_(pa.string()): _LIST_OF_TEXTS,
}
_TEXTS: Final = pa.map_(pa.string(), pa.string())
_VECTOR: Final = pa.struct(
    {
        "storageType": pa.string(),
        "pathOrInlineDv": pa.string(),
        "offset": pa.int32(),
        "sizeInBytes": pa.int32(),
        "cardinality": pa.int64(),
    }
)
_ADD: Final = pa.struct(
    {
        "path": pa.string(),
        "partitionValues": _TEXTS,
        "size": pa.int64(),
        "modificationTime": pa.int64(),
        "dataChange": pa.bool_(),
        "stats": pa.string(),
        "deletionVector": _VECTOR,
    }
)
_CHECKPOINT: Final = pa.schema(
    {
        "protocol": pa.struct(
            {
                "minReaderVersion": pa.int32(),
                "minWriterVersion": pa.int32(),
                "readerFeatures": pa.list_(pa.string()),
                "writerFeatures": pa.list_(pa.string()),
            }
        ),
        "metaData": pa.struct(
            {
                "id": pa.string(),
                "format": pa.struct({"provider": pa.string(), "options": _TEXTS}),
                "schemaString": pa.string(),
                "partitionColumns": pa.list_(pa.string()),
                "configuration": _TEXTS,
                "createdTime": pa.int64(),
            }
        ),
        "add": _ADD,
        "remove": pa.struct({"path": pa.string(), "deletionTimestamp": pa.int64(), "dataChange": pa.bool_()}),
        "checkpointMetadata": pa.struct({"version": pa.int64(), "tags": _TEXTS}),
        "sidecar": pa.struct(
            {"path": pa.string(), "sizeInBytes": pa.int64(), "modificationTime": pa.int64(), "tags": _TEXTS}
        ),
    }
)


@dataclass
class _File:
    """A data file: its rows, and which of them are deleted."""

    add: dict[str, Any]
    rows: list[Row]
    deleted: set[int] = field(default_factory=set)

    @property
    def left(self) -> list[Row]:
        return [row for number, row in enumerate(self.rows) if number not in self.deleted]


@dataclass
class DeltaSample:
    """Writer of a Delta table.

    Attributes:
        filesystem: Its file system.
        root: Its folder.
        columns: Names and types of the columns; types as in `_TYPES`.
        partition_by: Columns whose values are in the log.
        mapping: How data files name the columns.
        vectors: How deletes are stored: in rewritten files, or in vectors.
        misleading: Whether data files use names other than the physical ones, so that only ids identify the columns.
        times: Returns each version's time for `inCommitTimestamp`; None: the files' modification times are used.
        row_group: Rows in each row group of the data files: few, so that small tables have several.
        new_id: Makes the ids in names of files and columns.
    """

    filesystem: fsspec.AbstractFileSystem
    root: str
    columns: dict[str, pa.DataType]
    partition_by: tuple[str, ...] = ()
    mapping: ColumnMapping = "none"
    vectors: Literal["no", "log", "file"] = "no"
    misleading: bool = False
    times: Callable[[int], datetime] | None = None
    row_group: int = 3
    new_id: Callable[[], uuid.UUID] = uuid.uuid4
    version: int = -1
    files: list[_File] = field(default_factory=list)
    physical: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.columns:
            self._number(name)
        self.filesystem.makedirs(f"{self.root}/_delta_log", exist_ok=True)
        self._commit([{"protocol": self._protocol()}, {"metaData": self._metadata()}])

    @property
    def rows(self) -> list[Row]:
        """Return the table's rows, in any order."""
        return [row for file in self.files for row in file.left]

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        self._commit([{"add": file.add} for file in self._write(rows)])

    def overwrite(self, rows: Sequence[Row]) -> None:
        """Replace all rows."""
        removes = [self._remove(file) for file in self.files]
        self.files = []
        self._commit([{"add": file.add} for file in self._write(rows)] + removes)

    def delete(self, column: str, values: Iterable[Any]) -> None:
        """Delete rows by the values of a column."""
        unwanted, actions = set(values), list[dict[str, Any]]()
        for file in list(self.files):
            hits = {n for n, row in enumerate(file.rows) if row.get(column) in unwanted} - file.deleted
            if hits:
                actions += self._delete_rows(file, hits)
        self._commit(actions)

    def forget(self) -> None:
        """Drop the rows written so far from memory: they can no longer be deleted."""
        for file in self.files:
            file.rows = []

    def rename(self, old: str, new: str) -> None:
        """Rename a column; needs a mapping, and leaves the files unchanged."""
        for own in (self.columns, self.physical, self.ids):
            items = {new if name == old else name: value for name, value in own.items()}
            own.clear()
            own.update(items)  # type: ignore[arg-type]  # the same values under other names
        for file in self.files:
            file.rows = [{new if name == old else name: v for name, v in row.items()} for row in file.rows]
        self._commit([{"metaData": self._metadata()}])

    def add_column(self, name: str, kind: pa.DataType) -> None:
        """Add a column; existing files do not have it."""
        self.columns[name] = kind
        self._number(name)
        for file in self.files:
            file.rows = [{**row, name: None} for row in file.rows]
        self._commit([{"metaData": self._metadata()}])

    def checkpoint(self, kind: CheckpointKind = "classic") -> list[str]:
        """Write a checkpoint of the newest version; return its files."""
        head: list[dict[str, Any]] = [{"protocol": self._protocol()}, {"metaData": self._metadata()}]
        # A tombstone of a file that no longer exists: readers must skip it.
        tombstone = {"remove": {"path": "gone.parquet", "deletionTimestamp": 1, "dataChange": True}}
        adds: list[dict[str, Any]] = [*({"add": file.add} for file in self.files), tombstone]
        stem = f"{self.root}/_delta_log/{self.version:020}.checkpoint"
        if kind == "classic":
            return [self._checkpoint_file(f"{stem}.parquet", head + adds)]
        if kind == "parts":
            halves = (head + adds[::2], adds[1::2])
            return [
                self._checkpoint_file(f"{stem}.{part:010}.0000000002.parquet", half)
                for part, half in enumerate(halves, 1)
            ]
        sidecar = f"{self.new_id()}.parquet"
        side = self._checkpoint_file(f"{self.root}/_delta_log/_sidecars/{sidecar}", adds)
        size = self.filesystem.size(side)
        head += [
            {"checkpointMetadata": {"version": self.version, "tags": {}}},
            {"sidecar": {"path": sidecar, "sizeInBytes": size, "modificationTime": 1, "tags": {}}},
        ]
        path = f"{stem}.{self.new_id()}.{kind.removeprefix('v2-')}"
        if kind == "v2-json":
            self._lines(path, head)
            return [path, side]
        return [self._checkpoint_file(path, head), side]

    def _number(self, name: str) -> None:
        self.ids[name] = max(self.ids.values(), default=0) + 1
        self.physical[name] = name if self.mapping == "none" else f"col-{self.ids[name]}-{self.new_id()}"

    def _protocol(self) -> dict[str, Any]:
        features = list(self.features)
        features += ["columnMapping"] if self.mapping != "none" else []
        features += ["deletionVectors"] if self.vectors != "no" else []
        features.append("v2Checkpoint")
        writer = [*features, *(["inCommitTimestamp"] if self.times else [])]
        versions = {"minReaderVersion": 3, "minWriterVersion": 7}
        return {**versions, "readerFeatures": features, "writerFeatures": writer}

    def _metadata(self) -> dict[str, Any]:
        configuration = {"delta.checkpointPolicy": "v2"}
        if self.mapping != "none":
            configuration["delta.columnMapping.mode"] = self.mapping
            configuration["delta.columnMapping.maxColumnId"] = str(max(self.ids.values()))
        if self.vectors != "no":
            configuration["delta.enableDeletionVectors"] = "true"
        if self.times:
            configuration["delta.enableInCommitTimestamps"] = "true"
        fields = [self._field(name, kind) for name, kind in self.columns.items()]
        return {
            "id": "00000000-0000-0000-0000-000000000001",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps({"type": "struct", "fields": fields}),
            "partitionColumns": list(self.partition_by),
            "configuration": configuration,
            "createdTime": 1,
        }

    def _field(self, name: str, kind: pa.DataType) -> dict[str, Any]:
        mapped = {
            "delta.columnMapping.id": self.ids[name],
            "delta.columnMapping.physicalName": self.physical[name],
        }
        metadata = mapped if self.mapping != "none" else {}
        return {"name": name, "type": _TYPES[kind], "nullable": True, "metadata": metadata}

    def _commit(self, actions: Sequence[Mapping[str, Any]]) -> None:
        self.version += 1
        info: dict[str, Any] = {"operation": "WRITE"}
        if self.times:
            info["inCommitTimestamp"] = round(self.times(self.version).timestamp() * 1000)
        self._lines(f"{self.root}/_delta_log/{self.version:020}.json", [{"commitInfo": info}, *actions])

    def _lines(self, path: str, actions: Iterable[Mapping[str, Any]]) -> None:
        self.filesystem.pipe_file(path, "".join(json.dumps(action) + "\n" for action in actions).encode())

    def _write(self, rows: Sequence[Row]) -> list[_File]:
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row.get(name) for name in self.partition_by), []).append(row)
        files = [self._data_file(values, group) for values, group in groups.items()]
        self.files += files
        return files

    def _data_file(self, values: tuple[Any, ...], rows: list[Row]) -> _File:
        texts = {
            name: None if v is None else str(v) for name, v in zip(self.partition_by, values, strict=True)
        }
        folders = [
            f"{name}={quote(text or '__HIVE_DEFAULT_PARTITION__', '')}" for name, text in texts.items()
        ]
        path = "/".join([*folders, f"part-{self.new_id()}.parquet"])
        stored = [name for name in self.columns if name not in self.partition_by]
        schema = pa.schema([self._stored_field(name) for name in stored])
        arrays = [pa.array([row.get(name) for row in rows], self.columns[name]) for name in stored]
        self.filesystem.makedirs(f"{self.root}/{path}".rpartition("/")[0], exist_ok=True)
        with self.filesystem.open(f"{self.root}/{path}", "wb") as file:
            pq.write_table(pa.table(arrays, schema=schema), file, row_group_size=self.row_group)
        add = {
            "path": quote(path),
            "partitionValues": {self.physical[name]: text for name, text in texts.items()},
            "size": self.filesystem.size(f"{self.root}/{path}"),
            "modificationTime": 1,
            "dataChange": True,
            "stats": json.dumps({"numRecords": len(rows)}),
        }
        return _File(add, list(rows))

    def _stored_field(self, name: str) -> pa.Field:
        ids = {b"PARQUET:field_id": str(self.ids[name]).encode()} if self.mapping != "none" else None
        stored = f"x{self.ids[name]}" if self.misleading else self.physical[name]
        return pa.field(stored, self.columns[name], metadata=ids)

    def _remove(self, file: _File) -> dict[str, Any]:
        removed = {"path": file.add["path"], "deletionTimestamp": 1, "dataChange": True}
        if vector := file.add.get("deletionVector"):
            removed["deletionVector"] = vector
        return {"remove": removed}

    def _delete_rows(self, file: _File, hits: set[int]) -> list[dict[str, Any]]:
        remove = self._remove(file)
        if self.vectors == "no":
            self.files.remove(file)
            left = [row for number, row in enumerate(file.rows) if number not in hits]
            return [remove, *({"add": new.add} for new in (self._write(left) if left else []))]
        file.deleted |= hits
        file.add = {**file.add, "deletionVector": self._vector(file.deleted)}
        return [{"add": file.add}, remove]

    def _vector(self, rows: set[int]) -> dict[str, Any]:
        if self.vectors == "log":
            return deletion_vectors.inline_descriptor(sorted(rows))
        path, content, descriptor = deletion_vectors.make_file(
            sorted(rows), before=b"an older vector", key=self.new_id()
        )
        self.filesystem.pipe_file(f"{self.root}/{path}", content)
        return descriptor

    def _checkpoint_file(self, path: str, actions: list[dict[str, Any]]) -> str:
        def as_stored(value: Any) -> Any:
            return {
                name: list(inner.items()) if name in ("partitionValues", "configuration", "tags", "options")
                else as_stored(inner) if isinstance(inner, dict) else inner
                for name, inner in value.items()
            }  # fmt: skip

        self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        table = pa.Table.from_pylist([as_stored(action) for action in actions], schema=_CHECKPOINT)
        with self.filesystem.open(path, "wb") as file:
            pq.write_table(table, file)
        return path
