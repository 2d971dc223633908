"""SQL that polars reads otherwise than SQL has it: it is found in the words themselves, and refused.

What polars makes of a condition does not show it any more. Observed with polars 2.1, against SQLite:

- `x IS NOT TRUE` is taken for `NOT x`, so that a null does not pass; so are the three of its kind.
- `x IS DISTINCT FROM y AND z` is taken for `x IS DISTINCT FROM (y AND z)`.
- A backslash in a pattern of `LIKE` is a letter, where most engines escape the next sign with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["misread"]

_TEXT: Final = r"'(?:[^']|'')*'"
_WORD: Final = re.compile(
    rf"(?P<left>--[^\n]*|/\*.*?\*/|\s+)|{_TEXT}|\"(?:[^\"]|\"\")*\"|`[^`]*`|[\w.]+|.", re.DOTALL
)
_TRUTH: Final = frozenset({"TRUE", "FALSE"})
_NULLS: Final = (
    "compares by IS TRUE or IS FALSE, which is not read as in SQL where a value is missing. Write COALESCE(x, FALSE) "
    "in place of x IS TRUE, NOT COALESCE(x, FALSE) for x IS NOT TRUE, NOT COALESCE(x, TRUE) for x IS FALSE, "
    "COALESCE(x, TRUE) for x IS NOT FALSE"
)
_DISTINCT: Final = (
    "goes on after IS DISTINCT FROM and one value, and what follows would be taken for a part of it. Put brackets "
    "around such a comparison: (Country IS DISTINCT FROM 'DE')"
)
_ESCAPE: Final = (
    "has a backslash in a pattern of LIKE, which would be searched for as it is. Write the condition without it: by "
    "STARTS_WITH, ENDS_WITH or SUBSTR, or with _ for any one sign"
)


def misread(condition: str) -> str | None:
    """What of a condition would be read otherwise than SQL has it, with the remedy; None if nothing."""
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
    """Names, numbers, texts and signs, without what stands between them."""
    return (found[0] for found in _WORD.finditer(condition) if found["left"] is None)
