"""From a path to a table: which of its files hold data, and in which format."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

import fsspec

from include.customer_match.storage import location_of, open_input
from include.customer_match.tables.csv_files import CsvTable
from include.customer_match.tables.listing import Listing, TableFile, list_files, newest_run, visible
from include.customer_match.tables.parquet_files import ParquetTable
from include.customer_match.tables.table import FileTable, Format, FormatChoice, Table
from include.errors import ConfigurationError

__all__ = ["discover", "open_table"]

_FORMATS: Final[Mapping[str, Format]] = {
    ".parquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
}
# Data that somebody meant to be read: to pass over them would lose people without a word.
_UNREADABLE: Final = frozenset(
    {".gz", ".bz2", ".zst", ".xz", ".zip", ".snappy", ".avro", ".orc", ".jsonl", ".xlsx"}
)
_READERS: Final[Mapping[Format, Callable[..., FileTable]]] = {"parquet": ParquetTable, "csv": CsvTable}
_MAGIC: Final = b"PAR1"
_REMEDY: Final = "Correct the segment's table or path in the export file, or check what writes the table."


def open_table(filesystem: fsspec.AbstractFileSystem, path: str, format: FormatChoice = "auto") -> Table:  # noqa: A002 (the export file's own key)
    """Open a table: one file, or a folder of files at any depth.

    Files and folders whose names begin with `_` or `.` are passed over. Where the folder keeps several runs
    of a Customer Insights export, the newest one is the table.

    Args:
        filesystem: Where it lies.
        path: File or folder, without a protocol.
        format: Of the files; `auto` goes by their extensions, and for a file without one by its first bytes.

    Raises:
        ConfigurationError: Not found, no data files, an empty file, mixed or unreadable formats.
        TransientError: Storage trouble.
    """
    where = location_of(filesystem, path)
    try:
        listing = list_files(filesystem, path)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file or folder {where}. {_REMEDY}") from None
    if listing.is_file:
        files = listing.files
        chosen = _format_of_file(filesystem, files[0], format, where)
    else:
        where, files = _newest(listing, _data_files(listing, where), where)
        chosen, files = _chosen_format(filesystem, files, format, where)
    for file in files:
        if not file.size_bytes:
            raise _empty_file(location_of(filesystem, file.path))
    return _READERS[chosen](filesystem, where, files)


def discover(
    filesystem: fsspec.AbstractFileSystem,
    root: str,
    pattern: str = "*",
    format: FormatChoice = "auto",  # noqa: A002 (the export file's own key)
) -> dict[str, str]:
    """The tables below a folder: sub-folders that hold data files, and single files by their stems.

    Args:
        filesystem: Where it lies.
        root: The folder, without a protocol.
        pattern: Glob that names must match (`*`, `?`, `[…]`; case counts).
        format: Only files of this format make a table; `auto`: of any.

    Returns:
        Path of each table, by its name, in order of names.

    Raises:
        ConfigurationError: No such folder; a name that could mean two tables.
        TransientError: Storage trouble.
    """
    where = location_of(filesystem, root)
    try:
        listing = list_files(filesystem, root)
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no folder {where}. Correct `source` in the export file, or check what writes the tables."
        ) from None
    if listing.is_file:
        raise ConfigurationError(
            f"{where} is a file. `source` in the export file names the folder of the tables."
        )
    tables: dict[str, set[str]] = defaultdict(set)
    for file in listing.files:
        relative = listing.relative(file)
        if visible(relative) and _is_data(relative) and _passes(relative, format):
            first, *below = relative.split("/")
            name = first if below else _stem(first)
            if fnmatchcase(name, pattern):
                tables[name].add(f"{listing.root}/{first}")
    return {name: _only(name, paths, where) for name, paths in sorted(tables.items())}


def _only(name: str, paths: set[str], where: str) -> str:
    if len(paths) > 1:
        names = " and ".join(sorted(map(posixpath.basename, paths)))
        raise ConfigurationError(
            f"In {where} the table {name!r} could be {names}. Move one of them away, or set `format` of the source "
            "in the export file."
        )
    return next(iter(paths))


def _passes(relative: str, format: FormatChoice) -> bool:  # noqa: A002
    """Whether a file is of the format, as far as its name tells."""
    found = _format_of(relative)
    return found is None or format in ("auto", found)


def _extension(path: str) -> str:
    return posixpath.splitext(path)[1].lower()


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0]


def _format_of(path: str) -> Format | None:
    return _FORMATS.get(_extension(path))


def _is_data(relative: str) -> bool:
    """Whether a file is meant as data: by its extension, or one of Spark's parts without one."""
    extension = _extension(relative)
    is_part = not extension and posixpath.basename(relative).startswith("part-")
    return extension in _FORMATS or extension in _UNREADABLE or is_part


def _data_files(listing: Listing, where: str) -> tuple[TableFile, ...]:
    if any("_delta_log" in listing.relative(file).split("/") for file in listing.files):
        raise ConfigurationError(
            f"{where} is a Delta table: its folder also keeps files of older versions, so that it cannot be read "
            "as plain Parquet. Let the table be written as Parquet or CSV."
        )
    files = tuple(f for f in listing.files if visible(listing.relative(f)) and _is_data(listing.relative(f)))
    if not files:
        others = len(listing.files)
        seen = f" ({others} other files; names that begin with `_` or `.` do not count)" if others else ""
        raise ConfigurationError(f"The folder {where} holds no Parquet or CSV files{seen}. {_REMEDY}")
    return files


def _newest(listing: Listing, files: tuple[TableFile, ...], where: str) -> tuple[str, tuple[TableFile, ...]]:
    run = newest_run(listing.relative(file) for file in files)
    if not run:
        return where, files
    return f"{where}/{run}", tuple(f for f in files if listing.relative(f).startswith(f"{run}/"))


def _chosen_format(
    filesystem: fsspec.AbstractFileSystem,
    files: tuple[TableFile, ...],
    format: FormatChoice,  # noqa: A002
    where: str,
) -> tuple[Format, tuple[TableFile, ...]]:
    """The format of a folder's files, and those that have it."""
    unreadable = sorted({_extension(file.path) for file in files} & _UNREADABLE)
    if unreadable:
        raise _unknown_format(f"{where} holds {', '.join(unreadable)} files")
    if format != "auto":
        matching = tuple(file for file in files if _passes(file.path, format))
        if not matching:
            raise ConfigurationError(f"{where} holds no {format} files. Correct `format` in the export file.")
        return format, matching
    formats = {found for file in files if (found := _format_of(file.path))}
    if len(formats) > 1:
        raise ConfigurationError(
            f"{where} holds {' and '.join(sorted(formats))} files. Set `format` of the source in the export file, "
            "or move one kind away."
        )
    return (formats.pop() if formats else _format_of_file(filesystem, files[0], format, where)), files


def _format_of_file(
    filesystem: fsspec.AbstractFileSystem,
    file: TableFile,
    format: FormatChoice,  # noqa: A002
    where: str,
) -> Format:
    if _extension(file.path) in _UNREADABLE:
        raise _unknown_format(where)
    if format != "auto":
        return format
    if known := _format_of(file.path):
        return known
    with open_input(filesystem, file.path) as content:
        return "parquet" if content.read(len(_MAGIC)) == _MAGIC else "csv"


def _unknown_format(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}: this format cannot be read. Let the table be written as Parquet, or as CSV without compression."
    )


def _empty_file(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is empty (0 bytes): not even a header. Let the table be written again, or delete the file if "
        "it does not belong there."
    )
