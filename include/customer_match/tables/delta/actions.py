"""The actions of a Delta log, read from its files: commits (JSON) and checkpoints (Parquet or JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, open_input
from customer_match.tables.delta.log_files import LOG_FOLDER, LogFiles, Steps
from customer_match.tables.documents import read_document
from customer_match.tables.listing import TableFile
from customer_match.tables.table import still_there

__all__ = ["LogReader"]

Action = dict[str, Any]

_SIDECARS: Final = "_sidecars"
_BATCH: Final = 4096
# Without column statistics, which are most of a checkpoint and are not needed.
_COLUMNS: Final = [
    "protocol", "metaData", "sidecar", "add.path", "add.partitionValues", "add.size", "add.modificationTime",
    "add.stats", "add.stats_parsed.numRecords", "add.deletionVector",
]  # fmt: skip
_FIRST_ACTION_BYTES: Final = 256 * 2**10


class LogReader:
    """Reads the files of one log.

    Args:
        filesystem: The file system.
        table: The table's folder.
        log: The files of the log.
    """

    def __init__(self, filesystem: fsspec.AbstractFileSystem, table: str, log: LogFiles) -> None:
        self._filesystem = filesystem
        self._folder = f"{table}/{LOG_FOLDER}"
        self._log = log
        self._written = log.written()

    def time_of(self, version: int) -> datetime:
        """When a version was committed.

        Raises:
            ConfigurationError: The time is unknown.
        """
        if (time := self.known_time_of(version)) is None:
            raise ConfigurationError(
                f"{self._log.where}: it is unknown when version {version} of this Delta table was written, so its "
                "state at the run's data interval is unknown too. Keep the table in a storage with file times."
            )
        return time

    def known_time_of(self, version: int) -> datetime | None:
        """When a version was committed; None if unknown.

        The time is the binding one in its first action (documented: `inCommitTimestamp`), otherwise the time of its
        file, otherwise the informative one in its first action.
        """
        commit = self._log.commits.get(version)
        provenance = self._provenance(commit) if commit else {}
        said = provenance.get("inCommitTimestamp")
        if said is None and version in self._written:
            return self._written[version]
        said = provenance.get("timestamp") if said is None else said
        return datetime.fromtimestamp(said / 1000, UTC) if isinstance(said, int) else None

    def checkpoint(self, steps: Steps) -> Iterator[Action]:
        """The actions of the checkpoint that a version starts from."""
        for file in steps.checkpoint:
            for action in self._checkpoint_file(file):
                if sidecar := action.get("sidecar"):
                    yield from self._sidecar(sidecar)
                else:
                    yield action

    def commits(self, steps: Steps) -> Iterator[list[Action]]:
        """The actions after the checkpoint, one list for each commit."""
        for file in steps.commits:
            yield list(self._json_file(file.path))

    def _provenance(self, commit: TableFile) -> Mapping[str, Any]:
        """The `commitInfo` of a commit if it is the first action; otherwise empty."""
        with still_there(self._where(commit.path)):
            start = read_document(self._filesystem, commit.path, _FIRST_ACTION_BYTES)
        try:
            action = json.loads(start.split(b"\n", 1)[0])
        except ValueError:  # longer than that, or damaged, which reading the whole file reports
            return {}
        info = action.get("commitInfo") if isinstance(action, dict) else None
        return info if isinstance(info, dict) else {}

    def _checkpoint_file(self, file: TableFile) -> Iterator[Action]:
        return self._json_file(file.path) if file.path.endswith(".json") else self._parquet_file(file.path)

    def _sidecar(self, sidecar: Mapping[str, Any]) -> Iterator[Action]:
        name = str(sidecar.get("path", "")).rsplit("/", 1)[-1]  # documented: always in this folder
        return self._parquet_file(f"{self._folder}/{_SIDECARS}/{name}")

    def _json_file(self, path: str) -> Iterator[Action]:
        with still_there(self._where(path)):
            lines = read_document(self._filesystem, path).split(b"\n")
        if not any(
            map(bytes.strip, lines)
        ):  # a commit has at least one action: ignoring this file would lose members
            raise self._damaged_log(path, 1)
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield self._action(line, path, number)

    def _action(self, line: bytes, path: str, number: int) -> Action:
        try:
            action = json.loads(line)
        except (ValueError, RecursionError):
            action = None
        if not isinstance(action, dict):
            raise self._damaged_log(path, number)
        return action

    def _damaged_log(self, path: str, number: int) -> ConfigurationError:
        return ConfigurationError(
            f"{self._where(path)}, line {number}, is not an action of a Delta log: the file is truncated or damaged. "
            "Restore it, or write the table again."
        )

    def _parquet_file(self, path: str) -> Iterator[Action]:
        with still_there(self._where(path)), open_input(self._filesystem, path) as content:
            try:
                batches = pq.ParquetFile(content).iter_batches(_BATCH, columns=_COLUMNS, use_threads=False)
                for batch in batches:
                    yield from _rows(batch)
            except (OSError, pa.ArrowException) as error:
                if isinstance(error, FileNotFoundError):
                    raise
                raise ConfigurationError(
                    f"{self._where(path)} is not a complete checkpoint of a Delta log: it is truncated or damaged. "
                    "Restore it, or have a new checkpoint written."
                ) from error

    def _where(self, path: str) -> str:
        return format_location(self._filesystem, path)


def _rows(batch: pa.RecordBatch) -> Iterable[Action]:
    for row in batch.to_pylist(maps_as_pydicts="lossy"):
        yield {name: _without_nulls(value) for name, value in row.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    """Remove nulls, as in JSON; nulls in partition values are kept, because they are values."""
    if not isinstance(value, dict):
        return value
    return {
        name: inner if name == "partitionValues" else _without_nulls(inner)
        for name, inner in value.items()
        if inner is not None
    }
