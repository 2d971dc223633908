"""A whole export over SOAP: same audiences, nothing of REST, and no SDK in the triggerer. And its end, over REST."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest
import time_machine

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match.project import PROJECT
from customer_match_demo.stack import account_connection
from customer_match_demo.tables import churn_tables, write_tables
from microsoft_advertising.environment import Service
from microsoft_advertising.limits import SOAP_ENDS
from microsoft_advertising.retrying import RetryPolicy
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.end_to_end.test_steps import TABLES, Installation
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def over_soap(simulator: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The session's simulator, and a connection that speaks SOAP to it."""
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    connect(**connection(simulator))
    simulator.api.control("requests", method="DELETE")
    return simulator


def connection(simulator: Simulator) -> dict[str, Any]:
    fields = account_connection(simulator.ready)
    return fields | {"extra": fields["extra"] | {"transport": "soap"}}


@pytest.mark.parametrize(
    ("route", "carries"), [("bulk", "UploadFile"), ("apply", "ApplyCustomerListUserData")]
)
def test_full_and_incremental(tmp_path: Path, over_soap: Simulator, route: str, carries: str) -> None:
    at = Installation(tmp_path, over_soap, route=route)
    at.write(TABLES)
    at.check(at.run())
    write_tables(str(tmp_path / "lake"), churn_tables(TABLES, 0.05))
    second = at.run()
    at.check(second)
    assert not any(report.replaced for report in second)
    calls = over_soap.api.control("requests")
    assert {"UploadFile", "ApplyCustomerListUserData"} & {call["operation"] for call in calls} == {carries}
    paths = {call["path"].split("/")[1] for call in calls}
    assert "Api" in paths
    assert not paths & set(Service), "REST's paths begin with the services' names"


@pytest.mark.parametrize("route", ["bulk", "apply"])
def test_those_on_rest_do_not_notice_its_end(
    tmp_path: Path,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    route: str,
) -> None:
    """On the last day and the day after: nothing of SOAP is imported, called or mentioned, and nothing waits."""

    def no_retry(*_: Any) -> float:
        raise AssertionError("a call was repeated")

    for module in ("bingads", "suds", "microsoft_advertising.transport.sdk"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    monkeypatch.setattr(RetryPolicy, "_wait", no_retry)
    simulator.api.control("requests", method="DELETE")
    at = Installation(tmp_path, simulator, route=route)
    tables = TABLES
    for day in (SOAP_ENDS, SOAP_ENDS + timedelta(days=1)):
        at.write(tables)
        with time_machine.travel(datetime.combine(day, clock_time(12), UTC)):
            at.check(at.run())
            assert MicrosoftAdvertisingHook().test_connection()[0]
        tables = churn_tables(TABLES, 0.05)
    assert not [one.getMessage() for one in caplog.records if "soap" in one.getMessage().lower()]
    paths = {call["path"] for call in simulator.api.control("requests")}
    assert {path.split("/")[1] for path in paths} & set(Service), (
        "REST's paths begin with the services' names"
    )
    assert not [path for path in paths if path.endswith(".svc")], "SOAP's end with it"


PROGRAM = """
import asyncio, sys
from airflow_microsoft_advertising.trigger import BulkUploadTrigger

async def fired():
    trigger = BulkUploadTrigger(**{arguments})
    return [event async for event in trigger.run()]

[event] = asyncio.run(fired())
print(event.payload["request_id"], sorted({{"bingads", "suds"}} & set(sys.modules)))
"""


def test_the_trigger_polls_without_the_sdk(over_soap: Simulator, tmp_path: Path) -> None:
    """In a process of its own, as here other tests have imported the SDK."""
    api = over_soap.api
    request_id, url = api.request_url()
    api.post_file(url, b"no Bulk file")
    arguments = {
        "microsoft_advertising_conn_id": "microsoft_advertising_default",
        "customer_id": None,
        "account_id": None,
        "request_id": request_id,
        "since": time.time(),
        "started": time.time(),
        "schedule": {"first": 0.05, "share": 0.0},
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM.format(arguments=arguments)],
        cwd=PROJECT,
        env=os.environ | {"AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": json.dumps(connection(over_soap))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{request_id} []"
    asked = [call["path"] for call in api.control("requests") if call["operation"] == "GetBulkUploadStatus"]
    assert {path.rpartition("/")[2] for path in asked} == {"BulkService.svc"}
    assert "soap" in done.stderr + done.stdout
