"""What must be in nothing that a run leaves behind, in every spelling: words of addresses, their digests, secrets."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl
from propcache.api import cached_property

from customer_match.addresses.definition import Policy, judge

__all__ = ["Needles", "digests_of"]


@dataclass
class Needles:
    """Words to look for.

    Attributes:
        words: Words that only a planted address or a secret has, at least eight characters each.
        digests: Digests of planted addresses, 32 bytes each.
    """

    words: frozenset[str] = frozenset()
    digests: frozenset[bytes] = frozenset()

    def found_in(self, texts: Mapping[str, str]) -> dict[str, list[str]]:
        """The needles in texts by their names; whatever their case, and with zero bytes between their characters."""
        contents = pl.Series(list(texts.values()), dtype=pl.String)
        both = contents + pl.lit("\n") + contents.str.replace_all("\0", "", literal=True)
        found = (
            pl.select(both).to_series().str.extract_many(list(self._patterns), ascii_case_insensitive=True)
        )
        return {
            name: sorted({self._patterns[_lower(spelling)] for spelling in spellings})
            for name, spellings in zip(texts, found, strict=True)
            if len(spellings)
        }

    @cached_property
    def _patterns(self) -> Mapping[str, str]:
        """Each spelling in lower case, and what it spells."""
        digests = [spelled for one in self.digests for spelled in _of_digest(one)]
        pairs = [(spelling, word) for word in self.words for spelling in _of_word(word)]
        pairs += [(spelling, f"digest {digest.hex()[:8]}") for spelling, digest in digests]
        return {_lower(spelling): needle for spelling, needle in pairs}


def _lower(text: str) -> str:
    """ASCII letters in lower case; others, which may be bytes of a digest, stay as they are."""
    return text.encode("latin-1").lower().decode("latin-1")


def _of_word(word: str) -> Iterator[str]:
    yield word
    yield word[::-1]
    yield "".join(f"%{byte:02x}" for byte in word.encode())
    yield word.encode().hex()
    for one in {word, word.upper(), word.lower()}:
        yield from _in_base64(one.encode())


def _of_digest(digest: bytes) -> Iterator[tuple[str, bytes]]:
    yield digest.hex(), digest
    yield digest.hex()[::-1], digest
    yield digest.decode("latin-1"), digest
    for content in (digest, digest.hex().encode(), digest.hex().upper().encode()):
        for spelling in _in_base64(content):
            yield spelling, digest


def _in_base64(content: bytes) -> Iterator[str]:
    """Within other content, a word has one of three spellings; at its ends, they depend on what is beside it."""
    for before in range(3):
        spelled = base64.b64encode(b"\0" * before + content).decode()
        first = -(-before * 8 // 6)
        last = (before + len(content)) * 8 // 6
        inner = spelled[first:last]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def digests_of(addresses: Iterable[str]) -> frozenset[bytes]:
    """The digests of addresses by all policies."""
    return frozenset(digest for one in addresses for digest in judge(one, Policy.BOTH).digests)
