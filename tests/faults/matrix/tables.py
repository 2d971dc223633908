"""Changes of tables between two runs, by the programs that write them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.matrix.row import Recovery, Row
from tests.faults.world import SEGMENTS, World
from tests.synapse_log import synapse_log

__all__ = ["ROWS"]

FIRST: Final = SEGMENTS[0]


def _folder(world: World) -> Path:
    return Path(world.lake, FIRST)


def _become_csv(world: World) -> None:
    world.write_tables(generation=1, file_format="csv")


def _leave_old_file(world: World) -> None:
    """Leave an old CSV file in a table that is now written as Parquet."""
    (_folder(world) / "part-00000.csv").write_text("CustomerId,Email\nC-1,gone@example.com\n")


def _delete_old_file(world: World) -> None:
    (_folder(world) / "part-00000.csv").unlink()


def _become_feed(world: World) -> None:
    """Replace the table by Delta's change data feed, with one row for each change, undeclared in the export file."""
    table = pq.read_table(_folder(world))
    changes = ["insert"] * (table.num_rows - 1) + ["delete"]
    _write(world, table.append_column("_change_type", pa.array(changes)))


def _become_table(world: World) -> None:
    world.write_tables(generation=1)


def _become_synapse_log(world: World) -> None:
    """Replace the table by a change log of Synapse Link: the earlier rows, then those that joined or left."""
    now = pq.read_table(_folder(world))
    world.keep_reference(FIRST)
    world.write_tables(generation=0)
    _write(world, synapse_log(pq.read_table(_folder(world)), now))
    for segment in SEGMENTS[1:]:
        world.write_table(segment, generation=1)


def _write(world: World, table: pa.Table) -> None:
    for path in _folder(world).iterdir():
        path.unlink()
    pq.write_table(table, _folder(world) / "part-00000.parquet")


ROWS: Final = (
    Row(
        "becomes-csv", "tables are written as CSV instead of Parquet", "between runs", Recovery.ITSELF,
        before=_become_csv, second=True,
    ),
    Row(
        "two-kinds", "a CSV file remains beside a table's Parquet files", "between runs", Recovery.HUMAN,
        before=_leave_old_file, after=_delete_old_file, second=True, advice="part-00000.csv",
    ),
    Row(
        "becomes-feed", "a table becomes a change log, undeclared in the export file", "between runs", Recovery.HUMAN,
        before=_become_feed, after=_become_table, second=True, advice="changes",
    ),
    Row(
        "becomes-log", "a table becomes a change log of Synapse Link", "between runs", Recovery.ITSELF,
        before=_become_synapse_log, second=True,
    ),
)  # fmt: skip
