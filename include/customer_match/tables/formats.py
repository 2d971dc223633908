"""What a format module says of itself; `registry.py` lists them all, `opening.py` and `discovery.py` choose among them.

There are two kinds. A *file format* (Parquet, CSV) is one of single files, known by their names or first
bytes. A *folder format* (Delta Lake, CDM) has files of its own beside the data that say which data count.
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
        name: In the export file.
        title: For people.
        extensions: Of its files, in lower case, with the dot.
        magic: First bytes of each of its files; empty where there are none that tell.
        table: Makes a table of a file system, a location for people, and files.
    """

    name: Format
    title: str
    extensions: frozenset[str]
    table: Callable[..., FileTable]
    magic: bytes = b""


@dataclass(frozen=True)
class Place:
    """A path, and what is there.

    Attributes:
        filesystem: Where it lies.
        path: Without a protocol and without a slash at its end.
        listing: Its files; None: there is neither a file nor a folder.
        as_of: The moment whose state is wanted, where a format keeps older ones; None: the newest.
    """

    filesystem: fsspec.AbstractFileSystem
    path: str
    listing: Listing | None
    as_of: datetime | None = None

    @property
    def where(self) -> str:
        """The path, for people."""
        return format_location(self.filesystem, self.path)


@dataclass(frozen=True)
class FoundTable:
    """A table of a folder format, found in a listing.

    Attributes:
        name: By which an export file may name it.
        path: What `open_table` takes.
        folder: Whose files, at any depth, are no tables of their own: the table says which of them count.
    """

    name: str
    path: str
    folder: str


class FolderFormat(Protocol):
    """A format that keeps files of its own beside the data."""

    @property
    def name(self) -> Format:
        """In the export file."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def sign(self) -> str:
        """By what a table of it is known, for people."""

    def find(self, place: Place) -> Sequence[FoundTable]:
        """The tables of this format in a folder.

        Raises:
            ConfigurationError: Files of the format are there, but cannot be read.
            TransientError: Storage trouble.
        """

    def forbids_plain(self, listing: Listing) -> bool:
        """Whether what is listed must not be read as plain files, even where the export file asks for it."""

    def open(self, place: Place) -> Table | None:
        """Open a path as a table of this format; None if it is not one.

        Raises:
            ConfigurationError: It is one, but cannot be read; the message says why.
            TransientError: Storage trouble.
        """
