"""Check the SQL of `where` before anything evaluates it.

polars, which evaluates conditions, has functions that read files and URLs (`read_csv('https://…')`), and runs
sub-queries while it parses. Therefore it never gets the user's text. sqlglot parses the text; every node of the tree
must be of a kind listed here and every function must be listed here; and polars gets SQL that is generated from the
checked tree. So even if the two parsers differ, polars gets nothing unchecked.

Only operations that evaluate each row separately are listed, because rows come in batches: `Score = MAX(Score)` would
mean the highest score of a batch.
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

from customer_match.conditions.rewriting import Step, find_misuse, rewrite
from customer_match.conditions.words import find_misreading
from customer_match.errors import ConfigurationError

__all__ = ["FUNCTIONS", "HELP", "Condition", "UnusableCondition", "parse_condition"]

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
"""Functions that a condition may call: they depend only on the row and read nothing else (polars 2.1)."""

HELP: Final = (
    "It may compare columns by =, <>, <, >, IN, BETWEEN, LIKE, ILIKE, IS NULL, joined by AND, OR and NOT, and use "
    "CASE, COALESCE, CAST, TRY_CAST, LOWER, UPPER, TRIM, LENGTH, SUBSTR, EXTRACT and the like"
)

MAX_DEPTH: Final = 300
"""Maximum nesting depth of a condition (our limit). Each `OR` in a chain of them is one level."""

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
    """The condition itself is wrong, for any table.

    Args:
        what: What is wrong, as the end of a sentence that begins with the key.
        key: The key of the export file that holds the condition.
    """

    def __init__(self, what: str, key: str = "where") -> None:
        text = f"`{key}` of the export file {what}"
        super().__init__(text if text.endswith(".") else f"{text}.", key=key)
        self.what = what.removesuffix(".")


@dataclass(frozen=True)
class Condition:
    """A checked condition.

    Attributes:
        sql: The generated SQL.
        columns: The columns that it names, as it spells them, without duplicates; at least one.
        steps: What is evaluated before it, in this order; the SQL refers to the columns that they make.
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
    """SQL as polars supports it, as far as it is listed here; function names are kept as written."""

    Parser = _Parser
    Generator = _Generator


def parse_condition(text: str) -> Condition:
    """Parse and check a condition.

    Raises:
        UnusableCondition: It is not valid SQL (with the position), names no column, or uses something not listed.
    """
    try:
        tree = _parse(text)
        _check(tree)
        columns = tuple(dict.fromkeys(column.name for column in tree.find_all(exp.Column, bfs=False)))
        sql, steps = rewrite(tree, _write)
    except RecursionError:
        raise _too_deep_error() from None
    if not columns:
        raise UnusableCondition("names no column, so it would keep all rows or none")
    if fault := find_misreading(text):
        raise UnusableCondition(fault)
    return Condition(sql, columns, steps)


def _write(tree: exp.Expr) -> str:
    return tree.sql(dialect=_Dialect, comments=False, identify=True)


def _parse(text: str) -> exp.Expr:
    try:
        found = parse(text, dialect=_Dialect, error_level=ErrorLevel.IMMEDIATE)
    except SqlglotError as error:
        raise UnusableCondition(f"cannot be parsed{_locate(text, error)}. {HELP}") from None
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001 (sqlglot 30.5 raises an AttributeError for some texts with braces)
        raise UnusableCondition(f"cannot be parsed. {HELP}") from None
    if len(found) != 1 or found[0] is None:
        what = (
            "cannot be parsed: it is empty" if not any(found) else "cannot be parsed: it contains a semicolon"
        )
        raise UnusableCondition(f"{what}. {HELP}")
    return found[0]


def _locate(text: str, error: SqlglotError) -> str:
    """Describe where the error is and what sqlglot reports, in plain words."""
    if open_at := re.fullmatch(r"Missing (\S+) from (\d+):(\d+)", str(error.__cause__)):
        closing, line, before = open_at.groups()
        return f" at line {line}, column {int(before) + 1}: the closing {closing} is missing for what begins there"
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, last, said = details.get("line"), details.get("col"), str(details.get("description") or "")
    if not line or not last:
        return ""
    if missing := re.fullmatch(r"Expecting (\S+)", said):
        return f" at line {line}, column {last}: a {missing[1]} is missing"
    if not said.startswith("Invalid") and _is_end(text, int(line), int(last)):
        return f" at line {line}, column {last}: something is missing after it"
    word = str(details.get("highlight"))
    return f" at line {line}, column {int(last) - len(word) + 1}: {word} is unexpected"


def _is_end(text: str, line: int, column: int) -> bool:
    """Return whether the text ends there; sqlglot gives the column of a word's last character."""
    lines = text.rstrip().splitlines()
    return line >= len(lines) and column >= len(lines[-1])


def _check(tree: exp.Expr) -> None:
    depths = {id(tree): 0}
    for node in tree.walk(bfs=True):
        depths[id(node)] = depths[id(node.parent)] + 1 if node is not tree else 0
        if depths[id(node)] > MAX_DEPTH:
            raise _too_deep_error()
        _check_node(node)


def _check_node(node: exp.Expr) -> None:
    if isinstance(node, _OTHER_TABLES):
        raise UnusableCondition(
            f"is not supported: it reads another table, and sub-queries are not allowed. {HELP}"
        )
    if isinstance(node, exp.Anonymous):
        _check_function(node)
    elif isinstance(node, exp.Func | exp.Dot) and not isinstance(node, _NODES):
        raise _unsupported_error(f"the function {node.key.upper()}")
    elif type(node) not in _NODES:
        raise _unsupported_error("")
    elif isinstance(node, exp.Column):
        _check_column(node)
    elif isinstance(node, exp.DataType) and node.this.name not in _TYPES:
        raise _unsupported_error(f"the type {node.this.name}")
    elif isinstance(node, exp.Div | exp.Mod):
        _check_divisor(node.expression)
    if fault := find_misuse(node):
        raise UnusableCondition(fault)


def _check_function(node: exp.Anonymous) -> None:
    name = str(node.name).upper()
    if name not in FUNCTIONS:
        near = get_close_matches(name, sorted(FUNCTIONS), 1, 0.8)
        raise _unsupported_error(f"the function {name}{f' (did you mean {near[0]}?)' if near else ''}")
    if name in _DIVISIONS and node.expressions:
        _check_divisor(node.expressions[-1])


def _check_column(node: exp.Column) -> None:
    """Allow only a plain column name: no field of a column, no table name, nothing that polars reads as a pattern."""
    is_pattern = node.name == "*" or (node.name.startswith("^") and node.name.endswith("$"))
    if type(node.this) is not exp.Identifier or node.table or is_pattern:
        raise _unsupported_error("" if is_pattern else "names joined by a dot, or an asterisk")


def _check_divisor(divisor: exp.Expr) -> None:
    """Reject zero and columns as divisors: polars returns infinity or NaN, which compare greater than all numbers."""
    number = divisor.unnest()
    number = number.this if isinstance(number, exp.Neg) else number
    if not isinstance(number, exp.Literal):
        raise UnusableCondition(
            "divides by a column; where that is zero, rows would pass that do not in SQL. Write a product instead: "
            "Spent > 100 * Orders AND Orders > 0"
        )
    if not number.name.strip("0."):
        raise UnusableCondition("divides by zero")


def _unsupported_error(what: str) -> UnusableCondition:
    return UnusableCondition(
        f"uses something that cannot be evaluated row by row or is not supported{what and f': {what}'}. {HELP}"
    )


def _too_deep_error() -> UnusableCondition:
    return UnusableCondition("is nested too deeply. Write many alternatives as Country IN ('DE', 'AT', …)")
