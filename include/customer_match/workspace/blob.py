"""The workspace in an object storage; the storage itself writes blobs atomically and durably."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any, Final

import fsspec

from customer_match.storage.paths import find_paths, walk_files, with_exact_names

__all__ = ["BlobStorage"]

_BLOCK_BYTES: Final = 8 * 2**20  # staged at a time; 50,000 blocks make 400 GB at most


class BlobStorage:
    """Blobs of an fsspec file system without listing cache. All paths are `container/path`."""

    def __init__(self, filesystem: fsspec.AbstractFileSystem) -> None:
        self._filesystem = with_exact_names(filesystem)

    def read(self, path: str) -> bytes:
        """Read a blob."""
        content: bytes = self._filesystem.cat_file(path)
        return content

    def replace(self, path: str, data: bytes) -> None:
        """Write a blob; replace an existing one."""
        self._filesystem.pipe_file(path, data)

    def create(self, path: str, data: bytes) -> None:
        """Write a blob that does not exist yet.

        adlfs does it in one request with `If-None-Match: *` (observed: adlfs 2026.8, azure-storage-blob 12.31).
        """
        self._filesystem.pipe_file(path, data, mode="create")

    def sink(self, path: str) -> BlobSink:
        """Start a blob that is written in pieces."""
        return BlobSink(self._filesystem.open(path, "wb", block_size=_BLOCK_BYTES))

    def link(self, source: str, target: str) -> bool:  # noqa: ARG002
        """Do nothing: a blob has one name."""
        return False

    def names(self, path: str) -> list[str]:
        """List the names directly below a path; empty if there are none."""
        found = walk_files(self._filesystem, path)
        return sorted({name.removeprefix(f"{path}/").split("/")[0] for name in found})

    def exists(self, path: str) -> bool:
        """Return whether the blob exists, or any blob below this path."""
        return bool(self._filesystem.exists(path))

    def size(self, path: str) -> int:
        """Return the size of a blob in bytes."""
        return int(self._filesystem.info(path)["size"])

    def modified(self, path: str) -> datetime:
        """Return when a blob was written."""
        written: datetime = self._filesystem.info(path)["last_modified"]
        return written

    def clean(self, path: str) -> None:
        """Do nothing: uncommitted blocks are not blobs, and Azure deletes them."""

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete a blob, or all below a path; do nothing if it does not exist."""
        with contextlib.suppress(FileNotFoundError):
            if not recursive:
                self._filesystem.rm_file(path)
            elif found := find_paths(self._filesystem, path):
                # Not by the folder's name: adlfs would read `[` and `*` in it as a pattern.
                self._filesystem.rm(found, expand_path=False)


class BlobSink:
    """Blocks of a blob, which does not exist until the list of blocks is committed."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: Any, /) -> int:
        """Write some bytes."""
        return int(self._file.write(data))

    def commit(self) -> None:
        """Commit the blob, so that it appears."""
        self._file.close()

    def discard(self) -> None:
        """Drop the blob; Azure deletes uncommitted blocks after a week (documented: Put Block)."""
        self._file.forced = True  # fsspec's flag for a flushed file: closing it then sends nothing more
        self._file.close()
