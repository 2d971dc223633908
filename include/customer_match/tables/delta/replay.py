"""What the actions of a Delta log come to: the files that are a version of the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from customer_match.errors import ConfigurationError

__all__ = ["DataFile", "DeletionVector", "Metadata", "Snapshot", "replay_log"]

Action = Mapping[str, Any]

# Features that do not change which rows there are, or that are respected here; `variant*` changes columns that
# are no text and so are never read.
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
    """Where the numbers of a data file's deleted rows are.

    Attributes:
        storage: `i`: in the log; `u`: in a file named by a UUID; `p`: in a file with a whole path.
        value: The numbers, the UUID, or the path.
        offset: In that file, in bytes.
        size_bytes: Of the numbers.
        rows: How many rows are deleted.
    """

    storage: str
    value: str
    offset: int | None
    size_bytes: int
    rows: int

    @classmethod
    def of(cls, descriptor: Mapping[str, Any]) -> Self:
        """From what the log says."""
        return cls(
            str(descriptor["storageType"]),
            str(descriptor["pathOrInlineDv"]),
            descriptor.get("offset"),
            int(descriptor["sizeInBytes"]),
            int(descriptor["cardinality"]),
        )

    @property
    def key(self) -> str:
        """Tells it apart from others (documented: `uniqueId`)."""
        return f"{self.storage}{self.value}" + ("" if self.offset is None else f"@{self.offset}")


@dataclass(frozen=True)
class DataFile:
    """A data file with the rows of it that count.

    Attributes:
        path: As the log has it: relative to the table, percent-encoded.
        partition_values: By the partition columns' physical names, as text.
        rows: How many are in the file, deleted ones too, where the log knows it.
        vector: Its deleted rows.
        written: When (UTC), where the log says so.
    """

    path: str
    partition_values: Mapping[str, str | None]
    rows: int | None
    vector: DeletionVector | None
    written: datetime | None

    @classmethod
    def of(cls, add: Mapping[str, Any]) -> Self:
        """From what the log says."""
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
    """What the log says of the table as a whole.

    Attributes:
        schema: The columns, as JSON.
        partition_columns: Names of those whose values are in the log.
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
        metadata: Of the table.
        files: In order of their paths.
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
        """Documented: the order within a commit means nothing, so what it removes goes before what it adds.

        The removes of a checkpoint are tombstones of files that are not among what it adds.
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
    """The version that a checkpoint and the commits after it make.

    Args:
        where: The table, for messages.
        version: Its number.
        checkpoint: Its actions; none: the table begins with the commits.
        commits: Actions of each.

    Raises:
        ConfigurationError: The log is incomplete, or the table needs what is not known here.
    """
    state = _State()
    try:
        state.take(checkpoint)
        for actions in commits:
            state.take(actions)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{where}: an action of its Delta log up to version {version} lacks what it must have "
            f"({type(error).__name__}). Restore the log, or write the table again."
        ) from error
    if state.protocol is None or state.metadata is None:
        lacks = "protocol" if state.protocol is None else "columns"
        raise ConfigurationError(
            f"{where}: its Delta log up to version {version} does not say the table's {lacks}. Restore the log, or "
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
            f"{where} is a Delta table whose versions only a catalog knows ({', '.join(unknown)}). Let a copy of it "
            "be written as a table of files."
        )
    if unknown:
        raise ConfigurationError(
            f"{where} is a Delta table that needs what is not known here: {', '.join(unknown)}. Let the feature be "
            "taken off the table, or a copy be written without it."
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
        mapping = "none"  # documented: only honoured where the protocol has it
    elif mapping not in ("none", "name", "id"):
        raise ConfigurationError(f"{where}: the column mapping {mapping!r} of this Delta table is not known.")
    return Metadata(str(action["schemaString"]), tuple(action.get("partitionColumns") or ()), mapping)


def _rows_of(add: Mapping[str, Any]) -> int | None:
    parsed = (add.get("stats_parsed") or {}).get("numRecords")
    if parsed is None and (stats := add.get("stats")):
        try:
            parsed = json.loads(stats).get("numRecords")
        except (ValueError, AttributeError):  # statistics are optional: without them the footers tell
            return None
    return None if parsed is None else int(parsed)
