"""The SQL of `where`: what may stand in a condition, looked at before anything carries it out.

polars, which judges the rows, knows functions that read files and addresses (`read_csv('https://…')`), and runs
sub-queries while it parses. So it never sees what people write. sqlglot parses that, every node of its tree must be
of a kind that is listed here and every function must be named here, and what polars gets is written anew from the
tree: there is nothing in it that was not looked at, however two parsers differ.

Only what judges each row by itself is listed, because rows come in batches: `Score = MAX(Score)` would mean the
highest of a batch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Final

from sqlglot import ErrorLevel, exp, parse
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.parsers.postgres import PostgresParser

from customer_match.conditions.rewriting import Step, misused, rewritten
from customer_match.conditions.words import misread
from customer_match.errors import ConfigurationError

__all__ = ["FUNCTIONS", "HELP", "Condition", "UnusableCondition", "parsed"]

FUNCTIONS: Final = frozenset(
    {
        *("ABS", "CEIL", "CEILING", "DIV", "FLOOR", "MOD", "ROUND"),
        *("COALESCE", "GREATEST", "IF", "IFNULL", "LEAST", "NULLIF"),
        *("BIT_LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "LENGTH", "OCTET_LENGTH"),
        *(
            "CONCAT",
            "CONCAT_WS",
            "LEFT",
            "LOWER",
            "LTRIM",
            "REPLACE",
            "RIGHT",
            "RTRIM",
            "SUBSTR",
            "SUBSTRING",
        ),
        *("ENDS_WITH", "REGEXP_LIKE", "STARTS_WITH", "TRIM", "UPPER"),
        *("CURRENT_DATE", "CURRENT_TIMESTAMP", "DATE_PART", "DAY", "EXTRACT", "HOUR", "MONTH", "NOW"),
        *("QUARTER", "YEAR", "CAST", "TRY_CAST"),
    }
)
"""Functions that a condition may call: those that judge a row by itself and read nothing else (polars 2.1)."""

HELP: Final = (
    "It may compare columns by =, <>, <, >, IN, BETWEEN, LIKE, ILIKE, IS NULL, joined by AND, OR and NOT, and use "
    "CASE, COALESCE, CAST, TRY_CAST, LOWER, UPPER, TRIM, LENGTH, SUBSTR, EXTRACT and the like"
)

MAX_DEPTH: Final = 300
"""Levels of a condition; ours. Each `OR` of a row of them is one."""

_NODES: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Var),
    *(exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
    *(exp.Like, exp.ILike, exp.RegexpLike, exp.RegexpILike, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe),
    *(exp.Case, exp.If, exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Interval),
    *(exp.CurrentDate, exp.CurrentTimestamp, exp.Extract, exp.Substring, exp.Trim, exp.Anonymous),
)
_OTHER_TABLES: Final = (exp.Query, exp.Table, exp.From, exp.With, exp.Exists, exp.Values)
_TYPES: Final = frozenset(
    {
        *("BIGINT", "INT", "SMALLINT", "TINYINT", "UBIGINT", "UINT", "USMALLINT", "UTINYINT"),
        *("DECIMAL", "DOUBLE", "FLOAT", "BOOLEAN", "TEXT", "VARCHAR"),
        *("DATE", "DATETIME", "TIME", "TIMESTAMP"),
    }
)
_DIVISIONS: Final = frozenset({"DIV", "MOD"})


class UnusableCondition(ConfigurationError):
    """The condition itself is wrong, whatever the table.

    Args:
        what: What is wrong with it, as the end of a sentence that begins with its key.
        key: Where the export file has it.
    """

    def __init__(self, what: str, key: str = "where") -> None:
        text = f"`{key}` of the export file {what}"
        super().__init__(text if text.endswith(".") else f"{text}.")
        self.what = what.removesuffix(".")


@dataclass(frozen=True)
class Condition:
    """A condition that may be carried out.

    Attributes:
        sql: It, written anew.
        columns: The columns that it names, as it spells them, each once; at least one.
        steps: What is worked out before it, in this order; it names their columns.
    """

    sql: str
    columns: tuple[str, ...]
    steps: tuple[Step, ...] = ()


class _Parser(PostgresParser):
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        name: PostgresParser.FUNCTION_PARSERS[name]
        for name in ("CAST", "TRY_CAST", "EXTRACT", "SUBSTRING", "TRIM")
    }


class _Generator(PostgresGenerator):
    TRY_SUPPORTED = True
    TYPE_MAPPING: ClassVar[dict[Any, str]] = {}
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        kind: write for kind, write in PostgresGenerator.TRANSFORMS.items() if kind is not exp.TryCast
    }


class _Dialect(Postgres):
    """SQL as polars has it, as far as it is listed: functions are kept as they are written, none is translated."""

    Parser = _Parser
    Generator = _Generator


def parsed(text: str) -> Condition:
    """Take a condition apart, and let it pass if nothing else is in it than may be.

    Raises:
        UnusableCondition: It is no SQL (with the place), names no column, or holds what is not listed.
    """
    try:
        tree = _tree(text)
        _check(tree)
        columns = tuple(dict.fromkeys(column.name for column in tree.find_all(exp.Column, bfs=False)))
        sql, steps = rewritten(tree, _written)
    except RecursionError:
        raise _too_deep() from None
    if not columns:
        raise UnusableCondition("names no column, so that it would take all rows or none")
    if fault := misread(text):
        raise UnusableCondition(fault)
    return Condition(sql, columns, steps)


def _written(tree: exp.Expr) -> str:
    return tree.sql(dialect=_Dialect, comments=False, identify=True)


def _tree(text: str) -> exp.Expr:
    try:
        found = parse(text, dialect=_Dialect, error_level=ErrorLevel.IMMEDIATE)
    except SqlglotError as error:
        raise UnusableCondition(f"is not understood{_place(text, error)}. {HELP}") from None
    if len(found) != 1 or found[0] is None:
        what = (
            "is not understood: it is empty" if not any(found) else "is not understood: it holds a semicolon"
        )
        raise UnusableCondition(f"{what}. {HELP}")
    return found[0]


def _place(text: str, error: SqlglotError) -> str:
    """Where it is wrong, and what sqlglot says of it, in words for people."""
    if open_at := re.fullmatch(r"Missing (\S+) from (\d+):(\d+)", str(error.__cause__)):
        sign, line, before = open_at.groups()
        return f" in its line {line}, column {int(before) + 1}: what begins there has no {sign} at its end"
    told = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, last, said = told.get("line"), told.get("col"), str(told.get("description") or "")
    if not line or not last:
        return ""
    if missing := re.fullmatch(r"Expecting (\S+)", said):
        return f" in its line {line}, column {last}: a {missing[1]} is missing"
    if not said.startswith("Invalid") and _is_end(text, int(line), int(last)):
        return f" in its line {line}, column {last}: something is missing after that"
    word = str(told.get("highlight"))
    return f" in its line {line}, column {int(last) - len(word) + 1}: {word} is not expected there"


def _is_end(text: str, line: int, column: int) -> bool:
    """Whether nothing follows there; sqlglot's columns are those of a word's last character."""
    lines = text.rstrip().splitlines()
    return line >= len(lines) and column >= len(lines[-1])


def _check(tree: exp.Expr) -> None:
    depths = {id(tree): 0}
    for node in tree.walk(bfs=True):
        depths[id(node)] = depths[id(node.parent)] + 1 if node is not tree else 0
        if depths[id(node)] > MAX_DEPTH:
            raise _too_deep()
        _check_node(node)


def _check_node(node: exp.Expr) -> None:
    if isinstance(node, _OTHER_TABLES):
        raise UnusableCondition(
            f"is not understood: it asks another table, and no sub-query can be used. {HELP}"
        )
    if isinstance(node, exp.Anonymous):
        _check_function(node)
    elif isinstance(node, exp.Func | exp.Dot) and not isinstance(node, _NODES):
        raise _unsupported(f"the function {node.key.upper()}")
    elif type(node) not in _NODES:
        raise _unsupported("")
    elif isinstance(node, exp.Column):
        _check_column(node)
    elif isinstance(node, exp.DataType) and node.this.name not in _TYPES:
        raise _unsupported(f"the type {node.this.name}")
    elif isinstance(node, exp.Div | exp.Mod):
        _check_divisor(node.expression)
    if fault := misused(node):
        raise UnusableCondition(fault)


def _check_function(node: exp.Anonymous) -> None:
    name = str(node.name).upper()
    if name not in FUNCTIONS:
        near = get_close_matches(name, sorted(FUNCTIONS), 1, 0.8)
        raise _unsupported(f"the function {name}{f' (did you mean {near[0]}?)' if near else ''}")
    if name in _DIVISIONS and node.expressions:
        _check_divisor(node.expressions[-1])


def _check_column(node: exp.Column) -> None:
    """A name alone: no part of a column, no table's, nothing that polars would take for a pattern of names."""
    is_pattern = node.name == "*" or (node.name.startswith("^") and node.name.endswith("$"))
    if type(node.this) is not exp.Identifier or node.table or is_pattern:
        raise _unsupported("" if is_pattern else "names with a dot between them, or an asterisk")


def _check_divisor(divisor: exp.Expr) -> None:
    """By zero, polars divides to infinity, or to what is no number: greater than all others, so that it may pass."""
    number = divisor.unnest()
    number = number.this if isinstance(number, exp.Neg) else number
    if not isinstance(number, exp.Literal):
        raise UnusableCondition(
            "divides by a column, and where that is zero a row would pass that does not in SQL. Write it as a product: "
            "Spent > 100 * Orders AND Orders > 0"
        )
    if not number.name.strip("0."):
        raise UnusableCondition("divides by zero")


def _unsupported(what: str) -> UnusableCondition:
    return UnusableCondition(
        f"uses what cannot be judged row by row, or is not supported here{what and f': {what}'}. {HELP}"
    )


def _too_deep() -> UnusableCondition:
    return UnusableCondition("is nested too deeply. Write many alternatives as Country IN ('DE', 'AT', …)")
