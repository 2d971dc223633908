"""What a run's steps learn from Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.utils.types import DagRunType as ServerDagRunType

from airflow_microsoft_advertising.run.context import kind_of, run_of
from customer_match.runs.states import RunKind
from tests.customer_match.export.samples import export

DUE = datetime(2026, 5, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("known", [*DagRunType, *ServerDagRunType])
def test_every_type_of_run_that_airflow_knows(known: DagRunType | ServerDagRunType) -> None:
    assert kind_of(known) is not None
    assert kind_of(known.value) is kind_of(known)


def test_a_type_of_a_newer_airflow() -> None:
    assert kind_of("from_the_future") is None
    assert kind_of("backfill") is RunKind.BACKFILL


@pytest.mark.parametrize(
    ("run_type", "interval_end", "follows"),
    [("asset_triggered", None, True), ("asset_triggered", DUE, False), ("manual", None, False)],
)
def test_a_run_after_an_event_of_an_asset_follows_the_data(
    run_type: str, interval_end: datetime | None, *, follows: bool
) -> None:
    dag_run = SimpleNamespace(
        run_id="one", run_type=run_type, run_after=DUE, start_date=DUE, data_interval_start=interval_end,
        data_interval_end=interval_end, logical_date=interval_end, triggering_user_name=None, partition_date=None,
    )  # fmt: skip
    params = {"mode": "changes", "dry_run": False, "ignore_guards": False, "force": False}
    run = run_of(export(), cast("Any", {"dag_run": dag_run, "params": params}))
    assert (run.follows_data, run.interval_end) == (follows, DUE)


def test_a_run_for_a_partition_is_of_its_day_and_reads_what_is_there() -> None:
    day = DUE.replace(hour=0) - timedelta(days=1)
    dag_run = SimpleNamespace(
        run_id="one", run_type="asset_triggered", run_after=DUE, start_date=DUE, data_interval_start=None,
        data_interval_end=None, logical_date=None, triggering_user_name=None, partition_date=day,
    )  # fmt: skip
    params = {"mode": "changes", "dry_run": False, "ignore_guards": False, "force": False}
    run = run_of(export(), cast("Any", {"dag_run": dag_run, "params": params}))
    assert (run.follows_data, run.interval_end, run._dates.logical) == (True, day, day)
    assert run._as_of > DUE
