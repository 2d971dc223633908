"""The step `normalise`: stream a table, hash its addresses, stage the distinct members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from include.customer_match.members import DistinctMembers, Files, MembersFile, write_members
from include.customer_match.reference import Policy, Rejection
from include.customer_match.table_facts import TableFacts

__all__ = ["Staged", "stage_members"]


class Staged(BaseModel):
    """The members of a segment as they lie in the workspace, and how its profiles were counted.

    Attributes:
        members: The distinct members, sorted.
        profiles: Rows read.
        valid: Rows with a usable address; profiles = valid + all rejected.
        rejected: Rows without one, by reason.
        duplicates: Digests that another row (or the row's other policy) had contributed already.
    """

    model_config = ConfigDict(frozen=True)

    members: MembersFile
    profiles: NonNegativeInt
    valid: NonNegativeInt
    rejected: dict[Rejection, NonNegativeInt]
    duplicates: NonNegativeInt

    @property
    def facts(self) -> TableFacts:
        """What later runs compare their table with."""
        return TableFacts(profiles=self.profiles, missing=self.rejected.get(Rejection.MISSING, 0))


def stage_members(
    batches: Iterable[pa.RecordBatch], columns: Sequence[str], policy: Policy, files: Files, path: str
) -> Staged:
    """Normalise and hash all batches and write the distinct members to `path` in the workspace."""
    # polars takes most of a second to import; the steps that only read what was staged do without it.
    from include.customer_match.engine import digest_batch  # noqa: PLC0415

    profiles = 0
    rejected: Counter[Rejection] = Counter()
    with DistinctMembers() as distinct:
        for batch in batches:
            outcome = digest_batch(batch, columns, policy)
            distinct.add(outcome.digests)
            profiles += outcome.profiles
            rejected.update(outcome.rejected)
        members = write_members(files, path, distinct.sorted())
        return Staged(
            members=members,
            profiles=profiles,
            valid=profiles - rejected.total(),
            rejected={reason: rejected[reason] for reason in Rejection if rejected[reason]},
            duplicates=distinct.added - members.count,
        )
