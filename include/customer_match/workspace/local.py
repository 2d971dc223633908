"""The workspace on a local disk: files appear by rename or link, synced first, for this user alone."""

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
from functools import cache
from pathlib import Path
from typing import Any, Final

from customer_match.errors import ConfigurationError
from customer_match.redaction import logger

__all__ = ["LocalPlace"]

_FOLDER_MODE: Final = 0o700  # hashes are personal data; mkstemp gives files 0600
_PART: Final = re.compile(r"\..*?(?:\.(?P<boot>[0-9a-f]{8}))?\.[^.]*\.part")
_UNKNOWN: Final = "0" * 8  # of systems that do not tell their boot
_OF_OTHERS: Final = 24 * 3600.0  # seconds without a write: then no machine writes it any more
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


log = logger(__name__)


class LocalPlace:
    """Files below a local folder. All paths are absolute."""

    def read(self, path: str) -> bytes:
        """A file's content."""
        return Path(path).read_bytes()

    def replace(self, path: str, data: bytes) -> None:
        """Write a file in place of an older one."""
        sink = self.sink(path)
        try:
            sink.write(data)
            sink.commit()
        except BaseException:
            sink.discard()
            raise

    def create(self, path: str, data: bytes) -> None:
        """Write a file that is not there yet. A link, unlike a rename, fails where there is one."""
        sink = self.sink(path)
        try:
            sink.write(data)
            sink.link()
        finally:
            sink.discard()

    def sink(self, path: str) -> LocalSink:
        """A file in the making."""
        target = Path(path)
        _make_folder(target.parent)
        return LocalSink(target)

    def names(self, path: str) -> list[str]:
        """Names in a folder, without those in the making; empty if there is no folder."""
        try:
            return sorted(entry.name for entry in Path(path).iterdir() if not entry.name.startswith("."))
        except FileNotFoundError:
            return []

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return Path(path).exists()

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return Path(path).stat().st_size

    def clean(self, path: str) -> None:
        """Delete what writers that have died left behind in a folder and below it.

        A file in the making is locked while its writer lives, and names the boot of the system that made it. One of
        another machine, or of before a restart, goes when nobody has written to it for a day.
        """
        for folder, _, names in os.walk(path):
            for name in names:
                if part := _PART.fullmatch(name):
                    with contextlib.suppress(OSError):  # gone, or another user's: not ours to clean
                        _delete_if_dead(Path(folder, name), is_here=part["boot"] == _boot() != _UNKNOWN)

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete a file, or a folder with all that is in it; nothing happens if there is none."""
        with contextlib.suppress(FileNotFoundError):
            if recursive and Path(path).is_dir():
                shutil.rmtree(path)
            else:
                Path(path).unlink()


class LocalSink:
    """A hidden file beside its target, which it becomes when it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target
        descriptor, name = _locked_part(target)
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(name)

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        return self._file.write(data)

    def commit(self) -> None:
        """Let the file appear in place of an older one."""
        self._sync()
        self._path.replace(self._target)
        _sync_folder(self._target.parent)

    def link(self) -> None:
        """Let the file appear if there is none."""
        self._sync()
        try:
            os.link(self._path, self._target)
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise ConfigurationError(
                    f"The file system of {self._target.parent} has no hard links, by which the workspace notices "
                    "that two runs write at once. Put the workspace on a local disk or in Azure storage."
                ) from error
            raise
        _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Let nothing of it remain; harmless after `commit`."""
        with contextlib.suppress(OSError):  # what was not yet written need not be
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _locked_part(target: Path) -> tuple[int, str]:
    """A new file beside a target, locked for as long as this process has it open."""
    while True:
        prefix = f".{target.name[:100]}.{_boot()}."
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=target.parent)
        with contextlib.suppress(OSError):  # a file system without locks: then nobody cleans there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # cleaned in the moment before it was locked


def _delete_if_dead(path: Path, *, is_here: bool) -> None:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # somebody is writing it, or nobody can tell
        if is_here or time.time() - os.fstat(file.fileno()).st_mtime > _OF_OTHERS:
            path.unlink()
            log.info("Deleted %s, which a run that has died left behind", path)


@cache
def _boot() -> str:
    """Tells this boot of this system from all others, 8 hex digits."""
    try:
        known = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return _UNKNOWN
    return hashlib.blake2b(known, digest_size=4).hexdigest()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, for this user alone, so that they survive a crash."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER_MODE)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
