"""The workspace on a local disk: files are synced, then appear by rename or link, readable by this user only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from customer_match.errors import ConfigurationError
from customer_match.redaction import logger

__all__ = ["LocalStorage"]

_FOLDER_MODE: Final = 0o700  # hashes are personal data; mkstemp creates files with 0600
_PART: Final = re.compile(r"\..*?(?:\.(?P<boot>[0-9a-f]{8}))?\.[^.]*\.part")
_UNKNOWN: Final = "0" * 8  # on systems that have no boot id
_ABANDONED_AFTER: Final = 24 * 3600.0  # seconds without a write: no other machine writes it any more
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


log = logger(__name__)


class LocalStorage:
    """Files below a local folder. All paths are absolute."""

    def read(self, path: str) -> bytes:
        """Read a file."""
        return Path(path).read_bytes()

    def replace(self, path: str, data: bytes) -> None:
        """Write a file; replace an existing one."""
        sink = self.sink(path)
        try:
            sink.write(data)
            sink.commit()
        except BaseException:
            sink.discard()
            raise

    def create(self, path: str, data: bytes) -> None:
        """Write a file that does not exist yet. Unlike a rename, a link fails if the target exists."""
        sink = self.sink(path)
        try:
            sink.write(data)
            sink.link()
        finally:
            sink.discard()

    def sink(self, path: str) -> LocalSink:
        """Start a file that is written in pieces."""
        target = Path(path)
        _make_folder(target.parent)
        return LocalSink(target)

    def link(self, source: str, target: str) -> bool:
        """Give a file a second name; files are only ever replaced, so either name keeps this content."""
        _make_folder(Path(target).parent)
        try:
            os.link(source, target)
        except (FileExistsError, FileNotFoundError):
            return False
        except OSError as error:
            if error.errno in {*_NO_LINKS, errno.EXDEV}:
                return False
            raise
        _sync_folder(Path(target).parent)
        return True

    def names(self, path: str) -> list[str]:
        """List the names in a folder, without unfinished files; empty if there is no folder."""
        try:
            return sorted(entry.name for entry in Path(path).iterdir() if not entry.name.startswith("."))
        except FileNotFoundError:
            return []

    def exists(self, path: str) -> bool:
        """Return whether the file or folder exists."""
        return Path(path).exists()

    def size(self, path: str) -> int:
        """Return the size of a file in bytes."""
        return Path(path).stat().st_size

    def modified(self, path: str) -> datetime:
        """Return when a file was written."""
        return datetime.fromtimestamp(Path(path).stat().st_mtime, UTC)

    def clean(self, path: str) -> None:
        """Delete unfinished files that dead writers left in a folder and below it.

        An unfinished file is locked while its writer lives, and its name contains the boot id of the system. A file
        of another machine, or from before a restart, is deleted if it was not written for a day.
        """
        for folder, _, names in os.walk(path):
            for name in names:
                if part := _PART.fullmatch(name):
                    with contextlib.suppress(OSError):  # already deleted, or owned by another user
                        _delete_if_dead(Path(folder, name), is_here=part["boot"] == _boot() != _UNKNOWN)

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete a file, or a folder with its content; do nothing if it does not exist."""
        with contextlib.suppress(FileNotFoundError):
            if recursive and Path(path).is_dir():
                shutil.rmtree(path)
            else:
                Path(path).unlink()


class LocalSink:
    """A hidden file beside its target; it becomes the target when it is complete."""

    def __init__(self, target: Path) -> None:
        self._target = target
        descriptor, name = _locked_part(target)
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(name)

    def write(self, data: Any, /) -> int:
        """Write some bytes."""
        return self._file.write(data)

    def commit(self) -> None:
        """Move the file to its target, replacing an existing file."""
        self._sync()
        self._path.replace(self._target)
        _sync_folder(self._target.parent)

    def link(self) -> None:
        """Move the file to its target if that does not exist."""
        self._sync()
        try:
            os.link(self._path, self._target)
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise ConfigurationError(
                    f"The file system of {self._target.parent} does not support hard links, which the workspace needs "
                    "to detect concurrent writers. Put the workspace on a local disk or in Azure storage."
                ) from error
            raise
        _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Delete the unfinished file; has no effect after `commit`."""
        with contextlib.suppress(OSError):  # data that is not yet written is not needed
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _locked_part(target: Path) -> tuple[int, str]:
    """Create a file beside a target, locked for as long as this process has it open."""
    while True:
        prefix = f".{target.name[:100]}.{_boot()}."
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=target.parent)
        with contextlib.suppress(OSError):  # a file system without locks; then `clean` deletes nothing either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # deleted by `clean` just before it was locked


def _delete_if_dead(path: Path, *, is_here: bool) -> None:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # another process is writing it, or locks are not supported
        if is_here or time.time() - os.fstat(file.fileno()).st_mtime > _ABANDONED_AFTER:
            path.unlink()
            log.info("Deleted %s, an unfinished file of a run that ended unexpectedly", path)


@cache
def _boot() -> str:
    """Return an id of the current boot of this system, 8 hex digits."""
    try:
        known = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return _UNKNOWN
    return hashlib.blake2b(known, digest_size=4).hexdigest()


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, for this user only and durably."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER_MODE)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    with _open_folder(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
