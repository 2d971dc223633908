"""`suppress`: collects members that must not be in any audience from lists, and removes them from a segment.

An address that is known in clear, in the segment or in a list, is compared by every digest that it may have
(`addresses/aliases.py`). The table in docs/normalisation.md says which pairs can be compared, and what happens if they
cannot. All data is kept in sorted or bucketed rows and merged, so memory does not grow with the lists or the segment.
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
    """The counts of a suppression list.

    Attributes:
        name: The list's name.
        rows: Number of rows.
        rejected: Number of rows without any usable address or digest, by reason; they suppress no member.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    rows: NonNegativeInt
    rejected: dict[Rejection, NonNegativeInt] = {}

    @property
    def unusable(self) -> int:
        """Number of rows that suppress no member."""
        return sum(self.rejected.values())

    @property
    def words(self) -> str:
        """The number of unusable rows and the reasons, as a sentence without a full stop."""
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {count:,}" for reason, count in self.rejected.items()
        )
        return (
            f"{self.unusable:,} of {self.rows:,} rows of the suppression list {self.name!r} cannot be used"
            f"{f' ({reasons})' if reasons else ''}"
        )


class Suppressed(Releasing):
    """The members of all suppression lists, and what is known about a segment's members.

    Args:
        policy: How the segment's addresses are normalised.

    Attributes:
        lists: The lists that were read.
        kept_out: Number of the segment's members that were removed so far.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        # From the lists: digests of clear addresses by the policy, given digests, other digests of clear addresses.
        self._clear, self._hashes, self._aliases = DistinctMembers(), DistinctMembers(), DistinctMembers()
        self._hash_lists: list[str] = []
        # From the segment: members given as digests; pairs of another digest of a member and the member itself.
        self._given, self._pairs = DistinctMembers(), Spilling(digests=2)
        self._under_alias = DistinctMembers()
        self.lists: tuple[ListRead, ...] = ()
        self.kept_out = 0

    def release(self) -> None:
        """Free the temporary files."""
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
        """Read a suppression list.

        Args:
            batches: Its rows.
            reading: The columns with addresses or digests.
            name: The list's name, for messages and the report.
            allow_empty: Whether the list may suppress no member.

        Raises:
            ConfigurationError: The list has no usable address, and must not be empty.
        """
        from customer_match.addresses.engine import digest_batches  # noqa: PLC0415 (imports polars)

        policy = Policy.BASIC if self._policy is Policy.BASIC else Policy.BOTH
        compare = Compare(aliases=True, listed=True)
        rows, rejected, hashes = 0, Counter[Rejection](), self._hashes.added
        for _, outcome in digest_batches(
            batches, reading.emails, policy, reading.take, reading.separator, compare=compare
        ):
            if outcome.known:
                self._clear.add(outcome.known.made)
                self._hashes.add(outcome.known.given)
                self._aliases.add(outcome.known.aliases)
            rows += outcome.profiles
            rejected.update(outcome.rejected)
        if rows == rejected.total() and not allow_empty:
            raise ConfigurationError(
                f"The suppression list {name!r} holds no e-mail address and no SHA-256 hash ({rows:,} rows). It would "
                "suppress no member, so nothing is exported. Check the job that writes it and its `email` under "
                "`suppress` in the export file, or set `allow_empty: true` there."
            )
        if self._hashes.added > hashes:
            self._hash_lists.append(name)
        read = ListRead(name=name, rows=rows, rejected={r: rejected[r] for r in Rejection if rejected[r]})
        self.lists += (read,)
        return read

    @property
    def compare(self) -> Compare:
        """What to collect about the segment's members; valid once all lists were read.

        With `basic` and `enhanced`, only lists of digests can hold a member under another digest than its own.
        """
        return Compare(aliases=self._policy is Policy.BOTH or self._hashes.added > 0)

    def add(self, known: Known | None) -> None:
        """Add what is known about members of the segment."""
        if known:
            self._given.add(known.given)
            self._pairs.add(np.hstack([known.aliases, known.of]))

    def taken_out_of(self, members: Iterable[Digests]) -> Iterator[Digests]:
        """The sorted members without the suppressed ones; call it once all of the segment was added.

        Raises:
            ConfigurationError: It cannot be decided whether some members are on a list: both hold only digests.
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
        """Find the members that a list contains under another digest."""
        if not self._pairs.added:
            return
        # With `basic`, two clear addresses match only if they are the same address.
        lists = (self._hashes,) if self._policy is Policy.BASIC else (self._hashes, self._clear)
        for pairs, *listed in zip(self._pairs.buckets(), *(rows.buckets() for rows in lists), strict=True):
            found = pairs[is_in_any(pairs[:, :DIGEST_BYTES], listed)]
            self._under_alias.add(found[:, DIGEST_BYTES:])

    def _undecidable(self, undecided: int, unknown: int) -> str:
        names = ", ".join(map(repr, self._hash_lists))
        return (
            f"Cannot decide whether some members are on the suppression list {names}: the segment and the list know "
            f"them only as SHA-256 digests (segment {undecided:,}, list {unknown:,}). Digests are used unchanged, and "
            f"with `normalisation: {self._policy}` an address can have several, so the two may have been hashed by "
            "different rules. Nothing is exported. Provide the e-mail addresses of the segment or the list in clear, "
            "or set `normalisation: basic` if both were hashed by the same rule."
        )
