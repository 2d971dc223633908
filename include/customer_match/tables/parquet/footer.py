"""Reads the footer of a Parquet file, and changes it so that pyarrow accepts every file whose columns it can read.

pyarrow converts the types of all columns before it reads any of them, and refuses the whole file for a single unknown
type. Two things are removed from the footer in memory:

- The Arrow schema that the writer has added to Parquet's own schema. It may have types that pyarrow lacks (polars'
  128-bit numbers) or cannot read (lists of dictionaries, over several row groups). Parquet's own types are enough here:
  a dictionary of text is text.
- Types that Parquet does not allow: text types on values of a fixed length (fastparquet's `fixed_text`), and types that
  no version of the format has.

Observed with pyarrow 26.0, polars 2.1 and fastparquet 2026.9; the format: parquet.thrift of apache/parquet-format, in
Thrift's compact protocol.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Footer", "read_footer"]

_MAGIC: Final = b"PAR1"
_END_BYTES: Final = len(_MAGIC) + 4
_TAIL_BYTES: Final = 64 * 2**10  # that are read at once, as pyarrow does
# A field of type text with number 1, its length, and the text: the key of an entry of the file's own metadata.
_ARROW_SCHEMA: Final = b"\x18\x0cARROW:schema"
_ANOTHER_KEY: Final = b"\x18\x0cwriter:arrow"

# Numbers of fields and values in parquet.thrift.
_SCHEMA: Final = 2
_TYPE, _NAME, _CONVERTED, _LOGICAL = 1, 4, 6, 10
_BYTE_ARRAY, _FIXED_BYTES = 6, 7
_TEXTS: Final = frozenset({0, 4, 19, 20})  # UTF8, ENUM, JSON, BSON
_LAST_CONVERTED: Final = 21

# Types of fields in Thrift's compact protocol.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_NUMBERS: Final = (4, 5, 6)
_MANY: Final = 15


@dataclass(frozen=True)
class Footer:
    """The footer of a file.

    Attributes:
        metadata: The metadata, from pyarrow.
        fixed_text: Names of columns with text of a fixed length, padded with zeros, which pyarrow reads as bytes.
    """

    metadata: pq.FileMetaData
    fixed_text: frozenset[str] = frozenset()


def read_footer(content: BinaryIO) -> Footer:
    """Read the footer of a file.

    Raises:
        pyarrow.ArrowException, OSError: The file has no readable footer.
    """
    whole = _bytes_of(content)
    try:
        return Footer(_metadata(whole))
    except (OSError, pa.ArrowException):
        try:
            changed, fixed_text = _with_known_kinds(whole)
        except (IndexError, ValueError, RecursionError):
            changed = whole
        if changed == whole:
            raise
        return Footer(_metadata(changed), fixed_text)


def _bytes_of(content: BinaryIO) -> bytes:
    size = content.seek(0, io.SEEK_END)
    start = max(size - _TAIL_BYTES, 0)
    content.seek(start)
    tail = content.read(size - start)
    length = int.from_bytes(tail[-_END_BYTES : -len(_MAGIC)], "little")
    if not tail.endswith(_MAGIC) or length + _END_BYTES > size:
        raise pa.ArrowInvalid("no footer")
    if missing := max(length + _END_BYTES - len(tail), 0):
        content.seek(start - missing)
        tail = content.read(missing) + tail
    return tail[-length - _END_BYTES : -_END_BYTES].replace(_ARROW_SCHEMA, _ANOTHER_KEY)


def _metadata(footer: bytes) -> pq.FileMetaData:
    """Parse a footer, as a file that has nothing else."""
    file = b"".join([_MAGIC, footer, len(footer).to_bytes(4, "little"), _MAGIC])
    return pq.read_metadata(pa.BufferReader(file))


def _with_known_kinds(footer: bytes) -> tuple[bytes, frozenset[str]]:
    """The footer without types that columns cannot have, and the names of such columns that hold text."""
    parts: list[bytes] = []
    fixed_text: set[str] = set()
    place = 0
    for element in _Reader(footer).elements():
        kind = element.numbers.get(_TYPE)
        converted = element.numbers.get(_CONVERTED)
        is_text = converted in _TEXTS and kind is not None
        if (is_text and kind != _BYTE_ARRAY) or (converted or 0) > _LAST_CONVERTED:
            parts += [footer[place : element.start], element.without(_CONVERTED, _LOGICAL)]
            place = element.end
            if is_text and kind == _FIXED_BYTES:
                fixed_text.add(element.name)
    return b"".join([*parts, footer[place:]]), frozenset(fixed_text)


@dataclass(frozen=True)
class _Element:
    """One element of the schema: a column, or a group of columns.

    Attributes:
        start, end: Its position in the footer.
        fields: Number, type and content of each field.
        numbers: Values of numeric fields.
        name: Name of the column.
    """

    start: int
    end: int
    fields: tuple[tuple[int, int, bytes], ...]
    numbers: dict[int, int]
    name: str

    def without(self, *left_out: int) -> bytes:
        """The encoded element without some fields; each field is encoded with its distance from the one before."""
        written, last = bytearray(), 0
        for number, kind, content in self.fields:
            if number not in left_out:
                written.append((number - last) << 4 | kind)
                written += content
                last = number
        return bytes([*written, 0])


class _Reader:
    """Parses a footer up to its schema."""

    def __init__(self, footer: bytes) -> None:
        self._bytes = footer
        self._place = 0

    def elements(self) -> Iterator[_Element]:
        for number, kind in self._fields():
            if number != _SCHEMA or kind != _LIST:
                self._skip(kind)
                continue
            for _ in range(self._size_of_list()[0]):
                yield self._element()
            return

    def _element(self) -> _Element:
        start, fields, numbers, name = self._place, [], {}, ""
        for number, kind in self._fields():
            begin = self._place
            if kind in _NUMBERS:
                value = self._varint()
                numbers[number] = (value >> 1) ^ -(value & 1)
            else:
                self._skip(kind)
            content = self._bytes[begin : self._place]
            fields.append((number, kind, content))
            if number == _NAME and kind == _BINARY:
                self._place = begin
                name = self._text().decode()
        return _Element(start, self._place, tuple(fields), numbers, name)

    def _fields(self) -> Iterator[tuple[int, int]]:
        number = 0
        while head := self._byte():
            if delta := head >> 4:
                number += delta
            else:
                value = self._varint()
                number = (value >> 1) ^ -(value & 1)
            yield number, head & 0x0F

    def _skip(self, kind: int) -> None:
        if kind in _NUMBERS:
            self._varint()
        elif kind == _BINARY:
            self._text()
        elif kind == _STRUCT:
            for _, inner in self._fields():
                self._skip(inner)
        elif kind in (_LIST, _SET):
            size, inner = self._size_of_list()
            for _ in range(size):
                self._skip(_BYTE if inner in (_TRUE, _FALSE) else inner)
        elif kind in (_BYTE, _DOUBLE):
            self._place += 1 if kind == _BYTE else 8
            if self._place > len(self._bytes):  # a list may claim any length
                raise IndexError
        elif kind not in (_TRUE, _FALSE):  # maps: no version of the format has one
            raise ValueError(kind)

    def _size_of_list(self) -> tuple[int, int]:
        head = self._byte()
        size = head >> 4
        return (self._varint() if size == _MANY else size), head & 0x0F

    def _text(self) -> bytes:
        size = self._varint()
        self._place += size
        return self._bytes[self._place - size : self._place]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _byte(self) -> int:
        self._place += 1
        return self._bytes[self._place - 1]
