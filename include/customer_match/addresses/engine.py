"""Fast conversion of values to digests: vectorised, with the results of `definition.py`.

A plain address in the first column decides its row alone (`columns.py`); these are nearly all rows of a real table. The
other rows of several batches are judged together, because that has a fixed cost: they are split into single values,
which are judged and combined (`values.py`): by vectorised rules (`rules.py`), or by `definition.py` itself, one by one,
if the rules cannot tell. Property tests compare the results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from customer_match.addresses.batch_members import UsableValues, collect_members
from customer_match.addresses.columns import IS_ADDRESS, normalise_ascii
from customer_match.addresses.definition import Policy, Rejection, Take
from customer_match.addresses.known_members import Compare, Known
from customer_match.addresses.values import NO_REJECTS, explode_values, judge_values
from customer_match.members.digests import Digests

__all__ = ["Outcome", "digest_batch", "digest_batches"]

_ROWS_AT_ONCE = 65_536


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


def digest_batches(
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[str],
    policy: Policy,
    take: Take = Take.COALESCE,
    separator: str | None = None,
    *,
    compare: Compare | None = None,
) -> Iterator[tuple[pa.RecordBatch, Outcome]]:
    """Normalise and hash the e-mail columns of a table, in constant memory.

    Args:
        batches: Rows, of any number in a batch, with types as tables stream them (Arrow cannot filter views of text).
        columns: As in `digest_batch`, like all others.
        policy: How to normalise.
        take: Which addresses of a row are used.
        separator: Delimiter between several addresses in one text.
        compare: What suppression needs beside the members.

    Yields:
        Outcomes, which together are that of all rows, each with the batch whose rows its `rejects` are. All rejected
        rows come in order.
    """
    first_decides = take is Take.COALESCE and separator is None
    waiting: list[pa.RecordBatch] = []

    def judge_waiting() -> tuple[pa.RecordBatch, Outcome]:
        joined = pa.concat_batches(waiting)
        waiting.clear()
        return joined, digest_batch(joined, columns, policy, take, separator, compare=compare)

    for batch in _gather(batches):
        rest = batch
        if first_decides and not pa.types.is_nested(batch.schema.field(columns[0]).type):
            decided, rest = _digest_plain(batch, columns[0], policy, compare)
            yield batch, decided
        waiting.append(rest)
        if _rows(waiting) >= _ROWS_AT_ONCE:
            yield judge_waiting()
    if waiting:
        yield judge_waiting()


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
    values = explode_values(pl.DataFrame(cells).with_row_index("row"), list(cells), separator)
    judged = judge_values(values, policy, take, compare)
    found = collect_members(judged.usable, policy, compare)
    return Outcome(found.digests, batch.num_rows, judged.rejects, found.known)


def _gather(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches, as CSV files and `where` make them."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if _rows(waiting) >= _ROWS_AT_ONCE:
            yield pa.concat_batches(waiting)
            waiting = []
    if waiting:
        yield pa.concat_batches(waiting)


def _rows(batches: Sequence[pa.RecordBatch]) -> int:
    return sum(batch.num_rows for batch in batches)


def _digest_plain(
    batch: pa.RecordBatch, column: str, policy: Policy, compare: Compare | None
) -> tuple[Outcome, pa.RecordBatch]:
    """Hash the plain addresses of a column; also return the other rows."""
    frame = normalise_ascii(batch.column(column)).to_frame()
    is_plain = frame.select(IS_ADDRESS.fill_null(value=False)).to_series()
    if compare is not None:
        written: pl.Series = pl.from_arrow(batch.column(column))  # type: ignore[assignment]  # of an array
        frame = frame.with_columns(written=written.cast(pl.String))
    plain = frame.filter(is_plain)
    found = collect_members(UsableValues.plain(plain), policy, compare)
    rest = batch.filter((~is_plain).to_arrow())
    return Outcome(found.digests, plain.height, NO_REJECTS, found.known), rest
