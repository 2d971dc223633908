"""One Airflow for the whole matrix; rows that strike no shared program run side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from airflow_microsoft_advertising.pools import pool_name
from include.project import PROJECT
from tests.faults.airflow_parts import AirflowParts
from tests.faults.matrix import Row
from tests.faults.rows import Outcome, play
from tests.faults.world import CUSTOMER

SIDE_BY_SIDE = 4
RESULTS = PROJECT / ".faults" / "results.json"


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
    airflow.api.post(
        "/pools", {"name": pool_name(CUSTOMER), "slots": 16 * SIDE_BY_SIDE, "include_deferred": True}
    )


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, airflow: AirflowParts, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """What came of each chosen row; `.faults/results.json` keeps it."""
    rows = [row for item in request.session.items if (row := _row_of(item))]
    folder = tmp_path_factory.mktemp("worlds")

    def played(row: Row) -> Outcome:
        return play(row, airflow, folder / row.name)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(played, [row for row in rows if not row.alone]))
    found += [played(row) for row in rows if row.alone]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(outcome) for outcome in found], indent=1))
    return {outcome.row: outcome for outcome in found}


def _row_of(item: pytest.Item) -> Row | None:
    callspec = getattr(item, "callspec", None)
    row = callspec.params.get("row") if callspec else None
    return row if isinstance(row, Row) else None
