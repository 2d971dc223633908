"""The waits of tasks: for as long as the service asked, and for another run on the same audience."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_microsoft_advertising.cli.local_run import LocalRun
from airflow_microsoft_advertising.metrics import sending
from airflow_microsoft_advertising.waiting import WaitingOperator
from customer_match.ledger.lease import Lease
from customer_match.ledger.store import ledger_folder
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.metrics.conftest import Switch
from tests.airflow_microsoft_advertising.run.small_lake import Lake
from tests.airflow_microsoft_advertising.test_operator import ClosingService, service, throttled
from tests.metric_receivers import StatsdServer

__all__ = ["service"]

Waits = dict[str, list[float]]


def waits(statsd: StatsdServer, account: str) -> Waits:
    """Seconds by reason."""
    prefix = f"airflow.customer_match.wait.{account}."
    found = statsd.received().timers
    return {
        name.removeprefix(prefix): [ms / 1000 for ms in values]
        for (name, _), values in found.items()
        if prefix in name
    }


@pytest.mark.parametrize("reason", ["asked", "busy"])
def test_a_deferred_task_sends_its_wait_before_it(
    connect: Connect, metrics_to: Switch, statsd: StatsdServer, reason: Any
) -> None:
    connect()
    metrics_to(statsd.settings(tags=False))
    operator = WaitingOperator(
        task_id="upload", microsoft_advertising_conn_id="microsoft_advertising_default"
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.pause(60, reason=reason, started=0.0, pauses=1)
    assert waits(statsd, "180000001") == {reason: [pytest.approx(deferred.value.trigger.seconds, abs=0.001)]}


def test_without_metrics_no_connection_is_read_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_microsoft_advertising.metrics.task_waits import send_wait

    sending.are_on.cache_clear()
    hook: Any = None
    send_wait(hook, "busy", 5)
    sending.are_on.cache_clear()


def test_a_run_without_a_scheduler(
    tmp_path: Path,
    connect: Connect,
    metrics_to: Switch,
    statsd: StatsdServer,
    *,
    service: ClosingService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service asks for a pause of 900 seconds; another run holds one audience until this run checks again."""
    connect()
    run = Lake(tmp_path).run(profiles_per_part=2, route="bulk")
    folder = ledger_folder(run.hook.account().account_id, "Silver")
    other = Lease(run.workspace, folder, audience="Silver", holder="autumn / scheduled")
    throttled(service, monkeypatch, times=1)
    other.take(timedelta(minutes=5))
    metrics_to(statsd.settings(tags=False))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if 0 < seconds <= 3:
            other.release()

    LocalRun(run, sleep=sleep)()
    found = waits(statsd, "2")
    assert found.keys() == {"asked", "busy"}
    assert found["busy"] == [3.0]
    assert found["asked"] == [pytest.approx(max(slept), abs=1)]
