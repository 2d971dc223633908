"""Lists the files of a table: which names count, which do not, and the newest of several export runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import fsspec

from customer_match.storage.files import format_location, storage_faults
from customer_match.storage.paths import get_unambiguous_info, walk_files

__all__ = [
    "Listing",
    "TableFile",
    "find_files",
    "is_being_written",
    "list_files",
    "newest_run",
    "run_folders",
    "table_file_of",
    "visible",
]

# <table>/<yyyy>/<MM>/<dd>/<HHmm>/<file>: each run of a Customer Insights export makes such a folder and
# leaves the older ones (layout documented: export-azure-blob-storage; that old runs stay is assumed).
_RUN = re.compile(r"^\d{4}/\d{2}/\d{2}/\d{4}(?=/[^/]+$)")

# Keys for the time of a file in adlfs, s3fs, local disks (and others), and gcsfs.
_MODIFIED = ("last_modified", "LastModified", "mtime", "updated")
# Keys for the tag that changes with the content, in adlfs and gcsfs, and in s3fs.
_TAGS = ("etag", "ETag")


@dataclass(frozen=True)
class TableFile:
    """A data file.

    Attributes:
        path: Its path in the file system, without a protocol.
        size_bytes: Its size.
        modified: When it was written (UTC); None if the storage does not know.
        tag: Identifies its content among all contents of the path (ETag); None if the storage has none.
    """

    path: str
    size_bytes: int
    modified: datetime | None
    tag: str | None = None

    def is_unchanged_since(self, earlier: TableFile) -> bool:
        """Whether the file was not written since an earlier listing.

        Tags take precedence over times: storages report times in seconds, or with varying precision.
        """
        if self.tag and earlier.tag:
            return (self.size_bytes, self.tag) == (earlier.size_bytes, earlier.tag)
        return (self.size_bytes, self.modified) == (earlier.size_bytes, earlier.modified)


@dataclass(frozen=True)
class Listing:
    """All files below a path, or the one file that the path is.

    Attributes:
        root: The path.
        files: The files, in order of their paths.
        is_file: Whether the path itself is a file.
    """

    root: str
    files: tuple[TableFile, ...]
    is_file: bool = False

    def relative(self, file: TableFile) -> str:
        """A file's path below the root."""
        return file.path.removeprefix(self.root).lstrip("/")


def list_files(filesystem: fsspec.AbstractFileSystem, path: str) -> Listing:
    """List all files below a path.

    Raises:
        FileNotFoundError: The path does not exist.
        ConfigurationError: Both a file and a folder have this name; other errors as in `storage_faults`.
    """
    root = path.rstrip("/")
    with storage_faults(format_location(filesystem, root)):
        info = get_unambiguous_info(filesystem, root)
        if info["type"] == "file":
            return Listing(root, (table_file_of(info),), is_file=True)
        found = walk_files(filesystem, root)
    return Listing(root, tuple(table_file_of(found[name]) for name in sorted(found)))


def find_files(filesystem: fsspec.AbstractFileSystem, path: str) -> Listing | None:
    """As `list_files`; None if the path does not exist."""
    try:
        return list_files(filesystem, path)
    except FileNotFoundError:
        return None


def table_file_of(info: Mapping[str, Any]) -> TableFile:
    """Convert fsspec's information about a file."""
    modified = next((info[key] for key in _MODIFIED if info.get(key)), None)
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), None)
    return TableFile(info["name"], int(info["size"] or 0), _as_time(modified), tag and tag.strip('"'))


def _as_time(value: Any) -> datetime | None:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def visible(relative: str) -> bool:
    """Whether a path below a table may hold data, as in Spark: no part of it starts with `_` or `.`.

    Partition folders (`_day=2026-01-01`) may start with `_`.
    """
    return not any(
        part.startswith(".") or (part.startswith("_") and "=" not in part) for part in relative.split("/")
    )


def is_being_written(filesystem: fsspec.AbstractFileSystem, path: str) -> bool:
    """Whether a path has no data, only files of a writer at work, such as Spark's `_temporary`.

    A table that is being overwritten is missing for a while, but has not vanished. The same holds for a table that was
    written without rows, which has only `_SUCCESS`.
    """
    try:
        listing = list_files(filesystem, path)
    except FileNotFoundError:
        return False
    names = [listing.relative(file) for file in listing.files]
    return bool(names) and not any(map(visible, names))


def run_folders(files: Iterable[str]) -> list[str]:
    """The folders of export runs, oldest first; empty if no file is in such a folder.

    Args:
        files: Paths below the table.

    Raises:
        ValueError: Only some of the files are; its argument is the first one that is not.
    """
    runs = {file: _RUN.match(file) for file in files}
    found = sorted({run[0] for run in runs.values() if run})
    if found and not all(runs.values()):
        raise ValueError(next(file for file, run in runs.items() if not run))
    return found


def newest_run(runs: Sequence[str], as_of: datetime | None = None) -> str | None:
    """The newest of several folders of export runs that is not after a given time; None if there is none.

    Args:
        runs: The folders, from `run_folders`.
        as_of: The time, with a time zone; None: no limit. The folders' times are UTC (assumed).
    """
    last = f"{as_of.astimezone(UTC):%Y/%m/%d/%H%M}" if as_of else "9999"
    return max((run for run in runs if run <= last), default=None)
