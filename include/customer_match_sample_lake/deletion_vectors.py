"""Deletion vectors as Delta Lake stores them: in the log, or in a separate file."""

from __future__ import annotations

import string
import uuid
import zlib
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["inline_descriptor", "make_file"]

_MAGIC: Final = 1681511377
_Z85: Final = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"


def z85(content: bytes) -> str:
    """Encode bytes as Z85; their number must be a multiple of four."""
    text = ""
    for start in range(0, len(content), 4):
        value, chars = int.from_bytes(content[start : start + 4], "big"), ""
        for _ in range(5):
            value, digit = divmod(value, 85)
            chars = _Z85[digit] + chars
        text += chars
    return text


def inline_descriptor(rows: Iterable[int]) -> dict[str, Any]:
    """Return a descriptor that contains the vector."""
    content, count = _serialise(rows)
    return {
        "storageType": "i",
        "pathOrInlineDv": z85(content),
        "sizeInBytes": len(content),
        "cardinality": count,
    }


def make_file(
    rows: Iterable[int], before: bytes = b"", prefix: str = "", key: uuid.UUID | None = None
) -> tuple[str, bytes, dict[str, Any]]:
    """Make a file that contains the vector.

    Args:
        rows: Numbers of the deleted rows.
        before: Vectors before it in the file.
        prefix: Folder of the file.
        key: Id in the file's name; None: a new one.

    Returns:
        Its path relative to the table, its content, and the descriptor.
    """
    content, count = _serialise(rows)
    key = key or uuid.uuid4()
    start = bytes([1]) + before
    frame = len(content).to_bytes(4, "big") + content + zlib.crc32(content).to_bytes(4, "big")
    name = f"deletion_vector_{key}.bin"
    descriptor = {
        "storageType": "u",
        "pathOrInlineDv": prefix + z85(key.bytes),
        "offset": len(start),
        "sizeInBytes": len(content),
        "cardinality": count,
    }
    return (f"{prefix}/{name}" if prefix else name), start + frame, descriptor


def _serialise(rows: Iterable[int]) -> tuple[bytes, int]:
    from pyroaring import BitMap64  # noqa: PLC0415 (only needed where there are vectors)

    bitmap = BitMap64(rows)
    content = _MAGIC.to_bytes(4, "little") + bitmap.serialize()
    # Z85 encodes groups of four bytes; readers of bitmaps ignore bytes after the last container.
    return content + bytes(-len(content) % 4), len(bitmap)
