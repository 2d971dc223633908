"""Segments that are only lists of customers: joined to the profiles, where the e-mail addresses stand.

The ids of the segment's customers are read first, and then the profiles, each batch of which keeps only the rows of
these customers. So no profile is ever written to disk, whatever their number; ids are, as digests, past a million. Of
more than 16 million customers the profiles are read once for each 16 million.

A customer who is listed twice counts once. Several profiles with one id all count: each is a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.members.releasing import Releasing

if TYPE_CHECKING:
    from customer_match.conditions.row_filter import RowFilter
    from customer_match.conditions.value_filter import ValueFilter

__all__ = ["Join", "Joined", "MembershipReading"]


@dataclass(frozen=True)
class MembershipReading:
    """Which columns of a table of memberships are read, and what of them counts.

    Attributes:
        key: The column with the customer's id.
        segments: The column that lists the customer's segments; None: all rows are of one segment.
        where: Which rows count; None: all.
        consent: Which rows have consented; None: nobody asks here.
    """

    key: str
    segments: str | None = None
    where: RowFilter | None = None
    consent: ValueFilter | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All that must be read, each column once."""
        names = [self.key, self.segments, self.consent.column if self.consent else None]
        names += self.where.columns if self.where else ()
        return tuple(dict.fromkeys(name for name in names if name))


class Joined(BaseModel):
    """How a segment's memberships were counted.

    Attributes:
        rows: Rows of the segment.
        filtered: Rows, of these, that `where` left out.
        without_consent: Rows, of the others, without consent.
        without_id: Rows, of the others, without an id.
        customers: Distinct ids of the others.
        without_profile: Ids, of these, that no profile has.
        unreadable: Rows of the table whose list of segments cannot be read: nobody knows whose they are.
    """

    model_config = ConfigDict(frozen=True)

    rows: NonNegativeInt = 0
    filtered: NonNegativeInt = 0
    without_consent: NonNegativeInt = 0
    without_id: NonNegativeInt = 0
    customers: NonNegativeInt = 0
    without_profile: NonNegativeInt = 0
    unreadable: NonNegativeInt = 0


class Join(Releasing):
    """The customers of one segment, and the profiles that are theirs.

    Args:
        reading: How memberships are read.
        segment: The name that rows must list, if they list names.
    """

    def __init__(self, reading: MembershipReading, segment: str) -> None:
        from customer_match.addresses.customer_ids import CustomerIds  # noqa: PLC0415 (polars: where it is needed)

        self._reading = reading
        self._segment = segment
        self._ids = CustomerIds()
        self._counts = dict.fromkeys(Joined.model_fields, 0)

    def release(self) -> None:
        """Free what waits on disk."""
        self._ids.release()

    def read(self, memberships: Iterable[pa.RecordBatch]) -> None:
        """Read memberships, with the columns of the reading."""
        from customer_match.addresses.customer_ids import id_digests  # noqa: PLC0415

        for batch in memberships:
            counted = self._filter_and_count(self._of_segment(batch))
            digests, _ = id_digests(counted.column(self._reading.key), self._reading.key, "membership.key")
            self._counts["without_id"] += counted.num_rows - len(digests)
            self._ids.add(digests)

    def profiles(self, read: Callable[[], Iterable[pa.RecordBatch]], key: str) -> Iterator[pa.RecordBatch]:
        """The profiles of the customers, as they stand in batches of all profiles.

        Args:
            read: Begins to read all profiles; asked for each group of ids that fits into memory.
            key: The column of the profiles with the customer's id.
        """
        from customer_match.addresses.customer_ids import id_digests  # noqa: PLC0415

        for group in self._ids.groups():
            for batch in read():
                digests, filled = id_digests(batch.column(key), key)
                kept: npt.NDArray[np.bool_] = np.zeros(batch.num_rows, dtype=np.bool_)
                kept[filled] = group.holds(digests)
                if kept.any():
                    yield batch.filter(pa.array(kept))
            self._counts["customers"] += len(group)
            self._counts["without_profile"] += group.unseen

    def joined(self) -> Joined:
        """The counts so far; those of profiles are complete when all of them were taken."""
        return Joined(**self._counts)

    def _of_segment(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._reading.segments is not None:
            from customer_match.profiles.segment_lists import SegmentLists  # noqa: PLC0415

            lists = SegmentLists.of(batch.column(self._reading.segments))
            self._counts["unreadable"] += lists.unreadable
            batch = batch.filter(pa.array(lists.listing(self._segment)))
        self._counts["rows"] += batch.num_rows
        return batch

    def _filter_and_count(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that `where` and consent let pass, where they are about memberships."""
        for name, condition in (
            ("filtered", self._reading.where),
            ("without_consent", self._reading.consent),
        ):
            if condition is not None:
                before, batch = batch.num_rows, batch.filter(condition.keep(batch))
                self._counts[name] += before - batch.num_rows
        return batch
