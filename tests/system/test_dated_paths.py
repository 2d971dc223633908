"""Dates in paths under a real scheduler: a backfill reads each day's own tables, and says which day lacks one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from customer_match.runs.report import Outcome
from tests.system.dated_lake import PATHS, RUNS, members, newest_run, path_of

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.azurite, pytest.mark.timeout(600)]

TABLES = list(PATHS)


@pytest.fixture(scope="module")
def days(installation: Any) -> list[datetime]:
    """The moments of the runs, the oldest first."""
    newest = newest_run(installation.began)
    return [newest - timedelta(days=ago) for ago in reversed(range(RUNS))]


@pytest.fixture(scope="module")
def runs(installation: Any, days: list[datetime]) -> list[str]:
    """A backfill of all days, ended: the ids of its runs. Before it, today's run of the schedule found no tables."""
    assert installation.wait("dated", installation.scheduled_run("dated")) == "failed"
    first, last = (day.isoformat() for day in (days[0], days[-1]))
    made = installation.backfill("dated", first, last, at_least=RUNS)
    assert [datetime.fromisoformat(run["logical_date"]) for run in made] == days
    found = [run["dag_run_id"] for run in made]
    states = [installation.wait("dated", run_id) for run_id in found]
    assert states == ["success", "failed", "success"]
    return found


def test_each_day_of_a_backfill_reads_its_own_tables(
    installation: Any, runs: list[str], days: list[datetime]
) -> None:
    for run_id, day in zip(runs, days, strict=True):
        for segment in installation.report("dated", run_id).segments:
            if segment.outcome is Outcome.FAILED:
                assert (segment.segment, day) == ("Gold", days[1])
                continue
            assert segment.location == str(installation.folder / "dated" / path_of(segment.segment, day))
            assert segment.members == len(members(segment.segment, day))
    for table in TABLES:
        assert installation.members(f"dated {table}") == members(table, days[-1])


def test_a_day_without_its_table_names_the_path_and_its_neighbours(
    installation: Any, runs: list[str], days: list[datetime]
) -> None:
    report = {segment.segment: segment for segment in installation.report("dated", runs[1]).segments}
    assert report["Silver"].outcome is Outcome.DELIVERED
    assert report["Gold"].outcome is Outcome.FAILED
    log = installation.api.log("dated", runs[1], "segment.validate", 0)
    lake = installation.folder / "dated"
    words = [
        f"no table at the path '{PATHS['Gold']}'",
        str(lake / path_of("Gold", days[1])),
        f"nearest earlier one is {lake / path_of('Gold', days[0])}",
        f"nearest later one is {lake / path_of('Gold', days[2])}",
        "clear this task once the table exists",
    ]
    for said in (str(report["Gold"].message), log):
        assert [word for word in words if word not in said] == []


def test_only_templates_travel_between_tasks(installation: Any, runs: list[str]) -> None:
    """Airflow has filled in nothing, neither before the paths were needed nor in what its pages show."""
    instances = f"/dags/dated/dagRuns/{runs[0]}/taskInstances"
    [batch] = installation.api.get(f"{instances}/select/xcomEntries/return_value", deserialize=True)["value"]
    assert {row["table"]: row["path"] for row in batch["segments"]} == PATHS
    shown = installation.api.get(f"{instances}/segment.validate/0")["rendered_fields"]
    assert [table for table in TABLES if PATHS[table] not in str(shown)] == []


@pytest.mark.usefixtures("runs")
def test_the_run_of_a_day_that_has_no_tables_yet_says_so(installation: Any) -> None:
    """The one that the schedule makes by itself: today's."""
    run_id = installation.scheduled_run("dated")
    for segment in installation.report("dated", run_id).segments:
        assert segment.outcome is Outcome.FAILED
        assert "nearest earlier one is" in str(segment.message)
        assert "nearest later one" not in str(segment.message)
