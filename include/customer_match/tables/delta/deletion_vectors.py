"""Deletion vectors: the numbers of rows that a data file still has, but the table has not.

Documented: protocol, "Deletion Vector Format". A vector is a magic number and a roaring bitmap of 64 bits; in a
file its size stands before it and its checksum after it. (The protocol's example of one in the log has its
magic number the wrong way round; the one in the tests of delta-kernel-rs is right.)
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
    """A vector that is not what the log says; the message says in which way."""


def z85_decoded(text: str) -> bytes:
    """Bytes that are written as Z85 (https://rfc.zeromq.org/spec/32/).

    Raises:
        Damaged: They are not.
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
    """The file that a vector is in: relative to the table, or whole where the log has it whole.

    Raises:
        Damaged: The log names none.
    """
    if vector.storage == "p":
        return unquote(vector.value)
    if vector.storage != "u" or len(vector.value) < _UUID_CHARS:
        raise Damaged(f"is kept in a way that is not known ({vector.storage!r})")
    prefix, encoded = vector.value[:-_UUID_CHARS], vector.value[-_UUID_CHARS:]
    name = f"deletion_vector_{uuid.UUID(bytes=z85_decoded(encoded))}.bin"
    return f"{prefix}/{name}" if prefix else name


def framed(content: bytes) -> bytes:
    """A vector as it stands in a file, at its offset."""
    size, checksum = len(content), zlib.crc32(content)
    return size.to_bytes(_NUMBER_BYTES, "big") + content + checksum.to_bytes(_NUMBER_BYTES, "big")


def unframe(frame: bytes, vector: DeletionVector) -> bytes:
    """A vector from where it stands in a file.

    Raises:
        Damaged: Size or checksum differ.
    """
    size, content = frame[:_NUMBER_BYTES], frame[_NUMBER_BYTES:-_NUMBER_BYTES]
    if len(frame) != vector.size_bytes + FRAME_BYTES or int.from_bytes(size, "big") != vector.size_bytes:
        raise Damaged("has not the size that the log says")
    if frame != framed(content):
        raise Damaged("has another checksum than its content")
    return content


def numbers(content: bytes, vector: DeletionVector) -> Rows:
    """The numbers of the deleted rows, from 0, in order.

    Raises:
        Damaged: It is no bitmap, or of another size than the log says.
    """
    from pyroaring import BitMap64  # noqa: PLC0415 (only needed where there are vectors)

    if not content.startswith(_MAGIC):
        raise Damaged("does not begin like one")
    try:
        rows = BitMap64.deserialize(content[len(_MAGIC) :])
    except ValueError:
        raise Damaged("is no bitmap") from None
    if len(rows) != vector.rows:
        raise Damaged(f"deletes {len(rows)} rows, but the log says {vector.rows}")
    # Documented: the highest bit is never set. Searching unsigned numbers for others would make floats of them.
    return np.frombuffer(rows.to_array(), dtype=np.int64)
