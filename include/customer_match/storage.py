"""Files of any fsspec file system, with the storage's troubles told in this project's three families.

pyarrow sits on top: translating at the file itself lets callers take whatever else pyarrow raises for damaged
data. What is translated into what is in `storage_errors.py`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import fsspec

from include.customer_match.storage_errors import translated
from include.errors import CustomerMatchError

__all__ = ["location_of", "open_input", "storage_faults"]


def location_of(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    """A path as people write it: `abfs://container/path`, or the plain path of a local file."""
    location: str = filesystem.unstrip_protocol(path)
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


def open_input(filesystem: fsspec.AbstractFileSystem, path: str) -> BinaryIO:
    """Open a file for reading ranges of it; nothing is read ahead, so that projection saves traffic.

    Raises:
        FileNotFoundError: If there is none. Others as `storage_faults`, also while reading.
    """
    location = location_of(filesystem, path)
    with storage_faults(location):
        file = filesystem.open(path, "rb", cache_type="none")
    return cast("BinaryIO", _Input(file, location))  # RawIOBase has all that BinaryIO asks for


class _Input(io.RawIOBase):
    """A file for reading whose errors are ours."""

    def __init__(self, file: Any, location: str) -> None:
        super().__init__()
        self._file = file
        self._location = location

    def read(self, size: int | None = -1, /) -> bytes:
        with storage_faults(self._location):
            content: bytes = self._file.read(-1 if size is None else size)
        return content

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
