"""Joins segments that only list customers to the profiles, which have the e-mail addresses.

The ids of the segment's customers are read first, then the profiles; each batch of profiles keeps only the rows of
these customers. No profile is ever written to disk, whatever their number. Ids are written as digests if there are more
than a million. For more than 16 million customers, the profiles are read once for each 16 million.

A customer who is listed twice counts once. If several profiles have the same id, each of them counts.
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
from customer_match.profiles.consent_values import ConsentColumn, ConsentValues

if TYPE_CHECKING:
    from customer_match.conditions.row_filter import RowFilter
    from customer_match.conditions.value_filter import ValueFilter

__all__ = ["Join", "Joined", "MembershipReading"]


@dataclass(frozen=True)
class MembershipReading:
    """The columns of a table of memberships that are read, and the conditions on its rows.

    Attributes:
        key: The column with the customer's id.
        segments: The column that lists the customer's segments; None: all rows belong to one segment.
        where: The condition on rows; None: all rows count.
        consent: The consent filter; None: consent is not checked here.
    """

    key: str
    segments: str | None = None
    where: RowFilter | None = None
    consent: ValueFilter | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns to read, each once."""
        names = [self.key, self.segments, self.consent.column if self.consent else None]
        names += self.where.columns if self.where else ()
        return tuple(dict.fromkeys(name for name in names if name))


class Joined(BaseModel):
    """The counts of a segment's memberships.

    Attributes:
        rows: Rows of the segment.
        filtered: Rows that `where` left out.
        without_consent: Rows without consent, of the remaining ones.
        without_id: Rows without an id, of the remaining ones.
        customers: Distinct ids of the remaining rows.
        without_profile: Ids without a profile, of these.
        unreadable: Rows of the table whose list of segments cannot be read; they count for no segment.
        consent: What the consent column of memberships holds, if none has consented.
    """

    model_config = ConfigDict(frozen=True)

    rows: NonNegativeInt = 0
    filtered: NonNegativeInt = 0
    without_consent: NonNegativeInt = 0
    without_id: NonNegativeInt = 0
    customers: NonNegativeInt = 0
    without_profile: NonNegativeInt = 0
    unreadable: NonNegativeInt = 0
    consent: ConsentColumn | None = None


class Join(Releasing):
    """Joins the customers of one segment to their profiles.

    Args:
        reading: How to read the memberships.
        segment: The segment's name; counts only if rows list segments by name.
    """

    def __init__(self, reading: MembershipReading, segment: str) -> None:
        from customer_match.addresses.customer_ids import CustomerIds  # noqa: PLC0415 (imports polars)

        self._reading = reading
        self._segment = segment
        self._ids = CustomerIds()
        self._counts = dict.fromkeys(Joined.model_fields.keys() - {"consent"}, 0)
        self._consent = ConsentValues()

    def release(self) -> None:
        """Free the temporary file."""
        self._ids.release()

    def read(self, memberships: Iterable[pa.RecordBatch]) -> None:
        """Read batches of memberships with the columns of the reading."""
        from customer_match.addresses.customer_ids import id_digests  # noqa: PLC0415

        for batch in memberships:
            counted = self._filter_and_count(self._of_segment(batch))
            digests, _ = id_digests(counted.column(self._reading.key), self._reading.key, "membership.key")
            self._counts["without_id"] += counted.num_rows - len(digests)
            self._ids.add(digests)

    def profiles(self, read: Callable[[], Iterable[pa.RecordBatch]], key: str) -> Iterator[pa.RecordBatch]:
        """Yield the profiles of the customers, in the order of the table.

        Args:
            read: Starts to read all profiles; called for each group of ids that fits into memory.
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
        """The counts so far; the counts of profiles are complete once all profiles were read."""
        return Joined(**self._counts, consent=self._consent.column())

    def _of_segment(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._reading.segments is not None:
            from customer_match.profiles.segment_lists import SegmentLists  # noqa: PLC0415

            lists = SegmentLists.of(batch.column(self._reading.segments))
            self._counts["unreadable"] += lists.unreadable
            batch = batch.filter(pa.array(lists.listing(self._segment)))
        self._counts["rows"] += batch.num_rows
        return batch

    def _filter_and_count(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that pass `where` and the consent filter, if these apply to memberships."""
        where, consent = self._reading.where, self._reading.consent
        if where is not None:
            before, batch = batch.num_rows, batch.filter(where.keep(batch))
            self._counts["filtered"] += before - batch.num_rows
        if consent is not None:
            before, batch = batch, batch.filter(consent.keep(batch))
            self._counts["without_consent"] += before.num_rows - batch.num_rows
            self._consent.add(consent, before, batch.num_rows)
        return batch
