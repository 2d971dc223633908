"""Columns of a batch in the types that the table promises, and text that surely is UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from include.customer_match.tables.columns import holds_addresses, is_text
from include.errors import ConfigurationError

__all__ = ["conformed", "stream_type"]


def stream_type(kind: pa.DataType) -> pa.DataType:
    """The type in which values travel: text as string, lists of text as lists of string, all else as it is."""
    if is_text(kind):
        return pa.string()
    return pa.list_(pa.string()) if holds_addresses(kind) else kind


def conformed(batch: pa.RecordBatch, types: Mapping[str, pa.DataType], where: str) -> pa.RecordBatch:
    """The asked columns of a batch, in order, each in its type.

    Bytes that are no UTF-8 become U+FFFD, so that only their rows are refused.

    Args:
        batch: With these columns, perhaps with others.
        types: Of the columns, as `stream_type` gives them.
        where: The file, for the message.

    Raises:
        ConfigurationError: A value does not fit the type.
    """
    return pa.record_batch({name: _as(batch.column(name), kind, name, where) for name, kind in types.items()})


def _as(column: pa.Array, kind: pa.DataType, name: str, where: str) -> pa.Array:
    if isinstance(column.type, pa.ListViewType | pa.LargeListViewType):
        column = _as_lists(column)
    try:
        array = column if column.type == kind else column.cast(kind)
    except pa.ArrowException:  # whose words quote the value
        raise ConfigurationError(
            f"The column {name!r} of {where} holds {column.type}, and a value of it does not fit {kind}, its type "
            "in the table's other files. Let every file be written with the same type."
        ) from None
    if kind == pa.string():
        return _mended(array)
    return _with_mended_values(array) if kind == pa.list_(pa.string()) else array


def _as_lists(views: pa.Array) -> pa.ListArray:
    """The same lists one after the other: Arrow's own cast makes too few offsets (observed with pyarrow 26)."""
    lengths = views.value_lengths().fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    mask = views.is_null() if views.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), views.flatten(), mask=mask)


def _with_mended_values(lists: pa.ListArray) -> pa.ListArray:
    values = lists.values
    mended = _mended(values)
    if mended is values:
        return lists
    rows = pa.array(lists.offsets.to_numpy(), pa.int32())  # a copy: a slice takes no mask
    return pa.ListArray.from_arrays(rows, mended, mask=lists.is_null() if lists.null_count else None)


def _mended(text: pa.StringArray) -> pa.StringArray:
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        values = (value if value is None else value.decode("utf-8", "replace") for value in _bytes(text))
        return pa.array(values, pa.string())
    return text


def _bytes(text: pa.StringArray) -> Iterator[bytes | None]:
    for scalar in text.cast(pa.binary()):
        yield scalar.as_py()
