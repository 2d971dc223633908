"""Audiences are exact after any fault, hash by hash: the rows of the matrix that run in one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_microsoft_advertising import waiting
from customer_match_delivery import call_tracking
from tests.faults import clock
from tests.faults.in_process import InProcess
from tests.faults.matrix import IN_PROCESS, Row
from tests.faults.results import Outcome, store
from tests.faults.rows import run_row

pytestmark = [pytest.mark.faults, pytest.mark.system, pytest.mark.long, pytest.mark.timeout(3600)]

_LIFE = timedelta(seconds=20)
"""How long late calls can still take effect here, instead of 15 minutes."""
SIDE_BY_SIDE = int(os.environ.get("CHAOS_SIDE_BY_SIDE", "6"))


@pytest.fixture(scope="session")
def quick_outcomes(
    request: pytest.FixtureRequest, airflow_db: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    folder = tmp_path_factory.mktemp("in-process")
    (folder / "exports").mkdir()
    airflow = InProcess(folder / "exports", folder / "clock")
    os.environ[clock.CLOCK] = str(airflow.clock)
    clock.install()
    rows = [
        item.callspec.params["row"] for item in request.session.items if "quick_outcomes" in item.fixturenames
    ]  # type: ignore[attr-defined]

    def run(row: Row) -> Outcome:
        outcome = run_row(row, airflow, folder / row.name)  # type: ignore[arg-type]  # has all of Airflow that a row needs
        store([outcome])
        return outcome

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        patch.setattr(call_tracking, "LIFE", _LIFE)
        patch.setattr(waiting, "WORKER_WAIT", timedelta(0))  # so that triggers wait for every upload
        together = {row.name: pool.submit(run, row) for row in rows if not row.alone}
        wait(together.values())
        yield together | {row.name: _now(run, row) for row in rows if row.alone}


def _now(run: Callable[[Row], Outcome], row: Row) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(run(row))
    return future


@pytest.mark.parametrize("row", IN_PROCESS, ids=lambda row: row.name)
def test_a_row_in_process_ends_with_exact_audiences(
    row: Row, quick_outcomes: dict[str, Future[Outcome]]
) -> None:
    assert quick_outcomes[row.name].result().wrong == []
