"""Exactly right after any crash, hash by hash: the rows of the matrix that are played in one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path

import pytest

from customer_match_delivery import call_tracking
from tests.faults import clock
from tests.faults.in_process import InProcess
from tests.faults.matrix import IN_PROCESS, Row
from tests.faults.results import Outcome, keep
from tests.faults.rows import play

pytestmark = [pytest.mark.faults, pytest.mark.system, pytest.mark.long, pytest.mark.timeout(3600)]

_LIFE = timedelta(seconds=20)
"""How long calls live here, in place of 15 minutes."""
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

    def played(row: Row) -> Outcome:
        outcome = play(row, airflow, folder / row.name)  # type: ignore[arg-type]  # all of Airflow that it asks for
        keep([outcome])
        return outcome

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        patch.setattr(call_tracking, "LIFE", _LIFE)
        together = {row.name: pool.submit(played, row) for row in rows if not row.alone}
        wait(together.values())
        yield together | {row.name: _now(played, row) for row in rows if row.alone}


def _now(played: Callable[[Row], Outcome], row: Row) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(played(row))
    return future


@pytest.mark.parametrize("row", IN_PROCESS, ids=lambda row: row.name)
def test_row_without_airflow(row: Row, quick_outcomes: dict[str, Future[Outcome]]) -> None:
    assert quick_outcomes[row.name].result().wrong == []
