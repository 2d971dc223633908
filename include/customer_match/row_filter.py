"""`where`: a condition in SQL that decides which rows of a table are exported.

polars reads the SQL. What it makes of it is walked through before it is used: only what judges each row by itself
is let through, because rows come in batches, and a condition such as `Score = MAX(Score)` would mean the highest
of a batch. Columns are matched as everywhere else in the export file. A row for which the condition is false or
null is left out, as in SQL.

polars quotes values in its errors: its words about data are never passed on, only those about the SQL itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import pyarrow as pa

from include.customer_match.sql_words import misread
from include.customer_match.tables.columns import find_column, is_decimal, is_text
from include.errors import ConfigurationError

__all__ = ["RowFilter", "UnusableCondition", "columns_named", "row_filter"]

_FLAT: Final[tuple[Callable[[pa.DataType], bool], ...]] = (
    is_text,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
)
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "BinaryExpr": ("left", "right"),
    "Cast": ("expr",),
    "Ternary": ("predicate", "truthy", "falsy"),
}
_FUNCTIONS: Final = frozenset(
    {
        *("Abs", "Ceil", "Coalesce", "Floor", "MaxHorizontal", "MinHorizontal"),
        *("Boolean.IsNotNull", "Boolean.IsNull", "Boolean.Not", "Sql.Binary", "Sql.IsIn", "Sql.Round"),
        *("StringExpr.ConcatHorizontal", "StringExpr.Contains", "StringExpr.EndsWith", "StringExpr.LenBytes"),
        *("StringExpr.LenChars", "StringExpr.Lowercase", "StringExpr.Replace", "StringExpr.Slice"),
        *("StringExpr.StartsWith", "StringExpr.StripChars", "StringExpr.StripCharsEnd"),
        *("StringExpr.StripCharsStart", "StringExpr.Uppercase"),
        *("TemporalExpr.Day", "TemporalExpr.Hour", "TemporalExpr.Month", "TemporalExpr.Quarter"),
        *("TemporalExpr.WeekDay", "TemporalExpr.Year"),
    }
)
_DIVISIONS: Final = frozenset({"Div", "IntDiv", "Rem"})
_TYPES_HELP: Final = (
    "Text is compared with text in single quotes, numbers with numbers, dates with DATE '2026-01-31'. Columns of "
    "CSV files are text: write TRY_CAST(Score AS DOUBLE) or TRY_CAST(Day AS DATE), which make null of what does "
    "not fit (CAST stops there)."
)
_SAID: Final = {
    r"unsupported function '(\w+)'": "there is no function {}",
    r"relation '": "it asks another table, and no sub-query can be used",
    r"expected an expression \(found '(\w+)' clause\)": "it goes on with {}: write the condition alone",
}
"""What polars says of SQL that it can parse and not use (observed: 2.1); it tells no places there."""

_HELP: Final = (
    "It may compare columns by =, <>, <, >, IN, BETWEEN, LIKE, ILIKE, IS NULL, joined by AND, OR and NOT, and use "
    "CASE, COALESCE, CAST, TRY_CAST, LOWER, UPPER, TRIM, LENGTH, SUBSTR, EXTRACT and the like"
)


class UnusableCondition(ConfigurationError):
    """The condition itself is wrong, whatever the table.

    Args:
        what: What is wrong with it, as the end of a sentence that begins with its key.
    """

    def __init__(self, what: str) -> None:
        text = f"`where` of the export file {what}"
        super().__init__(text if text.endswith(".") else f"{text}.")
        self.what = what.removesuffix(".")


@dataclass(frozen=True)
class RowFilter:
    """A condition that fits a table.

    Attributes:
        columns: The columns that it needs, as the table spells them.
    """

    columns: tuple[str, ...]
    _spelled: Mapping[str, str]
    _condition: pl.Expr

    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch the condition holds for; false where it is null.

        Raises:
            ConfigurationError: A value cannot be converted as the condition asks.
        """
        try:
            return _judged(batch, self._spelled, self._condition).fill_null(value=False).to_arrow()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # their words quote the value
            raise ConfigurationError(
                "`where` of the export file cannot be judged for some row: a value is not what CAST, or a pattern, "
                "expects. TRY_CAST makes null of such values, and null does not pass."
            ) from None


def columns_named(condition: str) -> tuple[str, ...]:
    """The columns that a condition names, as it spells them; at least one.

    Raises:
        UnusableCondition: It is no SQL, names no column, or is not judged row by row.
    """
    return _named_by(_parsed(condition))


def row_filter(condition: str, columns: Mapping[str, pa.DataType]) -> RowFilter:
    """Make a filter of a condition, for a table with these columns.

    Raises:
        UnusableCondition: It is no SQL, names no column, compares what cannot be compared, or is not judged row by row.
        ConfigurationError: It names a column that is not there, or that holds what cannot be compared.
    """
    expression = _parsed(condition)
    spelled = {name: _column(columns, name) for name in _named_by(expression)}
    needed = tuple(dict.fromkeys(spelled.values()))
    empty = pa.record_batch({name: pa.array([], _stored(columns[name])) for name in needed})
    try:
        kind = _judged(empty, spelled, expression).dtype
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        types = ", ".join(f"{name} holds {_stored(columns[name])}" for name in needed)
        raise _fault(f"compares or converts what does not fit together ({types}). {_TYPES_HELP}") from None
    if kind not in (pl.Boolean, pl.Null):
        raise _fault(f"gives {kind} for each row, not true or false. {_HELP}")
    return RowFilter(needed, spelled, expression)


def _named_by(expression: pl.Expr) -> tuple[str, ...]:
    """The columns that it names, each once."""
    names = tuple(dict.fromkeys(_names(expression)))
    if not names:
        raise _fault("names no column, so that it would take all rows or none")
    return names


def _judged(batch: pa.RecordBatch, spelled: Mapping[str, str], condition: pl.Expr) -> pl.Series:
    """The condition for each row, under the names that it uses; times with a zone are told in UTC."""
    columns = {name: pl.from_arrow(_in_utc(batch.column(name))) for name in dict.fromkeys(spelled.values())}
    renamed = pl.DataFrame({written: columns[name] for written, name in spelled.items()})
    # Not `select`: a condition that comes to one and the same value would be as long as that.
    return renamed.with_columns(keep=condition).get_column("keep")


def _in_utc(values: pa.Array) -> pa.Array:
    """Times with a zone as those of UTC, without one: Arrow knows also zones that polars does not (`+05:30`)."""
    if not (pa.types.is_timestamp(values.type) and values.type.tz):
        return values
    return values.cast(pa.timestamp(values.type.unit, "UTC")).cast(pa.timestamp(values.type.unit))


def _parsed(condition: str) -> pl.Expr:
    try:
        expression = pl.sql_expr(condition)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _fault(f"is not understood{_place(condition, str(error))}. {_HELP}") from None
    if fault := misread(condition):
        raise _fault(fault)
    return expression


def _place(condition: str, said: str) -> str:
    """What is wrong with the SQL, and where; the parser tells places only of whole queries."""
    try:
        query = f"SELECT 1 FROM t WHERE\n{condition}"  # noqa: S608 (what cannot be parsed is not run either)
        pl.SQLContext(t=pl.LazyFrame({"": [0]})).execute(query)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        found = re.search(r"parser error: (.*?)(?: at Line: (\d+), Column: (\d+))?$", str(error))
        if found:
            line = int(found[2] or 1) - 1
            place = f" in its line {line}, column {found[3]}" if line else ""
            return f"{place}: {found[1].replace('EOF', 'its end')}"
    for pattern, words in _SAID.items():
        if match := re.search(pattern, said):
            return f": {words.format(*map(str.upper, match.groups()))}"
    return ""


def _names(expression: pl.Expr) -> Iterator[str]:
    """The columns of a condition that judges each row by itself."""
    try:
        yield from _walked(json.loads(expression.meta.serialize(format="json")))
    except RecursionError:
        raise _fault("is nested too deeply. Write many alternatives as Country IN ('DE', 'AT', …)") from None


def _walked(node: Any) -> Iterator[str]:
    kind: str
    body: Any
    kind, body = next(iter(node.items())) if isinstance(node, dict) else (node, None)
    if kind == "Column":
        yield body
    elif kind in _PARTS:
        for part in _PARTS[kind]:
            yield from _walked(body[part])
    elif kind == "Function" and _function(body["function"]) in _FUNCTIONS:
        _check_divisor(body)
        for argument in body["input"]:
            yield from _walked(argument)
    elif kind != "Literal":
        raise _fault(f"uses what cannot be judged row by row, or is not supported here. {_HELP}")


def _check_divisor(body: Mapping[str, Any]) -> None:
    """By zero, polars divides to infinity, or to what is no number: greater than all others, so that it may pass."""
    function, divisor = body["function"], body["input"][-1]
    operation = function["Sql"].get("Binary") if isinstance(function, dict) and "Sql" in function else None
    if operation in _DIVISIONS and not (isinstance(divisor, dict) and "Literal" in divisor):
        raise _fault(
            "divides by a column, and where that is zero a row would pass that does not in SQL. Write it as a product: "
            "Spent > 100 * Orders AND Orders > 0"
        )


def _function(function: Any) -> str:
    """The name of a function: `Abs`, `Boolean.Not`, `StringExpr.Contains`."""
    if isinstance(function, str):
        return function
    family, what = next(iter(function.items()))
    return f"{family}.{what if isinstance(what, str) else next(iter(what))}"


def _column(columns: Mapping[str, pa.DataType], wanted: str) -> str:
    try:
        name = find_column(columns, wanted, "where")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error} In `where`, text stands in single quotes ('…') and a column's name with spaces in double ones."
        ) from None
    if not any(fits(columns[name]) for fits in _FLAT):
        raise ConfigurationError(
            f"The column {name!r} holds {columns[name]}, which `where` of the export file cannot compare. Let the "
            "table have a column of text, numbers, dates or true/false for it."
        )
    return name


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.string() if is_text(kind) else kind


def _fault(what: str) -> UnusableCondition:
    return UnusableCondition(what)
