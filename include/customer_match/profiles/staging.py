"""The step `normalise`: streams a table, hashes its addresses, and stages the distinct members.

Each row is checked in this order and counted once: `where`, then consent, then its addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.addresses.definition import Policy, Rejection
from customer_match.change_logs.table import LogCounts
from customer_match.erasure.register import Erased
from customer_match.members.digests import Digests
from customer_match.members.distinct import DistinctMembers
from customer_match.members.files import Files, MembersFile, write_members
from customer_match.profiles.consent_values import ConsentColumn, ConsentValues
from customer_match.profiles.join import Joined
from customer_match.profiles.reading import ReadSpec
from customer_match.profiles.rejects import RejectsFile, RejectsWriter, rejects_writer
from customer_match.profiles.suppression import ListRead, Suppressed
from customer_match.table_facts import TableFacts

if TYPE_CHECKING:
    from customer_match.addresses.engine import Outcome

__all__ = ["Staged", "stage_members"]


class Staged(BaseModel):
    """The staged members of a segment, and the counts of its profiles.

    Attributes:
        members: The distinct members, sorted.
        profiles: Rows read; for a change log, only the rows that count.
        filtered: Rows that `where` left out.
        without_consent: Rows without consent, of the remaining ones.
        valid: Rows with a usable address, of the remaining ones. profiles = filtered + without_consent + valid + all
            rejected.
        rejected: Rows without a usable address, by reason.
        duplicates: Digests that another row (or another address or policy of the same row) also contributed.
        suppressed: Distinct members that the suppression lists kept out; None without such lists.
        erased: Distinct members that were kept out because they asked for erasure; None if nobody ever did.
        register_number: Number of the register of erased members that was used; 0 if nobody ever asked for erasure.
        lists: The counts of the suppression lists.
        rejects: The file with the keys of the rejected rows; None without a key column.
        joined: The counts of memberships, if these were joined to profiles. Memberships that `where` or consent left
            out count as profiles too, so that the sum is right.
        log: Rows that change logs left out; they do not count as profiles.
        consent: What the consent column holds, if nobody has consented.
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
    erased: NonNegativeInt | None = None
    register_number: NonNegativeInt = 0
    lists: tuple[ListRead, ...] = ()
    rejects: RejectsFile | None = None
    joined: Joined | None = None
    log: LogCounts | None = None
    consent: ConsentColumn | None = None

    @classmethod
    def nobody(cls, files: Files, path: str) -> Self:
        """Stage no members, for a table that no longer exists."""
        return cls(members=write_members(files, path, ()), profiles=0, valid=0, rejected={}, duplicates=0)

    @property
    def considered(self) -> int:
        """Number of rows whose addresses were checked."""
        return self.profiles - self.filtered - self.without_consent

    @property
    def facts(self) -> TableFacts:
        """The counts that later runs compare their table with: the rows whose addresses were checked."""
        return TableFacts(profiles=self.considered, missing=self.rejected.get(Rejection.MISSING, 0))


def stage_members(
    batches: Iterable[pa.RecordBatch],
    reading: ReadSpec,
    policy: Policy,
    files: Files,
    path: str,
    *,
    suppressed: Suppressed | None = None,
    erased: Erased | None = None,
    rejects_path: str | None = None,
    joined: Callable[[], Joined | None] = lambda: None,
    log: Callable[[], LogCounts | None] = lambda: None,
) -> Staged:
    """Normalise and hash all batches, and write the distinct members to the workspace.

    Args:
        batches: The table's rows, with the columns of the reading.
        reading: The columns and conditions.
        policy: How to normalise addresses.
        files: The workspace.
        path: The file for the members.
        suppressed: The suppression lists, all of them read.
        erased: The erased members; None if nobody ever asked for erasure.
        rejects_path: The file for the keys of rejected rows; used if the reading has a key column.
        joined: The counts of memberships, complete once all batches were read; None if nothing was joined.
        log: The counts of rows that change logs left out, complete once all batches were read; None without such logs.

    Raises:
        ConfigurationError: It cannot be decided whether some members are on a suppression list.
    """
    counts = _Counts()
    with (
        DistinctMembers() as distinct,
        rejects_writer(files, rejects_path if reading.key else None) as rejects,
    ):
        for outcome in _outcomes(batches, reading, policy, counts, rejects=rejects, suppressed=suppressed):
            distinct.add(outcome.digests)
        allowed = suppressed.taken_out_of(distinct.sorted()) if suppressed else distinct.sorted()
        remaining = _Counted(allowed)
        written = write_members(files, path, erased.left_of(remaining) if erased else remaining)
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
            duplicates=distinct.added - remaining.count - (kept_out or 0),
            suppressed=kept_out,
            erased=remaining.count - written.count if erased else None,
            register_number=erased.number if erased else 0,
            lists=suppressed.lists if suppressed else (),
            rejects=rejects.file() if rejects is not None else None,
            joined=memberships,
            log=log(),
            consent=counts.consent.column() or (memberships.consent if memberships else None),
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
    """Hash the addresses of each batch, count its rows, list the rejected ones, and collect suppressed members."""
    # Imported late: polars takes most of a second to import, and steps that only read staged members do not need it.
    from customer_match.addresses.engine import digest_batches  # noqa: PLC0415

    compare = suppressed.compare if suppressed else None
    for batch, outcome in digest_batches(
        (_filter_and_count(batch, reading, counts) for batch in batches),
        reading.emails,
        policy,
        reading.take,
        reading.separator,
        compare=compare,
    ):
        counts.rejected.update(outcome.rejected)
        if suppressed:
            suppressed.add(outcome.known)
        if rejects is not None and outcome.rejects.height:
            rejects.add(batch.column(reading.key), outcome.rejects)
        yield outcome


class _Counted:
    """Members that are counted while they pass."""

    def __init__(self, members: Iterable[Digests]) -> None:
        self._members = members
        self.count = 0

    def __iter__(self) -> Iterator[Digests]:
        for digests in self._members:
            self.count += len(digests)
            yield digests


class _Counts:
    """The counts of rows so far."""

    profiles = filtered = without_consent = 0

    def __init__(self) -> None:
        self.rejected: Counter[Rejection] = Counter()
        self.consent = ConsentValues()

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
        """Rejected rows by reason, in the order of the reasons, without zeros."""
        return {reason: self.rejected[reason] for reason in Rejection if self.rejected[reason]}


def _filter_and_count(batch: pa.RecordBatch, reading: ReadSpec, counts: _Counts) -> pa.RecordBatch:
    """The rows that pass `where` and the consent filter; the other rows are counted."""
    counts.profiles += batch.num_rows
    if reading.where is not None:
        before, batch = batch.num_rows, batch.filter(reading.where.keep(batch))
        counts.filtered += before - batch.num_rows
    if reading.consent is not None:
        whole, batch = batch, batch.filter(reading.consent.keep(batch))
        counts.without_consent += whole.num_rows - batch.num_rows
        counts.consent.add(reading.consent, whole, batch.num_rows)
    return batch
