"""Exports under a real scheduler, against the simulator: what a user sees, run as a user runs it."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_microsoft_advertising.connection.token_store import variable_name
from customer_match.project import PROJECT
from customer_match.runs.report import Outcome, RunReport
from customer_match.runs.report_text import summary_of
from customer_match_demo.tables import churn_tables, demo_tables

pytestmark = [pytest.mark.system, pytest.mark.azurite, pytest.mark.timeout(600)]

TABLES = demo_tables(0.01)


EXPORTS = {  # DAG id: policy and lake
    "basic": ("basic", "local"),
    "enhanced": ("enhanced", "local"),
    "both": ("both", "local"),
    "azure": ("basic", "azurite"),
}


def test_audiences_are_exact_full_and_incremental(installation: Any) -> None:
    """Four exports at once, twice: what each audience holds, and what the reports say, is the reference's."""
    for tables in (TABLES, churn_tables(TABLES, 0.01)):
        for dag_id, (_, kind) in EXPORTS.items():
            installation.write(dag_id, tables, kind)
        runs = {dag_id: installation.start(dag_id) for dag_id in EXPORTS}
        reports = {dag_id: _exact_report(installation, dag_id, run_id) for dag_id, run_id in runs.items()}
    for report in reports.values():
        sent = report.total("added") + report.total("removed")
        assert 0 < sent < 0.03 * report.total("members")


def test_a_run_is_an_event_for_other_dags(installation: Any) -> None:
    run_id, state = installation.run("basic", segments=["basic LapsedVIPs"])
    assert state == "success"
    found = installation.events("basic", run_id)
    uri = f"x-microsoft-advertising://{installation.stack.account['account_id']}/audiences/basic%20LapsedVIPs"
    assert set(found) == {"basic audiences", uri}
    assert {extra["profiles"] for extra in found.values()} == {10}
    assert found[uri]["audience"] == "basic LapsedVIPs"
    dry_id, state = installation.run("basic", segments=["basic LapsedVIPs"], dry_run=True)
    assert (state, installation.events("basic", dry_id)) == ("success", {})


@pytest.mark.faults
def test_one_time_refresh_tokens_pass_between_workers_and_triggerer(installation: Any) -> None:
    """Each refresh token works once, and several tasks and triggers renew at the same time."""
    simulator = installation.stack.account["base_url"]
    one_time = {"strict_rotation": True}
    before = _stored_tokens(installation)
    httpx.post(f"{simulator}/simulator/tokens", json=one_time, trust_env=False).raise_for_status()
    try:
        runs = [installation.run("one_time") for _ in range(2)]
    finally:
        httpx.post(f"{simulator}/simulator/tokens", json={"strict_rotation": False}, trust_env=False)
    assert [state for _, state in runs] == ["success", "success"]
    for segment in installation.report("one_time", runs[-1][0]).segments:
        wanted = installation.expected("one_time", segment.segment)
        assert installation.members(segment.audience) == wanted.members
    account = installation.stack.account
    of_others = {*before, variable_name(account["client_id"], account["refresh_token"])}
    [kept] = [stored for name, stored in _stored_tokens(installation).items() if name not in of_others]
    assert (kept["value"], kept["is_encrypted"]) == ("***", True)
    log = installation.api.log("one_time", runs[-1][0], "segment.upload_batch", 0)
    assert "sim-refresh" not in log


def _stored_tokens(installation: Any) -> dict[str, dict[str, Any]]:
    variables = installation.api.get("/variables", limit=100)["variables"]
    return {v["key"]: v for v in variables if v["key"].startswith("microsoft_advertising_refresh_token_")}


def _exact_report(installation: Any, dag_id: str, run_id: str) -> RunReport:
    policy, kind = EXPORTS[dag_id]
    assert installation.wait(dag_id, run_id) == "success"
    report: RunReport = installation.report(dag_id, run_id, kind)
    for s in report.segments:
        wanted = installation.expected(dag_id, s.segment, policy, kind)
        assert installation.members(s.audience) == wanted.members
        assert (s.profiles, s.valid, s.rejected) == (wanted.profiles, wanted.valid, wanted.rejected)
        assert (s.duplicates, s.members) == (wanted.duplicates, len(wanted.members))
    return report


def test_broken_segments_fail_with_advice_and_spare_the_others(installation: Any) -> None:
    run_id, state = installation.run("faulty")
    assert state == "failed"
    report = {segment.segment: segment for segment in installation.report("faulty", run_id).segments}
    assert {name for name, s in report.items() if s.outcome is Outcome.FAILED} == {
        "NoColumn",
        "Empty",
        "Truncated",
    }
    assert len(installation.members("Good")) == 2
    states = installation.api.task_states("faulty", run_id)
    assert set(states["segment.upload"]) == set(states["segment.validate"]), "skipped, but called by its name"
    words = {"NoColumn": "Email", "Empty": "allow_empty", "Truncated": "part-0.parquet"}
    logs = [
        installation.api.log("faulty", run_id, "segment.validate", 0),
        _last_lines(installation, "faulty", run_id, "segment.upload_batch", 0),
    ]
    for name, word in words.items():
        assert word in str(report[name].message)
        assert all(word in log for log in logs)
        assert f"Segment '{name}': " in logs[-1]


def test_a_service_that_cannot_be_used_says_what_to_do(installation: Any) -> None:
    """What is wrong with the sign-in is found before anything is read; a service that is down, only if it stays so."""
    refused, down = (installation.start(dag_id) for dag_id in ("wrong_password", "service_down"))
    assert installation.wait("wrong_password", refused) == "failed"
    states = installation.api.task_states("wrong_password", refused)
    assert states["select"] == {"": "failed"}
    log = installation.api.log("wrong_password", refused, "select", -1)
    assert "client secret" in _last_lines(installation, "wrong_password", refused, "select", -1).lower()
    assert "not-the-secret" not in log
    assert installation.wait("service_down", down) == "failed"
    advice = "base URL on the connection"
    assert advice in _last_lines(installation, "service_down", down, "segment.upload", 0)
    [segment] = installation.report("service_down", down).segments
    assert advice in str(segment.message)
    assert (segment.added, segment.parts) == (None, None), "planned, but not done"
    log = installation.api.log("service_down", down, "select", -1)
    assert "The sign-in could not be checked before reading" in log


def test_a_broken_file_is_a_dag_that_says_so(installation: Any) -> None:
    installation.api.wait_for_dag("broken")
    details = installation.api.get("/dags/broken/details")
    assert "segmints" in details["doc_md"]
    assert details["dag_display_name"] == "broken (export file not valid)"
    run_id, state = installation.run("broken")
    assert state == "failed"
    assert "did you mean" in _last_lines(installation, "broken", run_id, "configuration_error", -1).lower()
    note = str(installation.api.get(f"/dags/broken/dagRuns/{run_id}")["note"])
    assert note.startswith("The export file is not valid. Nothing was sent.\n- broken.yaml")
    assert "segmints" in note


def test_a_misspelt_parameter_starts_no_real_run(installation: Any) -> None:
    """Airflow itself accepts any name."""
    run_id, state = installation.run("basic", dryrun=True)
    assert state == "failed"
    states = installation.api.task_states("basic", run_id)
    assert states["select"] == {"": "failed"}
    assert set(states["segment.upload"].values()) == {"upstream_failed"}
    log = _last_lines(installation, "basic", run_id, "select", -1)
    assert "Did you mean `dry_run`? Nothing was sent." in log
    note = str(installation.api.get(f"/dags/basic/dagRuns/{run_id}")["note"])
    assert note.startswith("No segments were selected. ")
    assert "Did you mean `dry_run`? Nothing was sent." in note
    assert f"[Report](/customer-match/reports/basic/{run_id})" in note


def test_by_hand_a_subset_dry_then_full(installation: Any) -> None:
    chosen = "basic HighValueCustomers"
    before = installation.members(chosen)
    run_id, state = installation.run("basic", segments=[chosen], dry_run=True, mode="full")
    assert state == "success"
    [segment] = installation.report("basic", run_id).segments
    assert (segment.outcome, segment.parts) == (Outcome.DRY_RUN, 1)
    assert installation.members(chosen) == before
    run_id, state = installation.run("basic", segments=[chosen], mode="full")
    assert state == "success"
    [segment] = installation.report("basic", run_id).segments
    assert segment.outcome is Outcome.DELIVERED
    assert segment.replaced
    assert installation.members(chosen) == installation.expected("basic", "HighValueCustomers").members
    entries = [entry for entry in installation.audit("basic") if entry.get("run_id") == run_id]
    assert [entry["event"] for entry in entries] == ["run started", "segment ended", "run ended"]
    assert {(entry["kind"], entry["user"], entry["dry_run"]) for entry in entries} == {
        ("manual", "admin", False)
    }
    assert (entries[0]["full"], entries[0]["chosen"]) == (True, [chosen])
    assert (entries[1]["audience"], len(entries[1]["requests"])) == (chosen, segment.parts)
    assert entries[0]["privacy"]["by"], "who agreed to data privacy"


def test_backfill_and_order_in_time(installation: Any) -> None:
    api = installation.api
    api.wait_for_dag("daily")
    runs = installation.backfill("daily", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", at_least=2)
    assert [api.wait_for_run("daily", run["dag_run_id"]) for run in runs] == ["success", "success"]
    assert installation.wait("daily", installation.scheduled_run("daily")) == "success"
    assert installation.members("daily") == installation.expected("daily", "LapsedVIPs").members
    _, state = installation.run("daily")
    assert state == "success"
    _wait_for_the_end_of_backfills(api)
    runs = installation.backfill("daily", "2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z", at_least=3)
    [run] = [r for r in runs if r["logical_date"].startswith("2026-10-01")]
    assert api.wait_for_run("daily", run["dag_run_id"]) == "success"
    [segment] = installation.report("daily", run["dag_run_id"]).segments
    assert segment.outcome is Outcome.SKIPPED
    assert "newer data" in str(segment.message)


def test_a_backfill_by_force_ends_with_its_newest_day(installation: Any) -> None:
    """Each day is applied, oldest first, over newer data; the next run goes on from the last of them.

    The command is the documented one: it includes its last day. A day before the start date is skipped.
    """
    api, state = installation.api, lambda: installation.ledger("forced").load().state
    _, ended = installation.run("forced")
    assert ended == "success"
    assert installation.wait("forced", installation.scheduled_run("forced")) == "success"
    newest = state().interval_end
    installation.wait_until_idle()
    installation.airflow(*_documented_backfill("forced", "2026-10-31", "2026-11-03"))
    skipped, *runs = installation.backfill_runs("forced", at_least=4)
    assert [run["logical_date"][:10] for run in runs] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert [api.wait_for_run("forced", run["dag_run_id"]) for run in (skipped, *runs)] == ["success"] * 4
    assert set(_states(api, "forced", skipped)) == {"skipped"}
    note = api.get(f"/dags/forced/dagRuns/{skipped['dag_run_id']}")["note"]
    assert "2026-10-31 05:00 UTC, is before the export's `start_date`, 2026-11-01 (UTC)" in note
    started = [api.get(f"/dags/forced/dagRuns/{run['dag_run_id']}")["start_date"] for run in runs]
    assert started == sorted(started)
    reports = [installation.report("forced", run["dag_run_id"]) for run in runs]
    assert [report.segments[0].outcome for report in reports] == [Outcome.UNCHANGED] * 3
    assert [report.segments[0].forced_over for report in reports] == [newest, None, None]
    assert "Applied by force over newer data" in summary_of(reports[0])
    assert state().interval_end == reports[-1].interval_end < newest
    run_id, ended = installation.run("forced")
    assert ended == "success"
    assert installation.report("forced", run_id).segments[0].outcome is Outcome.UNCHANGED
    assert state().interval_end > newest
    assert installation.members("forced") == installation.expected("forced", "LapsedVIPs").members


def test_pool_note_and_names_in_airflow(installation: Any) -> None:
    pool = installation.api.get("/pools/microsoft_advertising_190000001")
    assert (pool["slots"], pool["include_deferred"]) == (5, True)
    runs = installation.api.get("/dags/basic/dagRuns")["dag_runs"]
    assert any("succeeded" in (run["note"] or "") for run in runs)
    run_id, _ = installation.run("basic", segments=["basic LapsedVIPs"])
    states = installation.api.task_states("basic", run_id)
    assert set(states["segment.upload"]) == {"basic LapsedVIPs"}
    assert set(states["segment.upload_batch"]) == {"basic LapsedVIPs"}, "skipped, but called by its name"


def test_no_address_leaves_the_tables(installation: Any) -> None:
    """Everything that was written beside the tables: workspaces, logs, metadata database, the service's data."""
    addresses = {value.strip().lower() for value in _emails() if value and "@" in value}
    assert len(addresses) > 10_000
    tables = installation.folder / "basic"
    assert _addresses_in([tables / "LapsedVIPs"]) & addresses  # what is looked for would be found
    places = [installation.folder / "workspace", installation.folder / "stack"]
    assert sum(path.is_file() for place in places for path in place.rglob("*")) > 100
    assert not _addresses_in(places) & (addresses | {"good.one@example.org", "good.two@example.org"})
    lake, _ = installation.lakes["azurite"]
    lake.invalidate_cache()
    written = lake.find("lake/workspace")
    assert written
    assert not {address for path in written for address in _addresses(lake.cat_file(path))} & addresses


def _emails() -> Iterator[str | None]:
    for table in TABLES:
        for batch in table.profiles.batches():
            yield from batch.column("Email").to_pylist()


def _addresses_in(places: list[Path]) -> set[str]:
    files = (path for place in places for path in place.rglob("*") if path.is_file())
    return {address for path in files for address in _addresses(path.read_bytes())}


def _addresses(content: bytes) -> set[str]:
    found = re.findall(rb"[^\s\"'<>,;:\\\x00-\x1f]+@[^\s\"'<>,;:\\\x00-\x1f]+", content)
    return {address.decode(errors="replace").lower() for address in found}


def _last_lines(installation: Any, dag_id: str, run_id: str, task_id: str, index: int) -> str:
    return "\n".join(installation.api.log(dag_id, run_id, task_id, index).splitlines()[-12:])


def _documented_backfill(dag_id: str, first: str, last: str) -> list[str]:
    """The arguments of the command in docs/operations.md, for another export and other days."""
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^airflow (backfill create .*?)^```", page, re.MULTILINE | re.DOTALL)
    text = command.replace("\\\n", " ").replace("autumn", dag_id)
    return shlex.split(text.replace("2026-11-01", first).replace("2026-11-10", last))


def _states(api: Any, dag_id: str, run: dict[str, Any]) -> list[str]:
    return [str(task["state"]) for task in api.instances(dag_id, run["dag_run_id"])]


def _wait_for_the_end_of_backfills(api: Any) -> None:
    """The scheduler closes a backfill up to 30 s after its last run; only one may be open."""
    for _ in range(120):
        if all(backfill["completed_at"] for backfill in api.get("/backfills", dag_id="daily")["backfills"]):
            return
        time.sleep(1)
    raise AssertionError("the backfill was never closed")
