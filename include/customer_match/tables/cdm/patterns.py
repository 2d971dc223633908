r"""Matches the patterns of a manifest's partitions, in time that is linear in the path and the pattern.

A manifest comes from the lake, and anyone who can write there must not be able to block a worker. Backtracking
matchers such as Python's take exponential time for some expressions. RE2 never does, but has no look-around, no
backreferences and no atomic groups; patterns that use them are rejected.

The expressions are .NET's, like CDM's own implementation (documented: `regularExpression`). There `\w`, `\d` and `\s`
cover all of Unicode, but only ASCII in RE2, so they are written out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import re2

from customer_match.tables.cdm.entity import Pattern, unusable

__all__ = ["matcher"]

_MAX_LENGTH: Final = 4_096  # characters of an expression; ours
_SHOWN: Final = 80
_WORD: Final = r"\p{L}\p{Mn}\p{Nd}\p{Pc}"  # documented: .NET, character classes
_SPACE: Final = r"\t\n\v\f\r\x{85}\p{Z}"
_CLASSES: Final = {"w": _WORD, "s": _SPACE, "d": r"\p{Nd}"}
_PIECES: Final = re.compile(
    r"\\u(?P<code>[0-9a-fA-F]{4})|\\(?P<escape>.)|(?P<open>\[\^?\]?)|(?P<close>\])|(?P<other>[^\\\[\]])",
    re.DOTALL,
)
_REFUSED_ESCAPES: Final = frozenset("CQE")  # RE2's own, and something else or nothing in .NET
_REMEDY: Final = (
    "Let the manifest be written with a simpler pattern: without look-ahead, look-behind, references back to groups "
    "and atomic groups; or list the files as `dataPartitions`."
)


@dataclass(frozen=True)
class PathMatcher:
    """Matches whole paths below a pattern's root."""

    _expression: Any

    def fits(self, path: str) -> bool:
        """Whether a path matches, with or without its first slash; in linear time."""
        text = path.encode("utf-8", "replace").decode()
        return any(self._expression.fullmatch(form) for form in {text, text.removeprefix("/")})


def matcher(pattern: Pattern, where: str, name: str) -> PathMatcher:
    """Make the matcher of a pattern.

    Args:
        pattern: The pattern in the manifest.
        where: The manifest, for messages.
        name: Name of the entity.

    Raises:
        ConfigurationError: The pattern is invalid, or cannot be matched in linear time.
    """
    written = pattern.glob or pattern.regex or ""
    quiet = re2.Options()
    quiet.log_errors = False
    try:
        text = _of_glob(pattern.glob) if pattern.glob else _of_dot_net(pattern.regex or "")
        return PathMatcher(re2.compile(text, quiet))
    except (re2.error, _Unsupported, UnicodeError):
        shown = ascii(written[:_SHOWN])[1:-1] + ("…" if len(written) > _SHOWN else "")
        what = f"has the pattern of partitions `{shown}`, which cannot be read here"
        raise unusable(where, name, what, _REMEDY) from None


class _Unsupported(Exception):
    """A construct that RE2 interprets differently from .NET."""


def _of_glob(glob: str) -> str:
    """Documented: `*` and `?` stop at slashes, `**` does not, a backslash is a slash."""
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", _check_length(glob).replace("\\", "/").lstrip("/"))
    return "(?s:" + "".join(wildcards.get(part) or re2.escape(part) for part in parts) + ")"


def _of_dot_net(expression: str) -> str:
    """Convert a .NET expression to RE2."""
    pieces, is_in_class = [], False
    if (len(expression) - len(expression.rstrip("\\"))) % 2:  # a backslash that nothing follows
        _unsupported()
    for piece in _PIECES.finditer(_check_length(expression)):
        if piece["open"]:
            if is_in_class:
                _refuse_what_differs_in_classes(expression, piece.start())
                pieces.append(rf"\{piece['open']}" if piece["open"] == "[" else _unsupported())
                continue
            is_in_class = True
        elif piece["close"]:
            is_in_class = False
        pieces.append(_piece(piece, is_in_class=is_in_class))
    return "".join(pieces)


def _piece(piece: re.Match[str], *, is_in_class: bool) -> str:
    if piece["code"]:
        return rf"\x{{{piece['code']}}}"
    letter = piece["escape"]
    if letter is None:
        return piece[0]
    if letter in _REFUSED_ESCAPES or (letter in "WS" and is_in_class):
        return _unsupported()
    if members := _CLASSES.get(letter.lower()):
        if is_in_class:
            return members if letter.islower() else r"\P{Nd}"
        return f"[{'' if letter.islower() else '^'}{members}]"
    return {"Z": r"\z"}.get(letter, piece[0])


def _refuse_what_differs_in_classes(expression: str, place: int) -> None:
    """`[a-z-[aeiou]]` takes away in .NET; `[[:alpha:]]` names a class in RE2 alone."""
    if expression[place - 1] == "-" or expression[place + 1 : place + 2] == ":":
        _unsupported()


def _unsupported() -> str:
    raise _Unsupported


def _check_length(text: str) -> str:
    if len(text) > _MAX_LENGTH:
        _unsupported()
    return text
