"""The workspace: one interface over local disks and Azure storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Protocol, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.safe_names import join
from customer_match.storage.files import location_of, open_input, storage_faults
from customer_match.workspace.blob import BlobPlace
from customer_match.workspace.local import LocalPlace
from customer_match.workspace.output import Output, Sink

__all__ = ["Workspace"]

_AZURE: Final = "abfs"


class _Place(Protocol):
    def read(self, path: str) -> bytes: ...
    def replace(self, path: str, data: bytes) -> None: ...
    def create(self, path: str, data: bytes) -> None: ...
    def sink(self, path: str) -> Sink: ...
    def names(self, path: str) -> list[str]: ...
    def exists(self, path: str) -> bool: ...
    def size(self, path: str) -> int: ...
    def clean(self, path: str) -> None: ...
    def delete(self, path: str, *, recursive: bool) -> None: ...


class Workspace:
    """A folder whose files appear as a whole, are durable once written, and can be created exclusively.

    Paths are relative to the root, made of names as `join` allows them. Everything raises
    ConfigurationError for wrong credentials, no permission and a full disk, and TransientError for trouble
    that may pass.

    Args:
        filesystem: A local one, or an object storage's (adlfs) without listing cache.
        root: The folder, without a protocol. It is made when it is first written to; a container is not.

    Raises:
        ConfigurationError: A storage of which it is not known that files can be created exclusively.
    """

    def __init__(self, filesystem: fsspec.AbstractFileSystem, root: str) -> None:
        self.root = root.rstrip("/")
        self._filesystem = filesystem
        self._place: _Place = _place(filesystem)

    def __repr__(self) -> str:
        return f"Workspace({location_of(self._filesystem, self.root)!r})"

    def path(self, *parts: str) -> str:
        """The path in the file system of something in the workspace."""
        return f"{self.root}/{join(*parts)}" if any(parts) else self.root

    def read_bytes(self, relative: str) -> bytes:
        """Read a small file.

        Raises:
            FileNotFoundError: If there is none.
        """
        with self._at(relative) as path:
            return self._place.read(path)

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a small file, replacing it as a whole."""
        with self._at(relative) as path:
            self._place.replace(path, data)

    def create(self, relative: str, data: bytes) -> None:
        """Write a small file, unless it is there: of several writers exactly one succeeds.

        In Azure a lost answer may let the one that succeeded see its own file and fail as well.

        Raises:
            FileExistsError: If it is there.
        """
        with self._at(relative) as path:
            self._place.create(path, data)

    def open_input(self, relative: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            FileNotFoundError: If there is none.
        """
        return open_input(self._filesystem, self.path(relative))

    def open_output(self, relative: str) -> BinaryIO:
        """Open a file for writing; it appears when it is closed, and not if an exception leaves its context."""
        with self._at(relative) as path:
            output = Output(self._place.sink(path), location_of(self._filesystem, path))
        return cast("BinaryIO", output)  # RawIOBase has all that BinaryIO asks for

    def list(self, relative: str) -> list[str]:
        """Names in a folder, sorted; empty if there is none."""
        with self._at(relative) as path:
            return self._place.names(path)

    def exists(self, relative: str) -> bool:
        """Whether there is such a file or folder."""
        with self._at(relative) as path:
            return self._place.exists(path)

    def size(self, relative: str) -> int:
        """Bytes of a file.

        Raises:
            FileNotFoundError: If there is none.
        """
        with self._at(relative) as path:
            return self._place.size(path)

    def delete(self, relative: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a folder; nothing happens if there is none."""
        with self._at(relative) as path:
            self._place.delete(path, recursive=recursive)

    def clean(self, relative: str) -> None:
        """Delete what writers that have surely died left behind in a folder and below it."""
        with self._at(relative) as path:
            self._place.clean(path)

    @contextmanager
    def _at(self, relative: str) -> Iterator[str]:
        path = self.path(relative)
        with storage_faults(location_of(self._filesystem, path)):
            yield path


def _place(filesystem: fsspec.AbstractFileSystem) -> _Place:
    if isinstance(filesystem, LocalFileSystem):
        return LocalPlace()
    protocols = filesystem.protocol
    protocol = protocols if isinstance(protocols, str) else protocols[0]
    if protocol != _AZURE:
        raise ConfigurationError(
            f"A workspace cannot be in a storage of the kind {protocol}://: only in Azure and on a local disk a run is "
            "known to notice that another one writes the same ledger. Write an abfs:// or local folder as "
            "`workspace` in the export file."
        )
    return BlobPlace(filesystem)
