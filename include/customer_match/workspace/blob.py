"""The workspace in an object storage: a blob appears as a whole, and durably, by the storage's own rules."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import fsspec

from customer_match.storage.paths import exact, files_below, paths_below

__all__ = ["BlobPlace"]

_BLOCK_BYTES: Final = 8 * 2**20  # staged at a time; 50,000 blocks make 400 GB at most


class BlobPlace:
    """Blobs of an fsspec file system without listing cache. All paths are `container/path`."""

    def __init__(self, filesystem: fsspec.AbstractFileSystem) -> None:
        self._filesystem = exact(filesystem)

    def read(self, path: str) -> bytes:
        """A blob's content."""
        content: bytes = self._filesystem.cat_file(path)
        return content

    def replace(self, path: str, data: bytes) -> None:
        """Write a blob in place of an older one."""
        self._filesystem.pipe_file(path, data)

    def create(self, path: str, data: bytes) -> None:
        """Write a blob that is not there yet.

        adlfs makes this one request with `If-None-Match: *` (observed: adlfs 2026.8, azure-storage-blob 12.31).
        """
        self._filesystem.pipe_file(path, data, mode="create")

    def sink(self, path: str) -> BlobSink:
        """A blob in the making."""
        return BlobSink(self._filesystem.open(path, "wb", block_size=_BLOCK_BYTES))

    def names(self, path: str) -> list[str]:
        """Names directly below a path; empty if there are none."""
        found = files_below(self._filesystem, path)
        return sorted({name.removeprefix(f"{path}/").split("/")[0] for name in found})

    def exists(self, path: str) -> bool:
        """Whether there is a blob, or any below this path."""
        return bool(self._filesystem.exists(path))

    def size(self, path: str) -> int:
        """Bytes of a blob."""
        return int(self._filesystem.info(path)["size"])

    def clean(self, path: str) -> None:
        """Nothing: what was staged and not committed is no blob, and Azure drops it by itself."""

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete a blob, or all below a path; nothing happens if there is none."""
        with contextlib.suppress(FileNotFoundError):
            if not recursive:
                self._filesystem.rm_file(path)
            elif found := paths_below(self._filesystem, path):
                # Not by the folder's name: adlfs would take `[` and `*` in it for a pattern.
                self._filesystem.rm(found, expand_path=False)


class BlobSink:
    """Blocks that are staged and count for nothing until their list is committed."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        return int(self._file.write(data))

    def commit(self) -> None:
        """Let the blob appear."""
        self._file.close()

    def discard(self) -> None:
        """Never commit; Azure drops uncommitted blocks after a week (documented: Put Block)."""
        self._file.forced = True  # fsspec's mark of a file that is flushed: closing it sends nothing more
        self._file.close()
