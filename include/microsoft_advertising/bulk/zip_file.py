"""Writes a zip with one file from pieces that are deflated already.

Python's `zipfile` computes the checksum and compresses by itself, with zlib in one thread, and has no public way to
choose another compressor. Source of the format: PKWARE's APPNOTE.TXT 6.3.10, 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import IO, Final

from isal import isal_zlib

from microsoft_advertising.bulk.deflating import END, Deflated

__all__ = ["write_zip"]

_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
_CENTRAL_HEADER: Final = struct.Struct("<4s6H3I5H2I")
_END_RECORD: Final = struct.Struct("<4s4H2IH")

_VERSION: Final = 20  # 2.0: deflated files
_UNIX: Final = 3 << 8
_DEFLATED: Final = 8
_DATE: Final = (0, 1 << 5 | 1)  # midnight on 1 January 1980, the earliest: equal contents make equal files
_PERMISSIONS: Final = 0o600 << 16


def write_zip(file: IO[bytes], name: str, pieces: Iterable[Deflated]) -> int:
    """Write a zip with one file.

    Args:
        file: An empty file, seekable.
        name: Name of the file in the zip, ASCII.
        pieces: Its deflated content, in order: less than 4 GiB before and after.

    Returns:
        Size of the file in the zip before it was deflated, in bytes.
    """
    encoded = name.encode("ascii")
    file.write(bytes(_LOCAL_HEADER.size) + encoded)
    crc = size = deflated = 0
    for piece in pieces:
        file.write(piece.content)
        crc = isal_zlib.crc32_combine(crc, piece.crc, piece.size)
        size += piece.size
        deflated += len(piece.content)
    file.write(END)
    facts = (_VERSION, 0, _DEFLATED, *_DATE, crc, deflated + len(END), size, len(encoded), 0)
    central = (
        _CENTRAL_HEADER.pack(b"PK\x01\x02", _UNIX | _VERSION, *facts, 0, 0, 0, _PERMISSIONS, 0) + encoded
    )
    position = file.tell()
    file.write(central + _END_RECORD.pack(b"PK\x05\x06", 0, 0, 1, 1, len(central), position, 0))
    file.seek(0)
    file.write(_LOCAL_HEADER.pack(b"PK\x03\x04", *facts))
    return size
