"""Deletion vectors: the numbers of deleted rows that a data file still contains.

Documented: protocol, "Deletion Vector Format". A vector is a magic number and a 64-bit roaring bitmap. In a file, its
size precedes it and its checksum follows it. (The magic number in the protocol's example of a vector in the log is
reversed; the one in the tests of delta-kernel-rs is right.)
"""

from __future__ import annotations

import string
import uuid
import zlib
from typing import Final
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from customer_match.tables.delta.replay import DeletionVector

__all__ = ["Damaged", "file_of", "numbers", "unframe", "z85_decoded"]

_MAGIC: Final = (1681511377).to_bytes(4, "little")
_Z85: Final = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
_VALUES: Final = {char: value for value, char in enumerate(_Z85)}
_GROUP: Final = 5
_UUID_CHARS: Final = 20
_NUMBER_BYTES: Final = 4
FRAME_BYTES: Final = 2 * _NUMBER_BYTES

Rows = npt.NDArray[np.int64]


class Damaged(Exception):
    """A vector does not match the log; the message says how."""


def z85_decoded(text: str) -> bytes:
    """Decode Z85 text (https://rfc.zeromq.org/spec/32/).

    Raises:
        Damaged: The text is not Z85.
    """
    if len(text) % _GROUP or not set(text) <= _VALUES.keys():
        raise Damaged("is not written as Z85")
    groups = bytearray()
    for start in range(0, len(text), _GROUP):
        value = 0
        for char in text[start : start + _GROUP]:
            value = value * len(_Z85) + _VALUES[char]
        if value >= 1 << (8 * _NUMBER_BYTES):
            raise Damaged("is not written as Z85")
        groups += value.to_bytes(_NUMBER_BYTES, "big")
    return bytes(groups)


def file_of(vector: DeletionVector) -> str:
    """The file that contains a vector: relative to the table, or absolute if the log says so.

    Raises:
        Damaged: The log names no file.
    """
    if vector.storage == "p":
        return unquote(vector.value)
    if vector.storage != "u" or len(vector.value) < _UUID_CHARS:
        raise Damaged(f"is stored in an unknown way ({vector.storage!r})")
    prefix, encoded = vector.value[:-_UUID_CHARS], vector.value[-_UUID_CHARS:]
    name = f"deletion_vector_{uuid.UUID(bytes=z85_decoded(encoded))}.bin"
    return f"{prefix}/{name}" if prefix else name


def framed(content: bytes) -> bytes:
    """A vector with size and checksum, as it is stored in a file."""
    size, checksum = len(content), zlib.crc32(content)
    return size.to_bytes(_NUMBER_BYTES, "big") + content + checksum.to_bytes(_NUMBER_BYTES, "big")


def unframe(frame: bytes, vector: DeletionVector) -> bytes:
    """Remove size and checksum from a vector that was read from a file.

    Raises:
        Damaged: Size or checksum are wrong.
    """
    size, content = frame[:_NUMBER_BYTES], frame[_NUMBER_BYTES:-_NUMBER_BYTES]
    if len(frame) != vector.size_bytes + FRAME_BYTES or int.from_bytes(size, "big") != vector.size_bytes:
        raise Damaged("does not have the size that the log says")
    if frame != framed(content):
        raise Damaged("does not match its checksum")
    return content


def numbers(content: bytes, vector: DeletionVector) -> Rows:
    """The numbers of the deleted rows, from 0, in order.

    Raises:
        Damaged: The content is not a bitmap, or has another number of rows than the log says.
    """
    from pyroaring import BitMap64  # noqa: PLC0415 (only needed where there are vectors)

    if not content.startswith(_MAGIC):
        raise Damaged("does not start like one")
    try:
        rows = BitMap64.deserialize(content[len(_MAGIC) :])
    except ValueError:
        raise Damaged("is not a bitmap") from None
    if len(rows) != vector.rows:
        raise Damaged(f"deletes {len(rows)} rows, but the log says {vector.rows}")
    # Documented: the highest bit is never set. Searching unsigned numbers for signed ones would convert to floats.
    return np.frombuffer(rows.to_array(), dtype=np.int64)
