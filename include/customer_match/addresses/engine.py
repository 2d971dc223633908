"""The fast way from values to digests: vectorised where a value is plain, the reference where it is not.

polars normalises and hashes the values that are plain (`columns.py`), which is nearly all of a real table;
everything else goes to the reference, one by one. The two agree by construction wherever a value is not plain,
and by property tests where it is.

Two ways lead there. In the usual case, text columns of which the first usable address counts, a plain first
column decides its row alone (`_by_rows`). Lists, separated texts, `all` addresses, and profiles whose rejection
must be told one by one, are taken apart into single values first (`values.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from customer_match.addresses.batch_members import OddValue, found_of
from customer_match.addresses.columns import (
    IS_ADDRESS,
    IS_HASH,
    IS_NOTHING,
    split,
    with_address,
)
from customer_match.addresses.definition import Policy, Rejection, Take, judge, rejection_of, taken
from customer_match.addresses.known_members import Compare, Known
from customer_match.addresses.values import judge_values, values_in
from customer_match.members.digests import Digests

__all__ = ["Outcome", "digest_batch"]


@dataclass(frozen=True)
class Outcome:
    """What became of one batch of profiles.

    Attributes:
        digests: Shape (n, 32), in no order, with duplicates.
        profiles: Rows read.
        rejected: Rows without a usable address, by reason.
        rejects: Those rows one by one, if asked for: columns `row` (from 0) and `reason`, in order.
        known: What suppression lists are compared with, if asked for.
    """

    digests: Digests
    profiles: int
    rejected: Counter[Rejection] = field(default_factory=Counter)
    rejects: pl.DataFrame | None = None
    known: Known | None = None


def digest_batch(
    batch: pa.RecordBatch,
    columns: Sequence[str],
    policy: Policy,
    take: Take = Take.COALESCE,
    separator: str | None = None,
    *,
    list_rejects: bool = False,
    compare: Compare | None = None,
) -> Outcome:
    """Normalise and hash the e-mail columns of a batch.

    Args:
        batch: Rows with the columns, each of a text type or of lists of text.
        columns: E-mail columns in order of preference.
        policy: How to normalise.
        take: Whether the first usable address of a row counts, or all of them.
        separator: What stands between several addresses of one text; None: a text is one address.
        list_rejects: Whether the rejected rows are told one by one.
        compare: What is asked for beside the members; None: nothing.
    """
    lists = any(pa.types.is_nested(batch.schema.field(name).type) for name in columns)
    if not (lists or list_rejects or separator is not None or take is Take.ALL):
        return _by_rows(batch, columns, policy, compare)
    judged = judge_values(values_in(batch, columns, separator), policy, take, compare)
    rejected = Counter(
        {Rejection(reason): n for reason, n in judged.rejects["reason"].value_counts().iter_rows()}
    )
    return Outcome(
        judged.found.digests,
        batch.num_rows,
        rejected,
        judged.rejects if list_rejects else None,
        judged.found.known,
    )


def _by_rows(
    batch: pa.RecordBatch, columns: Sequence[str], policy: Policy, compare: Compare | None
) -> Outcome:
    # A plain first column decides its row alone; other rows need a look at all of their columns.
    frame = pl.DataFrame({str(i): pl.from_arrow(batch.column(name)) for i, name in enumerate(columns)})
    addresses, frame = split(with_address(frame.cast(pl.String), "0"), IS_ADDRESS)
    hashes, frame = split(frame, IS_HASH)
    rejected, rest = _plainly_rejected(frame, len(columns))
    odd, more_rejected = _judge(rest, policy)
    written = addresses.select("address", written="0")
    found = found_of(written, hashes.get_column("address"), odd, policy, compare)
    return Outcome(found.digests, batch.num_rows, rejected + more_rejected, known=found.known)


def _plainly_rejected(frame: pl.DataFrame, columns: int) -> tuple[Counter[Rejection], pl.DataFrame]:
    """Rows whose rejection is plain, counted by reason, and the rows that need a judge."""
    values, address = [str(i) for i in range(columns)], pl.col("address")
    empty_rows, frame = split(frame, pl.all_horizontal(pl.col(values).is_null()))
    rejected = Counter({Rejection.MISSING: empty_rows.height})
    if columns == 1:  # of several, another one may hold an address
        blank, frame = split(frame, IS_NOTHING)
        others, frame = split(frame, ~address.str.contains("@", literal=True))
        rejected += Counter({Rejection.MISSING: blank.height, Rejection.NOT_AN_ADDRESS: others.height})
    return +rejected, frame.select(values)


def _judge(rows: pl.DataFrame, policy: Policy) -> tuple[list[OddValue], Counter[Rejection]]:
    odd: list[OddValue] = []
    rejected: Counter[Rejection] = Counter()
    for row in rows.iter_rows():
        verdicts = [judge(value, policy) for value in row]
        rejection = rejection_of(verdicts)
        if rejection:
            rejected[rejection] += 1
            continue
        odd += [OddValue(row[place], verdicts[place]) for place in taken(verdicts, Take.COALESCE)]
    return odd, rejected
