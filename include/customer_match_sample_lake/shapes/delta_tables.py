"""Delta Lake: versions, deletion vectors, column mapping, partitions, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from customer_match_sample_lake.delta import CHECKPOINTS, DeltaSample
from customer_match_sample_lake.expected import Tally
from customer_match_sample_lake.lake import DAYS, Batches, Lake, Row, customers
from customer_match_sample_lake.shape import Sample, State, shape

_COLUMNS: Final = ("CustomerId", "FirstName", "LastName", "Email", "Country")
_ROW_GROUP: Final = 1_000
_DELETED_EVERY: Final = 7


class _Clock:
    """Commit times of versions: one a second, from some hours before the day to which it is set."""

    def __init__(self) -> None:
        self.day: datetime = DAYS[0]

    def __call__(self, version: int) -> datetime:
        return self.day - timedelta(hours=3) + timedelta(seconds=version)


def _table(lake: Lake, name: str, clock: _Clock | None = None, **options: Any) -> DeltaSample:
    return DeltaSample(
        lake.filesystem,
        lake.path(name),
        dict.fromkeys(options.pop("columns", _COLUMNS), pa.string()),
        times=clock or _Clock(),
        row_group=_ROW_GROUP,
        new_id=lake.ids(name),
        **options,
    )


def _append(table: DeltaSample, batches: Batches) -> None:
    """Append batch by batch, without keeping rows in memory."""
    for rows in batches:
        table.append([{name: row[name] for name in table.columns} for row in rows])
        table.forget()


@shape("delta", "a Delta table with a version for each of three days, and a checkpoint")
def delta(lake: Lake) -> Sample:
    """Write three days: profiles are added on the second and all are rewritten on the third; each can be read."""
    clock = _Clock()
    table, tally = _table(lake, "HighValue", clock), Tally()
    states = []
    _append(table, tally.of(customers(lake.people())))
    states.append(State({"HighValue": tally.expected()}, DAYS[0]))

    clock.day = DAYS[1]
    _append(table, tally.of(customers(lake.people(0.2, start=1))))
    table.checkpoint()
    states.append(State({"HighValue": tally.expected()}, DAYS[1]))

    clock.day, tally = DAYS[2], Tally()
    table.overwrite([])
    _append(table, tally.of(customers(lake.people().churn(0.2))))
    newest = {"HighValue": tally.expected()}
    states.append(State(newest, DAYS[2]))
    export = {"segments": lake.segments("HighValue"), "email": "Email"}
    return Sample(export, [State(newest), *states])


@shape("delta-deletion-vectors", "Delta tables with deletion vectors, in the log or in separate files")
def delta_deletion_vectors(lake: Lake) -> Sample:
    """Write a table of which every seventh row was deleted."""
    tables = {"Vectors in the log": "log", "Vectors in files": "file"}
    found = {}
    for name, vectors in tables.items():
        table, tally = _table(lake, name, vectors=vectors), Tally()
        for rows in customers(lake.people()):
            gone = rows[::_DELETED_EVERY]
            table.append([{column: row[column] for column in _COLUMNS} for row in rows])
            table.delete("CustomerId", [row["CustomerId"] for row in gone])
            table.forget()
            for number, row in enumerate(rows):
                if number % _DELETED_EVERY:
                    tally.add(row)
        found[name] = tally.expected()
    return Sample({"segments": lake.segments(*tables), "email": "Email"}, [State(found)])


@shape(
    "delta-column-mapping",
    "Delta tables whose columns were renamed: files know them by other names, or by ids",
)
def delta_column_mapping(lake: Lake) -> Sample:
    """Write first files in which `Email` is called `Mail` and `Note` does not exist."""
    options: dict[str, dict[str, Any]] = {
        "Mapped by name": {"mapping": "name"},
        "Mapped by id": {"mapping": "id", "misleading": True},
    }
    found = {}
    for name, mapping in options.items():
        table, tally = _table(lake, name, columns=("CustomerId", "Mail", "Country"), **mapping), Tally()
        _append(table, _renamed(tally.of(customers(lake.people(0.5)))))
        table.rename("Mail", "Email")
        table.add_column("Note", pa.string())
        _append(table, _noted(tally.of(customers(lake.people(0.5, start=0.5)))))
        found[name] = tally.expected()
    return Sample({"segments": lake.segments(*options), "email": "Email"}, [State(found)])


@shape("delta-partitions", "a Delta table with a partition for each country, and a condition on it")
def delta_partitions(lake: Lake) -> Sample:
    """Write partitions; only the log holds the country."""
    tally = Tally(where=lambda row: row["Country"] in ("DE", "FR", "ES"))
    table = _table(lake, "HighValue", partition_by=("Country",))
    _append(table, tally.of(customers(lake.people())))
    export = {
        "segments": lake.segments("HighValue"),
        "email": "Email",
        "where": "Country IN ('DE', 'FR', 'ES')",
    }
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("delta-checkpoints", "Delta tables with every kind of checkpoint, whose older log is gone")
def delta_checkpoints(lake: Lake) -> Sample:
    """Write logs as after their retention: older commits can be read only from the checkpoint."""
    found = {}
    for kind in CHECKPOINTS:
        name = f"Checkpoint {kind}"
        table, tally = _table(lake, name), Tally()
        _append(table, tally.of(customers(lake.people(0.5))))
        table.checkpoint(kind)
        for version in range(table.version):
            lake.filesystem.rm(lake.path(f"{name}/_delta_log/{version:020}.json"))
        _append(table, tally.of(customers(lake.people(0.5, start=0.5))))
        found[name] = tally.expected()
    return Sample({"segments": lake.segments(*found), "email": "Email"}, [State(found)])


def _renamed(batches: Batches) -> Iterator[list[Row]]:
    for rows in batches:
        yield [row | {"Mail": row["Email"]} for row in rows]


def _noted(batches: Batches) -> Iterator[list[Row]]:
    for rows in batches:
        yield [row | {"Note": "new"} for row in rows]
