"""The workspace: one interface for local disks and Azure storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO, Final, Protocol, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.members.envelope import Envelope
from customer_match.safe_names import join
from customer_match.storage.files import format_location, open_input, storage_faults
from customer_match.workspace.blob import BlobStorage
from customer_match.workspace.identity import check_format
from customer_match.workspace.local import LocalStorage
from customer_match.workspace.output import Output, Sink

__all__ = ["Workspace"]

_AZURE: Final = "abfs"


class _Storage(Protocol):
    def read(self, path: str) -> bytes: ...
    def replace(self, path: str, data: bytes) -> None: ...
    def create(self, path: str, data: bytes) -> None: ...
    def sink(self, path: str) -> Sink: ...
    def link(self, source: str, target: str) -> bool: ...
    def names(self, path: str) -> list[str]: ...
    def exists(self, path: str) -> bool: ...
    def size(self, path: str) -> int: ...
    def modified(self, path: str) -> datetime: ...
    def clean(self, path: str) -> None: ...
    def delete(self, path: str, *, recursive: bool) -> None: ...


class Workspace:
    """A folder whose files appear complete, are durable once written, and can be created exclusively.

    Paths are relative to the root and made of names that `join` allows. All methods raise ConfigurationError for wrong
    credentials, missing permissions and a full disk, and TransientError for errors that a retry may solve. The first
    change raises NewerFormat if a newer release has changed the format of the workspace.

    Args:
        filesystem: A local one, or an object storage's (adlfs) without listing cache.
        root: The folder, without a protocol. It is created on the first write; a container is not.
        envelope: Encrypts and decrypts files of members; None: none is encrypted.

    Raises:
        ConfigurationError: The storage is not known to support exclusive creation of files.
    """

    def __init__(
        self, filesystem: fsspec.AbstractFileSystem, root: str, envelope: Envelope | None = None
    ) -> None:
        self.root = root.rstrip("/")
        self.envelope = envelope or Envelope()
        self._filesystem = filesystem
        self._storage: _Storage = _storage_for(filesystem)
        self._is_checked = False

    def __repr__(self) -> str:
        return f"Workspace({format_location(self._filesystem, self.root)!r})"

    def path(self, *parts: str) -> str:
        """Return the path in the file system of something in the workspace."""
        return f"{self.root}/{join(*parts)}" if any(parts) else self.root

    def read_bytes(self, relative: str) -> bytes:
        """Read a small file.

        Raises:
            FileNotFoundError: The file does not exist.
        """
        with self._at(relative) as path:
            return self._storage.read(path)

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a small file, replacing it as a whole."""
        with self._changing(relative) as path:
            self._storage.replace(path, data)

    def create(self, relative: str, data: bytes) -> None:
        """Write a small file if it does not exist: of several writers, exactly one succeeds.

        In Azure, if an answer is lost, the successful writer may find its own file and fail too.

        Raises:
            FileExistsError: The file exists.
        """
        with self._changing(relative) as path:
            self._storage.create(path, data)

    def open_input(self, relative: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            FileNotFoundError: The file does not exist.
        """
        return open_input(self._filesystem, self.path(relative))

    def open_output(self, relative: str) -> BinaryIO:
        """Open a file for writing; it appears when it is closed, but not if an exception leaves its context."""
        with self._changing(relative) as path:
            output = Output(self._storage.sink(path), format_location(self._filesystem, path))
        return cast("BinaryIO", output)  # RawIOBase has all methods of BinaryIO

    def link(self, source: str, target: str) -> bool:
        """Make a file that has the content of another one, without writing it again.

        Each of the two can be replaced or deleted without the other.

        Returns:
            Whether it could be made; False if the storage has no such links, the target exists, or the source does not.
        """
        with self._changing(target) as path:
            return self._storage.link(self.path(source), path)

    def list(self, relative: str) -> list[str]:
        """List the names in a folder, sorted; empty if it does not exist."""
        with self._at(relative) as path:
            return self._storage.names(path)

    def exists(self, relative: str) -> bool:
        """Return whether the file or folder exists."""
        with self._at(relative) as path:
            return self._storage.exists(path)

    def size(self, relative: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            FileNotFoundError: The file does not exist.
        """
        with self._at(relative) as path:
            return self._storage.size(path)

    def modified(self, relative: str) -> datetime:
        """Return when a file was written (UTC).

        Raises:
            FileNotFoundError: The file does not exist.
        """
        with self._at(relative) as path:
            return self._storage.modified(path)

    def delete(self, relative: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a folder; do nothing if it does not exist."""
        with self._changing(relative) as path:
            self._storage.delete(path, recursive=recursive)

    def clean(self, relative: str) -> None:
        """Delete unfinished files that dead writers left in a folder and below it."""
        with self._changing(relative) as path:
            self._storage.clean(path)

    @contextmanager
    def _changing(self, relative: str) -> Iterator[str]:
        """The path of something that is about to be changed."""
        if not self._is_checked:
            check_format(self)
            self._is_checked = True
        with self._at(relative) as path:
            yield path

    @contextmanager
    def _at(self, relative: str) -> Iterator[str]:
        path = self.path(relative)
        with storage_faults(format_location(self._filesystem, path)):
            yield path


def _storage_for(filesystem: fsspec.AbstractFileSystem) -> _Storage:
    if isinstance(filesystem, LocalFileSystem):
        return LocalStorage()
    protocols = filesystem.protocol
    protocol = protocols if isinstance(protocols, str) else protocols[0]
    if protocol != _AZURE:
        raise ConfigurationError(
            f"A workspace cannot be in a storage of type {protocol}://. Only in Azure and on local disks can a run "
            "reliably detect that another one writes the same ledger. Set `workspace` in the export file to an "
            "abfs:// or local folder."
        )
    return BlobStorage(filesystem)
