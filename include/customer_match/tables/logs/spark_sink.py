"""The log of Spark Structured Streaming's file sink: `_spark_metadata` lists the files of each batch.

If a batch fails, its files are written again under other names, and the old files stay. Only files that the log lists
count, as in Spark (its `FileStreamSinkLog` and `MetadataLogFileIndex`, 2.0 to 4.0). The log has one file per batch,
named by its number. After every few batches, a file that ends in `.compact` also holds all earlier ones. The first line
is the log's version; each other line is JSON with a file's `path` and an `action`: `add`, or `delete`, which older
versions of Spark could write.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location
from customer_match.tables.documents import read_document
from customer_match.tables.listing import TableFile
from customer_match.tables.table import still_there

__all__ = ["logged_files"]

_FOLDER: Final = "_spark_metadata"
_BATCH: Final = re.compile(r"(\d+)(\.compact)?")
_BATCHES_AT_ONCE: Final = 16
_VERSION: Final = "v1"
_MAX_BYTES: Final = 2**30
_REMEDY: Final = "Restore it, or have the table written again"


def logged_files(
    filesystem: fsspec.AbstractFileSystem, listed: Iterable[TableFile], files: Sequence[TableFile]
) -> tuple[TableFile, ...]:
    """The data files that count according to the logs of their folders.

    Args:
        filesystem: The file system.
        listed: All files below the table, including logs.
        files: The data files.

    Raises:
        ConfigurationError: A log cannot be read, or lists a missing file.
        TransientError: The storage failed.
    """
    counted = {file.path: file for file in files}
    for folder, batches in _logs(listed).items():
        below = {path.removeprefix(f"{folder}/"): path for path in counted if path.startswith(f"{folder}/")}
        kept = {below[relative] for relative in _listed_files(filesystem, folder, batches, below)}
        counted = {
            path: file for path, file in counted.items() if path in kept or not path.startswith(f"{folder}/")
        }
    return tuple(counted.values())


def _logs(listed: Iterable[TableFile]) -> dict[str, list[TableFile]]:
    """The files of logs, by the folders that they govern; outer ones first."""
    found: dict[str, list[TableFile]] = {}
    for file in listed:
        folder, name = posixpath.split(file.path)
        if posixpath.basename(folder) == _FOLDER:
            batches = found.setdefault(posixpath.dirname(folder), [])
            if _BATCH.fullmatch(name):
                batches.append(file)
    return found


def _listed_files(
    filesystem: fsspec.AbstractFileSystem, folder: str, batches: Sequence[TableFile], below: Mapping[str, str]
) -> Iterator[str]:
    """The files that the log of a folder lists, by their paths below it."""
    where = format_location(filesystem, f"{folder}/{_FOLDER}")
    needed = _newest_batches(batches, where)
    with ThreadPoolExecutor(_BATCHES_AT_ONCE) as pool:  # in a lake each read is a round trip
        entries = [
            one for batch in pool.map(lambda file: _entries(filesystem, file), needed) for one in batch
        ]
    deleted = {path for path, action in entries if action == "delete"}
    for path in dict.fromkeys(path for path, _ in entries if path not in deleted):
        relative = _relative(path, below)
        if relative is None:
            raise ConfigurationError(
                f"{where} lists the file {posixpath.basename(path)}, which is missing: it was deleted by hand, or the "
                f"folder was copied only in part. {_REMEDY}."
            )
        yield relative


def _newest_batches(batches: Sequence[TableFile], where: str) -> list[TableFile]:
    """The newest compact file and all batches after it.

    Raises:
        ConfigurationError: One is missing.
    """
    numbers: dict[int, TableFile] = {}
    start = 0
    for file in batches:
        found = _BATCH.fullmatch(posixpath.basename(file.path))
        assert found  # noqa: S101 (others were filtered out)
        number, is_compact = int(found[1]), found[2] is not None
        if is_compact or number not in numbers:
            numbers[number] = file
        start = max(start, number if is_compact else 0)
    last = max(numbers, default=-1)
    missing = [number for number in range(start, last + 1) if number not in numbers]
    if missing or not numbers:
        raise ConfigurationError(
            f"{where}, the log of Spark's streaming sink, has no batch {missing[0] if missing else 0}, so it is "
            f"unknown which files of the table count. {_REMEDY}."
        )
    return [numbers[number] for number in range(start, last + 1)]


def _entries(filesystem: fsspec.AbstractFileSystem, file: TableFile) -> list[tuple[str, str]]:
    """Path and action of each line."""
    where = format_location(filesystem, file.path)
    with still_there(where):
        text = read_document(filesystem, file.path, _MAX_BYTES, file.size_bytes)
    lines = text.decode("utf-8", "replace").splitlines()
    try:
        if lines[0].strip() == _VERSION:
            return [_entry(json.loads(line)) for line in lines[1:] if line.strip()]
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    raise ConfigurationError(
        f"{where}, a batch of the log of Spark's streaming sink, is truncated, damaged or has an unknown version. "
        f"{_REMEDY}."
    )


def _entry(line: Mapping[str, Any]) -> tuple[str, str]:
    path, action = line["path"], line.get("action", "add")
    if not isinstance(path, str) or action not in ("add", "delete"):
        raise ValueError(action)
    return unquote(urlsplit(path.replace("?", "%3F").replace("#", "%23")).path), action


def _relative(path: str, below: Mapping[str, str]) -> str | None:
    """The path of a listed file below the folder that the log governs, even if the folder was copied elsewhere."""
    parts = path.split("/")
    return next((own for start in range(len(parts)) if (own := "/".join(parts[start:])) in below), None)
