"""Redaction of output: text without e-mail addresses in any spelling, and names without unprintable characters.

The same rule applies to logs, messages, records, reports, notes and standard output. Any word with an `@`, in any
spelling that file writers, URLs and messages use, is treated as an address and replaced as a whole, up to the next
space, bracket or, in a path, slash. Hiding one word too many is better than showing one person. Lake locations
(`abfs://container@account…`) and patterns of whole domains (`%@contoso.com`) stay.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

__all__ = [
    "PERSONAL",
    "holds_address",
    "logger",
    "may_be_address",
    "printable",
    "without_addresses",
    "without_addresses_in",
]

ADDRESS: Final = "[address]"

T = TypeVar("T")

# `@` itself, and the two characters that NFKC turns into it.
_SIGN = "[@\uff20\ufe6b]"
# Percent-encoded as in Hive, Spark and URLs, also several times (`%2540`); the wide forms by their UTF-8 bytes.
_P = "%(?:25)*"
_PERCENT = rf"{_P}40|{_P}EF{_P}(?:BC{_P}A0|B9{_P}AB)|%u(?:0040|FF20|FE6B)"
# HTML and XML, also escaped several times (`&amp;#64;`).
_ENTITY = r"&(?:amp;)*(?:#(?:0*(?:64|65312|65131)|x0*(?:40|FF20|FE6B))\b|commat\b);?"
# JSON, Python, JavaScript, CSS; Office programs (`_x0040_`); UTF-7; the wide forms in quoted-printable.
_ESCAPE = (
    r"\\(?:u(?:0040|FF20|FE6B)|u\{0*40\}|U000(?:00040|0FF20|0FE6B)|x40|100|N\{COMMERCIAL AT\})|_x0040_|\+AEA-?"
    r"|=EF=BC=A0|=EF=B9=AB"
)
# Quoted-printable: only before a domain, as `=40` can also be the value of a partition.
_QUOTED = r"=40(?=[\w-]+(?:\.[\w-]+)*\.(?!(?:csv|gz|json|orc|parquet|avro|tsv|txt|html)\b)[^\W\d_]{2})"
_SPELLED = f"{_SIGN}|{_PERCENT}|{_ENTITY}|{_ESCAPE}"
_AT: Final = re.compile(f"{_SPELLED}|{_QUOTED}", re.IGNORECASE)
# A full address such as `anna@example.com`, not just any `@`.
_ADDRESS: Final = re.compile(
    rf"[^\s@]{{1,64}}(?:{_AT.pattern}|[ \t]{{1,8}}{_SIGN}[ \t]{{1,8}})[^\s@/]{{0,128}}\.(?:xn--)?[^\W\d_]{{2}}",
    re.IGNORECASE,
)

PERSONAL: Final = rf"(?i:{_SPELLED}|=40[\w-]+\.[a-z]{{2}})|[0-9a-fA-F]{{64}}"
"""Matches what looks like an address or its digest; for Arrow, whose regular expressions have no look-around."""

# A quoted local part may hold spaces. (Its length is bounded, so that text is searched in linear time.)
_WORD: Final = re.compile(
    rf"""(?:"(?:[^"\\\n]|\\.){{0,128}}"|"[^"\n]{{0,128}}")\\{{0,8}}(?:{_AT.pattern})[^\s<>"(),;]*"""
    rf"""|(?:{_AT.pattern}|&#?\w{{1,8}};|[^\s<>"(),;])+""",
    re.IGNORECASE,
)
_APART: Final = re.compile(
    rf"(?<![^\s<(\"])[^\s<>(),;\"]{{1,64}}[ \t]{{1,8}}{_SIGN}[ \t]{{1,8}}(?=[\w-]+\.)\S+"
)
# container@account is not a person, and in OneLake neither is workspace@host, with percent-encoded characters.
_PLACE_IN_TEXT: Final = re.compile(
    r"(?:abfss?|wasbs?|az)://(?:[\w$-]+@[\w.-]+|(?:(?!%40)[^\s@/<>(),;\"])+@[a-z0-9.-]{1,64}\.fabric\.microsoft\.com)"
)
_PLACE: Final = re.compile(rf"{_PLACE_IN_TEXT.pattern}(?=[/'`:.,]|$)")
_IS_PATH: Final = re.compile(r"[`'\[{]*(?:[A-Za-z][A-Za-z0-9+.-]*://|/|\.\.?/|~/)")
_NO_ADDRESS: Final = re.compile(
    r"[`'\[{]*(?:@(?:hourly|daily|weekly|monthly|quarterly|yearly|annually|once|midnight|continuous)|[%*]+@[\w.-]+)"
    r"[`'\]}.:]*"
)


def without_addresses(text: str) -> str:
    """Replace everything in a text that looks like an e-mail address."""
    if not _AT.search(text):
        return text
    return _WORD.sub(_of_word, _APART.sub(ADDRESS, text))


def may_be_address(text: str) -> bool:
    """Return whether a text holds an `@`, in any spelling."""
    return _AT.search(text) is not None


def holds_address(text: str) -> bool:
    """Return whether a text almost certainly holds an address: a name, an `@`, and a domain."""
    return may_be_address(text) and _ADDRESS.search(_PLACE_IN_TEXT.sub("place", text)) is not None


def without_addresses_in(value: T) -> T:
    """Replace addresses in every text of a value made of mappings, lists and tuples."""
    result: Any = value
    if isinstance(value, str):
        result = without_addresses(value)
    elif isinstance(value, Mapping):
        result = {without_addresses_in(key): without_addresses_in(item) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        result = type(value)(without_addresses_in(item) for item in value)
    return cast("T", result)


def printable(name: str) -> str:
    """Return a name on one line: escape invalid characters and those that would move a terminal's cursor."""
    return "".join(_escaped(char) if _is_unprintable(char) else char for char in name)


def logger(name: str) -> logging.Logger:
    """Return a module's logger; it replaces addresses in all its records."""
    log = logging.getLogger(name)
    if not any(isinstance(one, _Redaction) for one in log.filters):
        log.addFilter(_Redaction())
    return log


class _Redaction(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_addresses(record.getMessage()), None
        return True


def _is_unprintable(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode()


def _of_word(match: re.Match[str]) -> str:
    word = match[0]
    place = _PLACE.search(word)
    if place:
        return _of_path(word[: place.start()]) + place[0] + _of_path(word[place.end() :])
    return _of_path(word) if _IS_PATH.match(word) else _redacted(word)


def _of_path(path: str) -> str:
    """Redact each name of a path separately."""
    return "/".join(_redacted(name) for name in path.split("/"))


def _redacted(word: str) -> str:
    if not _AT.search(word) or _NO_ADDRESS.fullmatch(word) or not any(char.isalnum() for char in word):
        return word
    return ADDRESS
