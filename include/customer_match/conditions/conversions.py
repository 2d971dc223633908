"""What stands in a condition in place of a cast, of `ROUND`, or of what counts: the values of it.

A value that does not fit a cast is null here; whether that may be is not for this module to say. Which format a text
has is never guessed from others, so that it does not matter how rows are cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from customer_match.conditions.rewriting import Step

__all__ = ["converted"]

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
_TRUE: Final = ("true", "t", "yes", "y", "on", "1")  # as PostgreSQL has it
_FALSE: Final = ("false", "f", "no", "n", "off", "0")
_MOST_DIGITS: Final = 38
_DATE: Final = r"^\d{4}-\d{1,2}-\d{1,2}$"
_TIMESTAMP: Final = r"^\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d\d(:[0-5]\d(\.\d+)?)?(Z| ?[+-]\d\d(:?\d\d)?)?$"
_TIME: Final = r"^\d{1,2}:\d\d(:[0-5]\d(\.\d+)?)?$"


def converted(step: Step, operand: pl.Series) -> pl.Series | None:
    """What a step makes of its operand; None if values of this kind cannot be that."""
    if step.function == "VALUE":
        return operand
    if step.function == "COUNT":
        return widened(operand)
    if step.function == "ROUND":
        is_number = operand.dtype.is_numeric()
        return operand.round(step.digits[0], mode="half_away_from_zero") if is_number else None
    if operand.dtype == pl.Null:
        return operand.cast(_stored_as(step))
    return _WAYS[step.target](operand, step)


def widened(values: pl.Series) -> pl.Series:
    """Whole numbers with room to be reckoned with: polars goes on from the other end where the room ends."""
    kind = values.dtype
    if kind == pl.UInt64:
        return values.cast(pl.Int128)
    return values.cast(pl.Int64) if kind.is_integer() and kind != pl.Int128 else values


def _stored_as(step: Step) -> pl.DataType:
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


def _only(values: pl.Series, fits: pl.Series) -> pl.Series:
    return values if fits.all(ignore_nulls=True) else pl.select(pl.when(fits).then(values)).to_series()


def _whole(operand: pl.Series, step: Step) -> pl.Series | None:
    if not (operand.dtype == pl.String or _is_number(operand.dtype)):
        return None
    return widened(_trimmed(operand).cast(_WHOLE[step.target], strict=False))


def _double(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        value = _trimmed(operand).cast(pl.Float64, strict=False)
        return _only(value, value.is_finite())  # `NaN`, as many write no value, is more than any number
    return operand.cast(pl.Float64) if _is_number(operand.dtype) else None


def _digits(step: Step) -> tuple[int, int]:
    if not step.digits:
        return _MOST_DIGITS, 9
    return step.digits[0], (*step.digits, 0)[1]


def _exact(operand: pl.Series, step: Step) -> pl.Series | None:
    digits, scale = _digits(step)
    if operand.dtype == pl.String:
        more = min(9, _MOST_DIGITS - digits)  # to be rounded here, not by the cast
        operand = _trimmed(operand).cast(pl.Decimal(digits + more, scale + more), strict=False)
    elif operand.dtype == pl.Boolean:
        operand = operand.cast(pl.Int64)
    elif operand.dtype.is_float():  # of what is far too large, polars raises in TRY_CAST too
        operand = _only(operand, operand.abs() < 10.0 ** (digits - scale))
    elif not operand.dtype.is_numeric():
        return None
    if operand.dtype.is_float() or operand.dtype.is_decimal():  # a cast rounds halves to the even number
        operand = operand.round(scale, mode="half_away_from_zero")
    return operand.cast(pl.Decimal(digits, scale), strict=False)


def _truth(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        word = _trimmed(operand).str.to_lowercase()
        is_true = word.is_in(_TRUE)
        return _only(is_true, is_true | word.is_in(_FALSE))
    if operand.dtype == pl.Boolean:
        return operand
    return operand != 0 if operand.dtype.is_numeric() else None


def _text(operand: pl.Series, _: Step) -> pl.Series | None:
    fits = operand.dtype in (pl.String, pl.Date, pl.Datetime, pl.Time) or _is_number(operand.dtype)
    return operand.cast(pl.String) if fits else None


def _date(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        return _first(operand, _date_in, lambda rest: _time_in(rest).dt.date())
    return operand.cast(pl.Date) if operand.dtype in (pl.Date, pl.Datetime) else None


def _timestamp(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        return _first(operand, _time_in, lambda rest: _date_in(rest).cast(pl.Datetime("us")))
    if operand.dtype == pl.Date:
        return operand.cast(pl.Datetime("us"))
    return operand if operand.dtype == pl.Datetime else None


def _time(operand: pl.Series, _: Step) -> pl.Series | None:
    if operand.dtype == pl.String:
        text = _matching(operand, _TIME)
        return _first(
            text,
            lambda rest: rest.str.to_time("%H:%M:%S%.f", strict=False),
            lambda rest: rest.str.to_time("%H:%M", strict=False),
        )
    if operand.dtype == pl.Datetime:
        return operand.dt.time()
    return operand if operand.dtype == pl.Time else None


def _first(text: pl.Series, *ways: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What the first way finds that finds something; each is asked only for what is left, for speed."""
    found = ways[0](text)
    for way in ways[1:]:
        left = found.is_null() & text.is_not_null()
        if left.any():
            found = pl.select(pl.coalesce(found, way(_only(text, left)))).to_series()
    return found


def _matching(text: pl.Series, pattern: str) -> pl.Series:
    """Polars reads also years of two digits, second 60, and times that stand right behind the day."""
    text = _trimmed(text)
    return _only(text, text.str.contains(pattern))


def _date_in(text: pl.Series) -> pl.Series:
    return _matching(text, _DATE).str.to_date("%Y-%m-%d", strict=False)


def _time_in(text: pl.Series) -> pl.Series:
    """Times in ISO format; those with an offset are told in UTC, as those of columns."""
    return _first(
        _matching(text, _TIMESTAMP).str.replace("T", " ", literal=True),
        lambda rest: rest.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us"),
        lambda rest: rest.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us"),
        _with_offset,
    )


def _with_offset(text: pl.Series) -> pl.Series:
    text = text.str.replace("Z", "+00", literal=True)
    # Seconds are put in where there are none: before an offset, polars does not read a time without them.
    text = text.str.replace(r"^([^ ]+ \d{1,2}:\d\d)( ?[+-])", "$1:00$2")
    found = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", strict=False, time_unit="us")
    return found.dt.replace_time_zone(None)


_WAYS: Final[dict[str, Callable[[pl.Series, Step], pl.Series | None]]] = {
    **dict.fromkeys(_WHOLE, _whole),
    **dict.fromkeys(("DOUBLE", "FLOAT"), _double),
    **dict.fromkeys(("DATETIME", "TIMESTAMP"), _timestamp),
    **dict.fromkeys(("TEXT", "VARCHAR"), _text),
    "BOOLEAN": _truth,
    "DATE": _date,
    "DECIMAL": _exact,
    "TIME": _time,
}
