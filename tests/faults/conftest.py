"""One Airflow for the whole matrix; rows that strike no shared program run side by side."""

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
from tests.faults.results import Outcome, keep
from tests.faults.rows import play
from tests.faults.world import CUSTOMER

SIDE_BY_SIDE = int(os.environ.get("CHAOS_SIDE_BY_SIDE", "4"))
_AWAY = 2.0  # seconds that a killed program is away


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowParts]:
    folder: Path = tmp_path_factory.mktemp("faults")
    exports = folder / "exports"
    exports.mkdir()
    running = AirflowParts(folder / "airflow-parts", exports)
    try:
        running.start()
        _make_room(running)
        yield running
    finally:
        running.stop()


def _make_room(airflow: AirflowParts) -> None:
    """All worlds are one customer to Airflow: whoever waits there must not hold the others up."""
    airflow.api.post("/pools", {"name": pool_name(CUSTOMER), "slots": 128, "include_deferred": True})


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, airflow: AirflowParts, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """What came of each chosen row; `.faults/results.json` keeps it."""
    rows = [row for item in request.session.items if (row := _row_of(item))]
    folder = tmp_path_factory.mktemp("worlds")

    def played(row: Row, rendezvous: Rendezvous | None = None) -> Outcome:
        outcome = play(row, airflow, folder / row.name, rendezvous)
        keep([outcome])
        return outcome

    apart = sorted((row for row in rows if not row.alone and not row.program), key=lambda row: -row.patience)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(played, apart))
    for program, striking in _by_program(rows):
        found += _played_together(striking, airflow, program, played)
    found += [played(row) for row in rows if row.alone]
    return {outcome.row: outcome for outcome in found}


def _played_together(
    rows: Sequence[Row], airflow: AirflowParts, program: str, played: Callable[[Row, Rendezvous], Outcome]
) -> list[Outcome]:
    """Rows that strike the same program, all at once."""

    def strike() -> None:
        airflow.kill_part(program)
        time.sleep(_AWAY)
        airflow.start_part(program)
        airflow.wait_until_healthy()

    rendezvous = Rendezvous(len(rows), strike)
    with ThreadPoolExecutor(len(rows)) as pool:
        return list(pool.map(lambda row: played(row, rendezvous), rows))


def _by_program(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    striking = sorted((row for row in rows if row.program), key=lambda row: PARTS.index(row.program))
    for program, some in groupby(striking, key=lambda row: row.program):
        yield program, list(some)


def _row_of(item: pytest.Item) -> Row | None:
    callspec = getattr(item, "callspec", None)
    row = callspec.params.get("row") if callspec else None
    return row if isinstance(row, Row) else None
