"""The interface of table formats; `registry.py` lists the formats, `opening.py` and `discovery.py` choose among them.

There are two kinds. A *file format* (Parquet, CSV) consists of single files, recognised by their names or first bytes.
A *folder format* (Delta Lake, CDM) has its own files next to the data that say which data files count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import fsspec

from customer_match.storage.files import format_location
from customer_match.table_formats import Format
from customer_match.tables.listing import Listing
from customer_match.tables.table import FileTable, Table

__all__ = ["FileFormat", "FolderFormat", "FoundTable", "Place"]


@dataclass(frozen=True)
class FileFormat:
    """A format of single files.

    Attributes:
        name: Its name in the export file.
        title: Its name in messages.
        extensions: Extensions of its files, in lower case, with the dot.
        magic: First bytes of its files; empty if they have no fixed ones.
        table: Makes a table from a file system, a location for messages, and files.
    """

    name: Format
    title: str
    extensions: frozenset[str]
    table: Callable[..., FileTable]
    magic: bytes = b""


@dataclass(frozen=True)
class Place:
    """A path and the files below it.

    Attributes:
        filesystem: The file system.
        path: The path, without a protocol and without a trailing slash.
        listing: Its files; None if the path does not exist.
        as_of: The time whose state is read, for formats that keep older states; None: the newest state.
    """

    filesystem: fsspec.AbstractFileSystem
    path: str
    listing: Listing | None
    as_of: datetime | None = None

    @property
    def where(self) -> str:
        """The location, for messages."""
        return format_location(self.filesystem, self.path)


@dataclass(frozen=True)
class FoundTable:
    """A table of a folder format, found in a listing.

    Attributes:
        name: The name by which an export file refers to it.
        path: The path for `open_table`.
        folder: A folder whose files, at any depth, are not tables of their own, because the table lists its files.
    """

    name: str
    path: str
    folder: str


class FolderFormat(Protocol):
    """A format that keeps its own files next to the data."""

    @property
    def name(self) -> Format:
        """Its name in the export file."""

    @property
    def title(self) -> str:
        """Its name in messages."""

    @property
    def marker(self) -> str:
        """The file or folder that marks a table of this format, for messages."""

    def find(self, place: Place) -> Sequence[FoundTable]:
        """Find the tables of this format in a folder.

        Raises:
            ConfigurationError: Files of the format exist but cannot be read.
            TransientError: The storage failed.
        """

    def forbids_plain(self, listing: Listing) -> bool:
        """Whether the listed files must not be read as plain files, even if the export file asks for it."""

    def open(self, place: Place) -> Table | None:
        """Open a path as a table of this format; None if it is not one.

        Raises:
            ConfigurationError: It is one but cannot be read; the message says why.
            TransientError: The storage failed.
        """
