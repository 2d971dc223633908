"""From the addresses and hashes of a request to all digests that may stand for these people in an audience."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from customer_match.addresses.aliases import alias_digests, judge_suppressed
from customer_match.addresses.definition import Policy, is_digest, trim
from customer_match.errors import ConfigurationError
from customer_match.members.digests import DIGEST_BYTES, Digests, sorted_distinct

__all__ = ["People", "read_people"]

_LISTED = 10  # of the lines that a message names


class People(NamedTuple):
    """The people of a request.

    Attributes:
        people: Number of distinct values.
        digests: All digests of theirs, sorted: shape (n, 32).
        hashes: How many of the values are hashes. Of these, no other digest can be derived.
    """

    people: int
    digests: Digests
    hashes: int


def read_people(values: Iterable[str]) -> People:
    """Compute the digests of addresses under every policy and spelling; hashes are used as they are.

    Args:
        values: One address or SHA-256 hash (64 hex digits) each; empty ones are ignored.

    Raises:
        ConfigurationError: There is none, or one is neither. The message tells lines, never values.
    """
    found: dict[str, frozenset[bytes]] = {}
    wrong: list[int] = []
    for line, value in enumerate(values, 1):
        trimmed = trim(value)
        if trimmed and not (digests := _digests_of(trimmed)):
            wrong.append(line)
        elif trimmed:
            found[trimmed] = digests
    if wrong:
        raise _unusable(wrong)
    if not found:
        raise ConfigurationError("No address and no hash was given. Nothing was changed.")
    joined = b"".join(digest for digests in found.values() for digest in digests)
    rows = np.frombuffer(joined, dtype=np.uint8).reshape(-1, DIGEST_BYTES)
    return People(len(found), sorted_distinct(rows), sum(map(is_digest, found)))


def _digests_of(trimmed: str) -> frozenset[bytes]:
    judged = judge_suppressed(trimmed, Policy.BOTH).digests
    return alias_digests(trimmed) | frozenset(judged) if judged else frozenset()


def _unusable(lines: list[int]) -> ConfigurationError:
    listed = ", ".join(map(str, lines[:_LISTED])) + (", …" if len(lines) > _LISTED else "")
    return ConfigurationError(
        f"Neither an e-mail address nor a SHA-256 hash of 64 hex digits: line {listed} of what was given. Nothing was "
        "changed. Correct these lines. If a system that hashes accepts such an address, give its hash."
    )
