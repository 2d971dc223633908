"""Tables as logs of changes, as Synapse Link for Dataverse appends them."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["synapse_log"]

_KEY = "CustomerId"


def synapse_log(before: pa.Table, now: pa.Table) -> pa.Table:
    """A log whose newest rows are what a table holds now: who was there, who is there, and who has left."""
    still = set(now[_KEY].to_pylist())
    left = before.filter(pa.array([key not in still for key in before[_KEY].to_pylist()], pa.bool_()))
    return pa.concat_tables([_rows(before, 1), _rows(now, 2), _rows(left, 3, deleted=True)])


def _rows(table: pa.Table, version: int, *, deleted: bool = False) -> pa.Table:
    return (
        table.append_column("Id", table[_KEY])
        .append_column("versionnumber", pa.array([version] * table.num_rows, pa.int64()))
        .append_column("IsDelete", pa.array([deleted] * table.num_rows, pa.bool_()))
    )
