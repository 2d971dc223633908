"""One Airflow for the whole matrix; rows that kill no shared program run in parallel."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest

from airflow_microsoft_advertising.pools import pool_name
from tests.faults.airflow_parts import PARTS, AirflowParts
from tests.faults.matrix import Row
from tests.faults.rendezvous import Rendezvous
from tests.faults.results import Outcome, store
from tests.faults.rows import run_row
from tests.faults.world import CUSTOMER

SIDE_BY_SIDE = int(os.environ.get("CHAOS_SIDE_BY_SIDE", "4"))
_AWAY = 2.0  # seconds until a killed program is restarted


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowParts]:
    folder: Path = tmp_path_factory.mktemp("faults")
    exports = folder / "exports"
    exports.mkdir()
    running = AirflowParts(folder / "airflow-parts", exports)
    try:
        running.start()
        _enlarge_pools(running)
        yield running
    finally:
        running.stop()


def _enlarge_pools(airflow: AirflowParts) -> None:
    """Enlarge the pools: all worlds share one customer in Airflow, and waiting ones must not block the others."""
    airflow.api.post("/pools", {"name": pool_name(CUSTOMER), "slots": 128, "include_deferred": True})


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, airflow: AirflowParts, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """The outcome of each selected row; also stored in `.faults/results.json`."""
    rows = [row for item in request.session.items if (row := _find_row(item))]
    folder = tmp_path_factory.mktemp("worlds")

    def run(row: Row, rendezvous: Rendezvous | None = None) -> Outcome:
        outcome = run_row(row, airflow, folder / row.name, rendezvous)
        store([outcome])
        return outcome

    apart = sorted((row for row in rows if not row.alone and not row.program), key=lambda row: -row.patience)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(run, apart))
    for program, striking in _by_program(rows):
        found += _run_together(striking, airflow, program, run)
    found += [run(row) for row in rows if row.alone]
    return {outcome.row: outcome for outcome in found}


def _run_together(
    rows: Sequence[Row], airflow: AirflowParts, program: str, run: Callable[[Row, Rendezvous], Outcome]
) -> list[Outcome]:
    """Run the rows that kill the same program, all at once."""

    def kill_program() -> None:
        airflow.kill_part(program)
        time.sleep(_AWAY)
        airflow.start_part(program)
        airflow.wait_until_healthy()

    rendezvous = Rendezvous(len(rows), kill_program)
    with ThreadPoolExecutor(len(rows)) as pool:
        return list(pool.map(lambda row: run(row, rendezvous), rows))


def _by_program(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    striking = sorted((row for row in rows if row.program), key=lambda row: PARTS.index(row.program))
    for program, some in groupby(striking, key=lambda row: row.program):
        yield program, list(some)


def _find_row(item: pytest.Item) -> Row | None:
    callspec = getattr(item, "callspec", None)
    row = callspec.params.get("row") if callspec else None
    return row if isinstance(row, Row) else None
