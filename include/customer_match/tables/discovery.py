"""Which tables lie below a folder, by their names."""

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
    """Where each table lies, by its name: letters and their accents in one piece, in order of names.

    Attributes:
        faults: Why a table cannot be read for what it is called, by its name; the others are none the worse.
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
    """The tables below a folder.

    These are Delta tables and the entities of CDM models, at any depth, and tables with logs that are not read; and
    beside them sub-folders that hold data files, and single files by their stems. Below a table that says itself which
    files are its own no other file is a table. What nothing tells to be one (a folder of programs and documents, a file
    of an unknown kind) is a table only if somebody knows it by its name, and then opening it tells what is wrong.

    Args:
        filesystem: Where it lies.
        root: The folder, without a protocol.
        pattern: Glob that names must match (`*`, `?`, `[…]`; case counts).
        format: Only tables of this format; `auto`: of any.
        known: Whether somebody wants a table of a name, or has delivered it before.

    Returns:
        Path of each table, by its name; a name that could mean two tables, or is no text, is among them with its fault.

    Raises:
        TableMissing: No such folder.
        ConfigurationError: A file in place of a folder; a model that cannot be read.
        TransientError: Storage trouble.
    """
    root = root.rstrip("/")
    listing = find_files(filesystem, root)
    where = format_location(filesystem, root)
    if listing is None:
        raise TableMissing(
            f"There is no folder {where}. Correct `source` in the export file, or check what writes the tables."
        )
    if listing.is_file:
        raise ConfigurationError(
            f"{where} is a file. `source` in the export file names the folder of the tables."
        )
    found = _found(Place(filesystem, root, listing), format)
    tables = _by_name([*found, *_plain_tables(listing, format, found, known)], listing.root, where)
    return Tables({name: path for name, path in tables.items() if fnmatchcase(name, pattern)}, tables.faults)


def _by_name(found: Iterable[FoundTable], root: str, where: str) -> Tables:
    """Tables by their names; `where` is the folder below which they were found, for messages."""
    paths: dict[str, set[str]] = defaultdict(set)
    faults: dict[str, str] = {}
    for table in found:
        name = unicodedata.normalize("NFC", table.name)  # as people type it; macOS writes accents apart
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
    """The folder of a table's name that still holds files, at any depth, although it is no table any more.

    Such as a Delta table without its log. Files below a table that says itself which files are its own do not count.

    Args:
        filesystem: Where it lies.
        root: The folder of the tables, without a protocol.
        name: Of the table.

    Returns:
        The location; None if there is nothing.
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
    """Tables that say themselves which files are theirs."""
    found: list[FoundTable] = []
    for own in FOLDER_FORMATS:
        if format in ("auto", own.name):
            found += own.find(_without(place, found))
    folders = {table.folder for table in found}
    logs = tables_with_logs(place.listing or Listing(place.path, ()))
    return found + [table for table in logs if table.folder not in folders]


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
        # Beside a file, another one of its name may be its other half, whatever that one is.
        is_half = format == "auto" and table.name in singles
        if is_half or (table.name not in names and known(table.name)):
            yield table


def _folders_above(path: str, root: str) -> Iterator[str]:
    while len(path) > len(root):
        path = posixpath.dirname(path)
        yield path


def _passes(relative: str, format: FormatChoice) -> bool:  # noqa: A002
    """Whether a file is of the format, as far as its name tells."""
    found = format_of(relative)
    if found is None:
        return format in ("auto", *(own.name for own in FILE_FORMATS))
    return format in ("auto", found.name)
