"""Converts the columns of a batch to the types of the table, and text to valid UTF-8."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import holds_addresses, is_bytes, is_text, is_uuid

__all__ = ["conform", "stream_type", "stream_types"]

_REPLACEMENT: Final = "\ufffd"
_UUID_BYTES: Final = 16
_UUID_TEXT: Final = 36
_UUID_PLACES: Final = [place for place in range(_UUID_TEXT) if place not in (8, 13, 18, 23)]
_HEX: Final = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)


def stream_type(kind: pa.DataType) -> pa.DataType:
    """The type of streamed values: string for text, lists of string for lists of text, otherwise unchanged."""
    if is_text(kind):
        return pa.string()
    return pa.list_(pa.string()) if holds_addresses(kind) else kind


def stream_types(
    columns: Mapping[str, pa.DataType], names: Iterable[str], as_bytes: Collection[str] = ()
) -> dict[str, pa.DataType]:
    """The types of some streamed columns; bytes that are not text keep their type."""
    return {name: columns[name] if name in as_bytes else stream_type(columns[name]) for name in names}


def conform(batch: pa.RecordBatch, types: Mapping[str, pa.DataType], where: str) -> pa.RecordBatch:
    """The requested columns of a batch, in order, each converted to its type.

    Bytes that are not UTF-8 become U+FFFD, so that only their rows are rejected.

    Args:
        batch: A batch with these columns, possibly with others.
        types: The types of the columns, from `stream_type`.
        where: The file, for the message.

    Raises:
        ConfigurationError: A value does not fit the type.
    """
    return pa.record_batch({name: _as(batch.column(name), kind, name, where) for name, kind in types.items()})


def _as(column: pa.Array, kind: pa.DataType, name: str, where: str) -> pa.Array:
    if column.type != kind and column.null_count == len(column):
        return pa.nulls(len(column), kind)  # pandas writes numbers for a column of only None
    if kind == pa.string():
        return _as_text(column, name, where)
    if isinstance(column.type, pa.ListViewType | pa.LargeListViewType):
        column = _as_lists(column)
    array = column if column.type == kind else _cast(column, kind, name, where)
    return _with_mended_values(array) if kind == pa.list_(pa.string()) else array


def _as_text(column: pa.Array, name: str, where: str) -> pa.StringArray:
    if is_uuid(column.type):
        return _text_of_uuids(column.storage)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_floating(column.type) and not pc.any(pc.invert(pc.is_nan(column))).as_py():
        return pa.nulls(len(column), pa.string())
    if pa.types.is_fixed_size_binary(column.type):
        column = pc.utf8_rtrim(_cast(column.cast(pa.binary()), pa.string(), name, where), "\0")
    text = _repair_utf8(column if column.type == pa.string() else _cast(column, pa.string(), name, where))
    if is_bytes(column.type) and _is_mostly_no_text(text):
        raise ConfigurationError(
            f"The column {name!r} of {where} holds bytes that are not UTF-8 text. Have the column written as text, or "
            "name another column in the export file."
        )
    return text


def _cast(column: pa.Array, kind: pa.DataType, name: str, where: str) -> pa.Array:
    try:  # text that is not UTF-8 is repaired later
        return column.cast(options=pc.CastOptions(target_type=kind, allow_invalid_utf8=True))
    except pa.ArrowException:  # its message would quote the value
        raise ConfigurationError(
            f"The column {name!r} of {where} holds {column.type}, and one of its values does not fit {kind}, its type "
            "in the table's other files. Have all files written with the same type."
        ) from None


def _is_mostly_no_text(text: pa.StringArray) -> bool:
    mended = pc.sum(pc.match_substring(text, _REPLACEMENT)).as_py() or 0
    return bool(2 * mended > len(text) - text.null_count)


def _text_of_uuids(values: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """UUIDs as text as in RFC 9562: lower-case hex digits in groups of 8, 4, 4, 4 and 12."""
    _, buffer = values.buffers()
    start = values.offset * _UUID_BYTES
    digits = np.frombuffer(buffer, np.uint8)[start : start + len(values) * _UUID_BYTES].reshape(
        -1, _UUID_BYTES
    )
    letters = np.full((len(values), _UUID_TEXT), ord("-"), np.uint8)
    letters[:, _UUID_PLACES] = _HEX[digits].reshape(len(values), 2 * _UUID_BYTES)
    offsets = pa.array(np.arange(len(values) + 1) * _UUID_TEXT, pa.int32())
    text = pa.StringArray.from_buffers(len(values), offsets.buffers()[1], pa.py_buffer(letters.tobytes()))
    return pc.if_else(values.is_valid(), text, pa.scalar(None, pa.string()))


def _as_lists(views: pa.Array) -> pa.ListArray:
    """Convert list views to lists: Arrow's own cast makes too few offsets (observed with pyarrow 26)."""
    lengths = views.value_lengths().fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    mask = views.is_null() if views.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), views.flatten(), mask=mask)


def _with_mended_values(lists: pa.ListArray) -> pa.ListArray:
    values = lists.values
    mended = _repair_utf8(values)
    if mended is values:
        return lists
    rows = pa.array(lists.offsets.to_numpy(), pa.int32())  # a copy: a slice takes no mask
    return pa.ListArray.from_arrays(rows, mended, mask=lists.is_null() if lists.null_count else None)


def _repair_utf8(text: pa.StringArray) -> pa.StringArray:
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        values = (value if value is None else value.decode("utf-8", "replace") for value in _bytes(text))
        return pa.array(values, pa.string())
    return text


def _bytes(text: pa.StringArray) -> Iterator[bytes | None]:
    for scalar in text.cast(pa.binary()):
        yield scalar.as_py()
