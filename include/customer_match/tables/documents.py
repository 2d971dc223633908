"""Read files that describe tables, such as logs and models.

Their formats define no compression. But some uploads compress them and set the property `Content-Encoding: gzip`, for
which the clients of several storages decompress them unasked.
"""

from __future__ import annotations

import gzip
import zlib

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, open_input
from customer_match.tables.csv.streams import is_gzip

__all__ = ["read_document"]


def read_document(
    filesystem: fsspec.AbstractFileSystem, path: str, limit: int = -1, size: int | None = None
) -> bytes:
    """Read a file, decompressed if its first bytes are those of gzip.

    Args:
        filesystem: Its file system.
        path: The file, without a protocol.
        limit: How many bytes to read at most, after decompressing; negative: all.
        size: Its size if known, which saves a request.

    Raises:
        FileNotFoundError: The file does not exist.
        ConfigurationError: It is compressed with gzip, but truncated or damaged. Also as in `storage_faults`.
        TransientError, TerminalError: As in `open_input`.
    """
    with open_input(filesystem, path, size) as file:
        content = file.read(limit)
        if not is_gzip(content):
            return content
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                return unpacked.read(limit)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise ConfigurationError(
                f"{format_location(filesystem, path)} is compressed with gzip, but truncated or damaged. Have it "
                "written again."
            ) from None
