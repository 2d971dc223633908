"""Files of any fsspec file system, with storage errors translated to our error families.

Errors are translated in the file object itself, below pyarrow, so that callers can treat whatever else pyarrow raises
as damaged data. `errors.py` defines the translation.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import CustomerMatchError, TerminalError
from customer_match.storage.client_errors import file_shrank_error
from customer_match.storage.errors import translate_error
from customer_match.storage.paths import get_info, open_local_file, read_range, with_exact_names
from customer_match.storage.read_ahead import Range, ReadAhead, Requests

__all__ = ["Input", "format_location", "open_input", "storage_faults"]


def format_location(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    """Format a path for messages: `abfs://container/path`, or the plain path of a local file."""
    location: str = with_exact_names(filesystem).unstrip_protocol(path)
    return location.removeprefix("file://")


@contextmanager
def storage_faults(location: str) -> Iterator[None]:
    """Translate the errors of a storage.

    FileNotFoundError and FileExistsError are not translated.

    Args:
        location: What is read or written, for the message.

    Raises:
        ConfigurationError: Wrong credentials, no permission, container does not exist, storage full, unusable path.
        TransientError: Network errors, time-outs, throttling, failures of the storage.
        TerminalError: The storage refuses the request for another reason.
    """
    try:
        yield
    except (CustomerMatchError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:
        ours = translate_error(error, location)
        if ours is None:
            raise
        raise ours from error


def open_input(filesystem: fsspec.AbstractFileSystem, path: str, size: int | None = None) -> Input:
    """Open a file for reading ranges; only requested ranges are read, so that reading few columns saves traffic.

    Args:
        filesystem: Its file system.
        path: The file, without a protocol.
        size: Its size if known, which saves a request.

    Raises:
        FileNotFoundError: The file does not exist; if the size is given, raised when reading. Other errors as in
            `storage_faults`, also when reading.
        TransientError: When reading: the file became shorter.
        TerminalError: When reading: the storage returns another number of bytes than it stores.
    """
    location = format_location(filesystem, path)
    with storage_faults(location):
        if isinstance(filesystem, LocalFileSystem):
            return Input(open_local_file(filesystem, path), location)
        return Input(
            _Ranges(filesystem, path, _size_of(filesystem, path) if size is None else size), location
        )


def _size_of(filesystem: fsspec.AbstractFileSystem, path: str) -> int:
    info = get_info(filesystem, path)
    if info["type"] == "directory":
        raise FileNotFoundError(path)
    return int(info["size"])


class Input(io.RawIOBase, BinaryIO):
    """A file opened for reading, which raises translated errors."""

    def __init__(self, file: Any, location: str) -> None:
        super().__init__()
        self._file = file
        self._location = location

    def expect(self, ranges: Iterable[Range], requests: Requests | None = None) -> None:
        """Start to fetch ranges that will be read. Has no effect on local files and files opened without a size.

        Args:
            ranges: The ranges, in about the order in which they are read.
            requests: Those of the files that are read before this one; None: this file alone.
        """
        if isinstance(self._file, _Ranges):
            self._file.expect(ranges, self._location, requests)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a number of bytes, or all that remain."""
        with storage_faults(self._location):
            content: bytes = self._file.read(-1 if size is None else size)
        return content

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the position."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()


class _Ranges:
    """A file of known size in a lake; each range is one request."""

    def __init__(self, filesystem: fsspec.AbstractFileSystem, path: str, size: int) -> None:
        self._filesystem = filesystem
        self._path = path
        self._size = size
        self._position = 0
        self._ahead: ReadAhead | None = None

    def expect(self, ranges: Iterable[Range], location: str, requests: Requests | None) -> None:
        def fetch(start: int, end: int) -> bytes:
            with storage_faults(location):
                return self._fetch(start, end)

        self.close()
        inside = ((start, end) for start, end in ranges if 0 <= start < end <= self._size)
        self._ahead = ReadAhead(fetch, inside, requests)

    def read(self, size: int) -> bytes:
        rest = max(self._size - self._position, 0)
        end = self._position + (rest if size < 0 else min(size, rest))
        if end == self._position:
            return b""
        content = (self._ahead.read if self._ahead else self._fetch)(self._position, end)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if self._ahead:
            self._ahead.close()
        self._ahead = None

    def _fetch(self, start: int, end: int) -> bytes:
        content = read_range(self._filesystem, self._path, start, end)
        if len(content) != end - start:
            raise self._wrong_length(len(content), start, end)
        return content

    def _wrong_length(self, length: int, start: int, end: int) -> CustomerMatchError:
        """The error for a range of another length: reading on would lose rows, or read some twice."""
        location = format_location(self._filesystem, self._path)
        now = _size_of(self._filesystem, self._path)
        if now < self._size:
            return file_shrank_error(location, f"{now:,} bytes instead of {self._size:,}")
        return TerminalError(
            f"{location} has {self._size:,} bytes, but its storage returned {length:,} for the bytes {start:,} to "
            f"{end - 1:,}. Something decompresses it on the way: remove its metadata `Content-Encoding`, or have the "
            "file written without compression."
        )
