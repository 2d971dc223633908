"""The fast way from values to digests: vectorised where a value is plain, the reference where it is not.

polars normalises and hashes the values that are plain (`vectors.py`), which is nearly all of a real table;
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

import numpy as np
import polars as pl
import pyarrow as pa

from include.customer_match.digests import Digests
from include.customer_match.reference import Policy, Rejection, Take, judge_row
from include.customer_match.values import judge_values, values_in
from include.customer_match.vectors import (
    IS_ADDRESS,
    IS_HASH,
    IS_NOTHING,
    hashed,
    split,
    unhexed,
    with_address,
)

__all__ = ["Outcome", "digest_batch"]


@dataclass(frozen=True)
class Outcome:
    """What became of one batch of profiles.

    Attributes:
        digests: Shape (n, 32), in no order, with duplicates.
        profiles: Rows read.
        rejected: Rows without a usable address, by reason.
        rejects: Those rows one by one, if asked for: columns `row` (from 0) and `reason`, in order.
    """

    digests: Digests
    profiles: int
    rejected: Counter[Rejection] = field(default_factory=Counter)
    rejects: pl.DataFrame | None = None


def digest_batch(
    batch: pa.RecordBatch,
    columns: Sequence[str],
    policy: Policy,
    take: Take = Take.COALESCE,
    separator: str | None = None,
    *,
    list_rejects: bool = False,
) -> Outcome:
    """Normalise and hash the e-mail columns of a batch.

    Args:
        batch: Rows with the columns, each of a text type or of lists of text.
        columns: E-mail columns in order of preference.
        policy: How to normalise.
        take: Whether the first usable address of a row counts, or all of them.
        separator: What stands between several addresses of one text; None: a text is one address.
        list_rejects: Whether the rejected rows are told one by one.
    """
    lists = any(pa.types.is_nested(batch.schema.field(name).type) for name in columns)
    if not (lists or list_rejects or separator is not None or take is Take.ALL):
        return _by_rows(batch, columns, policy)
    judged = judge_values(values_in(batch, columns, separator), policy, take)
    rejected = Counter(
        {Rejection(reason): n for reason, n in judged.rejects["reason"].value_counts().iter_rows()}
    )
    return Outcome(judged.digests, batch.num_rows, rejected, judged.rejects if list_rejects else None)


def _by_rows(batch: pa.RecordBatch, columns: Sequence[str], policy: Policy) -> Outcome:
    # A plain first column decides its row alone; other rows need a look at all of their columns.
    frame = pl.DataFrame({str(i): pl.from_arrow(batch.column(name)) for i, name in enumerate(columns)})
    addresses, frame = split(with_address(frame.cast(pl.String), "0"), IS_ADDRESS)
    hashes, frame = split(frame, IS_HASH)
    rejected, odd = _plainly_rejected(frame, len(columns))
    judged, more_rejected = _judge(odd, policy)
    digests = [
        *hashed(addresses.get_column("address"), policy),
        unhexed(hashes.get_column("address")),
        judged,
    ]
    return Outcome(np.concatenate(digests), batch.num_rows, rejected + more_rejected)


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


def _judge(rows: pl.DataFrame, policy: Policy) -> tuple[Digests, Counter[Rejection]]:
    digests: list[bytes] = []
    rejected: Counter[Rejection] = Counter()
    for row in rows.iter_rows():
        verdict = judge_row(row, policy)
        digests.extend(verdict.digests)
        if verdict.rejection:
            rejected[verdict.rejection] += 1
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32), rejected
