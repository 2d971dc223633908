"""All digests that other systems may have computed for one address; suppression compares them.

A list of digests does not say how its addresses were normalised. If the profile has the plain address, we therefore
compare the digests of both policies and of every spelling of the same mailbox: the domain in Unicode and in Punycode,
accents composed and decomposed, the address only lower-cased, and the address exactly as written.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import idna

from customer_match.addresses.definition import Policy, Verdict, basic, digest, is_digest, judge, trim

__all__ = ["alias_digests", "judge_suppressed"]


def judge_suppressed(value: str | None, policy: Policy) -> Verdict:
    """Judge one value of a suppression list; return its digests for every spelling of the domain."""
    verdicts = [judge(spelling, policy) for spelling in _domain_spellings(value or "")]
    digests = dict.fromkeys(one for verdict in verdicts for one in verdict.digests)
    return Verdict(tuple(digests)) if digests else verdicts[0]


def alias_digests(value: str) -> frozenset[bytes]:
    """Return every digest that may stand for a usable address; empty if the value is itself a digest."""
    if is_digest(trim(value)):
        return frozenset()
    digests = {digest(trim(value))}
    for spelling in _domain_spellings(value):
        digests.update(judge(spelling, Policy.BOTH).digests)
        if not spelling.isascii():
            digests.update(map(digest, _variants_of_other_programs(trim(spelling))))
    return frozenset(digests)


def _domain_spellings(value: str) -> tuple[str, ...]:
    """Return the value or, if its domain is international, the address with the domain in Unicode and in Punycode."""
    if value.isascii() and "xn--" not in value.lower():
        return (value,)
    local_part, _, domain = basic(trim(value)).partition("@")
    return tuple(f"{local_part}@{form}" for form in _domain_forms(domain)) or (value,)


@lru_cache(maxsize=65_536)
def _domain_forms(domain: str) -> tuple[str, ...]:
    """Return a domain in Unicode and in Punycode, once if they are equal; empty if it is not a valid domain."""
    try:
        return tuple(dict.fromkeys((idna.decode(domain), idna.encode(domain).decode())))
    except (idna.IDNAError, UnicodeError):
        return ()


def _variants_of_other_programs(trimmed: str) -> tuple[str, ...]:
    """Return what programs hash that do not apply NFC, or that drop tag and dots but keep accents (Microsoft's UET)."""
    local_part, _, domain = basic(trimmed).partition("@")
    short = local_part.partition("+")[0].replace(".", "")
    return trimmed.lower(), unicodedata.normalize("NFD", basic(trimmed)), f"{short}@{domain}"
