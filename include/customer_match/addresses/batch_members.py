"""Combine the members of a batch, whichever way its values were judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import polars as pl

from customer_match.addresses.aliases import alias_digests
from customer_match.addresses.columns import digests_from_hex, hash_addresses, policy_aliases, raw_aliases
from customer_match.addresses.definition import Policy, Verdict, is_digest, trim
from customer_match.addresses.hashing import hash_texts
from customer_match.addresses.known_members import Compare, Known
from customer_match.members.digests import DIGEST_BYTES, Digests, concatenate, empty

__all__ = ["BatchMembers", "JudgedValue", "UsableValues", "collect_members"]


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


class UsableValues(NamedTuple):
    """The usable values of a batch, by the way in which they were judged.

    Attributes:
        addresses: Plain addresses: `address`, and `written`, the values that they were made from; the latter may be
            left out if no aliases are requested.
        normalised: Other addresses, normalised by the policy: `address` and `other`, one of which may be null.
        hashes: Plain digests, as hex digits.
        odd: Values that were judged one by one.
    """

    addresses: pl.DataFrame
    normalised: pl.DataFrame
    hashes: pl.Series
    odd: Sequence[JudgedValue]

    @classmethod
    def plain(cls, addresses: pl.DataFrame) -> Self:
        """Plain addresses only."""
        return cls(addresses, _NONE_NORMALISED, _NO_HASHES, ())


_NONE_NORMALISED = pl.DataFrame(schema={"address": pl.String, "other": pl.String})
_NO_HASHES = pl.Series("address", dtype=pl.String)


def collect_members(usable: UsableValues, policy: Policy, compare: Compare | None) -> BatchMembers:
    """Hash the usable values of a batch.

    Args:
        usable: The values; if they are compared, none of them is in `normalised`.
        policy: How the addresses are normalised.
        compare: What suppression needs beside the members; None: nothing.
    """
    plain = usable.addresses.get_column("address")
    made, given = hash_addresses(plain, policy), digests_from_hex(usable.hashes)
    if compare is None:
        normalised = (hash_texts(column.drop_nulls()) for column in usable.normalised)
        return BatchMembers(concatenate([*made, *normalised, given, _digests(usable.odd)]), None)
    in_clear = [one for one in usable.odd if not is_digest(trim(one.value))]
    members = np.concatenate([*made, _digests(in_clear)])
    given = np.concatenate([given, _digests([one for one in usable.odd if is_digest(trim(one.value))])])
    aliases = of = empty()
    if compare.aliases:
        found = policy_aliases(plain, policy), raw_aliases(usable.addresses, policy), _aliases(in_clear)
        aliases, of = map(np.concatenate, zip(*found, strict=True))
    return BatchMembers(np.concatenate([members, given]), Known(members, given, aliases, of))


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
