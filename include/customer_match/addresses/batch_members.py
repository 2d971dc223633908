"""Combine the members of a batch: regular values hashed by polars, all others judged by `definition.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from customer_match.addresses.aliases import alias_digests
from customer_match.addresses.columns import digests_from_hex, hash_addresses, policy_aliases, raw_aliases
from customer_match.addresses.definition import Policy, Verdict, is_digest, trim
from customer_match.addresses.known_members import Compare, Known
from customer_match.members.digests import DIGEST_BYTES, Digests, empty

__all__ = ["BatchMembers", "JudgedValue", "collect_members"]


@dataclass(frozen=True)
class BatchMembers:
    """Members of a batch.

    Attributes:
        digests: Shape (n, 32), unordered, with duplicates.
        known: Data for the comparison with suppression lists; None if it was not requested.
    """

    digests: Digests
    known: Known | None


class JudgedValue(NamedTuple):
    """A usable value and its verdict from `definition.py`."""

    value: str
    verdict: Verdict


def collect_members(
    addresses: pl.DataFrame,
    hashes: pl.Series,
    odd: Sequence[JudgedValue],
    policy: Policy,
    compare: Compare | None,
) -> BatchMembers:
    """Hash the regular values of a batch and combine them with the values that were judged one by one.

    Args:
        addresses: Columns `address` (regular addresses) and `written` (the values that they were made from).
        hashes: Regular digests, as hex digits.
        odd: All other usable values.
        policy: How the addresses are normalised.
        compare: What suppression needs beside the members; None: nothing.
    """
    plain, given = hash_addresses(addresses.get_column("address"), policy), digests_from_hex(hashes)
    if compare is None:
        return BatchMembers(np.concatenate([*plain, given, _digests(odd)]), None)
    in_clear = [one for one in odd if not is_digest(trim(one.value))]
    made = np.concatenate([*plain, _digests(in_clear)])
    given = np.concatenate([given, _digests([one for one in odd if is_digest(trim(one.value))])])
    aliases = of = empty()
    if compare.aliases:
        found = (
            policy_aliases(addresses.get_column("address"), policy),
            raw_aliases(addresses, policy),
            _aliases(in_clear),
        )
        aliases, of = map(np.concatenate, zip(*found, strict=True))
    return BatchMembers(np.concatenate([made, given]), Known(made, given, aliases, of))


def _aliases(in_clear: Sequence[JudgedValue]) -> tuple[Digests, Digests]:
    pairs = [
        (alias, digest)
        for value, verdict in in_clear
        for digest in verdict.digests
        for alias in alias_digests(value) - {digest}
    ]
    return _array(alias for alias, _ in pairs), _array(digest for _, digest in pairs)


def _digests(values: Sequence[JudgedValue]) -> Digests:
    return _array(digest for value in values for digest in value.verdict.digests)


def _array(digests: Iterable[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
