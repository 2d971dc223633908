"""The members of a batch: plain values hashed by polars, odd ones as the reference has judged them, put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from customer_match.addresses.aliases import known_as
from customer_match.addresses.columns import aliases_of, hashed, unhexed, written_aliases_of
from customer_match.addresses.definition import Policy, Verdict, is_digest, trim
from customer_match.addresses.known_members import Compare, Known
from customer_match.members.digests import DIGEST_BYTES, Digests, empty

__all__ = ["Found", "OddValue", "found_of"]


@dataclass(frozen=True)
class Found:
    """Members of a batch.

    Attributes:
        digests: Shape (n, 32), in no order, with duplicates.
        known: What is known of them; None if nobody asked.
    """

    digests: Digests
    known: Known | None


class OddValue(NamedTuple):
    """A value that the reference has judged, and found usable."""

    value: str
    verdict: Verdict


def found_of(
    addresses: pl.DataFrame,
    hashes: pl.Series,
    odd: Sequence[OddValue],
    policy: Policy,
    compare: Compare | None,
) -> Found:
    """Put together what was found in a batch.

    Args:
        addresses: Columns `address`, plain ones, and `written`: the values that they were made of.
        hashes: Plain digests, in hex digits.
        odd: All other values that count.
        policy: How the addresses are normalised.
        compare: What is asked for beside the members.
    """
    plain, given = hashed(addresses.get_column("address"), policy), unhexed(hashes)
    if compare is None:
        return Found(np.concatenate([*plain, given, _digests(odd)]), None)
    in_clear = [one for one in odd if not is_digest(trim(one.value))]
    made = np.concatenate([*plain, _digests(in_clear)])
    given = np.concatenate([given, _digests([one for one in odd if is_digest(trim(one.value))])])
    aliases = of = empty()
    if compare.aliases:
        found = (
            aliases_of(addresses.get_column("address"), policy),
            written_aliases_of(addresses, policy),
            _aliases(in_clear),
        )
        aliases, of = map(np.concatenate, zip(*found, strict=True))
    return Found(np.concatenate([made, given]), Known(made, given, aliases, of))


def _aliases(in_clear: Sequence[OddValue]) -> tuple[Digests, Digests]:
    pairs = [
        (alias, digest)
        for value, verdict in in_clear
        for digest in verdict.digests
        for alias in known_as(value) - {digest}
    ]
    return _array(alias for alias, _ in pairs), _array(digest for _, digest in pairs)


def _digests(values: Sequence[OddValue]) -> Digests:
    return _array(digest for value in values for digest in value.verdict.digests)


def _array(digests: Iterable[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
