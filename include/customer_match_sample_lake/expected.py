"""Expected result of a segment of a sample lake, counted row by row while its table is written.

The plain-Python definition (`customer_match.addresses.definition`) judges each address, and plain Python decides which
rows count. Readers and engine are not used, because they are checked against this result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from customer_match.addresses.definition import Policy, Take, judge, judge_row, split_values

__all__ = ["Expected", "Policy", "Take", "Tally", "digests_of"]

Row = Mapping[str, Any]
Holds = Callable[[Row], bool]


@dataclass(frozen=True)
class Expected:
    """Expected result of one segment.

    Attributes:
        members: Its members: digests of 32 bytes.
        profiles: Rows of the segment.
        filtered: Rows that `where` leaves out.
        without_consent: Remaining rows without consent.
        valid: Remaining rows with a usable address.
        rejected: Remaining rows without one, by reason (only reasons that occur).
        duplicates: Digests that occurred before.
        suppressed: Members that the suppression lists exclude; None without such lists.
        customers: Distinct customers that the segment lists, if they are joined to profiles; otherwise None.
        without_profile: How many of these customers have no profile; otherwise None.
        superseded: Rows of a change log with a newer one of the same id; None if the table is no change log.
        deleted: Ids of the change log that were deleted; None if the table is no change log.
    """

    members: frozenset[bytes]
    profiles: int
    filtered: int
    without_consent: int
    valid: int
    rejected: Mapping[str, int]
    duplicates: int
    suppressed: int | None = None
    customers: int | None = None
    without_profile: int | None = None
    superseded: int | None = None
    deleted: int | None = None

    def counts(self) -> dict[str, Any]:
        """Return all counts, with the names of a run's report; no digest and no address."""
        counts = {name: value for name, value in vars(self).items() if value is not None}
        return {**counts, "rejected": dict(sorted(self.rejected.items())), "members": len(self.members)}


def digests_of(values: Iterable[str | None], policy: Policy = Policy.BASIC) -> frozenset[bytes]:
    """Return the digests that a suppression list with these values excludes."""
    return frozenset(digest for value in values for digest in judge(value, policy).digests)


class Tally:
    """Counts the rows of one segment.

    Args:
        emails: Names of the e-mail columns.
        policy: How addresses are normalised.
        take: Which of a row's addresses are used.
        separator: Delimiter between several addresses in one text.
        where: Which rows count; None: all.
        consent: Which rows have consent; None: all.
        suppressed: Digests that are excluded; None: there are no lists.
    """

    def __init__(
        self,
        emails: Sequence[str] = ("Email",),
        *,
        policy: Policy = Policy.BASIC,
        take: Take = Take.COALESCE,
        separator: str | None = None,
        where: Holds | None = None,
        consent: Holds | None = None,
        suppressed: AbstractSet[bytes] | None = None,
    ) -> None:
        self._emails = emails
        self._policy, self._take, self._separator = policy, take, separator
        self._where, self._consent = where, consent
        self._suppressed = suppressed
        self._members: set[bytes] = set()
        self._rejected: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def of(self, batches: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
        """Yield the same batches, and count each row."""
        for rows in batches:
            for row in rows:
                self.add(row)
            yield rows

    def add(self, row: Row) -> None:
        """Count a row."""
        self._counts["profiles"] += 1
        if self._where is not None and not self._where(row):
            self._counts["filtered"] += 1
        elif self._consent is not None and not self._consent(row):
            self._counts["without_consent"] += 1
        else:
            self._judge(row)

    def filtered(self, rows: int) -> None:
        """Count rows of a customer list that `where` leaves out before the join."""
        self._counts["profiles"] += rows
        self._counts["filtered"] += rows

    def expected(
        self,
        *,
        customers: int | None = None,
        without_profile: int | None = None,
        superseded: int | None = None,
        deleted: int | None = None,
    ) -> Expected:
        """Return the expected result for the rows so far."""
        counts = self._counts
        kept_out = self._suppressed or frozenset()
        return Expected(
            members=frozenset(member for member in self._members if member not in kept_out),
            profiles=counts["profiles"],
            filtered=counts["filtered"],
            without_consent=counts["without_consent"],
            valid=counts["valid"],
            rejected=dict(self._rejected),
            duplicates=counts["digests"] - len(self._members),
            suppressed=None if self._suppressed is None else len(self._members & kept_out),
            customers=customers,
            without_profile=without_profile,
            superseded=superseded,
            deleted=deleted,
        )

    def _judge(self, row: Row) -> None:
        cells = (row[name] for name in self._emails)
        verdict = judge_row(split_values(cells, self._separator), self._policy, self._take)
        if verdict.rejection is not None:
            self._rejected[verdict.rejection.value] += 1
            return
        self._counts["valid"] += 1
        self._counts["digests"] += len(verdict.digests)
        self._members.update(verdict.digests)
