"""Alerts of runs: once for each change, whatever is repeated, and whatever fails."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_microsoft_advertising.alerts import announcing, reporting
from airflow_microsoft_advertising.alerts.announcing import announce, run_url
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.upload import Upload
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.alerts.conditions import findings_without_report
from customer_match.alerts.log import AlertLog
from customer_match.errors import TransientError
from customer_match.export.alerts.section import Kind
from customer_match.history.table import History
from customer_match.runs.report import Outcome, RunReport
from customer_match.workspace.workspace import Workspace
from tests.airflow_microsoft_advertising.run.small_lake import GOLD, SILVER, Lake, delivered, prepare
from tests.alert_receivers import WebServer

pytestmark = pytest.mark.slow

BROKEN = findings_without_report("No table was found.")
ALERTS = {"to": [{"webhook": "web"}], "rejected_above": 0.5}


def told(web: WebServer) -> list[str]:
    return [post["kind"] for _, post in web.posts]


def succeed(lake: Lake, name: str) -> RunReport:
    """A run of which both segments succeed."""
    run = lake.run(name=name, alerts=ALERTS)
    for segment in (GOLD, SILVER):
        prepare(run, segment)
        delivered(run, segment)
    return reporting.report_and_announce(run, [GOLD, SILVER], is_complete=True)


def fail(lake: Lake, name: str, **options: Any) -> RunReport:
    """A run of which one segment fails."""
    run = lake.run(name=name, alerts=ALERTS, **options)
    prepare(run, GOLD)
    if not run.dry_run:
        delivered(run, GOLD)
    with pytest.raises(Exception, match="Nothing"):
        validate_segment(lake.run(name=name, email="Nothing"), SILVER)
    return reporting.report_and_announce(run, [GOLD, SILVER], is_complete=True)


def test_an_alert_for_each_change(lake: Lake, web: WebServer) -> None:
    succeed(lake, "1")
    fail(lake, "2")
    fail(lake, "2")  # its report is repeated, or its tasks are cleared
    fail(lake, "3")
    succeed(lake, "4")
    succeed(lake, "5")
    assert told(web) == ["failure", "recovery"]
    first = web.posts[0][1]
    assert (first["run_id"], first["export"]) == ("2", "autumn")
    assert "1 of 2 segments has problems.\n- Silver: validate: " in first["text"]


def test_a_dry_run_announces_nothing(lake: Lake, web: WebServer) -> None:
    fail(lake, "1", dry_run=True)
    assert web.posts == []
    assert lake.run().workspace.list("alerts") == []


def test_without_alerts_nothing_is_written(lake: Lake) -> None:
    announce(lake.run(), BROKEN)
    assert lake.run().workspace.list("alerts") == []


def test_what_could_not_be_sent_is_sent_by_the_next_run(
    lake: Lake, web: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The run itself goes on."""
    web.status = 503
    fail(lake, "1")
    assert "The alert was not sent by `webhook`: AirflowException: 503" in caplog.text
    web.status = 200
    fail(lake, "2")
    fail(lake, "3")
    assert [post["run_id"] for _, post in web.posts] == ["1"]


def test_a_run_that_died_while_sending_is_made_up_for(
    lake: Lake, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(announcing, "send", dies)
        with pytest.raises(KeyboardInterrupt):
            fail(lake, "1")
    fail(lake, "2")
    assert web.posts == [], "the first one may still be sending"
    monkeypatch.setattr("customer_match.alerts.state.Delivery.is_free", lambda *_: True)
    fail(lake, "3")
    assert [post["run_id"] for _, post in web.posts] == ["1"]


def test_without_the_workspace_a_failure_is_announced_all_the_same(
    lake: Lake, web: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: Any) -> None:
        raise TransientError("The storage does not answer.")

    monkeypatch.setattr(Workspace, "list", unreachable)
    announce(lake.run(alerts=ALERTS), BROKEN)
    assert told(web) == ["failure"]
    assert "What was announced before is not known" in caplog.text


def test_whatever_goes_wrong_no_run_fails(
    lake: Lake, web: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(AlertLog, "change", lambda *_: 1 / 0)
    announce(lake.run(alerts=ALERTS), BROKEN)
    assert "No alert could be sent: ZeroDivisionError" in caplog.text


def test_the_address_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert run_url("autumn", "manual__2026-05-01T00:00:00+00:00") is None
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/")
    assert run_url("autumn", "manual__2026-05-01T00:00:00+00:00") == (
        "https://airflow.example.com/dags/autumn/runs/manual__2026-05-01T00%3A00%3A00%2B00%3A00"
    )


# --- Runs that Airflow stopped -----------------------------------------------------------------------------


def end(run: ExportRun, reason: str, segments: Any) -> None:
    dag_run = SimpleNamespace(dag_id=run.export.name, run_id=run.run_id)
    context: Any = {"reason": reason, "params": {"segments": []}, "dag_run": dag_run}
    reporting.end_run(run, context, segments)


def test_a_run_that_took_too_long_gets_its_report_and_is_announced(lake: Lake, web: WebServer) -> None:
    run = lake.run(alerts=ALERTS, run_timeout_hours=0.5)
    prepare(run, GOLD)
    delivered(run, GOLD)
    end(run, "timed_out", [GOLD, SILVER])
    report = RunReport.model_validate_json(run.workspace.read_bytes(f"{run.folder}/report.json"))
    assert report.timed_out
    assert [segment.outcome for segment in report.segments] == [Outcome.DELIVERED, Outcome.FAILED]
    assert set(History(run.workspace, "autumn").read()["run_state"].to_pylist()) == {"timed out"}
    [(_, alert)] = web.posts
    assert alert["title"] == "Autumn campaign: the run failed"
    assert "took longer than 0.5 hours (`run_timeout_hours`)" in alert["text"]
    assert "Silver" in alert["text"]
    assert "Gold" not in alert["text"]


def test_a_run_that_took_too_long_before_it_had_segments(lake: Lake, web: WebServer) -> None:
    run = lake.run(alerts=ALERTS)
    end(run, "timed_out", None)
    assert told(web) == ["failure"]
    assert b"The run took too long and was stopped." in run.workspace.read_bytes(f"{run.folder}/report.html")


def test_other_runs_need_not_wait_for_the_audiences_of_a_stopped_run(lake: Lake, web: WebServer) -> None:
    """Otherwise they would wait until its leases expire, half an hour."""
    run = lake.run(alerts=ALERTS)
    prepare(run, GOLD)
    ours = Upload.of(run, GOLD, holder="autumn / run-1")
    theirs = Upload.of(run, SILVER, holder="autumn / another")
    for upload in (ours, theirs):
        upload._lease().take(timedelta(minutes=30))
    assert ours.holder() == "autumn / run-1"
    end(run, "timed_out", [GOLD, SILVER])
    assert (ours.holder(), theirs.holder()) == (None, "autumn / another")


def test_a_report_that_died_is_made_up_for(lake: Lake, web: WebServer) -> None:
    run = lake.run(alerts=ALERTS)
    prepare(run, GOLD)
    delivered(run, GOLD)
    end(run, "task_failure", [GOLD])
    assert "The task `report` did not finish" in web.posts[0][1]["text"]
    assert run.workspace.exists(f"{run.folder}/report.html")


def test_a_report_that_cannot_be_written_is_announced(
    lake: Lake, web: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise TransientError("The disk is full.")

    monkeypatch.setattr(reporting, "write_report", full)
    end(lake.run(alerts=ALERTS), "timed_out", [GOLD])
    assert told(web) == [Kind.FAILURE]
    assert "The report could not be written: TransientError: The disk is full." in caplog.text


def test_a_run_without_segments_has_a_report_and_a_row(lake: Lake, web: WebServer) -> None:
    run = lake.run(alerts=ALERTS)
    reporting.announce_nothing_selected(run, "No table was found.", timed_out=True)
    assert b"No table was found." in run.workspace.read_bytes(f"{run.folder}/report.html")
    [row] = History(run.workspace, "autumn").read().to_pylist()
    assert (row["run_state"], row["segment"]) == ("timed out", None)
    assert told(web) == ["failure"]


def test_an_alert_links_to_the_report(lake: Lake, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com")
    announce(lake.run(alerts=ALERTS), BROKEN)
    [(_, post)] = web.posts
    assert post["report_url"] == "https://airflow.example.com/customer-match/reports/autumn/run-1"
    assert post["export_url"] == "https://airflow.example.com/customer-match/exports/autumn"
