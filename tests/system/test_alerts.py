"""Alerts and time-outs under a real scheduler: a mail server and a web server get one alert for each change."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_match.runs.report import Outcome
from customer_match.safe_names import slug
from tests.alert_receivers import wait_for
from tests.system.alerting import ANNOUNCED, OVERDUE

pytestmark = [pytest.mark.system, pytest.mark.azurite, pytest.mark.timeout(600)]

CLEAR_REPORT = {"dry_run": False, "task_ids": ["report"], "only_failed": False}


def write(installation: Any, export: str, table: str, column: str = "Email") -> None:
    folder = installation.folder / export / table
    folder.mkdir(parents=True, exist_ok=True)
    addresses = [f"{table.lower()}.{number}@example.org" for number in range(3)]
    pq.write_table(pa.table({"Id": ["1", "2", "3"], column: addresses}), folder / "part-0.parquet")


@pytest.fixture(scope="module")
def overdue(installation: Any) -> Iterator[str]:
    """A run whose upload does not end before its time limit; it waits while other tests run."""
    write(installation, OVERDUE, "Slow")
    slow = {"operation": "ProcessUpload", "kind": "delay", "seconds": 3_600, "times": None}
    httpx.post(faults_of(installation), json=slow, trust_env=False).raise_for_status()
    yield installation.start(OVERDUE)
    httpx.delete(faults_of(installation), trust_env=False).raise_for_status()


def faults_of(installation: Any) -> str:
    return f"{installation.stack.account['base_url']}/simulator/faults"


def signed_in(installation: Any) -> dict[str, str]:
    """The headers of a user."""
    user = {"username": "admin", "password": installation.stack.password}
    answer = httpx.post(f"{installation.stack.airflow_url}/auth/token", json=user, trust_env=False)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def made_up_for(installation: Any) -> list[str]:
    """The runs whose reports the DAG processor has made, by its log."""
    logs = (installation.stack.folder / "airflow" / "logs" / "dag_processor").rglob("*.log")
    return [run for log in logs for run in re.findall(r"The run (\S+) of \w+ ended without", log.read_text())]


@pytest.mark.usefixtures("overdue")
def test_one_alert_for_each_change(installation: Any) -> None:
    """A failure, a cleared report, the same failure again, and the recovery: two alerts."""
    api, receivers = installation.api, installation.receivers
    write(installation, ANNOUNCED, "Loyal")
    write(installation, ANNOUNCED, "Lapsed", column="Phone")
    first, state = installation.run(ANNOUNCED)
    assert state == "failed"
    [alert] = receivers.of(first)
    assert alert["title"] == "announced: 1 segment failed"
    assert "1 of 2 segments has problems.\n- Lapsed: validate: " in alert["text"]
    assert alert["run_url"] == f"{installation.stack.airflow_url}/dags/announced/runs/{first}"
    report = httpx.get(alert["report_url"], headers=signed_in(installation), trust_env=False)
    assert report.is_success
    assert "Lapsed" in report.text

    api.post(f"/dags/{ANNOUNCED}/clearTaskInstances", CLEAR_REPORT | {"dag_run_id": first})
    assert installation.wait(ANNOUNCED, first) == "failed"
    _, state = installation.run(ANNOUNCED)
    assert state == "failed"
    assert receivers.kinds(ANNOUNCED) == ["failure"]

    write(installation, ANNOUNCED, "Lapsed")
    last, state = installation.run(ANNOUNCED)
    assert state == "success"
    assert receivers.kinds(ANNOUNCED) == ["failure", "recovery"]
    assert [alert["title"] for alert in receivers.of(last)] == ["announced: works again"]
    assert receivers.subjects("announced") == ["announced: 1 segment failed", "announced: works again"]
    assert {tuple(mail.recipients) for mail in receivers.mail.mails} == {("marketing@example.com",)}
    assert "example.org" not in str(receivers.web.posts) + str(receivers.mail.mails)


def test_a_report_that_cannot_be_written_is_announced(installation: Any) -> None:
    """The task fails, so the DAG processor tries it, too; then the task is cleared."""
    api, receivers = installation.api, installation.receivers
    run_id = installation.start(ANNOUNCED)
    folder = installation.folder / "workspace" / "runs" / slug(ANNOUNCED) / slug(run_id)
    (folder / "report.json" / "in the way").mkdir(parents=True)
    assert installation.wait(ANNOUNCED, run_id) == "failed"
    wait_for(lambda: receivers.of(run_id), "the alert of the run without a report")
    [alert] = receivers.of(run_id)
    assert "The task `report` did not finish: see its log in Airflow." in alert["text"]
    assert made_up_for(installation).count(run_id) == 1
    shutil.rmtree(folder / "report.json")
    api.post(f"/dags/{ANNOUNCED}/clearTaskInstances", CLEAR_REPORT | {"dag_run_id": run_id})
    wait_for(lambda: len(receivers.of(run_id)) > 1, "the end of the problem")
    assert [alert["kind"] for alert in receivers.of(run_id)] == ["failure", "recovery"]


def test_a_run_that_takes_too_long_has_note_report_and_alert(installation: Any, overdue: str) -> None:
    """Airflow skips `report`, and no task fails."""
    assert installation.wait(OVERDUE, overdue) == "failed"
    run = installation.api.get(f"/dags/{OVERDUE}/dagRuns/{overdue}")
    assert run["note"].startswith("The run took longer than 0.02 hours (`run_timeout_hours`)")
    assert f"[Report](/customer-match/reports/{OVERDUE}/" in run["note"]
    assert run["note"].endswith("Not finished: Slow.")
    wait_for(lambda: installation.receivers.of(overdue), "the alert of the run that took too long")
    [alert] = installation.receivers.of(overdue)
    assert alert["title"] == "overdue: the run failed"
    assert "took longer than 0.02 hours" in alert["text"]
    report = installation.report(OVERDUE, overdue)
    assert report.timed_out
    [segment] = report.segments
    assert segment.outcome is Outcome.FAILED
    assert (segment.members, segment.added, segment.parts) == (3, None, None), (
        "planned, but not known to be done"
    )
    entries = [entry for entry in installation.audit(OVERDUE) if entry.get("run_id") == overdue]
    assert [entry["event"] for entry in entries] == ["run started", "segment ended", "run ended"]
    assert entries[-1]["state"] == "timed out"
    assert entries[1]["requests"], "what the service has received"
    made = made_up_for(installation)
    assert made.count(overdue) == 1
    failed = installation.api.get(f"/dags/{ANNOUNCED}/dagRuns", state="failed")["dag_runs"]
    assert not {run["dag_run_id"] for run in failed} & set(made), "they had their reports"

    # Its audience is free: the next run does not wait for the lease, and awaits the upload.
    httpx.delete(faults_of(installation), trust_env=False).raise_for_status()
    _, state = installation.run(OVERDUE)
    assert state == "success"
    assert len(installation.members("Slow")) == 3
    assert installation.receivers.subjects("overdue") == ["overdue: the run failed", "overdue: works again"]


def test_a_run_that_a_user_ends_has_a_note_and_no_alert(installation: Any) -> None:
    api, before = installation.api, len(installation.receivers.web.posts)
    run_id = installation.start("faulty")
    answer = api.patch(f"/dags/faulty/dagRuns/{run_id}", {"state": "failed"})
    assert answer["state"] == "failed"
    note = api.get(f"/dags/faulty/dagRuns/{run_id}")["note"]
    assert note.startswith("The run was set to `failed` by hand before its report was made.")
    assert len(installation.receivers.web.posts) == before
