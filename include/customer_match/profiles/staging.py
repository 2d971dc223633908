"""The step `normalise`: stream a table, hash its addresses, stage the distinct members.

Each row is judged in this order, and counted once: `where`, then consent, then its addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.addresses.definition import Policy, Rejection
from customer_match.change_logs.table import LogCounts
from customer_match.members.distinct import DistinctMembers
from customer_match.members.files import Files, MembersFile, write_members
from customer_match.profiles.join import Joined
from customer_match.profiles.reading import ReadSpec
from customer_match.profiles.rejects import RejectsFile, RejectsWriter, rejects_writer
from customer_match.profiles.suppression import ListRead, Suppressed
from customer_match.table_facts import TableFacts

if TYPE_CHECKING:
    from customer_match.addresses.engine import Outcome

__all__ = ["Staged", "stage_members"]


class Staged(BaseModel):
    """The members of a segment as they lie in the workspace, and how its profiles were counted.

    Attributes:
        members: The distinct members, sorted.
        profiles: Rows read; of a log of changes those that count.
        filtered: Rows that `where` left out.
        without_consent: Rows, of those that it left in, without consent.
        valid: Rows, of the others, with a usable address; profiles = filtered + without_consent + valid +
            all rejected.
        rejected: Rows without one, by reason.
        duplicates: Digests that another row (or another address or policy of the row) had contributed already.
        suppressed: Distinct members that the suppression lists kept out; None without such lists.
        lists: How the suppression lists were read.
        rejects: The file with the keys of the rejected rows; None if no key column is named.
        joined: How memberships were counted, where these were joined to the profiles. Memberships that `where` or
            consent left out count as profiles, too, so that the sum holds.
        log: Rows that did not count, where a table is a log of changes; they are no profiles.
    """

    model_config = ConfigDict(frozen=True)

    members: MembersFile
    profiles: NonNegativeInt
    filtered: NonNegativeInt = 0
    without_consent: NonNegativeInt = 0
    valid: NonNegativeInt
    rejected: dict[Rejection, NonNegativeInt]
    duplicates: NonNegativeInt
    suppressed: NonNegativeInt | None = None
    lists: tuple[ListRead, ...] = ()
    rejects: RejectsFile | None = None
    joined: Joined | None = None
    log: LogCounts | None = None

    @classmethod
    def nobody(cls, files: Files, path: str) -> Self:
        """What is staged where there is no table: no member."""
        return cls(members=write_members(files, path, ()), profiles=0, valid=0, rejected={}, duplicates=0)

    @property
    def considered(self) -> int:
        """Rows whose addresses were looked at."""
        return self.profiles - self.filtered - self.without_consent

    @property
    def facts(self) -> TableFacts:
        """What later runs compare their table with: the rows whose addresses were looked at."""
        return TableFacts(profiles=self.considered, missing=self.rejected.get(Rejection.MISSING, 0))


def stage_members(
    batches: Iterable[pa.RecordBatch],
    reading: ReadSpec,
    policy: Policy,
    files: Files,
    path: str,
    *,
    suppressed: Suppressed | None = None,
    rejects_path: str | None = None,
    joined: Callable[[], Joined | None] = lambda: None,
    log: Callable[[], LogCounts | None] = lambda: None,
) -> Staged:
    """Normalise and hash all batches and write the distinct members into the workspace.

    Args:
        batches: The table's rows, with the columns of the reading.
        reading: What of them counts.
        policy: How to normalise.
        files: The workspace.
        path: Where the members go.
        suppressed: Who is kept out; all lists have been read.
        rejects_path: Where the keys of rejected rows go, if the reading has a key column.
        joined: How memberships were counted, when all batches were taken; None if nothing was joined.
        log: Which rows of the tables did not count, when all batches were taken; None if none is a log of changes.

    Raises:
        ConfigurationError: Whether somebody is on a suppression list cannot be told.
    """
    counts = _Counts()
    with (
        DistinctMembers() as distinct,
        rejects_writer(files, rejects_path if reading.key else None) as rejects,
    ):
        for outcome in _outcomes(batches, reading, policy, counts, rejects=rejects, suppressed=suppressed):
            distinct.add(outcome.digests)
        members = distinct.sorted()
        written = write_members(files, path, suppressed.taken_out_of(members) if suppressed else members)
        kept_out = suppressed.kept_out if suppressed else None
        memberships = joined()
        if memberships:
            counts.add(memberships)
        return Staged(
            members=written,
            profiles=counts.profiles,
            filtered=counts.filtered,
            without_consent=counts.without_consent,
            valid=counts.valid,
            rejected=counts.rejected_by_reason,
            duplicates=distinct.added - written.count - (kept_out or 0),
            suppressed=kept_out,
            lists=suppressed.lists if suppressed else (),
            rejects=rejects.file() if rejects is not None else None,
            joined=memberships,
            log=log(),
        )


def _outcomes(
    batches: Iterable[pa.RecordBatch],
    reading: ReadSpec,
    policy: Policy,
    counts: _Counts,
    *,
    rejects: RejectsWriter | None,
    suppressed: Suppressed | None,
) -> Iterator[Outcome]:
    """Hash the addresses of each batch; count its rows, list its rejected ones, collect who is suppressed."""
    # polars takes most of a second to import; the steps that only read what was staged do without it.
    from customer_match.addresses.engine import digest_batch  # noqa: PLC0415

    for batch in batches:
        considered = _filter_and_count(batch, reading, counts)
        outcome = digest_batch(
            considered,
            reading.emails,
            policy,
            reading.take,
            reading.separator,
            list_rejects=rejects is not None,
            compare=suppressed.compare if suppressed else None,
        )
        counts.rejected.update(outcome.rejected)
        if suppressed:
            suppressed.add(outcome.known)
        if rejects is not None and outcome.rejects is not None:
            rejects.add(considered.column(reading.key), outcome.rejects)
        yield outcome


class _Counts:
    """Rows so far."""

    profiles = filtered = without_consent = 0

    def __init__(self) -> None:
        self.rejected: Counter[Rejection] = Counter()

    def add(self, joined: Joined) -> None:
        """Count memberships that were left out before they were joined."""
        self.profiles += joined.filtered + joined.without_consent
        self.filtered += joined.filtered
        self.without_consent += joined.without_consent

    @property
    def considered(self) -> int:
        return self.profiles - self.filtered - self.without_consent

    @property
    def valid(self) -> int:
        return self.considered - self.rejected.total()

    @property
    def rejected_by_reason(self) -> dict[Rejection, int]:
        """In the order of the reasons, without those that no row has."""
        return {reason: self.rejected[reason] for reason in Rejection if self.rejected[reason]}


def _filter_and_count(batch: pa.RecordBatch, reading: ReadSpec, counts: _Counts) -> pa.RecordBatch:
    """The rows whose addresses count; the others are counted by why they do not."""
    counts.profiles += batch.num_rows
    if reading.where is not None:
        before, batch = batch.num_rows, batch.filter(reading.where.keep(batch))
        counts.filtered += before - batch.num_rows
    if reading.consent is not None:
        before, batch = batch.num_rows, batch.filter(reading.consent.keep(batch))
        counts.without_consent += before - batch.num_rows
    return batch
