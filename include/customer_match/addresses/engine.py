"""Fast conversion of values to digests: vectorised, with the results of `definition.py`.

A plain address in the first column decides its row alone (`columns.py`); these are nearly all rows of a real table. All
other rows are split into single values, which are judged and combined (`values.py`): by vectorised rules (`rules.py`),
or by `definition.py` itself, one by one, if the rules cannot tell. Property tests compare the results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from customer_match.addresses.batch_members import collect_members
from customer_match.addresses.columns import IS_ADDRESS, normalise_ascii, split
from customer_match.addresses.definition import Policy, Rejection, Take
from customer_match.addresses.known_members import Compare, Known
from customer_match.addresses.values import explode_values, judge_values
from customer_match.members.digests import Digests

__all__ = ["Outcome", "digest_batch"]

_NO_ADDRESSES = pl.DataFrame(schema={"address": pl.String, "written": pl.String})


@dataclass(frozen=True)
class Outcome:
    """Result of one batch of profiles.

    Attributes:
        digests: Shape (n, 32), unordered, with duplicates.
        profiles: Rows read.
        rejects: Rows without a usable address: columns `row` (from 0) and `reason`, in order.
        known: Data for the comparison with suppression lists, if requested.
    """

    digests: Digests
    profiles: int
    rejects: pl.DataFrame
    known: Known | None = None

    @property
    def rejected(self) -> Counter[Rejection]:
        """Number of rows without a usable address, by reason."""
        counts = self.rejects.get_column("reason").value_counts()
        return Counter({Rejection(reason): count for reason, count in counts.iter_rows()})


def digest_batch(
    batch: pa.RecordBatch,
    columns: Sequence[str],
    policy: Policy,
    take: Take = Take.COALESCE,
    separator: str | None = None,
    *,
    compare: Compare | None = None,
) -> Outcome:
    """Normalise and hash the e-mail columns of a batch.

    Args:
        batch: Rows with the columns, each of a text type or of lists of text.
        columns: E-mail columns in order of preference.
        policy: How to normalise.
        take: Whether to use the first usable address of a row, or all of them.
        separator: Delimiter between several addresses in one text; None if a text is one address.
        compare: What suppression needs beside the members; None: nothing.
    """
    cells = {str(i): pl.from_arrow(batch.column(name)) for i, name in enumerate(columns)}
    plain, rest = _NO_ADDRESSES, pl.DataFrame(cells).with_row_index("row")
    if take is Take.COALESCE and separator is None and not rest.get_column("0").dtype.is_nested():
        address = normalise_ascii(batch.column(columns[0]))
        plain, rest = split(rest.with_columns(address), IS_ADDRESS)
        plain = plain.select("address", written=pl.col("0").cast(pl.String))
    judged = judge_values(explode_values(rest, list(cells), separator), policy, take, compare)
    addresses = pl.concat([plain, judged.usable.addresses])
    found = collect_members(judged.usable._replace(addresses=addresses), policy, compare)
    return Outcome(found.digests, batch.num_rows, judged.rejects, found.known)
