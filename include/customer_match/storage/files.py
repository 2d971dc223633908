"""Files of any fsspec file system, with the storage's troubles told in this project's three families.

pyarrow sits on top: translating at the file itself lets callers take whatever else pyarrow raises for damaged
data. What is translated into what is in `errors.py`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import CustomerMatchError
from customer_match.storage.errors import translated
from customer_match.storage.paths import content_of, exact, opened
from customer_match.storage.read_ahead import Range, ReadAhead

__all__ = ["Input", "location_of", "open_input", "storage_faults"]


def location_of(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    """A path as people write it: `abfs://container/path`, or the plain path of a local file."""
    location: str = exact(filesystem).unstrip_protocol(path)
    return location.removeprefix("file://")


@contextmanager
def storage_faults(location: str) -> Iterator[None]:
    """Translate what a storage raises.

    A file that is missing, or is there already, stays FileNotFoundError or FileExistsError.

    Args:
        location: What is read or written, for the message.

    Raises:
        ConfigurationError: Wrong credentials, no permission, no such container, storage full, unusable path.
        TransientError: Network trouble, time-outs, throttling, the storage's own failures.
        TerminalError: A refusal that nothing here explains.
    """
    try:
        yield
    except (CustomerMatchError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:
        ours = translated(error, location)
        if ours is None:
            raise
        raise ours from error


def open_input(filesystem: fsspec.AbstractFileSystem, path: str, size: int | None = None) -> Input:
    """Open a file for reading ranges of it; only what is asked for is read, so that projection saves traffic.

    Args:
        filesystem: Where it is.
        path: The file, without a protocol.
        size: Its size where that is known: the storage is then not asked for it.

    Raises:
        FileNotFoundError: If there is none; where the size is given, while reading. Others as `storage_faults`,
            also while reading.
    """
    location = location_of(filesystem, path)
    if size is not None and not isinstance(filesystem, LocalFileSystem):
        return Input(_Ranges(filesystem, path, size), location)
    with storage_faults(location):
        file = opened(filesystem, path)
    return Input(file, location)


class Input(io.RawIOBase, BinaryIO):
    """A file for reading whose errors are ours."""

    def __init__(self, file: Any, location: str) -> None:
        super().__init__()
        self._file = file
        self._location = location

    def expect(self, ranges: Iterable[Range], before: Input | None = None) -> None:
        """Fetch ahead what will be read, in a lake whose file was opened with its size; else nothing happens.

        Args:
            ranges: In about the order in which they are read.
            before: A file that is read before this one and expects something too; its ranges are fetched first.
        """
        if isinstance(self._file, _Ranges):
            self._file.expect(ranges, self._location, before.ahead if before else None)

    @property
    def ahead(self) -> ReadAhead | None:
        """What is fetched of it."""
        return self._file.ahead if isinstance(self._file, _Ranges) else None

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or all that are left."""
        with storage_faults(self._location):
            content: bytes = self._file.read(-1 if size is None else size)
        return content

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; how many bytes that were."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """The place."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """End reading."""
        if not self.closed:
            self._file.close()
        super().close()


class _Ranges:
    """A file of known size in a lake, read by one request a range."""

    def __init__(self, filesystem: fsspec.AbstractFileSystem, path: str, size: int) -> None:
        self._filesystem = filesystem
        self._path = path
        self._size = size
        self._position = 0
        self.ahead: ReadAhead | None = None

    def expect(self, ranges: Iterable[Range], location: str, before: ReadAhead | None) -> None:
        def fetch(start: int, end: int) -> bytes:
            with storage_faults(location):
                return self._fetch(start, end)

        self.close()
        inside = ((start, end) for start, end in ranges if 0 <= start < end <= self._size)
        self.ahead = ReadAhead(fetch, inside, before)

    def read(self, size: int) -> bytes:
        rest = max(self._size - self._position, 0)
        end = self._position + (rest if size < 0 else min(size, rest))
        if end == self._position:
            return b""
        content = (self.ahead.read if self.ahead else self._fetch)(self._position, end)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(begin + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if self.ahead:
            self.ahead.close()
        self.ahead = None

    def _fetch(self, start: int, end: int) -> bytes:
        return content_of(self._filesystem, self._path, start, end)
