"""`where`: a condition in SQL that decides which rows of a table are exported.

`conditions` says what may stand in it; polars carries out what that wrote anew. Columns are matched as everywhere
else in the export file. A row for which the condition is false or null is left out, as in SQL.

polars quotes values in its errors: its words are never passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from customer_match.conditions.checking import HELP, Condition, UnusableCondition, parsed
from customer_match.conditions.conversions import converted, widened
from customer_match.conditions.rewriting import Step
from customer_match.errors import ConfigurationError
from customer_match.tables.columns import described, find_column, holds_nothing, is_decimal, is_text

__all__ = ["RowFilter", "row_filter"]

_FLAT: Final[tuple[Callable[[pa.DataType], bool], ...]] = (
    is_text,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
)
_TYPES_HELP: Final = (
    "Text is compared with text in single quotes, numbers with numbers, dates with DATE '2026-01-31'. Columns of "
    "CSV files are text: write TRY_CAST(Score AS DOUBLE) or TRY_CAST(Day AS DATE), which make null of what does "
    "not fit (CAST stops there)."
)

_CASTS_HELP: Final = (
    "Text and numbers are converted to each other and to true or false; text, dates and timestamps to dates and "
    "timestamps; text and timestamps to times of day; all of them to text. Only numbers are rounded."
)


@dataclass(frozen=True)
class _Condition:
    """A condition as polars carries it out: the steps, each of what its operand gives, then the condition itself."""

    steps: tuple[tuple[Step, pl.Expr], ...]
    last: pl.Expr


@dataclass(frozen=True)
class RowFilter:
    """A condition that fits a table.

    Attributes:
        columns: The columns that it needs, as the table spells them.
    """

    columns: tuple[str, ...]
    _key: str
    _spelled: Mapping[str, str]
    _condition: _Condition
    _nothing: Mapping[str, pa.DataType]  # columns without a value, and as what they count

    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch the condition holds for; false where it is null.

        Raises:
            ConfigurationError: A value cannot be converted as the condition asks.
        """
        for name, kind in self._nothing.items():
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, name, pa.nulls(batch.num_rows, kind))
        try:
            return _judged(batch, self._spelled, self._condition).fill_null(value=False).to_arrow()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # their words quote the value
            raise ConfigurationError(
                f"`{self._key}` of the export file cannot be judged for some row: a value is not what CAST, or a "
                "pattern, expects. TRY_CAST makes null of such values, and null does not pass."
            ) from None


def row_filter(condition: str, columns: Mapping[str, pa.DataType], key: str = "where") -> RowFilter:
    """Make a filter of a condition, for a table with these columns.

    Args:
        condition: It.
        columns: Of the table.
        key: Where the export file has the condition, for messages.

    Raises:
        UnusableCondition: It is no SQL, names no column, compares what cannot be compared, or is not judged row by row.
        ConfigurationError: It names a column that is not there, or that holds what cannot be compared.
    """
    try:
        return _filter(parsed(condition), columns, key)
    except UnusableCondition as error:
        raise UnusableCondition(error.what, key) from None


def _filter(found: Condition, columns: Mapping[str, pa.DataType], key: str) -> RowFilter:
    spelled = {name: _column(columns, name, key) for name in found.columns}
    expression = _expression(found)
    needed = tuple(dict.fromkeys(spelled.values()))
    types = {name: _stored(columns[name]) for name in needed}
    told = ", ".join(f"{name} holds {kind}" for name, kind in types.items())
    fault = UnusableCondition(f"compares or converts what does not fit together ({told}). {_TYPES_HELP}")
    for nothing in _ways_to_take_nothing(columns, needed):
        try:
            kind = _kind(types | nothing, spelled, expression)
        except UnusableCondition as error:
            fault, kind = error, None
        if kind is not None:
            break
    else:
        raise fault
    if kind not in (pl.Boolean, pl.Null):
        raise UnusableCondition(f"gives {kind} for each row, not true or false. {HELP}")
    return RowFilter(needed, key, spelled, expression, nothing)


def _ways_to_take_nothing(
    columns: Mapping[str, pa.DataType], needed: Sequence[str]
) -> Iterator[dict[str, pa.DataType]]:
    """The types that columns count as which have no value in any row: their own, then whatever fits."""
    yield {}
    if without := [name for name in needed if holds_nothing(columns, name)]:
        yield dict.fromkeys(without, pa.null())
        yield dict.fromkeys(without, pa.string())


def _kind(
    types: Mapping[str, pa.DataType], spelled: Mapping[str, str], expression: _Condition
) -> pl.DataType | None:
    """What a condition gives for columns of these types; None if it does not fit them."""
    empty = pa.record_batch({name: pa.array([], kind) for name, kind in types.items()})
    try:
        return _judged(empty, spelled, expression).dtype
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _judged(batch: pa.RecordBatch, spelled: Mapping[str, str], condition: _Condition) -> pl.Series:
    """The condition for each row, under the names that it uses; times with a zone are told in UTC."""
    columns = {name: _column_of(batch, name) for name in dict.fromkeys(spelled.values())}
    frame = pl.DataFrame({written: columns[name] for written, name in spelled.items()})
    # Not `select`: a condition that comes to one and the same value would be as long as that.
    for step, operand in condition.steps:
        frame = _after(step, frame.with_columns(operand.alias(step.name)))
    return frame.with_columns(keep=condition.last).get_column("keep")


def _column_of(batch: pa.RecordBatch, name: str) -> pl.Series:
    return widened(pl.Series(pl.from_arrow(_in_utc(batch.column(name)))))


def _after(step: Step, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows after a step, where its operand stands in its column already.

    Raises:
        UnusableCondition: What its operand gives can never be that.
        InvalidOperationError: A value does not fit a `CAST`.
    """
    operand = frame.get_column(step.name)
    value = converted(step, operand)
    if value is None:
        target = "rounds" if step.function == "ROUND" else f"converts to {step.target}"
        raise UnusableCondition(f"{target} what gives {operand.dtype} for each row. {_CASTS_HELP}")
    if step.function == "CAST" and value.null_count() > operand.null_count():
        raise pl.exceptions.InvalidOperationError
    return frame.with_columns(value.alias(step.name))


def _in_utc(values: pa.Array) -> pa.Array:
    """Times with a zone as those of UTC, without one: Arrow knows also zones that polars does not (`+05:30`)."""
    if not (pa.types.is_timestamp(values.type) and values.type.tz):
        return values
    return values.cast(pa.timestamp(values.type.unit, "UTC")).cast(pa.timestamp(values.type.unit))


def _expression(condition: Condition) -> _Condition:
    try:
        steps = tuple((step, pl.sql_expr(step.operand)) for step in condition.steps)
        return _Condition(steps, pl.sql_expr(condition.sql))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise UnusableCondition(f"is not understood. {HELP}") from None


def _column(columns: Mapping[str, pa.DataType], wanted: str, key: str) -> str:
    try:
        name = find_column(columns, wanted, key)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error} In conditions, text stands in single quotes ('…') and a column's name with spaces in double ones."
        ) from None
    if not any(fits(columns[name]) for fits in _FLAT):
        raise ConfigurationError(
            f"The column {name!r} holds {described(columns[name])}, which `{key}` of the export file cannot compare. "
            "Let the table have a column of text, numbers, dates or true/false for it."
        )
    return name


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.string() if is_text(kind) else kind
