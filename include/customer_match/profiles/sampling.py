"""Tells from the first rows of a table which columns hold e-mail addresses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final, cast

from customer_match.addresses.definition import Policy
from customer_match.addresses.engine import digest_batch

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

    from customer_match.tables.table import Table

__all__ = ["SAMPLE_ROWS", "usable_shares"]

SAMPLE_ROWS: Final = 2_000


def usable_shares(table: Table, columns: Sequence[str]) -> dict[str, float]:
    """The share of the first rows that have a usable address, for each column.

    Args:
        table: The table.
        columns: Columns of text, as the table spells them.

    Returns:
        Shares (0 to 1) by column, of at most `SAMPLE_ROWS` rows; empty if the table has no rows.

    Raises:
        CustomerMatchError: The table cannot be read.
    """
    if not columns:
        return {}
    batches = cast("Generator[pa.RecordBatch, None, None]", table.batches(columns, SAMPLE_ROWS))
    with closing(batches):
        batch = next((one for one in batches if one.num_rows), None)
    if batch is None:
        return {}
    return {name: _share(batch, name) for name in columns}


def _share(batch: pa.RecordBatch, column: str) -> float:
    unusable: int = digest_batch(batch, [column], Policy.BASIC).rejects.height
    rows: int = batch.num_rows
    return (rows - unusable) / rows
