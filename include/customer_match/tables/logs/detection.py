"""Detects logs that say which files or rows of a table count, by the names of their files.

Reading such a table as plain files would bring back rows that were deleted or replaced. If a log is not supported here,
the table is rejected, whether the path names the table, a folder above it, or a folder in it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, storage_faults
from customer_match.storage.paths import list_folder
from customer_match.tables.formats import FoundTable, Place
from customer_match.tables.listing import Listing, visible

__all__ = ["refuse_logs", "tables_with_logs"]


@dataclass(frozen=True)
class LogMarker:
    """How to recognise that a log governs a folder.

    Attributes:
        title: The system that writes such tables.
        shown: The log's files, for messages.
        file: Matches the path of one of its files; the group `table` is then the folder that it governs.
        remedy: What to do.
    """

    title: str
    shown: str
    file: re.Pattern[str]
    remedy: str


def _marker(title: str, shown: str, file: str, remedy: str) -> LogMarker:
    return LogMarker(title, shown, re.compile(rf"(?P<table>.*?)(?:^|/)(?:{file})"), remedy)


_DELTA_OR_PLAIN: Final = (
    "Have it written as a Delta table, or as plain Parquet files into a folder of their own"
)

_SINK: Final = _marker(
    "Spark Structured Streaming", "_spark_metadata", r"_spark_metadata/[^/]+$", "Name the table's own folder"
)
_DATABRICKS: Final = _marker(
    "Databricks' transactional writes",
    "_committed_…",
    r"_(?:committed|started)_[^/]+$",
    "Name the table's own folder",
)
_DELTA: Final = _marker(
    "Delta Lake",
    "_delta_log",
    r"_delta_log/[^/]+$",
    "Name the table's own folder, and choose rows by `where` if only some of them are wanted",
)
_REFUSED: Final = (
    _marker("Apache Hudi", ".hoodie", r"\.hoodie(?:/.+|_partition_metadata[^/]*)$", _DELTA_OR_PLAIN),
    _marker(
        "Apache Iceberg",
        "metadata/….metadata.json",
        r"metadata/(?:[^/]+\.metadata\.json(?:\.gz)?|version-hint\.text)$",
        _DELTA_OR_PLAIN,
    ),
    _marker(
        "Apache Paimon", "snapshot/snapshot-…", r"(?:snapshot/snapshot|schema/schema)-\d+$", _DELTA_OR_PLAIN
    ),
    _marker(
        "Hive with transactions (ACID)",
        "base_… or delta_…",
        r"(?:base_\d{7}(?:_v\d+)?|(?:delete_)?delta_\d{7}_\d{7}(?:_\d{4})?(?:_v\d+)?)/.+$",
        _DELTA_OR_PLAIN,
    ),
    _marker("Lance", "_versions", r"_versions/[^/]+\.manifest$", _DELTA_OR_PLAIN),
    _marker("DuckLake", "ducklake-….parquet", r"ducklake-[0-9a-f-]{36}[^/]*\.parquet$", _DELTA_OR_PLAIN),
    _marker(
        "Delta Lake, whose log is not there",
        "_symlink_format_manifest",
        r"_symlink_format_manifest/.+$",
        "Let it be copied with its folder _delta_log",
    ),
)
_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Their data files without the log, which is elsewhere or was not copied.
_BY_NAMES: Final = (
    _marker(
        "Apache Hudi, whose log is not there",
        "files called …_<time>.parquet",
        r"[^/]+-\d+_\d+-\d+-\d+_\d{14}(?:\d{3})?\.parquet$",
        _DELTA_OR_PLAIN,
    ),
    _marker(
        "Apache Iceberg, whose log is not there",
        "files called 00000-0-<id>.parquet",
        rf"\d{{5}}-\d+-{_ID}(?:-\d{{5}})?(?:-deletes)?\.parquet$",
        _DELTA_OR_PLAIN,
    ),
)
# A quick check that excludes most files.
_MAY_BE_A_MARKER: Final = re.compile(
    r"\.hoodie|metadata/|snapshot/|schema/|(?:base|delta)_\d{7}|_versions/|ducklake-|_symlink_format_manifest/"
    rf"|-\d+_\d+-\d+-\d+_\d+\.parquet$|(?:^|/)\d{{5}}-\d+-{_ID}"
)

# Folders for parts of a table: their names alone do not show where the table starts.
_PART_OF_A_TABLE: Final = re.compile(r".*=.*|data|bucket-.*|\d+|[0-9A-Za-z]{2}")
# Folder names that logs and others use: their content decides.
_OF_LOGS_AND_OTHERS: Final = frozenset({"_versions", "metadata", "schema", "snapshot"})
_LEVELS: Final = 16  # of folders above, at most


def tables_with_logs(listing: Listing) -> Iterator[FoundTable]:
    """Find the tables below a folder whose logs are not supported; nothing in them is a table of its own."""
    found = sorted({f"{listing.root}/{table}".rstrip("/") for _, table in _in_listing(listing, _REFUSED)})
    for path in found:
        if not any(path.startswith(f"{other}/") for other in found):
            yield FoundTable(posixpath.basename(path), path, path)


def refuse_logs(place: Place) -> None:
    """Reject a path that must not be read as plain files.

    Raises:
        ConfigurationError: A log governs some of the files, or a folder above.
        TransientError: The storage failed.
    """
    listing = place.listing
    if listing and (found := next(_in_listing(listing, (*_REFUSED, *_BY_NAMES)), None)):
        marker, table = found
        where = format_location(place.filesystem, f"{listing.root}/{table}".rstrip("/"))
        raise ConfigurationError(f"{where} {_words(marker)}")
    if found := next(_above(place), None):
        marker, folder = found
        where = format_location(place.filesystem, folder)
        raise ConfigurationError(f"{place.where} is in {where}, which {_words(marker)}")


def _words(marker: LogMarker) -> str:
    return (
        f"is a table of {marker.title} ({marker.shown}). It also keeps files and rows that no longer count, and only "
        f"its log says which. {marker.remedy}."
    )


def _in_listing(listing: Listing, markers: Iterable[LogMarker]) -> Iterator[tuple[LogMarker, str]]:
    """The markers of unsupported logs below a path, with the folders that they govern."""
    names = (listing.relative(file) or posixpath.basename(file.path) for file in listing.files)
    paths = [name for name in names if _MAY_BE_A_MARKER.search(name)]
    for marker in markers:
        yield from ((marker, table) for table in _tables_of_log(marker, paths) if visible(table))


def _tables_of_log(marker: LogMarker, paths: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(match["table"] for path in paths if (match := marker.file.match(path)))


def _above(place: Place) -> Iterator[tuple[LogMarker, str]]:
    """The markers in the folders above, as long as the path may be part of a table that starts there."""
    is_file = place.listing is not None and place.listing.is_file
    markers = (_DELTA, _SINK, *_REFUSED, *((_DATABRICKS,) if is_file else ()))
    folder, left = posixpath.split(place.path)
    for level in range(_LEVELS):
        if not folder.strip("/") or (level and not _PART_OF_A_TABLE.fullmatch(left)):
            return
        paths = [f"{left}/a file", *_log_files(place.filesystem, folder)]
        yield from ((marker, folder) for marker in markers if "" in _tables_of_log(marker, paths))
        folder, left = posixpath.split(folder)


def _log_files(filesystem: fsspec.AbstractFileSystem, folder: str) -> Iterator[str]:
    """The paths in a folder, and in its sub-folders that may belong to a log."""
    for name, is_folder in _names(filesystem, folder).items():
        yield f"{name}/a file" if is_folder else name
        if is_folder and name in _OF_LOGS_AND_OTHERS:
            yield from (f"{name}/{below}" for below in _names(filesystem, f"{folder}/{name}"))


def _names(filesystem: fsspec.AbstractFileSystem, folder: str) -> dict[str, bool]:
    """The names in a folder, and whether each is a folder."""
    try:
        with storage_faults(format_location(filesystem, folder)):
            listed = list_folder(filesystem, folder)
    # The last error: credentials may be valid for the table only.
    except (FileNotFoundError, NotADirectoryError, ConfigurationError):
        return {}
    return {posixpath.basename(one["name"].rstrip("/")): one["type"] == "directory" for one in listed}
