"""What lineage says of one delivered segment: names, types and counts, taken from the records of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customer_match.addresses.definition import Rejection
from customer_match.profiles.staging import Staged
from customer_match.profiles.tables_read import TableRead
from customer_match.runs.records import Delivered, Normalised, SegmentRecords
from customer_match.tables.version import TableVersion

__all__ = ["SegmentLineage", "segment_lineage"]


@dataclass(frozen=True)
class SegmentLineage:
    """One segment whose members are in its audience now.

    Attributes:
        audience_uri: The URI of the audience.
        tables: The tables it was read from, each with what was read of it.
        rows: Rows read.
        usable: Rows with a usable address.
        missing: Rows with nothing in the e-mail columns.
        members: Distinct members.
        sent: Members that were sent.
    """

    audience_uri: str
    tables: tuple[tuple[TableVersion, TableRead], ...]
    rows: int
    usable: int
    missing: int
    members: int
    sent: int


def segment_lineage(records: SegmentRecords, audience_uri: Callable[[], str]) -> SegmentLineage | None:
    """Read the records of a segment; None if it was not delivered, or was not read.

    Args:
        records: The records.
        audience_uri: Returns the URI of its audience, for which a connection is needed.
    """
    normalised, delivered = records.read(Normalised), records.read(Delivered)
    if normalised is None or delivered is None or not normalised.read:
        return None
    staged: Staged = normalised.staged
    return SegmentLineage(
        audience_uri=audience_uri(),
        tables=tuple(zip(normalised.tables, normalised.read, strict=True)),
        rows=staged.profiles,
        usable=staged.valid,
        missing=staged.rejected.get(Rejection.MISSING, 0),
        members=staged.members.count,
        sent=delivered.sent or 0,
    )
