"""All digests that systems may have made of one address: what suppression compares, where the address is known.

A list of digests does not say how its addresses were normalised. So whoever is known in clear is looked for under the
digests of both policies, and under those of every way to write the same mailbox: a domain in letters and in Punycode,
accents in one piece and in two, lower-casing alone, and as it stands there.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import idna

from customer_match.addresses.definition import Policy, Verdict, basic, digest, is_digest, judge, trim

__all__ = ["judge_listed", "known_as"]


def judge_listed(value: str | None, policy: Policy) -> Verdict:
    """Judge one value of a suppression list: the digests of its address, however the domain is written."""
    verdicts = [judge(spelling, policy) for spelling in _spellings(value or "")]
    digests = dict.fromkeys(one for verdict in verdicts for one in verdict.digests)
    return Verdict(tuple(digests)) if digests else verdicts[0]


def known_as(value: str) -> frozenset[bytes]:
    """Every digest that may stand for the address of a usable value; none if the value is a digest itself."""
    if is_digest(trim(value)):
        return frozenset()
    digests = {digest(trim(value))}
    for spelling in _spellings(value):
        digests.update(judge(spelling, Policy.BOTH).digests)
        if not spelling.isascii():
            digests.update(map(digest, _of_other_programs(trim(spelling))))
    return frozenset(digests)


def _spellings(value: str) -> tuple[str, ...]:
    """The value; if its domain is international, its address with the domain in letters and in Punycode."""
    if value.isascii() and "xn--" not in value.lower():
        return (value,)
    local_part, _, domain = basic(trim(value)).partition("@")
    return tuple(f"{local_part}@{form}" for form in _forms_of(domain)) or (value,)


@lru_cache(maxsize=65_536)
def _forms_of(domain: str) -> tuple[str, ...]:
    """A domain in letters and in Punycode, which may be the same; nothing if it is none."""
    try:
        return tuple(dict.fromkeys((idna.decode(domain), idna.encode(domain).decode())))
    except (idna.IDNAError, UnicodeError):
        return ()


def _of_other_programs(trimmed: str) -> tuple[str, ...]:
    """What programs hash that know nothing of NFC, or drop the tag and the dots but no accent (Microsoft's UET)."""
    local_part, _, domain = basic(trimmed).partition("@")
    short = local_part.partition("+")[0].replace(".", "")
    return trimmed.lower(), unicodedata.normalize("NFD", basic(trimmed)), f"{short}@{domain}"
