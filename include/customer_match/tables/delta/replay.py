"""Replays the actions of a Delta log: which files make up a version of the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from customer_match.errors import ConfigurationError

__all__ = ["DataFile", "DeletionVector", "Metadata", "Snapshot", "replay_log"]

Action = Mapping[str, Any]

# Features that do not change which rows exist, or that are supported here; `variant*` affects only columns that are not
# text and so are never read.
_READ: Final = frozenset(
    {
        "columnMapping", "deletionVectors", "timestampNtz", "typeWidening", "typeWidening-preview",
        "v2Checkpoint", "vacuumProtocolCheck", "variantType", "variantType-preview", "variantShredding",
        "variantShredding-preview",
    }
)  # fmt: skip
_COLUMN_MAPPING_VERSION: Final = 2
_FEATURES_VERSION: Final = 3


@dataclass(frozen=True)
class DeletionVector:
    """Describes where the numbers of a data file's deleted rows are stored.

    Attributes:
        storage: `i`: in the log; `u`: in a file named by a UUID; `p`: in a file with an absolute path.
        value: The encoded numbers, the UUID, or the path.
        offset: Position in that file, in bytes.
        size_bytes: Size of the encoded numbers.
        rows: Number of deleted rows.
    """

    storage: str
    value: str
    offset: int | None
    size_bytes: int
    rows: int

    @classmethod
    def of(cls, descriptor: Mapping[str, Any]) -> Self:
        """Build it from the descriptor in the log."""
        return cls(
            str(descriptor["storageType"]),
            str(descriptor["pathOrInlineDv"]),
            descriptor.get("offset"),
            int(descriptor["sizeInBytes"]),
            int(descriptor["cardinality"]),
        )

    @property
    def key(self) -> str:
        """Its unique key (documented: `uniqueId`)."""
        return f"{self.storage}{self.value}" + ("" if self.offset is None else f"@{self.offset}")


@dataclass(frozen=True)
class DataFile:
    """A data file of a version.

    Attributes:
        path: The path in the log: relative to the table, percent-encoded.
        partition_values: Values as text, by the partition columns' physical names.
        rows: Number of rows in the file, including deleted ones; None if the log does not say.
        vector: Its deleted rows; None if there are none.
        written: When it was written (UTC); None if the log does not say.
    """

    path: str
    partition_values: Mapping[str, str | None]
    rows: int | None
    vector: DeletionVector | None
    written: datetime | None

    @classmethod
    def of(cls, add: Mapping[str, Any]) -> Self:
        """Build it from an `add` action."""
        vector = add.get("deletionVector")
        written = add.get("modificationTime")
        return cls(
            str(add["path"]),
            dict(add.get("partitionValues") or {}),
            _rows_of(add),
            DeletionVector.of(vector) if vector else None,
            datetime.fromtimestamp(int(written) / 1000, UTC) if written else None,
        )


@dataclass(frozen=True)
class Metadata:
    """The table's metadata in the log.

    Attributes:
        schema: The columns, as JSON.
        partition_columns: Names of the columns whose values are in the log.
        mapping: How columns are found in data files: `none`, `name` or `id`.
    """

    schema: str
    partition_columns: tuple[str, ...]
    mapping: str = "none"


@dataclass(frozen=True)
class Snapshot:
    """One version of a table.

    Attributes:
        version: Its number.
        metadata: The table's metadata.
        files: Its data files, in order of their paths.
    """

    version: int
    metadata: Metadata
    files: tuple[DataFile, ...]


@dataclass
class _State:
    protocol: Action | None = None
    metadata: Action | None = None
    files: dict[tuple[str, str | None], DataFile] = field(default_factory=dict)

    def take(self, actions: Iterable[Action]) -> None:
        """Apply actions. Documented: the order within a commit has no meaning, so removes are applied before adds.

        The removes of a checkpoint are tombstones of files that it does not add.
        """
        added = []
        for action in actions:
            self.protocol = action.get("protocol", self.protocol)
            self.metadata = action.get("metaData", self.metadata)
            if remove := action.get("remove"):
                vector = remove.get("deletionVector")
                self.files.pop((str(remove["path"]), DeletionVector.of(vector).key if vector else None), None)
            if add := action.get("add"):
                added.append(DataFile.of(add))
        for file in added:
            self.files[file.path, file.vector.key if file.vector else None] = file


def replay_log(
    where: str, version: int, checkpoint: Iterable[Action], commits: Iterable[Iterable[Action]]
) -> Snapshot:
    """Replay a checkpoint and the commits after it.

    Args:
        where: The table, for messages.
        version: Number of the version.
        checkpoint: Actions of the checkpoint; empty if the table starts with the commits.
        commits: Actions of each commit.

    Raises:
        ConfigurationError: The log is incomplete, or the table needs an unsupported feature.
    """
    state = _State()
    try:
        state.take(checkpoint)
        for actions in commits:
            state.take(actions)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{where}: an action of its Delta log up to version {version} lacks a required value "
            f"({type(error).__name__}). Restore the log, or write the table again."
        ) from error
    if state.protocol is None or state.metadata is None:
        lacks = "protocol" if state.protocol is None else "columns"
        raise ConfigurationError(
            f"{where}: its Delta log up to version {version} does not define the table's {lacks}. Restore the log, or "
            "write the table again."
        )
    features = _check_features(state.protocol, where)
    paths = sorted(state.files, key=lambda key: (key[0], key[1] or ""))
    return Snapshot(
        version, _metadata_of(state.metadata, features, where), tuple(state.files[path] for path in paths)
    )


def _check_features(protocol: Action, where: str) -> frozenset[str]:
    reader = int(protocol.get("minReaderVersion", 1))
    features = frozenset(protocol.get("readerFeatures") or ()) if reader >= _FEATURES_VERSION else frozenset()
    unknown = sorted(features - _READ)
    if reader > _FEATURES_VERSION:
        unknown = [f"reader version {reader}"]
    if any(feature.startswith("catalog") for feature in unknown):
        raise ConfigurationError(
            f"{where} is a Delta table whose versions are managed by a catalog ({', '.join(unknown)}). Have a copy of "
            "it written as a path-based table."
        )
    if unknown:
        raise ConfigurationError(
            f"{where} is a Delta table that needs an unsupported feature: {', '.join(unknown)}. Drop the feature from "
            "the table, or have a copy written without it."
        )
    return frozenset({"columnMapping"}) if reader == _COLUMN_MAPPING_VERSION else features


def _metadata_of(action: Action, features: frozenset[str], where: str) -> Metadata:
    configuration = action.get("configuration") or {}
    mapping = str(configuration.get("delta.columnMapping.mode") or "none")
    provider = (action.get("format") or {}).get("provider", "parquet")
    if provider != "parquet":
        raise ConfigurationError(
            f"{where} is a Delta table of {provider} files; only Parquet can be read. Have it written as Parquet."
        )
    if "columnMapping" not in features:
        mapping = "none"  # documented: it applies only if the protocol has the feature
    elif mapping not in ("none", "name", "id"):
        raise ConfigurationError(
            f"{where}: the column mapping {mapping!r} of this Delta table is not supported. Have a copy written "
            "without it."
        )
    return Metadata(str(action["schemaString"]), tuple(action.get("partitionColumns") or ()), mapping)


def _rows_of(add: Mapping[str, Any]) -> int | None:
    parsed = (add.get("stats_parsed") or {}).get("numRecords")
    if parsed is None and (stats := add.get("stats")):
        try:
            parsed = json.loads(stats).get("numRecords")
        except (ValueError, AttributeError):  # statistics are optional: without them the footers are used
            return None
    return None if parsed is None else int(parsed)
