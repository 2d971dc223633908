"""`where`: a condition in SQL that decides which rows of a table are exported.

`checking` says what a condition may contain; polars evaluates the SQL that it generates. Columns are matched as
everywhere else in the export file. A row for which the condition is false or null is left out, as in SQL.

polars quotes values in its errors, so its messages are never passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from customer_match.conditions.checking import HELP, Condition, UnusableCondition, parse_condition
from customer_match.conditions.conversions import convert, widen
from customer_match.conditions.rewriting import Step
from customer_match.errors import ConfigurationError
from customer_match.tables.columns import describe_type, find_column, holds_nothing, is_decimal, is_text

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
    "Compare text with text in single quotes, numbers with numbers, dates with DATE '2026-01-31'. Columns of CSV "
    "files are text: write TRY_CAST(Score AS DOUBLE) or TRY_CAST(Day AS DATE), which return null for values that "
    "cannot be converted (CAST fails for them)."
)

_CASTS_HELP: Final = (
    "Text and numbers can be converted to each other and to true or false; text, dates and timestamps to dates and "
    "timestamps; text and timestamps to times of day; all of them to text. Only numbers can be rounded."
)


@dataclass(frozen=True)
class _Condition:
    """A condition as polars evaluates it: first the steps, each on its operand, then the condition itself."""

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
    _valueless: Mapping[str, pa.DataType]  # columns without any value, and the type that they are treated as

    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return for which rows of a batch the condition is true; null counts as false.

        Raises:
            ConfigurationError: A value cannot be converted as the condition requires.
        """
        for name, kind in self._valueless.items():
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, name, pa.nulls(batch.num_rows, kind))
        try:
            return _evaluate(batch, self._spelled, self._condition).fill_null(value=False).to_arrow()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # their messages quote the value
            raise ConfigurationError(
                f"`{self._key}` of the export file cannot be evaluated for some row: a value does not fit a CAST or a "
                "pattern. Use TRY_CAST, which returns null for such values; rows with null are left out."
            ) from None


def row_filter(condition: str, columns: Mapping[str, pa.DataType], key: str = "where") -> RowFilter:
    """Make a filter from a condition, for a table with these columns.

    Args:
        condition: The condition in SQL.
        columns: The table's columns and their types.
        key: The key of the export file that holds the condition, for messages.

    Raises:
        UnusableCondition: It is not valid SQL, names no column, compares types that cannot be compared, or does not
            evaluate each row separately.
        ConfigurationError: It names a column that does not exist, or whose type cannot be compared.
    """
    try:
        return _filter(parse_condition(condition), columns, key)
    except UnusableCondition as error:
        raise UnusableCondition(error.what, key) from None


def _filter(found: Condition, columns: Mapping[str, pa.DataType], key: str) -> RowFilter:
    spelled = {name: _column(columns, name, key) for name in found.columns}
    expression = _compile(found)
    needed = tuple(dict.fromkeys(spelled.values()))
    types = {name: _stored_type(columns[name]) for name in needed}
    told = ", ".join(f"{name} holds {kind}" for name, kind in types.items())
    fault = UnusableCondition(f"compares or converts types that do not fit ({told}). {_TYPES_HELP}")
    for nothing in _types_of_valueless_columns(columns, needed):
        try:
            kind = _result_type(types | nothing, spelled, expression)
        except UnusableCondition as error:
            fault, kind = error, None
        if kind is not None:
            break
    else:
        raise fault
    if kind not in (pl.Boolean, pl.Null):
        raise UnusableCondition(f"returns {kind} for each row, not true or false. {HELP}")
    return RowFilter(needed, key, spelled, expression, nothing)


def _types_of_valueless_columns(
    columns: Mapping[str, pa.DataType], needed: Sequence[str]
) -> Iterator[dict[str, pa.DataType]]:
    """Yield the types to try for columns without any value: their own, then others that may fit."""
    yield {}
    if without := [name for name in needed if holds_nothing(columns, name)]:
        yield dict.fromkeys(without, pa.null())
        yield dict.fromkeys(without, pa.string())


def _result_type(
    types: Mapping[str, pa.DataType], spelled: Mapping[str, str], expression: _Condition
) -> pl.DataType | None:
    """Return the type of the condition's result for columns of these types; None if it does not fit them."""
    empty = pa.record_batch({name: pa.array([], kind) for name, kind in types.items()})
    try:
        return _evaluate(empty, spelled, expression).dtype
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _evaluate(batch: pa.RecordBatch, spelled: Mapping[str, str], condition: _Condition) -> pl.Series:
    """Evaluate the condition for each row, under the column names that it uses; times with a zone are in UTC."""
    columns = {name: _column_of(batch, name) for name in dict.fromkeys(spelled.values())}
    frame = pl.DataFrame({written: columns[name] for written, name in spelled.items()})
    # Not `select`: for a constant condition it would return one row only.
    for step, operand in condition.steps:
        frame = _apply_step(step, frame.with_columns(operand.alias(step.name)))
    return frame.with_columns(keep=condition.last).get_column("keep")


def _column_of(batch: pa.RecordBatch, name: str) -> pl.Series:
    return widen(pl.Series(pl.from_arrow(_in_utc(batch.column(name)))))


def _apply_step(step: Step, frame: pl.DataFrame) -> pl.DataFrame:
    """Evaluate a step; the column of its name already holds its operand.

    Raises:
        UnusableCondition: The operand's type can never be converted.
        InvalidOperationError: A value does not fit a `CAST`.
    """
    operand = frame.get_column(step.name)
    value = convert(step, operand)
    if value is None:
        target = "rounds" if step.function == "ROUND" else f"converts to {step.target}"
        raise UnusableCondition(f"{target} an expression of type {operand.dtype}. {_CASTS_HELP}")
    if step.function == "CAST" and value.null_count() > operand.null_count():
        raise pl.exceptions.InvalidOperationError
    return frame.with_columns(value.alias(step.name))


def _in_utc(values: pa.Array) -> pa.Array:
    """Convert times with a zone to UTC and drop the zone: Arrow supports zones that polars does not (`+05:30`)."""
    if not (pa.types.is_timestamp(values.type) and values.type.tz):
        return values
    return values.cast(pa.timestamp(values.type.unit, "UTC")).cast(pa.timestamp(values.type.unit))


def _compile(condition: Condition) -> _Condition:
    try:
        steps = tuple((step, pl.sql_expr(step.operand)) for step in condition.steps)
        return _Condition(steps, pl.sql_expr(condition.sql))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise UnusableCondition(f"cannot be parsed. {HELP}") from None


def _column(columns: Mapping[str, pa.DataType], wanted: str, key: str) -> str:
    try:
        name = find_column(columns, wanted, key)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error} In conditions, write text in single quotes ('…') and column names with spaces in double quotes.",
            key=key,
        ) from None
    if not any(fits(columns[name]) for fits in _FLAT):
        raise ConfigurationError(
            f"The column {name!r} holds {describe_type(columns[name])}, which `{key}` of the export file cannot "
            "compare. Add a column of text, numbers, dates or true/false to the table.",
            key=key,
        )
    return name


def _stored_type(kind: pa.DataType) -> pa.DataType:
    return pa.string() if is_text(kind) else kind
