"""Digests that are nobody's: what careless programs make of an address that is not there.

A program that hashes before it looks turns "no address" into a digest like any other: that of the empty text, of a
blank, or of the word that its language writes for nothing. As a member it would stand for all of these people, and
as an entry of a suppression list for nobody. The digests are computed from the words below, so that this list is the
definition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

__all__ = ["digests_of_nobody", "texts_of_nobody"]

# What languages, databases, spreadsheets and people write for nothing. Each counts in lower case, in upper case and
# capitalised, too.
_WORDS: Final = (
    "null", "(null)", "<null>", "[null]", "{null}", "nul", "nil", "none", "void", "undefined",  # languages
    "nan", "NaN", "-nan", "nat", "NaT", "<na>", "na", "n.a.", "n/a", "n\\a", "#n/a", "#value!", "#ref!", "#null!",
    r"\n", "DBNull", "System.DBNull", "[object object]", "[object Object]", "[]", "{}", '""', "''", "``",
    "empty", "blank", "missing", "unknown", "not available", "not applicable", "no email", "noemail", "no e-mail",
    "anonymous", "redacted", "deleted", "removed", "tbd", "x", "xx", "xxx", "xxxx", "?", "??", "???",  # people
    "0", "-1", "1", "0.0", "false", "true", "no", "-", "--", "---", "_", ".", "..", "...", ",", ";", "/", "#", "*", "@",
)  # fmt: skip
_BLANKS: Final = ("\t", "\r", "\n", "\r\n", "\0", "\v", "\f", "\u00a0", "\u200b", "\u3000", "\ufeff")
_WIDEST_COLUMN: Final = 255  # CHAR(255): a column of fixed width is filled up with spaces
_ENCODINGS: Final = ("utf-8", "utf-16-le")  # the latter is what SQL Server's HASHBYTES sees of an nvarchar
_HEX_DIGITS: Final = "0123456789abcdef"


def texts_of_nobody() -> Iterator[str]:
    """Every text that stands for no address, in the forms in which programs hash it."""
    yield ""
    yield from _BLANKS
    yield from (" " * width for width in range(1, _WIDEST_COLUMN + 1))
    for word in _WORDS:
        for form in dict.fromkeys((word, word.lower(), word.upper(), word.capitalize(), word.title())):
            yield form
            yield f"{form}\n"  # as `echo null | sha256sum` has it
            yield f'"{form}"'


@lru_cache(maxsize=1)
def digests_of_nobody() -> frozenset[bytes]:
    """The 32-byte digests of all these texts, hashed once or twice, and placeholders of one repeated hex digit."""
    digests = {bytes.fromhex(digit * 64) for digit in _HEX_DIGITS}
    for text in texts_of_nobody():
        for encoding in _ENCODINGS:
            once = hashlib.sha256(text.encode(encoding))
            digests |= {once.digest(), hashlib.sha256(once.hexdigest().encode()).digest()}
    return frozenset(digests)
