"""From a path to a table: which format it has, and which of its files hold data."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

import fsspec

from include.customer_match.storage import location_of, open_input
from include.customer_match.table_formats import FormatChoice
from include.customer_match.tables.csv_dialect import CsvDialect
from include.customer_match.tables.formats import FileFormat, FolderFormat, FoundTable, Place
from include.customer_match.tables.inside import is_unicode, leads_out
from include.customer_match.tables.listing import (
    Listing,
    TableFile,
    list_files,
    newest_run,
    run_folders,
    visible,
)
from include.customer_match.tables.partitions import partitions_of
from include.customer_match.tables.registry import FILE_FORMATS, FOLDER_FORMATS
from include.customer_match.tables.table import Table
from include.errors import ConfigurationError

__all__ = ["TableMissing", "discover", "open_table"]

# Data that somebody meant to be read: to pass over them would lose people without a word.
_UNREADABLE: Final = frozenset(
    {
        ".bz2", ".zst", ".xz", ".zip", ".snappy", ".lz4", ".lzo", ".deflate", ".7z", ".avro", ".orc", ".jsonl", ".xlsx",
    }
)  # fmt: skip
_REMEDY: Final = "Correct the segment's table or path in the export file, or check what writes the table."


class TableMissing(ConfigurationError):
    """There is no such table, or none for the moment that is wanted."""


def open_table(
    filesystem: fsspec.AbstractFileSystem,
    path: str,
    format: FormatChoice = "auto",  # noqa: A002 (the export file's own key)
    as_of: datetime | None = None,
    dialect: CsvDialect | None = None,
) -> Table:
    """Open a table: a Delta table, an entity of a CDM folder, one file, or a folder of files at any depth.

    Files and folders whose names begin with `_` or `.` are passed over. Where the folder keeps several runs
    of a Customer Insights export and no model says which one counts, the newest one is the table; with `as_of`, the
    newest one that is not after it.

    Args:
        filesystem: Where it lies.
        path: File or folder, or an entity as `folder/model.json/Entity`, without a protocol.
        format: Of the table; `auto` goes by a Delta log, by a CDM model beside it, by the files' extensions, and
            for a file without one by its first bytes.
        as_of: The moment (with a time zone) whose state is wanted, where older ones are kept: versions of a Delta
            table, folders of runs.
        dialect: How CSV files are written, as far as it is known; a CDM model says it itself.

    Raises:
        TableMissing: Not found.
        ConfigurationError: No data files, an empty file, mixed or unreadable formats, no version that old.
        TransientError: Storage trouble.
    """
    path = path.rstrip("/")
    place = Place(filesystem, path, _listing(filesystem, path), as_of)
    folder_formats = [own for own in FOLDER_FORMATS if format in ("auto", own.name)]
    for own in folder_formats:
        if (table := own.open(place)) is not None:
            return table
    if place.listing is None:
        raise TableMissing(f"There is no file or folder {place.where}. {_REMEDY}")
    if format not in ("auto", *(own.name for own in FILE_FORMATS)):
        raise _wrong_format(folder_formats[-1], place.where)
    return _files_table(place, place.listing, format, dialect)


def _listing(filesystem: fsspec.AbstractFileSystem, path: str) -> Listing | None:
    try:
        return list_files(filesystem, path)
    except FileNotFoundError:
        return None


def _wrong_format(wanted: FolderFormat, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is not of the format {wanted.title}, as `format: {wanted.name}` of the source in the export file "
        f"says: it has no {wanted.sign}. Correct `format`, or the segment's table or path."
    )


def _files_table(
    place: Place,
    listing: Listing,
    format: FormatChoice,  # noqa: A002
    dialect: CsvDialect | None,
) -> Table:
    filesystem, where, by_time = place.filesystem, place.where, False
    if listing.is_file:
        files = listing.files
        chosen = _format_of_file(filesystem, files[0], format, where)
    else:
        run, files = _newest(place, listing, _data_files(listing, where))
        where, by_time = (f"{where}/{run}", place.as_of is not None) if run else (where, False)
        chosen, files = _chosen_format(filesystem, files, format, where)
    for file in listing.files:  # a link to a folder is listed as a file, and nothing in it
        if visible(listing.relative(file)) and leads_out(filesystem, listing.root, file.path):
            raise _link(location_of(filesystem, file.path))
    for file in files:
        if not file.size_bytes:
            raise _empty_file(location_of(filesystem, file.path))
    partitions = partitions_of({file.path: listing.relative(file) for file in files}, where)
    known = {"dialect": dialect} if dialect and chosen.name == "csv" else {}
    return chosen.table(filesystem, where, files, partitions=partitions, by_time=by_time, **known)


def discover(
    filesystem: fsspec.AbstractFileSystem,
    root: str,
    pattern: str = "*",
    format: FormatChoice = "auto",  # noqa: A002 (the export file's own key)
) -> dict[str, str]:
    """The tables below a folder.

    These are Delta tables and the entities of CDM models, at any depth; and beside them sub-folders that hold data
    files, and single files by their stems. Below a Delta table or a model no other file is a table.

    Args:
        filesystem: Where it lies.
        root: The folder, without a protocol.
        pattern: Glob that names must match (`*`, `?`, `[…]`; case counts).
        format: Only tables of this format; `auto`: of any.

    Returns:
        Path of each table, by its name (letters and their accents in one piece), in order of names.

    Raises:
        TableMissing: No such folder.
        ConfigurationError: A name that could mean two tables.
        TransientError: Storage trouble.
    """
    root = root.rstrip("/")
    listing = _listing(filesystem, root)
    where = location_of(filesystem, root)
    if listing is None:
        raise TableMissing(
            f"There is no folder {where}. Correct `source` in the export file, or check what writes the tables."
        )
    if listing.is_file:
        raise ConfigurationError(
            f"{where} is a file. `source` in the export file names the folder of the tables."
        )
    tables: dict[str, set[str]] = defaultdict(set)
    found = _found(Place(filesystem, root, listing), format)
    for table in (*found, *_plain_tables(listing, format, found)):
        if not is_unicode(table.name):
            raise ConfigurationError(
                f"{where} has a table whose name is not UTF-8: {table.name!a}. Rename it."
            )
        name = unicodedata.normalize("NFC", table.name)  # as people type it; macOS writes accents apart
        if fnmatchcase(name, pattern):
            tables[name].add(table.path)
    return {name: _only(name, paths, listing.root, where) for name, paths in sorted(tables.items())}


def _found(place: Place, format: FormatChoice) -> list[FoundTable]:  # noqa: A002
    """Tables that say themselves which files are theirs."""
    found: list[FoundTable] = []
    for own in FOLDER_FORMATS:
        if format in ("auto", own.name):
            found += own.find(_without(place, found))
    return found


def _without(place: Place, found: Sequence[FoundTable]) -> Place:
    """A place without the folders of tables that were found there."""
    taken, listing = {table.folder for table in found}, place.listing
    if not taken or listing is None:
        return place
    files = (file for file in listing.files if taken.isdisjoint(_folders_above(file.path, listing.root)))
    return replace(place, listing=replace(listing, files=tuple(files)))


def _plain_tables(
    listing: Listing,
    format: FormatChoice,  # noqa: A002
    found: Sequence[FoundTable],
) -> Iterator[FoundTable]:
    taken = {table.folder for table in found}
    for file in listing.files:
        relative = listing.relative(file)
        if visible(relative) and _is_data(relative) and _passes(relative, format):
            if not taken.isdisjoint(_folders_above(file.path, listing.root)):
                continue
            first, *below = relative.split("/")
            path = f"{listing.root}/{first}"
            yield FoundTable(first if below else _stem(first), path, path)


def _folders_above(path: str, root: str) -> Iterator[str]:
    while len(path) > len(root):
        path = posixpath.dirname(path)
        yield path


def _only(name: str, paths: set[str], root: str, where: str) -> str:
    if len(paths) > 1:
        names = " and ".join(sorted(path.removeprefix(f"{root}/") for path in paths))
        raise ConfigurationError(
            f"In {where} the table {name!r} could be {names}. Move one of them away, or set `format` of the source "
            "in the export file."
        )
    return next(iter(paths))


def _passes(relative: str, format: FormatChoice) -> bool:  # noqa: A002
    """Whether a file is of the format, as far as its name tells."""
    found = _format_of(relative)
    if found is None:
        return format in ("auto", *(own.name for own in FILE_FORMATS))
    return format in ("auto", found.name)


def _extension(path: str) -> str:
    """With the dot, in lower case; of a packed file that of what is in it, too (`.csv.gz`)."""
    stem, extension = posixpath.splitext(path.lower())
    inner = posixpath.splitext(stem)[1] if extension == ".gz" else ""
    return (inner if re.fullmatch(r"\.[a-z]\w*", inner) else "") + extension


def _stem(name: str) -> str:
    return name[: -len(_extension(name)) or None]


def _is_unreadable(path: str) -> bool:
    """Whether a file holds data in a format that cannot be read, as far as its name tells."""
    extension = _extension(path)
    return extension in _UNREADABLE or (extension.endswith(".gz") and _format_of(path) is None)


def _format_of(path: str) -> FileFormat | None:
    extension = _extension(path)
    return next((own for own in FILE_FORMATS if extension in own.extensions), None)


def _named(name: str) -> FileFormat:
    return next(own for own in FILE_FORMATS if own.name == name)


def _is_data(relative: str) -> bool:
    """Whether a file is meant as data: by its extension, or one of Spark's parts without one."""
    extension = _extension(relative)
    is_part = not extension and posixpath.basename(relative).startswith("part-")
    return _format_of(relative) is not None or _is_unreadable(relative) or is_part


def _data_files(listing: Listing, where: str) -> tuple[TableFile, ...]:
    for own in FOLDER_FORMATS:
        if own.forbids_plain(listing):
            raise ConfigurationError(
                f"{where} is a table of the format {own.title}, or has one in it: its folder also keeps files that no "
                f"longer count, so that it cannot be read as plain files. Set `format: {own.name}` of the source in "
                "the export file (or leave it out), and name that table itself."
            )
    files = tuple(f for f in listing.files if visible(listing.relative(f)) and _is_data(listing.relative(f)))
    if not files:
        others = len(listing.files)
        seen = f" ({others} other files; names that begin with `_` or `.` do not count)" if others else ""
        raise ConfigurationError(f"The folder {where} holds no Parquet or CSV files{seen}. {_REMEDY}")
    return files


def _newest(
    place: Place, listing: Listing, files: tuple[TableFile, ...]
) -> tuple[str | None, tuple[TableFile, ...]]:
    """The folder of the run that counts, and its files; no folder and all files where there are no runs."""
    try:
        runs = run_folders(listing.relative(file) for file in files)
    except ValueError as error:  # all of them together would bring back people who left
        raise ConfigurationError(
            f"{place.where} has folders of runs (year/month/day/time) of which only the newest one counts, and other "
            f"files beside them: {error}. Let only runs lie there, or name the folder that is meant as the segment's "
            "`path` in the export file."
        ) from None
    if not runs:
        return None, files
    run = newest_run(runs, place.as_of)
    if run is None:
        raise TableMissing(
            f"{place.where} has no run of an export up to {place.as_of:%Y-%m-%d %H:%M} UTC, the end of the data "
            f"interval: the first one is {runs[0]}. Take a later interval, or let the table be exported."
        )
    return run, tuple(f for f in files if listing.relative(f).startswith(f"{run}/"))


def _chosen_format(
    filesystem: fsspec.AbstractFileSystem,
    files: tuple[TableFile, ...],
    format: FormatChoice,  # noqa: A002
    where: str,
) -> tuple[FileFormat, tuple[TableFile, ...]]:
    """The format of a folder's files, and those that have it."""
    unreadable = sorted({_extension(file.path) for file in files if _is_unreadable(file.path)})
    if unreadable:
        raise _unknown_format(f"{where} holds {', '.join(unreadable)} files")
    if format != "auto":
        matching = tuple(file for file in files if _passes(file.path, format))
        if not matching:
            raise ConfigurationError(f"{where} holds no {format} files. Correct `format` in the export file.")
        return _named(format), matching
    formats = {found.name: found for file in files if (found := _format_of(file.path))}
    if len(formats) > 1:
        raise ConfigurationError(
            f"{where} holds {' and '.join(sorted(formats))} files. Set `format` of the source in the export file, "
            "or move one kind away."
        )
    if formats:
        return next(iter(formats.values())), files
    return _format_of_file(filesystem, files[0], format, where), files


def _format_of_file(
    filesystem: fsspec.AbstractFileSystem,
    file: TableFile,
    format: FormatChoice,  # noqa: A002
    where: str,
) -> FileFormat:
    if _is_unreadable(file.path):
        raise _unknown_format(where)
    if format != "auto":
        return _named(format)
    if known := _format_of(file.path):
        return known
    with open_input(filesystem, file.path) as content:
        start = content.read(max(len(own.magic) for own in FILE_FORMATS))
    return next(own for own in FILE_FORMATS if start.startswith(own.magic))


def _unknown_format(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}: this format cannot be read. Let the table be written as Parquet, or as CSV, plain or packed by gzip."
    )


def _link(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is a link to outside of the table's folder, and nothing is read there. Put the file itself into the "
        "folder, or name where it is as the segment's `path` in the export file."
    )


def _empty_file(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is empty (0 bytes): not even a header. Let the table be written again, or delete the file if "
        "it does not belong there."
    )
