"""Streams between a CSV file and its reader: decompress gzip, and convert encodings to UTF-8, in constant memory."""

from __future__ import annotations

import codecs
import io
from typing import Any, BinaryIO, Final

from isal import isal_zlib

from customer_match.errors import ConfigurationError

__all__ = ["BLOCK_BYTES", "Gunzip", "Transcoder", "is_gzip"]

BLOCK_BYTES: Final = 2**20

GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31  # deflate's largest, with gzip's header and checksum
_PACKED_BYTES: Final = 256 * 2**10  # compressed bytes read at a time
# Tables compress 3 to 20 times, with empty columns about 100 times; deflate's maximum is 1,032 times.
_RATIO: Final = 250
_RATIO_FROM_BYTES: Final = 32 * 2**20
_LARGEST_BYTES: Final = 100 * 2**30


def is_gzip(start: bytes) -> bool:
    """Whether a file with this start is compressed with gzip."""
    return start.startswith(GZIP)


class _Converted(io.RawIOBase):
    """A stream that makes its content itself, in `read`."""

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view)) or b""
        view[: len(content)] = content
        return len(content)

    def readable(self) -> bool:
        """Whether the stream is readable: always."""
        return True


class Gunzip(_Converted):
    """Decompresses a gzip file of one or more members while it is read, up to limits that no table reaches.

    Args:
        file: The file at its start, or after `start`.
        where: The file, for messages.
        start: Content that was already read.
    """

    def __init__(self, file: BinaryIO, where: str, start: bytes = b"") -> None:
        super().__init__()
        self._file, self._where = file, where
        self._packed = start
        self._member: Any = None  # the one that is being decompressed; None between two
        self._holds_more = False
        self._taken, self._given = len(start), 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read `size` bytes, fewer only at the end: pyarrow uses each read as a block, and rows must fit into it.

        Raises:
            ConfigurationError: The file is truncated, damaged, or decompresses to more than a table would.
        """
        left = BLOCK_BYTES if size is None or size < 0 else size
        parts = []
        while left and (self._member or self._begins_member()):
            parts.append(self._decompress(left))
            left -= len(parts[-1])
        return b"".join(parts)

    def _begins_member(self) -> bool:
        self._packed = self._packed.lstrip(b"\0")  # as gzip itself does: padding
        while len(self._packed) < len(GZIP) and (more := self._more()):
            self._packed = (self._packed + more).lstrip(b"\0")
        if not self._packed:
            return False
        if not is_gzip(self._packed):
            raise self._unusable("is damaged: something else follows the packed data")
        self._member, self._holds_more = isal_zlib.decompressobj(wbits=_GZIP_WINDOW), False
        return True

    def _decompress(self, wanted: int) -> bytes:
        if not self._packed and not self._holds_more:
            self._packed = self._more()
            if not self._packed:
                raise self._unusable("is truncated: it ends in the middle of the packed data")
        try:
            content: bytes = self._member.decompress(self._packed, wanted)
        except isal_zlib.error:  # type: ignore[misc]  # it has no types
            raise self._unusable("is damaged, or its checksum is wrong") from None
        self._holds_more = len(content) == wanted
        if self._member.eof:
            self._packed, self._member = self._member.unused_data, None
        else:
            self._packed = self._member.unconsumed_tail
        self._given += len(content)
        self._check_bounds()
        return content

    def _more(self) -> bytes:
        packed = self._file.read(_PACKED_BYTES)
        self._taken += len(packed)
        return packed

    def _check_bounds(self) -> None:
        if self._given > max(_RATIO_FROM_BYTES, self._taken * _RATIO):
            raise self._unusable(
                f"decompresses to more than {_RATIO} times its size, which no table does (a gzip bomb), so reading "
                "was stopped"
            )
        if self._given > _LARGEST_BYTES:
            raise self._unusable(
                f"decompresses to more than {_LARGEST_BYTES // 2**30} GiB, so reading was stopped"
            )

    def _unusable(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._where} {what}. Have the table written again, as Parquet or as smaller CSV files."
        )


class Transcoder(_Converted):
    """Converts a file from another encoding to UTF-8 while it is read.

    Args:
        file: The file, at its start.
        encoding: Python's name of the encoding.
        where: The file, for messages.
        is_whole: Whether the end of the file is the end of the text.
    """

    def __init__(
        self, file: BinaryIO | io.RawIOBase, encoding: str, where: str, *, is_whole: bool = True
    ) -> None:
        super().__init__()
        self._file = file
        self._is_whole = is_whole
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._encoding, self._where = encoding, where
        self._lines = 1
        self._ready = (
            b""  # a read never returns more than requested: pyarrow copies into a buffer of that size
        )

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes; empty at the end.

        Raises:
            ConfigurationError: The text does not have the encoding.
        """
        wanted = BLOCK_BYTES if size is None or size < 0 else size
        more = True
        while more and len(self._ready) < wanted:
            content = self._file.read(wanted) or b""
            more = bool(content)
            self._ready += self._decode(content)
        given, self._ready = self._ready[:wanted], self._ready[wanted:]
        return given

    def _decode(self, content: bytes) -> bytes:
        before = self._decoder.getstate()
        try:
            text = self._decoder.decode(content, final=self._is_whole and not content)
            as_utf_8 = text.encode("utf-8")
        except UnicodeError:
            self._decoder.setstate(before)
            line = self._lines + self._lines_before_the_fault(content)
            raise ConfigurationError(
                f"{self._where}, line {line}: the text is not {self._encoding}. Correct the encoding (`csv.encoding` "
                "of the source in the export file, or the table's model), or have the table written as UTF-8."
            ) from None
        self._lines += text.count("\n")
        return as_utf_8

    def _lines_before_the_fault(self, content: bytes) -> int:
        lines = 0
        for place in range(len(content)):
            try:
                lines += self._decoder.decode(content[place : place + 1]).count("\n")
            except UnicodeError:
                break
        return lines
