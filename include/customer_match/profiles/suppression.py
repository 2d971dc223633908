"""`suppress`: the members that must not be in any audience, collected from lists and taken out of a segment's.

Whoever is known in clear, in the segment or in a list, is compared under every digest that their address may have
(`addresses/aliases.py`). Which pairs can be compared, and what is done where they cannot, is the table in
docs/normalisation.md. Everything waits in sorted or bucketed rows that are walked together, so that memory grows
neither with the lists nor with the segment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.addresses.definition import Policy, Rejection
from customer_match.addresses.known_members import Compare, Known
from customer_match.errors import ConfigurationError
from customer_match.members.digests import DIGEST_BYTES, Digests, is_in_any, merge
from customer_match.members.distinct import DistinctMembers, Spilling
from customer_match.members.releasing import Releasing
from customer_match.profiles.reading import ReadSpec

__all__ = ["ListRead", "Suppressed"]


class ListRead(BaseModel):
    """How a suppression list was read.

    Attributes:
        name: What people call it.
        rows: Its rows.
        rejected: Rows without a single address or digest, by reason: they keep nobody out.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    rows: NonNegativeInt
    rejected: dict[Rejection, NonNegativeInt] = {}

    @property
    def unusable(self) -> int:
        """Rows that keep nobody out."""
        return sum(self.rejected.values())

    @property
    def words(self) -> str:
        """How many of its rows are of no use, and why, for people."""
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {count:,}" for reason, count in self.rejected.items()
        )
        return (
            f"{self.unusable:,} of {self.rows:,} rows of the suppression list {self.name!r} cannot be used"
            f"{f' ({reasons})' if reasons else ''}"
        )


class Suppressed(Releasing):
    """The people of all suppression lists, and what is known of a segment's members.

    Args:
        policy: How the segment's addresses are normalised.

    Attributes:
        lists: The lists that were read.
        kept_out: Members of the segment that were taken out so far.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        # Of the lists: addresses in clear by the policy, digests as they stood there, other digests of the addresses.
        self._clear, self._hashes, self._aliases = DistinctMembers(), DistinctMembers(), DistinctMembers()
        self._hash_lists: list[str] = []
        # Of the segment: members that stood there as digests; pairs of another digest of a member, and the member.
        self._given, self._pairs = DistinctMembers(), Spilling(digests=2)
        self._under_alias = DistinctMembers()
        self.lists: tuple[ListRead, ...] = ()
        self.kept_out = 0

    def release(self) -> None:
        """Free what waits on disk."""
        with ExitStack() as stack:
            for rows in (
                self._clear,
                self._hashes,
                self._aliases,
                self._given,
                self._pairs,
                self._under_alias,
            ):
                stack.callback(rows.release)

    def read(
        self, batches: Iterable[pa.RecordBatch], reading: ReadSpec, name: str, *, allow_empty: bool
    ) -> ListRead:
        """Add a list.

        Args:
            batches: Its rows.
            reading: Which columns hold addresses or digests.
            name: Of the list, for messages and the report.
            allow_empty: Whether it may keep nobody out.

        Raises:
            ConfigurationError: Not a single address is in it, and it must not be empty.
        """
        from customer_match.addresses.engine import digest_batch  # noqa: PLC0415 (polars: where it is needed)

        policy = Policy.BASIC if self._policy is Policy.BASIC else Policy.BOTH
        compare = Compare(aliases=True, listed=True)
        rows, rejected, hashes = 0, Counter[Rejection](), self._hashes.added
        for batch in batches:
            outcome = digest_batch(
                batch, reading.emails, policy, reading.take, reading.separator, compare=compare
            )
            if outcome.known:
                self._clear.add(outcome.known.made)
                self._hashes.add(outcome.known.given)
                self._aliases.add(outcome.known.aliases)
            rows += outcome.profiles
            rejected.update(outcome.rejected)
        if rows == rejected.total() and not allow_empty:
            raise ConfigurationError(
                f"The suppression list {name!r} holds no e-mail address and no SHA-256 hash ({rows:,} rows). Nobody "
                "would be kept out, so nothing is exported. Check what writes it and its `email` under `suppress` in "
                "the export file, or allow it there by `allow_empty: true`."
            )
        if self._hashes.added > hashes:
            self._hash_lists.append(name)
        read = ListRead(name=name, rows=rows, rejected={r: rejected[r] for r in Rejection if rejected[r]})
        self.lists += (read,)
        return read

    @property
    def compare(self) -> Compare:
        """What is asked of the segment, when all lists have been read.

        Under `basic` and `enhanced` only lists of digests can hold a member under another digest than its own.
        """
        return Compare(aliases=self._policy is Policy.BOTH or self._hashes.added > 0)

    def add(self, known: Known | None) -> None:
        """Add what is known of members of the segment."""
        if known:
            self._given.add(known.given)
            self._pairs.add(np.hstack([known.aliases, known.of]))

    def taken_out_of(self, members: Iterable[Digests]) -> Iterator[Digests]:
        """The sorted members without those whom the lists keep out, when all of the segment has been added.

        Raises:
            ConfigurationError: Whether somebody is on a list cannot be told, as they are digests in both.
        """
        self._find_aliases()
        undecided = unknown = 0
        streams = (self._clear, self._hashes, self._aliases, self._given, self._under_alias)
        for union, presence in merge([members, *(rows.sorted() for rows in streams)]):
            wanted, clear, hashes, aliases, given, under_alias = presence
            listed = clear | hashes | under_alias | (given & aliases)
            self.kept_out += int((wanted & listed).sum())
            undecided += int((wanted & given & ~listed).sum())
            unknown += int((hashes & ~clear & ~aliases).sum())
            yield union[wanted & ~listed]
        if undecided and unknown and self._policy is not Policy.BASIC:
            raise ConfigurationError(self._undecidable(undecided, unknown))

    def _find_aliases(self) -> None:
        """Find the members that a list names by another of their digests."""
        if not self._pairs.added:
            return
        # By `basic`, two addresses in clear are one person only if they are the same address.
        lists = (self._hashes,) if self._policy is Policy.BASIC else (self._hashes, self._clear)
        for pairs, *listed in zip(self._pairs.buckets(), *(rows.buckets() for rows in lists), strict=True):
            found = pairs[is_in_any(pairs[:, :DIGEST_BYTES], listed)]
            self._under_alias.add(found[:, DIGEST_BYTES:])

    def _undecidable(self, undecided: int, unknown: int) -> str:
        names = ", ".join(map(repr, self._hash_lists))
        return (
            f"Whether people are on the suppression list {names} cannot be told: both know some of them only as "
            f"SHA-256 digests (segment {undecided:,}, list {unknown:,}). A digest passes as it is under every policy, "
            f"and `normalisation: {self._policy}` knows more than one of an address: the two may have been hashed by "
            "different rules. Nothing is exported. Give the e-mail addresses of the one or the other in clear, or set "
            "`normalisation: basic` if both were hashed by the same rule."
        )
