"""Parquet files with kinds of values that pyarrow does not write: its own files, with another footer.

The footer is taken apart and put together again by a codec of its own for Thrift's compact protocol, which shares
nothing with the reader's.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Fields = dict[int, tuple[int, Any]]

ENUM, UUID, JSON, BSON, FUTURE = 4, 14, 12, 13, 30
"""Members of parquet.thrift's `LogicalType`; the last one is of no version."""


def parquet(columns: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), buffer, **options)
    return buffer.getvalue()


def annotated(content: bytes, column: str, logical: int | None = None, converted: int | None = None) -> bytes:
    """A file whose column has another kind: none, unless one is given."""

    def change(footer: Fields) -> None:
        for element in footer[2][1][1]:
            if element[4][1] == column.encode():
                element.pop(6, None)
                element.pop(10, None)
                if converted is not None:
                    element[6] = (5, 2 * converted)
                if logical is not None:
                    element[10] = (12, {logical: (12, {})})

    return with_footer(content, change)


def packed_as(content: bytes, column: int, codec: int) -> bytes:
    """A file that says of a column's chunks that they are packed otherwise."""

    def change(footer: Fields) -> None:
        for group in footer[4][1][1]:
            group[1][1][1][column][3][1][4] = (5, 2 * codec)

    return with_footer(content, change)


def with_footer(content: bytes, change: Callable[[Fields], None]) -> bytes:
    size = int.from_bytes(content[-8:-4], "little")
    footer = _read(io.BytesIO(content[-8 - size : -8]), 12)
    change(footer)
    written = _written(12, footer)
    return b"".join([content[: -8 - size], written, len(written).to_bytes(4, "little"), b"PAR1"])


def _number(stream: io.BytesIO) -> int:
    byte = stream.read(1)[0]
    return byte & 127 | (_number(stream) << 7 if byte & 128 else 0)


def _number_written(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _number_written(value >> 7)


def _read(stream: io.BytesIO, kind: int) -> Any:
    if kind in (1, 2):
        return kind
    if kind == 3:
        return stream.read(1)
    if kind in (4, 5, 6):
        return _number(stream)
    if kind == 8:
        return stream.read(_number(stream))
    if kind == 9:
        head = stream.read(1)[0]
        size = _number(stream) if head >> 4 == 15 else head >> 4
        inner = 3 if head & 15 in (1, 2) else head & 15
        return head & 15, [_read(stream, inner) for _ in range(size)]
    assert kind == 12, kind
    fields: Fields = {}
    number = 0
    while head := stream.read(1)[0]:
        number += head >> 4
        assert head >> 4
        fields[number] = (head & 15, _read(stream, head & 15))
    return fields


def _written(kind: int, value: Any) -> bytes:
    if kind in (1, 2):
        return b""
    if kind == 3:
        return bytes(value)
    if kind in (4, 5, 6):
        return _number_written(value)
    if kind == 8:
        return _number_written(len(value)) + value
    if kind == 9:
        inner, items = value
        return b"".join(
            [
                bytes([0xF0 | inner]),
                _number_written(len(items)),
                *(_written(3 if inner in (1, 2) else inner, item) for item in items),
            ]
        )
    written, last = b"", 0
    for number, (inner, item) in sorted(value.items()):
        head = bytes([(number - last) << 4 | inner]) if number - last < 16 else bytes([inner, 2 * number])
        written, last = written + head + _written(inner, item), number
    return written + b"\0"
