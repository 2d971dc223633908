"""SQL that polars interprets differently from standard SQL: detect it in the condition's tokens and reject it.

The expression that polars builds no longer shows the difference. Observed with polars 2.1, against SQLite:

- `x IS NOT TRUE` is read as `NOT x`, so that a null does not pass; the three similar operators behave alike.
- `x IS DISTINCT FROM y AND z` is read as `x IS DISTINCT FROM (y AND z)`.
- A backslash in a `LIKE` pattern is a normal character; in most engines it escapes the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["find_misreading"]

_TEXT: Final = r"'(?:[^']|'')*'"
_WORD: Final = re.compile(
    rf"(?P<left>--[^\n]*|/\*.*?\*/|\s+)|{_TEXT}|\"(?:[^\"]|\"\")*\"|`[^`]*`|[\w.]+|.", re.DOTALL
)
_TRUTH: Final = frozenset({"TRUE", "FALSE"})
_NULLS: Final = (
    "compares by IS TRUE or IS FALSE, which does not work as in SQL for missing values. Write COALESCE(x, FALSE) "
    "in place of x IS TRUE, NOT COALESCE(x, FALSE) for x IS NOT TRUE, NOT COALESCE(x, TRUE) for x IS FALSE, "
    "COALESCE(x, TRUE) for x IS NOT FALSE"
)
_DISTINCT: Final = (
    "continues after IS DISTINCT FROM and one value, and the rest would be read as part of that value. Put brackets "
    "around the comparison: (Country IS DISTINCT FROM 'DE')"
)
_ESCAPE: Final = (
    "has a backslash in a LIKE pattern, which would be matched literally. Write the condition without it: with "
    "STARTS_WITH, ENDS_WITH or SUBSTR, or with _ for any one character"
)


def find_misreading(condition: str) -> str | None:
    """Return what polars would interpret differently from SQL, with the remedy; None if there is nothing."""
    words = list(_words(condition))
    for place, word in enumerate(words):
        rest = [following.upper() for following in words[place + 1 : place + 6]]
        if word.upper() == "IS" and _after_not(rest)[:1] and _after_not(rest)[0] in _TRUTH:
            return _NULLS
        if word.upper() == "DISTINCT" and rest[:1] == ["FROM"] and rest[2:3] not in ([], [")"]):
            return _DISTINCT
        if word.upper() in ("LIKE", "ILIKE") and rest and "\\" in rest[0]:
            return _ESCAPE
    return None


def _after_not(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["NOT"] else words


def _words(condition: str) -> Iterator[str]:
    """Yield names, numbers, texts and symbols, without white space and comments."""
    return (found[0] for found in _WORD.finditer(condition) if found["left"] is None)
