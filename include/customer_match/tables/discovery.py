"""Finds the tables below a folder, by their names."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.redaction import printable
from customer_match.storage.files import format_location
from customer_match.table_formats import FormatChoice
from customer_match.tables.files.names import (
    format_of,
    is_bookkeeping,
    is_no_data,
    is_table_alone,
    table_name,
)
from customer_match.tables.formats import FoundTable, Place
from customer_match.tables.inside import is_unicode
from customer_match.tables.listing import Listing, find_files, visible
from customer_match.tables.logs.detection import tables_with_logs
from customer_match.tables.registry import FILE_FORMATS, FOLDER_FORMATS
from customer_match.tables.table import TableMissing

__all__ = ["Tables", "discover", "remains_of"]


class Tables(dict[str, str]):
    """The path of each table, by its name in NFC form, in order of names.

    Attributes:
        faults: Why a table cannot be used because of its name, by name; other tables are not affected.
    """

    def __init__(self, paths: Mapping[str, str], faults: Mapping[str, str] | None = None) -> None:
        super().__init__(paths)
        self.faults = dict(faults or {})


def discover(
    filesystem: fsspec.AbstractFileSystem,
    root: str,
    pattern: str = "*",
    format: FormatChoice = "auto",  # noqa: A002 (the export file's own key)
    known: Callable[[str], bool] = lambda _: False,
) -> Tables:
    """Find the tables below a folder.

    Tables are Delta tables and entities of CDM models at any depth, tables with unsupported logs, sub-folders with data
    files, and single files by their stems. Inside a table that has its own list of files, no other file is a table.
    Anything that does not look like a table (a folder of programs and documents, a file of an unknown kind)
    counts only if its name is known; opening it then says what is wrong.

    Args:
        filesystem: The file system.
        root: The folder, without a protocol.
        pattern: Glob that names must match (`*`, `?`, `[…]`; case counts).
        format: Only tables of this format; `auto`: of any format.
        known: Whether a table of this name is requested or was delivered before.

    Returns:
        Path of each table by its name. Names that are ambiguous or not UTF-8 are included, with a fault.

    Raises:
        TableMissing: The folder does not exist.
        ConfigurationError: The path is a file, or a model cannot be read.
        TransientError: The storage failed.
    """
    root = root.rstrip("/")
    listing = find_files(filesystem, root)
    where = format_location(filesystem, root)
    if listing is None:
        raise TableMissing(
            f"There is no folder {where}. Correct `source` in the export file, or check the job that writes the "
            "tables.",
            key="source",
        )
    if listing.is_file:
        raise ConfigurationError(
            f"{where} is a file. Set `source` in the export file to the folder of the tables.",
            key="source",
        )
    found = _found(Place(filesystem, root, listing), format)
    tables = _by_name([*found, *_plain_tables(listing, format, found, known)], listing.root, where)
    return Tables({name: path for name, path in tables.items() if fnmatchcase(name, pattern)}, tables.faults)


def _by_name(found: Iterable[FoundTable], root: str, where: str) -> Tables:
    """Index tables by their names; `where` is the folder in which they were found, for messages."""
    paths: dict[str, set[str]] = defaultdict(set)
    faults: dict[str, str] = {}
    for table in found:
        name = unicodedata.normalize("NFC", table.name)  # as users type it; macOS separates accents
        if not is_unicode(name):
            name = printable(name)
            faults[name] = f"{where} has a table whose name is not UTF-8: '{name}'. Rename it."
        paths[name].add(table.path)
    for name, several in paths.items():
        if len(several) > 1:
            alike = " and ".join(sorted(path.removeprefix(f"{root}/") for path in several))
            faults[name] = (
                f"In {where} the table {name!r} could be {printable(alike)}. Move one of them away, or set `format` "
                "of the source in the export file."
            )
    return Tables({name: min(several) for name, several in sorted(paths.items())}, faults)


def remains_of(filesystem: fsspec.AbstractFileSystem, root: str, name: str) -> str | None:
    """Find a folder with a table's name, at any depth, that still holds files although it is not a table any more.

    An example is a Delta table without its log. Files inside a table that has its own list of files do not count.

    Args:
        filesystem: The file system.
        root: The folder of the tables, without a protocol.
        name: The table's name.

    Returns:
        The location; None if there is none.
    """
    listing = find_files(filesystem, root.rstrip("/"))
    if listing is None:
        return None
    taken = {table.folder for table in _found(Place(filesystem, listing.root, listing), "auto")}
    for file in listing.files:
        *folders, _ = unicodedata.normalize("NFC", listing.relative(file)).split("/")
        if name in folders and taken.isdisjoint(_folders_above(file.path, listing.root)):
            depth = len(folders) - folders.index(name)
            return format_location(filesystem, file.path.rsplit("/", depth)[0])
    return None


def _found(place: Place, format: FormatChoice) -> list[FoundTable]:  # noqa: A002
    """Find the tables that have their own list of files."""
    found: list[FoundTable] = []
    for own in FOLDER_FORMATS:
        if format in ("auto", own.name):
            found += own.find(_without(place, found))
    folders = {table.folder for table in found}
    logs = tables_with_logs(place.listing or Listing(place.path, ()))
    return found + [table for table in logs if table.folder not in folders]


def _without(place: Place, found: Sequence[FoundTable]) -> Place:
    """The same path without the folders of tables that were already found."""
    taken, listing = {table.folder for table in found}, place.listing
    if not taken or listing is None:
        return place
    files = (file for file in listing.files if taken.isdisjoint(_folders_above(file.path, listing.root)))
    return replace(place, listing=replace(listing, files=tuple(files)))


def _plain_tables(
    listing: Listing,
    format: FormatChoice,  # noqa: A002
    found: Sequence[FoundTable],
    known: Callable[[str], bool],
) -> Iterator[FoundTable]:
    taken = {table.folder for table in found}
    names, singles, others = {table.name for table in found}, set[str](), list[FoundTable]()
    for file in listing.files:
        relative = listing.relative(file)
        if not visible(relative) or not taken.isdisjoint(_folders_above(file.path, listing.root)):
            continue
        first, *below = relative.split("/")
        path = f"{listing.root}/{first}"
        table = FoundTable(first if below else table_name(first), path, path)
        is_data = not is_bookkeeping(relative, file.size_bytes) and not is_no_data(relative)
        if is_data and (below or is_table_alone(first)) and _passes(relative, format):
            names.add(table.name)
            singles |= set() if below else {table.name}
            yield table
        elif below or is_data:
            others.append(table)
    for table in others:
        # Next to a file, another file of the same name may be its other half, whatever its kind.
        is_half = format == "auto" and table.name in singles
        if is_half or (table.name not in names and known(table.name)):
            yield table


def _folders_above(path: str, root: str) -> Iterator[str]:
    while len(path) > len(root):
        path = posixpath.dirname(path)
        yield path


def _passes(relative: str, format: FormatChoice) -> bool:  # noqa: A002
    """Whether a file may have the format, judging by its name."""
    found = format_of(relative)
    if found is None:
        return format in ("auto", *(own.name for own in FILE_FORMATS))
    return format in ("auto", found.name)
