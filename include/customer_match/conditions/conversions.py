"""Evaluate the steps of a condition: casts, `ROUND`, and widened integers.

A value that does not fit a cast becomes null; the caller decides whether that is allowed. The format of a text is never
inferred from other rows, so results do not depend on how rows are split into batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from customer_match.conditions.rewriting import Step

__all__ = ["convert"]

_WHOLE: Final[dict[str, pl.DataType]] = {
    "BIGINT": pl.Int64(),
    "INT": pl.Int32(),
    "SMALLINT": pl.Int16(),
    "TINYINT": pl.Int8(),
    "UBIGINT": pl.UInt64(),
    "UINT": pl.UInt32(),
    "USMALLINT": pl.UInt16(),
    "UTINYINT": pl.UInt8(),
}
_TRUE: Final = ("true", "t", "yes", "y", "on", "1")  # as in PostgreSQL
_FALSE: Final = ("false", "f", "no", "n", "off", "0")
_MAX_DIGITS: Final = 38
_DATE: Final = r"^\d{4}-\d{1,2}-\d{1,2}$"
_TIMESTAMP: Final = r"^\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d\d(:[0-5]\d(\.\d+)?)?(Z| ?[+-]\d\d(:?\d\d)?)?$"
_TIME: Final = r"^\d{1,2}:\d\d(:[0-5]\d(\.\d+)?)?$"


def convert(step: Step, operand: pl.Series) -> pl.Series | None:
    """Evaluate a step on its operand; None if values of this type cannot be converted."""
    if step.function == "VALUE":
        return operand
    if step.function == "COUNT":
        return widen(operand)
    if step.function == "ROUND":
        is_number = operand.dtype.is_numeric()
        return operand.round(step.digits[0], mode="half_away_from_zero") if is_number else None
    if operand.dtype == pl.Null:
        return operand.cast(_stored_type(step))
    return _CONVERTERS[step.target](operand, step)


def widen(values: pl.Series) -> pl.Series:
    """Widen integers for arithmetic: polars wraps around on overflow."""
    kind = values.dtype
    if kind == pl.UInt64:
        return values.cast(pl.Int128)
    return values.cast(pl.Int64) if kind.is_integer() and kind != pl.Int128 else values


def _stored_type(step: Step) -> pl.DataType:
    others = {
        "BOOLEAN": pl.Boolean(),
        "DATE": pl.Date(),
        "DECIMAL": pl.Decimal(*_digits(step)),
        "TIME": pl.Time(),
    }
    times = dict.fromkeys(("DATETIME", "TIMESTAMP"), pl.Datetime("us"))
    numbers = dict.fromkeys(_WHOLE, pl.Int64()) | dict.fromkeys(("DOUBLE", "FLOAT"), pl.Float64())
    return {**others, **times, **numbers}.get(step.target, pl.String())


def _is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind == pl.Boolean


def _trimmed(values: pl.Series) -> pl.Series:
    return values.str.strip_chars(" \t\r\n") if values.dtype == pl.String else values


def _keep_where(values: pl.Series, fits: pl.Series) -> pl.Series:
    return values if fits.all(ignore_nulls=True) else pl.select(pl.when(fits).then(values)).to_series()


def _whole(operand: pl.Series, step: Step) -> pl.Series | None:
    if not (operand.dtype == pl.String or _is_number(operand.dtype)):
        return None
    return widen(_trimmed(operand).cast(_WHOLE[step.target], strict=False))


def _double(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        value = _trimmed(operand).cast(pl.Float64, strict=False)
        # `NaN`, often written for "no value", compares greater than any number.
        return _keep_where(value, value.is_finite())
    return operand.cast(pl.Float64) if _is_number(operand.dtype) else None


def _digits(step: Step) -> tuple[int, int]:
    if not step.digits:
        return _MAX_DIGITS, 9
    return step.digits[0], (*step.digits, 0)[1]


def _exact(operand: pl.Series, step: Step) -> pl.Series | None:
    digits, scale = _digits(step)
    if operand.dtype == pl.String:
        more = min(9, _MAX_DIGITS - digits)  # extra digits, so that we round and not the cast
        operand = _trimmed(operand).cast(pl.Decimal(digits + more, scale + more), strict=False)
    elif operand.dtype == pl.Boolean:
        operand = operand.cast(pl.Int64)
    elif operand.dtype.is_float():  # polars raises for values far too large, in TRY_CAST too
        operand = _keep_where(operand, operand.abs() < 10.0 ** (digits - scale))
    elif not operand.dtype.is_numeric():
        return None
    if operand.dtype.is_float() or operand.dtype.is_decimal():  # a cast would round halves to even
        operand = operand.round(scale, mode="half_away_from_zero")
    return operand.cast(pl.Decimal(digits, scale), strict=False)


def _truth(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        word = _trimmed(operand).str.to_lowercase()
        is_true = word.is_in(_TRUE)
        return _keep_where(is_true, is_true | word.is_in(_FALSE))
    if operand.dtype == pl.Boolean:
        return operand
    return operand != 0 if operand.dtype.is_numeric() else None


def _text(operand: pl.Series, _: Step) -> pl.Series | None:
    fits = operand.dtype in (pl.String, pl.Date, pl.Datetime, pl.Time) or _is_number(operand.dtype)
    return operand.cast(pl.String) if fits else None


def _date(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        return _first_match(operand, _parse_dates, lambda rest: _parse_times(rest).dt.date())
    return operand.cast(pl.Date) if operand.dtype in (pl.Date, pl.Datetime) else None


def _timestamp(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        return _first_match(operand, _parse_times, lambda rest: _parse_dates(rest).cast(pl.Datetime("us")))
    if operand.dtype == pl.Date:
        return operand.cast(pl.Datetime("us"))
    return operand if operand.dtype == pl.Datetime else None


def _time(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        text = _keep_matching(operand, _TIME)
        return _first_match(
            text,
            lambda rest: rest.str.to_time("%H:%M:%S%.f", strict=False),
            lambda rest: rest.str.to_time("%H:%M", strict=False),
        )
    if operand.dtype == pl.Datetime:
        return operand.dt.time()
    return operand if operand.dtype == pl.Time else None


def _first_match(text: pl.Series, *ways: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return for each text the result of the first parser that succeeds; later ones get only the remaining texts."""
    found = ways[0](text)
    for way in ways[1:]:
        left = found.is_null() & text.is_not_null()
        if left.any():
            found = pl.select(pl.coalesce(found, way(_keep_where(text, left)))).to_series()
    return found


def _keep_matching(text: pl.Series, pattern: str) -> pl.Series:
    """Keep texts that match a pattern; polars alone also reads two-digit years, second 60, and a missing delimiter."""
    text = _trimmed(text)
    return _keep_where(text, text.str.contains(pattern))


def _parse_dates(text: pl.Series) -> pl.Series:
    return _keep_matching(text, _DATE).str.to_date("%Y-%m-%d", strict=False)


def _parse_times(text: pl.Series) -> pl.Series:
    """Parse times in ISO format; those with an offset are converted to UTC, as times in columns are."""
    return _first_match(
        _keep_matching(text, _TIMESTAMP).str.replace("T", " ", literal=True),
        lambda rest: rest.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us"),
        lambda rest: rest.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us"),
        _parse_with_offset,
    )


def _parse_with_offset(text: pl.Series) -> pl.Series:
    text = text.str.replace("Z", "+00", literal=True)
    # Add seconds where they are missing: polars does not read a time with an offset without them.
    text = text.str.replace(r"^([^ ]+ \d{1,2}:\d\d)( ?[+-])", "$1:00$2")
    found = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", strict=False, time_unit="us")
    return found.dt.replace_time_zone(None)


_CONVERTERS: Final[dict[str, Callable[[pl.Series, Step], pl.Series | None]]] = {
    **dict.fromkeys(_WHOLE, _whole),
    **dict.fromkeys(("DOUBLE", "FLOAT"), _double),
    **dict.fromkeys(("DATETIME", "TIMESTAMP"), _timestamp),
    **dict.fromkeys(("TEXT", "VARCHAR"), _text),
    "BOOLEAN": _truth,
    "DATE": _date,
    "DECIMAL": _exact,
    "TIME": _time,
}
