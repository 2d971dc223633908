"""`suppress`: the members that must not be in any audience, collected from lists and taken out of a segment's.

Both are sorted streams that are merged, so that memory grows with neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from include.customer_match.digests import Digests, merge
from include.customer_match.members import DistinctMembers
from include.customer_match.reading import Reading
from include.customer_match.reference import Policy
from include.customer_match.releasing import Releasing
from include.errors import ConfigurationError

__all__ = ["ListRead", "Suppressed"]


class ListRead(BaseModel):
    """How a suppression list was read.

    Attributes:
        rows: Its rows.
        unusable: Rows without a single address or digest: they keep nobody out.
    """

    model_config = ConfigDict(frozen=True)

    rows: NonNegativeInt
    unusable: NonNegativeInt


class Suppressed(Releasing):
    """The members of all suppression lists, normalised by the same policy as the segment.

    Attributes:
        kept_out: Members of the segment that were taken out so far.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._members = DistinctMembers()
        self.kept_out = 0

    def release(self) -> None:
        """Free what waits on disk."""
        self._members.release()

    def read(
        self, batches: Iterable[pa.RecordBatch], reading: Reading, name: str, *, allow_empty: bool
    ) -> ListRead:
        """Add a list.

        Args:
            batches: Its rows.
            reading: Which columns hold addresses or digests.
            name: Of the list, for the message.
            allow_empty: Whether it may keep nobody out.

        Raises:
            ConfigurationError: Not a single address is in it, and it must not be empty.
        """
        from include.customer_match.engine import digest_batch  # noqa: PLC0415 (polars: where it is needed)

        rows = unusable = 0
        for batch in batches:
            outcome = digest_batch(batch, reading.emails, self._policy, reading.take, reading.separator)
            self._members.add(outcome.digests)
            rows += outcome.profiles
            unusable += outcome.rejected.total()
        if rows == unusable and not allow_empty:
            raise ConfigurationError(
                f"The suppression list {name!r} holds no e-mail address and no SHA-256 hash ({rows:,} rows). Nobody "
                "would be kept out, so nothing is exported. Check what writes it and its `email` under `suppress` in "
                "the export file, or allow it there by `allow_empty: true`."
            )
        return ListRead(rows=rows, unusable=unusable)

    def taken_out_of(self, members: Iterable[Digests]) -> Iterator[Digests]:
        """The sorted members without those of the lists."""
        for union, (wanted, suppressed) in merge([members, self._members.sorted()]):
            self.kept_out += int((wanted & suppressed).sum())
            yield union[wanted & ~suppressed]
