"""How a run was started: names that are not parameters, days before the start date, missing data intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_microsoft_advertising.run.checks.configuration import check_configuration
from customer_match.export.model import Export
from tests.airflow_microsoft_advertising.run.small_lake import DAY, Lake

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def export(lake: Lake) -> Export:
    return lake.run().export


def check(export: Export, conf: Any = None, **changes: Any) -> None:
    values: dict[str, Any] = {
        "run_type": "manual",
        "conf": conf,
        "logical_date": None,
        "data_interval_end": None,
        "run_after": DAY,
    }
    run: Any = SimpleNamespace(**values | changes)
    check_configuration(export, run)


@pytest.mark.parametrize("conf", [None, {}, {"dry_run": True, "segments": [], "mode": "full", "force": True}])
def test_parameters_are_accepted(export: Export, conf: Any) -> None:
    check(export, conf)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dryrun", "`dry_run`"),
        ("dry-run", "`dry_run`"),
        ("Dry Run", "`dry_run`"),
        ("segment", "`segments`"),
        ("ignore_guard", "`ignore_guards`"),
        ("full", '`"mode": "full"`'),
        ("Forced", "`force`"),
    ],
)
@pytest.mark.parametrize("run_type", ["manual", "backfill", "scheduled"])
def test_a_name_that_is_no_parameter_is_refused(export: Export, name: str, meant: str, run_type: str) -> None:
    """Otherwise `dryrun` would be a real run, and a misspelt `ignore_guards` none that ignores them."""
    with pytest.raises(AirflowFailException) as caught:
        check(export, {name: True}, run_type=run_type, logical_date=DAY, data_interval_end=DAY)
    told = str(caught.value)
    assert f"contains `{name}`, which is not among its parameters (segments, dry_run, mode," in told
    assert f"Did you mean {meant}? Nothing was sent." in told


@pytest.mark.bad_input
def test_without_a_similar_parameter_only_the_parameters_are_named(export: Export) -> None:
    with pytest.raises(AirflowFailException, match=r"contains `budget`, `anna.*which are not") as caught:
        check(export, {"budget": 1, "anna": 2})
    assert "Did you mean" not in str(caught.value)
    with pytest.raises(AirflowFailException) as caught:
        check(export, {"anna@example.com": 2})
    assert "@" not in str(caught.value)


def test_a_backfill_skips_days_before_the_start_date(export: Export) -> None:
    assert export.begins == FIRST_DAY
    early = FIRST_DAY - timedelta(seconds=1)
    with pytest.raises(
        AirflowSkipException, match=r"2025-12-31 23:59 UTC, is before .*`start_date`, 2026-01-01"
    ):
        check(export, run_type="backfill", logical_date=early, data_interval_end=early)
    check(export, run_type="backfill", logical_date=FIRST_DAY, data_interval_end=FIRST_DAY)
    check(export, run_type="manual", logical_date=early, data_interval_end=early)


def test_the_start_date_begins_in_the_time_zone_of_the_export(lake: Lake) -> None:
    export = lake.run(timezone="Europe/Berlin", start_date="2026-07-01").export
    midnight = datetime(2026, 6, 30, 22, tzinfo=UTC)
    check(export, run_type="backfill", logical_date=midnight)
    with pytest.raises(AirflowSkipException):
        check(export, run_type="backfill", logical_date=midnight - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("conf", "changes", "warned"),
    [
        ({"force": True}, {}, True),
        ({}, {}, False),
        ({"force": True}, {"logical_date": DAY, "data_interval_end": DAY}, False),
        ({"force": True}, {"run_type": "asset_triggered"}, False),
    ],
)
def test_a_manual_run_with_a_configuration_needs_an_interval_for_past_data(
    export: Export, caplog: pytest.LogCaptureFixture, conf: Any, changes: Any, warned: bool
) -> None:
    """Airflow drops the data interval of a request without a logical date."""
    check(export, conf, **changes)
    assert ("no data interval: it uses the data of 2026-05-01 00:00 UTC" in caplog.text) is warned
