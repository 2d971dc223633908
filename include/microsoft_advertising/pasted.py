"""Cleans pasted secrets and ids: removes surrounding white space, invisible characters and quotes."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["one_word", "trim"]

_QUOTES: Final = ('""', "''", "``", "“”", "‘’", "«»", "„“")
_FIRST, _LAST = "!", "~"  # of ASCII's visible characters


def trim(text: str) -> str:
    """The text without surrounding white space, invisible characters and pairs of quotes.

    No token or id of the service or of the authority begins or ends with one of these.
    """
    while (shorter := _unquote(_without_ends(text))) != text:
        text = shorter
    return text


def one_word(text: str) -> str:
    """The trimmed text; it must consist of visible ASCII characters, as all tokens and ids do.

    Raises:
        ValueError: It holds another character, for example because two values or a line break were pasted. The message
            does not repeat the text.
    """
    word = trim(text)
    if not all(_FIRST <= character <= _LAST for character in word):
        raise ValueError(
            "A token or an id contains no white space and no invisible or accented characters. Paste it again, "
            "complete and on one line"
        )
    return word


def _without_ends(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while end > start and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(character: str) -> bool:
    """Spaces, line breaks, control and format characters: among them U+00A0, U+200B, U+FEFF."""
    return unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf"}


def _unquote(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] + text[-1] in _QUOTES
    return text[1:-1] if is_quoted else text
