"""Fast conversion of values to digests: vectorised for regular values, `definition.py` for all others.

polars normalises and hashes regular values (`columns.py`), which are nearly all values of a real table. All others go
to `definition.py`, one by one. The results agree by construction for those others; property tests compare them for
regular values.

There are two code paths. In the usual case (text columns, first usable address), a regular value in the first column
decides its row alone (`_digest_rows`). Lists, several addresses in one text, `take: all`, and the listing of rejected
profiles need all single values (`values.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from customer_match.addresses.batch_members import JudgedValue, collect_members
from customer_match.addresses.columns import (
    IS_ADDRESS,
    IS_EMPTY,
    IS_HASH,
    add_address_column,
    split,
)
from customer_match.addresses.definition import Policy, Rejection, Take, choose_rejection, judge, select_used
from customer_match.addresses.known_members import Compare, Known
from customer_match.addresses.values import explode_values, judge_values
from customer_match.members.digests import Digests

__all__ = ["digest_batch"]


@dataclass(frozen=True)
class Outcome:
    """Result of one batch of profiles.

    Attributes:
        digests: Shape (n, 32), unordered, with duplicates.
        profiles: Rows read.
        rejected: Rows without a usable address, by reason.
        rejects: These rows one by one, if requested: columns `row` (from 0) and `reason`, in order.
        known: Data for the comparison with suppression lists, if requested.
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
        take: Whether to use the first usable address of a row, or all of them.
        separator: Delimiter between several addresses in one text; None if a text is one address.
        list_rejects: Whether to list the rejected rows one by one.
        compare: What suppression needs beside the members; None: nothing.
    """
    lists = any(pa.types.is_nested(batch.schema.field(name).type) for name in columns)
    if not (lists or list_rejects or separator is not None or take is Take.ALL):
        return _digest_rows(batch, columns, policy, compare)
    judged = judge_values(explode_values(batch, columns, separator), policy, take, compare)
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


def _digest_rows(
    batch: pa.RecordBatch, columns: Sequence[str], policy: Policy, compare: Compare | None
) -> Outcome:
    # A regular value in the first column decides its row alone; for other rows check all columns.
    frame = pl.DataFrame({str(i): pl.from_arrow(batch.column(name)) for i, name in enumerate(columns)})
    addresses, frame = split(add_address_column(frame.cast(pl.String), "0"), IS_ADDRESS)
    hashes, frame = split(frame, IS_HASH)
    rejected, rest = _split_rejected(frame, len(columns))
    odd, more_rejected = _judge(rest, policy)
    written = addresses.select("address", written="0")
    found = collect_members(written, hashes.get_column("address"), odd, policy, compare)
    return Outcome(found.digests, batch.num_rows, rejected + more_rejected, known=found.known)


def _split_rejected(frame: pl.DataFrame, columns: int) -> tuple[Counter[Rejection], pl.DataFrame]:
    """Count rows that can be rejected without judging, by reason; return the other rows too."""
    values, address = [str(i) for i in range(columns)], pl.col("address")
    empty_rows, frame = split(frame, pl.all_horizontal(pl.col(values).is_null()))
    rejected = Counter({Rejection.MISSING: empty_rows.height})
    if columns == 1:  # with several columns, another one may hold an address
        blank, frame = split(frame, IS_EMPTY)
        others, frame = split(frame, ~address.str.contains("@", literal=True))
        rejected += Counter({Rejection.MISSING: blank.height, Rejection.NOT_AN_ADDRESS: others.height})
    return +rejected, frame.select(values)


def _judge(rows: pl.DataFrame, policy: Policy) -> tuple[list[JudgedValue], Counter[Rejection]]:
    odd: list[JudgedValue] = []
    rejected: Counter[Rejection] = Counter()
    for row in rows.iter_rows():
        verdicts = [judge(value, policy) for value in row]
        rejection = choose_rejection(verdicts)
        if rejection:
            rejected[rejection] += 1
            continue
        odd += [JudgedValue(row[place], verdicts[place]) for place in select_used(verdicts, Take.COALESCE)]
    return odd, rejected
