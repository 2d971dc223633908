"""Filter rows by the values of one column, as an export file lists them.

Text is compared without regard to case and outer spaces, numbers by value, booleans with booleans. Null never matches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import describe_type, find_column, holds_nothing, is_text

__all__ = ["ValueFilter", "value_filter"]

Scalar = str | bool | int | float
_DIGITS: Final = 76  # maximum of Arrow's decimal types


@dataclass(frozen=True)
class ValueFilter:
    """The allowed values, in the column's own type.

    Attributes:
        column: Its name as the table spells it.
        allowed: Text (lower-case), numbers, or booleans.
    """

    column: str
    allowed: pa.Array

    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows of a batch have one of the values."""
        values = batch.column(self.column)
        if not len(self.allowed):
            return pa.repeat(pa.scalar(False), len(values))  # noqa: FBT003 (a value of Arrow's)
        if is_text(values.type):
            values = normalise_texts(values.cast(pa.string()))
        elif not pa.types.is_boolean(values.type):
            values = values.cast(self.allowed.type)
        return pc.is_in(values, value_set=self.allowed)


def value_filter(
    column: str,
    values: Sequence[Scalar],
    columns: Mapping[str, pa.DataType],
    *,
    keys: tuple[str, str],
    tells: str,
) -> ValueFilter:
    """Make a filter for a table with these columns.

    Args:
        column: The column's name in the export file.
        values: The values in the export file.
        columns: The table's columns and their types.
        keys: The keys of the export file that hold column and values, for messages.
        tells: What the column says, for messages.

    Raises:
        ConfigurationError: The column does not exist, or can never hold one of the values.
    """
    of_column, of_values = keys
    name = find_column(columns, column, of_column)
    kind = columns[name]
    if is_text(kind):
        return ValueFilter(name, normalise_texts(pa.array([_text(value) for value in values], pa.string())))
    if not pa.types.is_boolean(kind) and holds_nothing(columns, name):
        return ValueFilter(name, pa.array([], kind))
    if pa.types.is_boolean(kind):
        return ValueFilter(name, pa.array([_boolean(value, name, of_values) for value in values], pa.bool_()))
    if pa.types.is_decimal(kind):
        return ValueFilter(name, _decimals(values, kind, name, of_values))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = [_number(value, name, of_values) for value in values]
        return ValueFilter(name, _numbers(numbers, kind, name, of_values))
    raise ConfigurationError(
        f"The column {name!r} holds {describe_type(kind)}, which cannot express {tells}. Name a column of text, "
        f"numbers or true/false as `{of_column}` in the export file.",
        key=of_column,
    )


def normalise_texts(texts: pa.StringArray) -> pa.StringArray:
    """Normalise texts for comparison with Arrow on both sides, as Python lower-cases some letters differently (İ)."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts))


def _text(value: Scalar) -> str:
    """Convert a value to text as a CSV file would write it, in its own case."""
    return str(value).strip()


def _boolean(value: Scalar, name: str, key: str) -> bool:
    text = _text(value).lower()
    if text not in ("true", "false"):
        raise _never_matches(name, "true and false", "true", key)
    return text == "true"


def _number(value: Scalar, name: str, key: str) -> int | float:
    ways: tuple[type[int | float], ...] = (int, float) if isinstance(value, str) else (type(value),)
    for convert in ways if not isinstance(value, bool) else ():
        with suppress(OverflowError, ValueError):
            number = convert(value)
            if math.isfinite(number):  # NaN and infinity are never matched
                return number
    raise _never_matches(name, "numbers", "1", key)


def _numbers(values: list[int | float], kind: pa.DataType, name: str, key: str) -> pa.Array:
    """Convert the values to the column's type; whole numbers stay integers where possible, as floats lose digits."""
    if not pa.types.is_integer(kind):
        return pa.array([float(value) for value in values], pa.float64())
    whole = [int(value) for value in values if float(value).is_integer()]
    if len(whole) < len(values) or not all(_fits(value, kind) for value in whole):
        raise _never_matches(name, str(kind), "1", key)
    return pa.array(whole, kind)


def _decimals(
    values: Sequence[Scalar], kind: pa.Decimal128Type | pa.Decimal256Type, name: str, key: str
) -> pa.Array:
    """Convert the values to exact decimals; a float of the file counts as its digits are written."""
    short = pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind)  # not supported by Arrow's `is_in`
    wide = pa.decimal128(kind.precision, kind.scale) if short else kind
    exact = [_decimal(value, name, key) for value in values]
    if not all(_fits(value, wide) for value in exact):
        raise _never_matches(name, str(kind), "1", key)
    return pa.array([pa.scalar(value, wide) for value in exact], wide)


def _decimal(value: Scalar, name: str, key: str) -> Decimal:
    if not isinstance(value, bool):
        with suppress(InvalidOperation):
            number = Decimal(_text(value))
            if number.is_finite() and abs(number.adjusted()) <= _DIGITS:
                return number
    raise _never_matches(name, "numbers", "1", key)


def _fits(value: int | Decimal, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value, kind)
    except (OverflowError, pa.ArrowInvalid):
        return False
    return True


def _never_matches(name: str, kind: str, example: str, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"The column {name!r} holds {kind}, so it can never hold some value of `{key}` in the export file. "
        f"Write the values as the column holds them, such as `{key.rpartition('.')[2]}: [{example}]`.",
        key=key,
    )
