"""Rewrite a checked condition so that polars evaluates it as SQL defines it.

Operations that polars' SQL cannot do are evaluated before the condition, as steps. Each step makes a column, which
replaces the operation in the condition. Observed with polars 2.1, against SQLite and DuckDB:

- Casts of text to dates, times and booleans were removed in 2.0; other casts round or count differently (see
  `conversions`).
- `ROUND` rounds halves to the even number, and its SQL cannot choose the mode.
- `LENGTH`, `EXTRACT` and similar functions return integers of 8 or 32 bits, some unsigned: `LENGTH(x) - 5` is
  4294967294 for three characters, `EXTRACT(DAY FROM x) * 10` is 54 for the 31st. `CASE` and `IF` of small numbers do
  the same.
- `LEFT` and `RIGHT` of a null, or with a null length, may return an empty text.
- `TRIM` without characters removes tabs and line ends too; in SQL it removes spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

__all__ = ["Step", "find_misuse", "rewrite"]

_COUNTS: Final = frozenset(
    {
        *("BIT_LENGTH", "CHARACTER_LENGTH", "CHAR_LENGTH", "LENGTH", "OCTET_LENGTH"),
        *("DATE_PART", "DAY", "HOUR", "MONTH", "QUARTER", "YEAR"),
    }
)
_CHOICES: Final = frozenset({"COALESCE", "GREATEST", "IF", "IFNULL", "LEAST", "NULLIF"})
_TIMES: Final = frozenset({"DATE", "DATETIME", "TIME", "TIMESTAMP"})
_MAX_DIGITS: Final = 38
_OFFSET: Final = re.compile(r":\d\d(\.\d*)?\s*[+-]\d\d(:?\d\d)?\s*$")


@dataclass(frozen=True)
class Step:
    """An operation evaluated before the condition, on the table's columns and those of earlier steps.

    Attributes:
        name: The column that it makes.
        operand: Its operand, in SQL.
        function: `CAST`, `TRY_CAST`, `ROUND`, `COUNT` (widen an integer), or `VALUE` (the operand unchanged).
        target: The type of a cast, in SQL.
        digits: Decimal places of `ROUND`; precision and scale of a cast to `DECIMAL`.
    """

    name: str
    operand: str
    function: str
    target: str = ""
    digits: tuple[int, ...] = ()


def find_misuse(node: exp.Expr) -> str | None:
    """Return what polars would evaluate differently from SQL in a call, with the remedy; None if there is nothing."""
    if isinstance(node, exp.Cast):
        return _find_cast_misuse(node)
    if isinstance(node, exp.Substring):
        return _find_substring_misuse([node.this, *(node.args.get(name) for name in ("start", "length"))])
    check = _MISUSE_CHECKS.get(str(node.name).upper()) if isinstance(node, exp.Anonymous) else None
    return check(node.expressions) if check else None


def _find_round_misuse(arguments: Sequence[exp.Expr]) -> str | None:
    if all((_whole(digits) or 0) >= 0 and _whole(digits) is not None for digits in arguments[1:]):
        return None
    return "rounds to a number of digits that is not written as 0, 1, 2 etc. Write ROUND(Spent / 10) * 10 for tens"


def _find_replace_misuse(arguments: Sequence[exp.Expr]) -> str | None:
    if all(_is_text(sought) for sought in arguments[1:2]):
        return None
    return "replaces a text that is empty or not a literal. Write the text in the condition: REPLACE(Phone, '-', '')"


def _find_cast_misuse(node: exp.Cast) -> str | None:
    target = node.to
    if target.this.name == "DECIMAL" and not _are_digits(target.expressions):
        return (
            "converts to DECIMAL with invalid digits. DECIMAL(10, 2) has 10 digits, 2 of them after the point; "
            f"the maximum is {_MAX_DIGITS}"
        )
    if target.expressions and target.this.name not in ("DECIMAL", "VARCHAR", "TEXT"):
        return (
            f"converts to {target.this.name} with digits, which have no effect. Write only {target.this.name}"
        )
    if isinstance(node.this, exp.Literal) and target.this.name in _TIMES and _OFFSET.search(node.this.name):
        return "writes a time with an offset. Times are compared in UTC: write it as TIMESTAMP '2026-01-31 00:00:00'"
    return None


def _are_digits(written: Sequence[exp.Expr]) -> bool:
    """Return whether these can be the precision and scale of a decimal number."""
    digits = [int(one.name) if one.name.isdecimal() else -1 for one in written]
    precision, scale = [*digits, *(_MAX_DIGITS, 0)[len(digits) :]][:2]
    return len(digits) <= 2 and 0 <= scale <= precision <= _MAX_DIGITS and precision > 0  # noqa: PLR2004


def _find_substring_misuse(arguments: Sequence[exp.Expr | None]) -> str | None:
    start, length = ([_whole(one) for one in arguments[1:3]] + [None, None])[:2]
    if (start is None or start > 0) and (length is None or length >= 0):
        return None
    return (
        "takes a part of a text that starts before the first character, or has a negative length. Databases treat that "
        "differently. The first character is 1; RIGHT(Phone, 4) takes the last four"
    )


def _find_right_misuse(arguments: Sequence[exp.Expr]) -> str | None:
    if all(_whole(count) is not None or isinstance(count, exp.Null) for count in arguments[1:2]):
        return None  # with a length from a column, polars returns too few characters if the text is shorter
    return "takes RIGHT with a length from a column. Write SUBSTR(Phone, LENGTH(Phone) - Digits + 1)"


_MISUSE_CHECKS: Final[dict[str, Callable[[Sequence[exp.Expr]], str | None]]] = {
    "REPLACE": _find_replace_misuse,
    "RIGHT": _find_right_misuse,
    "ROUND": _find_round_misuse,
    **dict.fromkeys(("SUBSTR", "SUBSTRING"), _find_substring_misuse),
}


def rewrite(tree: exp.Expr, write: Callable[[exp.Expr], str]) -> tuple[str, tuple[Step, ...]]:
    """Return the condition in SQL for polars, and the steps to evaluate before it, in order.

    Args:
        tree: The condition, in which `find_misuse` finds nothing wrong. It is changed.
        write: Writes a part of it in SQL.
    """
    whole = exp.Paren(this=tree)
    work = _Rewriter(write, {column.name for column in tree.find_all(exp.Column)})
    for node in reversed(list(whole.walk(bfs=True))):  # inner nodes first
        if node is not whole and (other := work.replacement_for(node)) is not None:
            node.replace(other)
    return write(whole.this), tuple(work.steps)


class _Rewriter:
    def __init__(self, write: Callable[[exp.Expr], str], taken: set[str]) -> None:
        self._write, self._taken = write, taken
        self.steps: list[Step] = []

    def replacement_for(self, node: exp.Expr) -> exp.Expr | None:
        """Return what replaces a node of the condition; None if it stays."""
        if isinstance(node, exp.Literal):
            return _widen_literal(node)
        if isinstance(node, exp.Trim) and not node.expression:
            return exp.Trim(**{**node.args, "expression": exp.Literal.string(" ")})
        if isinstance(node, exp.Cast):
            return self._cast(node)
        if isinstance(node, exp.Extract):
            return self._step(node, "COUNT")
        return self._replace_call(node) if isinstance(node, exp.Anonymous) else None

    def _replace_call(self, node: exp.Anonymous) -> exp.Expr | None:
        name, arguments = str(node.name).upper(), node.expressions
        if name in _COUNTS:
            return self._step(node, "COUNT")
        if name == "ROUND" and arguments:
            digits = tuple(_whole(one) or 0 for one in arguments[1:])
            return self._step(arguments[0], "ROUND", digits=digits or (0,))
        if name in ("LTRIM", "RTRIM") and len(arguments) == 1:
            return exp.Anonymous(this=name, expressions=[arguments[0], exp.Literal.string(" ")])
        if name in ("LEFT", "RIGHT") and arguments:
            return self._side(name, arguments)
        return None

    def _side(self, name: str, arguments: Sequence[exp.Expr]) -> exp.Expr:
        values = [self._step(one, "VALUE") for one in arguments]  # each is used twice: never repeat its SQL
        missing = [exp.Is(this=value.copy(), expression=exp.Null()) for value in values]
        part = exp.Anonymous(this=name, expressions=values)
        return exp.Paren(this=exp.Case(ifs=[exp.If(this=exp.or_(*missing), true=exp.Null())], default=part))

    def _cast(self, node: exp.Cast) -> exp.Expr | None:
        if isinstance(node.this, exp.Literal) and node.to.this.name in _TIMES:
            return None  # polars converts such literals, or reports that it cannot
        is_exact = node.to.this.name == "DECIMAL"
        digits = tuple(int(digit.name) for digit in node.to.expressions) if is_exact else ()
        function = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
        return self._step(node.this, function, node.to.this.name, digits)

    def _step(
        self, operand: exp.Expr, function: str, target: str = "", digits: tuple[int, ...] = ()
    ) -> exp.Expr:
        if function == "VALUE" and isinstance(operand, exp.Column | exp.Literal | exp.Neg):
            return operand
        name = f"step {len(self.steps)}"
        while name in self._taken:
            name += "'"
        self.steps.append(Step(name, self._write(operand), function, target, digits))
        return exp.column(exp.to_identifier(name, quoted=True))


def _widen_literal(node: exp.Literal) -> exp.Expr | None:
    """Widen an integer literal used in arithmetic: polars gives it only as many bits as it needs."""
    parent = node.parent
    reckons = isinstance(parent, exp.Add | exp.Sub | exp.Mul | exp.Case | exp.If)
    chooses = isinstance(parent, exp.Anonymous) and str(parent.name).upper() in _CHOICES
    if node.is_string or not node.name.isdecimal() or int(node.name) >= 2**63 or not (reckons or chooses):
        return None
    return exp.Cast(this=node.copy(), to=exp.DataType.build("BIGINT"))


def _whole(node: exp.Expr | None) -> int | None:
    node = node.unnest() if node is not None else node
    if isinstance(node, exp.Neg):
        below = _whole(node.this)
        return None if below is None else -below
    if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdecimal():
        return None
    return int(node.name)


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string) and node.name != ""
