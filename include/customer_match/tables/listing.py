"""Which files make up a table: names that count, names that do not, and the newest of several runs."""

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

# Where adlfs, s3fs, local disks (and others), and gcsfs tell the time of a file.
_MODIFIED = ("last_modified", "LastModified", "mtime", "updated")
# Where adlfs and gcsfs, and s3fs, tell what is another one once the content is.
_TAGS = ("etag", "ETag")


@dataclass(frozen=True)
class TableFile:
    """A data file.

    Attributes:
        path: In the file system, without a protocol.
        size_bytes: Its size.
        modified: When it was written (UTC), where the storage knows it.
        tag: What tells this content from any other of the same path, where the storage has that.
    """

    path: str
    size_bytes: int
    modified: datetime | None
    tag: str | None = None

    def is_as(self, earlier: TableFile) -> bool:
        """Whether it has not been written since it was described earlier.

        Tags go before times: storages know times to the second only, or to less in one answer than in another.
        """
        if self.tag and earlier.tag:
            return (self.size_bytes, self.tag) == (earlier.size_bytes, earlier.tag)
        return (self.size_bytes, self.modified) == (earlier.size_bytes, earlier.modified)


@dataclass(frozen=True)
class Listing:
    """All files below a path, or the one file that the path is.

    Attributes:
        root: The path.
        files: In order of their paths.
        is_file: Whether the path itself is a file.
    """

    root: str
    files: tuple[TableFile, ...]
    is_file: bool = False

    def relative(self, file: TableFile) -> str:
        """A file's path below the root."""
        return file.path.removeprefix(self.root).lstrip("/")


def list_files(filesystem: fsspec.AbstractFileSystem, path: str) -> Listing:
    """List everything below a path.

    Raises:
        FileNotFoundError: If there is nothing.
        ConfigurationError: There are a file and a folder of this name; others as `storage_faults`.
    """
    root = path.rstrip("/")
    with storage_faults(format_location(filesystem, root)):
        info = get_unambiguous_info(filesystem, root)
        if info["type"] == "file":
            return Listing(root, (table_file_of(info),), is_file=True)
        found = walk_files(filesystem, root)
    return Listing(root, tuple(table_file_of(found[name]) for name in sorted(found)))


def find_files(filesystem: fsspec.AbstractFileSystem, path: str) -> Listing | None:
    """As `list_files`; None if there is nothing at the path."""
    try:
        return list_files(filesystem, path)
    except FileNotFoundError:
        return None


def table_file_of(info: Mapping[str, Any]) -> TableFile:
    """What fsspec says of a file, in our words."""
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
    """Whether a path below a table may hold data, as in Spark: nothing in it begins with `_` or `.`.

    Folders of partitions (`_day=2026-01-01`) may begin with `_`.
    """
    return not any(
        part.startswith(".") or (part.startswith("_") and "=" not in part) for part in relative.split("/")
    )


def is_being_written(filesystem: fsspec.AbstractFileSystem, path: str) -> bool:
    """Whether a path has no data, but what writers have there while they are at work, such as Spark's `_temporary`.

    A table that is overwritten is away meanwhile, and yet has not gone; nor has one that was written without a row,
    of which `_SUCCESS` alone is left.
    """
    try:
        listing = list_files(filesystem, path)
    except FileNotFoundError:
        return False
    names = [listing.relative(file) for file in listing.files]
    return bool(names) and not any(map(visible, names))


def run_folders(files: Iterable[str]) -> list[str]:
    """The folders of runs, oldest first; none where no file lies in such a folder.

    Args:
        files: Paths below the table.

    Raises:
        ValueError: Only some of the files do; with the first one that does not.
    """
    runs = {file: _RUN.match(file) for file in files}
    found = sorted({run[0] for run in runs.values() if run})
    if found and not all(runs.values()):
        raise ValueError(next(file for file, run in runs.items() if not run))
    return found


def newest_run(runs: Sequence[str], as_of: datetime | None = None) -> str | None:
    """The newest of several folders of runs that is not newer than a moment; None if there is none.

    Args:
        runs: As `run_folders` gives them.
        as_of: The moment, with a time zone; None: whichever is the newest. The folders' times are UTC (assumed).
    """
    last = f"{as_of.astimezone(UTC):%Y/%m/%d/%H%M}" if as_of else "9999"
    return max((run for run in runs if run <= last), default=None)
