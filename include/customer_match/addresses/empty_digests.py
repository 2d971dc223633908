"""Digests of placeholders: what programs produce when they hash a missing address.

A program that hashes without checking turns "no address" into a normal-looking digest: the digest of an empty text, of
a blank, or of a word such as `null`. As a member, such a digest would stand for every customer without an address; in a
suppression list, for no customer. The digests are computed from the words below, so this list is the definition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

__all__ = ["placeholder_digests", "placeholder_texts"]

# What languages, databases, spreadsheets and people write for "no value". Each also counts in lower case, in upper case
# and capitalised.
_WORDS: Final = (
    "null", "(null)", "<null>", "[null]", "{null}", "nul", "nil", "none", "void", "undefined",  # languages
    "nan", "NaN", "-nan", "nat", "NaT", "<na>", "na", "n.a.", "n/a", "n\\a", "#n/a", "#value!", "#ref!", "#null!",
    r"\n", "DBNull", "System.DBNull", "[object object]", "[object Object]", "[]", "{}", '""', "''", "``",
    "empty", "blank", "missing", "unknown", "not available", "not applicable", "no email", "noemail", "no e-mail",
    "anonymous", "redacted", "deleted", "removed", "tbd", "x", "xx", "xxx", "xxxx", "?", "??", "???",  # people
    "0", "-1", "1", "0.0", "false", "true", "no", "-", "--", "---", "_", ".", "..", "...", ",", ";", "/", "#", "*", "@",
)  # fmt: skip
_BLANKS: Final = ("\t", "\r", "\n", "\r\n", "\0", "\v", "\f", "\u00a0", "\u200b", "\u3000", "\ufeff")
_WIDEST_COLUMN: Final = 255  # CHAR(255): columns of fixed width are padded with spaces
_ENCODINGS: Final = ("utf-8", "utf-16-le")  # the latter is what SQL Server's HASHBYTES sees of an nvarchar
_HEX_DIGITS: Final = "0123456789abcdef"


def placeholder_texts() -> Iterator[str]:
    """Yield every text that stands for a missing address, in the forms in which programs hash it."""
    yield ""
    yield from _BLANKS
    yield from (" " * width for width in range(1, _WIDEST_COLUMN + 1))
    for word in _WORDS:
        for form in dict.fromkeys((word, word.lower(), word.upper(), word.capitalize(), word.title())):
            yield form
            yield f"{form}\n"  # as `echo null | sha256sum` hashes it
            yield f'"{form}"'


@lru_cache(maxsize=1)
def placeholder_digests() -> frozenset[bytes]:
    """Return the 32-byte digests of all placeholder texts, hashed once or twice, and of one repeated hex digit."""
    digests = {bytes.fromhex(digit * 64) for digit in _HEX_DIGITS}
    for text in placeholder_texts():
        for encoding in _ENCODINGS:
            once = hashlib.sha256(text.encode(encoding))
            digests |= {once.digest(), hashlib.sha256(once.hexdigest().encode()).digest()}
    return frozenset(digests)
