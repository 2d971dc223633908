"""Definition of a usable e-mail address and of its digest, in plain Python.

The vectorised engine must agree with this module on every input. Tests and the demo use it to compute what an audience
should hold. No Microsoft page states a normalisation rule for Customer Match (Customer List Item and
CustomerListUserData ask only for SHA-256 as 64 hex digits), so the rules are named policies:

* `basic`: trim and lower-case, as every known production connector does. Texts that Unicode and IDNA treat as equal
  become equal: NFC (which RFC 6532 3.1 asks of addresses), and a dot for the East Asian full stops in the domain
  (RFC 5895 2.3, UTS 46 4).
* `enhanced`: Microsoft's documented rule for *enhanced conversions* (help page of 18 June 2026): drop the
  `+tag` and the dots of the local part, inner spaces and accents.
* `both`: the digests of both policies, where they differ.

An address is valid if browsers accept it in `<input type=email>` (WHATWG HTML, "valid e-mail address"), with three
differences: the domain needs a dot and a last label that is not a number; letters outside ASCII are allowed in the
local part (RFC 6531); and an international domain must satisfy IDNA 2008, in Unicode or in Punycode. Quoted local parts
are rejected, as browsers do. Length limits are those of RFC 5321, in octets.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import idna

from customer_match.addresses.empty_digests import placeholder_digests

__all__ = [
    "Policy",
    "Rejection",
    "Take",
    "Verdict",
    "basic",
    "choose_rejection",
    "digest",
    "invisible_characters",
    "is_digest",
    "is_domain",
    "judge",
    "judge_row",
    "select_used",
    "split_values",
    "trim",
]

MAX_ADDRESS_BYTES = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets less its two angle brackets
MAX_LOCAL_BYTES = 64  # RFC 5321 4.5.3.1.1

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ASCII_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_ASCII_LOCAL_PART = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+")
_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_PUNYCODE = "xn--"  # prefix of an international label in ASCII
_FULL_STOPS = dict.fromkeys(map(ord, "\u3002\uff0e\uff61"), ".")  # ideographic, full-width, half-width


class Policy(StrEnum):
    """How an address is normalised before it is hashed."""

    BASIC = "basic"
    ENHANCED = "enhanced"
    BOTH = "both"


class Take(StrEnum):
    """Which of a profile's addresses are used."""

    COALESCE = "coalesce"
    ALL = "all"


class Rejection(StrEnum):
    """Why a profile has no usable e-mail address."""

    MISSING = "missing"
    NOT_AN_ADDRESS = "not_an_address"
    TOO_LONG = "too_long"
    LOCAL_PART_INVALID = "local_part_invalid"
    DOMAIN_INVALID = "domain_invalid"


class Verdict(NamedTuple):
    """Result of judging one value or one row.

    Attributes:
        digests: The 32-byte SHA-256 digests of its addresses; empty if it was rejected. Those of one value are
            distinct; a row that holds an address twice has its digest twice.
        rejection: Why it was rejected; None if it was accepted.
    """

    digests: tuple[bytes, ...] = ()
    rejection: Rejection | None = None


Cell = str | Sequence[str | None] | None
"""One value of an e-mail column: text, or a list of texts."""


def split_values(cells: Iterable[Cell], separator: str | None = None) -> list[str | None]:
    """List the values of one profile's e-mail columns that may be addresses, in order.

    Args:
        cells: The profile's value in each column.
        separator: Delimiter between several addresses in one text; None if a text is one value.
    """
    values: list[str | None] = []
    for cell in cells:
        for text in [cell] if cell is None or isinstance(cell, str) else cell:
            values += [text] if text is None or separator is None else text.split(separator)
    return values


def judge_row(values: Iterable[str | None], policy: Policy, take: Take = Take.COALESCE) -> Verdict:
    """Judge one profile by its values: use the first usable address, or all of them.

    If no value is usable, the profile's reason is the first one other than `missing`.
    """
    verdicts = [judge(value, policy) for value in values]
    rejection = choose_rejection(verdicts)
    if rejection:
        return Verdict(rejection=rejection)
    return Verdict(tuple(d for place in select_used(verdicts, take) for d in verdicts[place].digests))


def select_used(verdicts: Sequence[Verdict], take: Take) -> list[int]:
    """Return the indices of the values of a profile that are used."""
    usable = [place for place, verdict in enumerate(verdicts) if verdict.rejection is None]
    return usable if take is Take.ALL else usable[:1]


def choose_rejection(verdicts: Iterable[Verdict]) -> Rejection | None:
    """Return why a profile is rejected: the first reason other than `missing`; None if any value is usable."""
    found = Rejection.MISSING
    for verdict in verdicts:
        if verdict.rejection is None:
            return None
        if found is Rejection.MISSING:
            found = verdict.rejection
    return found


_REJECTED = {reason: Verdict(rejection=reason) for reason in Rejection}


def judge(value: str | None, policy: Policy) -> Verdict:
    """Judge one value of an e-mail column.

    A value of 64 hex digits, in either case, is accepted as a digest. The digest of a placeholder
    (`empty_digests.py`) counts as a missing value.
    """
    trimmed = trim(value or "")
    if not trimmed:
        return _REJECTED[Rejection.MISSING]
    if is_digest(trimmed):
        given = bytes.fromhex(trimmed)
        return _REJECTED[Rejection.MISSING] if given in placeholder_digests() else Verdict((given,))
    addresses = [normalise(trimmed) for normalise in _NORMALISERS[policy]]
    reasons = [_rejection(address) for address in addresses]
    accepted = dict.fromkeys(
        address for address, reason in zip(addresses, reasons, strict=True) if not reason
    )
    if reasons[0] and not accepted:
        return _REJECTED[reasons[0]]
    return Verdict(tuple(digest(address) for address in accepted))


def is_digest(trimmed: str) -> bool:
    """Return whether a trimmed value is already a digest."""
    return _HASHED.fullmatch(trimmed) is not None


def digest(address: str) -> bytes:
    """Hash a normalised address; the digest is the member."""
    return hashlib.sha256(address.encode()).digest()


def basic(trimmed: str) -> str:
    """Normalise by the policy `basic`. Text that is not an address stays invalid."""
    if trimmed.isascii():
        return trimmed.lower()
    local_part, at, domain = _nfc(_nfc(trimmed).lower()).partition("@")
    return f"{local_part}{at}{domain.translate(_FULL_STOPS)}"


def _enhanced(trimmed: str) -> str:
    local_part, at, domain = basic(trimmed).partition("@")
    name, _, tag = local_part.partition("+")
    kept = "".join(filter(_is_never_valid, tag))  # such a character makes the address unusable, in a tag too
    address = f"{name.replace('.', '')}{kept}{at}{domain}"
    return _without_accents("".join(c for c in address if not _is_space(c)))


_NORMALISERS: dict[Policy, Sequence[Callable[[str], str]]] = {
    Policy.BASIC: (basic,),
    Policy.ENHANCED: (_enhanced,),
    Policy.BOTH: (basic, _enhanced),
}


def _rejection(address: str) -> Rejection | None:
    local_part, _, domain = address.partition("@")
    if not local_part or not domain or "@" in domain:
        return Rejection.NOT_AN_ADDRESS
    if len(address.encode()) > MAX_ADDRESS_BYTES or len(local_part.encode()) > MAX_LOCAL_BYTES:
        return Rejection.TOO_LONG
    if not _is_local_part(local_part):
        return Rejection.LOCAL_PART_INVALID
    if not is_domain(domain):
        return Rejection.DOMAIN_INVALID
    return None


def _is_local_part(local_part: str) -> bool:
    if local_part.isascii():
        return _ASCII_LOCAL_PART.fullmatch(local_part) is not None
    return all(map(_is_allowed_in_local_part, local_part))


@lru_cache(maxsize=4096)
def _is_allowed_in_local_part(character: str) -> bool:
    if character.isascii():
        return _ASCII_LOCAL_PART.fullmatch(character) is not None
    return not _is_never_valid(character) and unicodedata.category(character) not in _NO_CHARACTER


@lru_cache(maxsize=65_536)
def is_domain(domain: str) -> bool:
    """Return whether a normalised domain is valid."""
    try:
        encoded = domain if domain.isascii() else idna.encode(domain).decode()
    except (idna.IDNAError, UnicodeError):
        return False
    return _ASCII_DOMAIN.fullmatch(encoded) is not None and all(map(_is_label, encoded.split(".")))


def _is_label(label: str) -> bool:
    """Return whether an ASCII label is valid; a Punycode label must decode and encode to the same text."""
    if not label.startswith(_PUNYCODE):
        return True
    try:
        return idna.alabel(idna.ulabel(label)).decode() == label
    except (idna.IDNAError, UnicodeError):
        return False


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    letters = (c for c in unicodedata.normalize("NFD", text) if not _is_accent(c))
    return _nfc("".join(letters))


def _is_accent(character: str) -> bool:
    return unicodedata.category(character) == "Mn" and not _is_invisible(character)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def trim(text: str) -> str:
    """Remove invisible characters from both ends of a value."""
    if text and "!" <= text[0] <= "~" and "!" <= text[-1] <= "~":
        return text  # fast path: visible ASCII at both ends
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while start < end and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


# White space of every script, controls, and format characters (zero-width, direction marks, byte order mark).
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# Characters that Unicode lists as letters or marks but nobody sees (Default_Ignorable_Code_Point), and blank Braille.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # variation selectors
)
_NO_CHARACTER = frozenset({"Cn", "Co", "Cs"})
_NEVER_VALID = frozenset("\uff20\ufe6b\ufffc\ufffd")  # other at signs, and replacements for damaged text


@lru_cache(maxsize=4096)
def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or character in _BLANK


def _is_never_valid(character: str) -> bool:
    return _is_invisible(character) or character in _NEVER_VALID


def _is_space(character: str) -> bool:
    return character == " " or (character > "~" and unicodedata.category(character) == "Zs")


@lru_cache(maxsize=1)
def invisible_characters() -> str:
    """Return all characters that `trim` removes from the ends of a value."""
    every = map(chr, (*range(0x20000), *range(0xE0000, 0xE1000)))  # the others are letters, or not assigned
    return "".join(sorted({c for c in every if unicodedata.category(c) in _INVISIBLE} | _BLANK))
