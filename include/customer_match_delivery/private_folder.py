"""A temporary folder for files with digests: only this user may read it, and nothing of it stays, even after a kill.

A process holds a lock on its folder while it lives. The next process that makes a folder removes those without a living
owner.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["private_folder"]

_PREFIX: Final = "customer-match-private-"
_LOCK: Final = ".lock"


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder with mode 0700 below the system's temporary folder; it is removed at the end of the block."""
    _remove_abandoned()
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
    # It gets its name once it is locked, so that no other process takes it for an abandoned one before that.
    folder = made.with_name(made.name.removeprefix("."))
    try:
        with (made / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made.rename(folder)
            yield folder
    finally:
        for path in (made, folder):
            shutil.rmtree(path, ignore_errors=True)


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or being removed by another process
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _LOCK).open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its owner lives
                shutil.rmtree(folder)
