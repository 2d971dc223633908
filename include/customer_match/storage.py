"""Files of any fsspec file system, with the storage's troubles told in this project's three families.

Local disks raise OSError, adlfs what the Azure SDK raises, partly wrapped in RuntimeError; pyarrow sits on
top. Translating at the file itself lets callers take whatever else pyarrow raises for damaged data.
"""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, cast

import fsspec

from include.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError

__all__ = ["location_of", "open_input", "storage_faults"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_UNUSABLE: Final = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
_HTTP_REFUSED: Final = frozenset({401, 403})
_HTTP_LATER: Final = frozenset({408, 409, 412, 429})
_HTTP_NOT_FOUND: Final = 404
_HTTP_SERVER_ERROR: Final = 500


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
        translated = _translated(error, location)
        if translated is None:
            raise
        raise translated from error


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


def _translated(error: BaseException, location: str) -> CustomerMatchError | None:
    """Our word for the first error of the chain that a storage is known to raise."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError):
            return _of_system(link, location)
        if translated := _of_azure(link, location):
            return translated
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return None


def _of_system(error: OSError, location: str) -> CustomerMatchError:
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return ConfigurationError(
            f"{location} cannot be written: the storage is full ({reason}). Free some space."
        )
    if error.errno in _FORBIDDEN:
        return ConfigurationError(
            f"{location} may not be read or written by this user ({reason}). Check owner and permissions of the "
            "file and of the folders above it."
        )
    if error.errno in _UNUSABLE:
        return ConfigurationError(f"{location} cannot be used as a path here ({reason}). Correct the path.")
    return TransientError(f"{location} cannot be reached: {reason}.")


def _of_azure(error: BaseException, location: str) -> CustomerMatchError | None:
    """The SDK's messages are left out: they repeat requests, and those may carry signatures."""
    azure: Any = sys.modules.get("azure.core.exceptions")  # who has not imported it has not raised from it
    if azure is None or not isinstance(error, azure.AzureError):
        return None
    status = getattr(error, "status_code", None)
    code = getattr(error, "error_code", None)
    detail = (
        ", ".join(str(part) for part in (status and f"HTTP {status}", code) if part) or type(error).__name__
    )
    if isinstance(error, azure.ClientAuthenticationError) or status in _HTTP_REFUSED:
        return ConfigurationError(
            f"{location}: the storage account refuses access ({detail}). Check the credentials on the lake's "
            "Airflow connection, that they have the role Storage Blob Data Contributor (for a workspace) or Reader, "
            "and the account's firewall."
        )
    if status == _HTTP_NOT_FOUND:
        return ConfigurationError(
            f"{location}: there is no such container in the storage account ({detail}). Create it, or correct the "
            "name."
        )
    if isinstance(error, azure.HttpResponseError) and status and not _may_pass(status):
        return TerminalError(f"{location}: the storage account refuses the request ({detail}).")
    return TransientError(
        f"{location}: the storage account cannot be reached or is busy ({detail}). If this stays so, check the "
        "account's name and the network.",
        retry_after=_retry_after(error),
    )


def _may_pass(status: int) -> bool:
    return status >= _HTTP_SERVER_ERROR or status in _HTTP_LATER


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("Retry-After", ""))
    return float(value) if value.isdigit() else None
