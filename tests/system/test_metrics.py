"""Metrics and logs of a run under a real scheduler: every count is exact, and the logs can be queried."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from customer_match.project import PROJECT
from customer_match_demo.airflow_api import AirflowApi

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.azurite, pytest.mark.timeout(600)]

ACCOUNT = "180000001"


@pytest.fixture
def slow(installation: Any) -> Iterator[httpx.Client]:
    """The service takes longer than a task waits before it goes to the triggerer, and has just begun to log."""
    installation.wait_until_idle()
    base_url = f"{installation.stack.account['base_url']}/simulator"
    with httpx.Client(base_url=base_url, trust_env=False) as control:
        before = control.get("/settings").json()
        control.post("/settings", json={"queue_seconds": 8}).raise_for_status()
        control.delete("/requests").raise_for_status()
        yield control
        control.post("/settings", json={"queue_seconds": before["queue_seconds"]}).raise_for_status()


def test_workers_and_triggerer_send_exact_counts(installation: Any, slow: httpx.Client) -> None:
    before = installation.statsd.received()
    run_id, state = installation.run("basic", segments=["basic HighValueCustomers"], mode="full")
    assert state == "success"
    assert _has_deferred(installation.api, run_id)
    _check_log_fields(installation, run_id)
    installation.wait_until_idle()
    after = installation.statsd.received()

    [segment] = installation.report("basic", run_id).segments
    counted = Counter(after.ours("counters"))
    counted.subtract(before.ours("counters"))
    ours = {
        (
            name.removeprefix("airflow.customer_match."),
            *(value for key, value in tags if key not in _OF_EXPORT),
        ): n
        for (name, tags), n in counted.items()
        if n and dict(tags).get("export", "basic") == "basic"
    }
    logged = slow.get("/requests").json()
    calls = {key: n for key, n in ours.items() if key[0] == "calls"}
    assert sum(calls.values()) == sum(_is_counted(call) for call in logged)
    statuses = sum(call["operation"] == "GetBulkUploadStatus" for call in logged)
    assert statuses > 3 * (segment.parts or 0), "the triggerer has asked, too"
    del ours["bytes_sent",]
    assert {key: n for key, n in ours.items() if key not in calls} == {
        ("runs", "success"): 1,
        ("segments", "delivered"): 1,
        ("parts", "bulk"): segment.parts,
        **{("rejected", reason): n for reason, n in segment.rejected.items()},
        **{
            (name,): n
            for name in ("profiles", "valid", "duplicates", "added", "removed", "sent")
            if (n := getattr(segment, name))
        },
    }


_OF_EXPORT = {"account", "export"}


def _is_counted(call: dict[str, Any]) -> bool:
    return call["path"].startswith(("/Bulk", "/CampaignManagement", "/CustomerManagement")) or call[
        "operation"
    ] in {
        "UploadFile",
        "DownloadResult",
    }


def _check_log_fields(installation: Any, run_id: str) -> None:
    """The query of docs/operations.md finds an upload's records, before and after its wait."""
    [segment] = installation.report("basic", run_id).segments
    request = segment.requests[0]
    [command] = [
        block
        for block in re.findall(
            r"```bash\n(.*?)```", (PROJECT / "docs" / "operations.md").read_text(), re.DOTALL
        )
        if "jq" in block
    ]
    found = subprocess.run(
        ["bash", "-c", re.sub(r"request=\S+", f"request={request}", command)],
        env=installation.stack.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert any(f"sent as request {request}" in line and segment.segment in line for line in found)
    assert any(f"Request {request} is done" in line and run_id in line for line in found)


def _has_deferred(api: AirflowApi, run_id: str) -> bool:
    """Whether the upload was in the triggerer."""
    uploads = [one for one in api.instances("basic", run_id) if "upload" in one["task_id"]]
    return any(
        "Pausing task as DEFERRED" in api.log("basic", run_id, one["task_id"], one["map_index"])
        for one in uploads
        if one["state"] == "success"
    )
