"""The whole DAG once in this process, by `dag.test()`, against the simulator."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.models.asset import AssetEvent
from airflow.sdk import DAG
from airflow.utils.session import create_session
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import select

from airflow_microsoft_advertising.audit.heads import VariableHeads
from customer_match.audit.trail import Trail
from customer_match.errors import TransientError
from customer_match.runs.folders import report_page
from customer_match.runs.report import RunReport
from customer_match.safe_names import slug
from customer_match.workspace.workspace import Workspace
from customer_match_demo.expected import expected
from customer_match_demo.tables import demo_tables, write_tables
from tests.airflow_microsoft_advertising.conftest import (  # noqa: F401 (fixtures)
    connect,
    running_simulator,
    simulator,
)
from tests.dags.conftest import Dags
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

TABLES = demo_tables(0.001)


@pytest.mark.usefixtures("airflow_db")
def test_a_broken_segment_fails_alone(dags: Dags, tmp_path: Path, simulator: Simulator) -> None:  # noqa: F811 (the fixture)
    """Three segments arrive exactly; then one is broken: it fails with advice, the others are exported."""
    unique = uuid.uuid4().hex[:8]
    write_tables(str(tmp_path / "lake"), TABLES)
    segments = "".join(f"- {{table: {t.table}, audience: {t.table} {unique}}}\n" for t in TABLES)
    text = (
        f"cid: {simulator.ready['customer_id']}\naid: {simulator.ready['account_id']}\n"
        f"source: {tmp_path / 'lake'}\nemail: Email\nworkspace: {tmp_path / 'workspace'}\nretries: 0\n"
        f"segments_per_task: 1\nsegments:\n{segments}"
    )
    name = f"whole-{unique}"
    run = quick(dags(**{name: text})[name]).test(run_conf={"mode": "full"})
    assert run.state == "success"
    report = report_of(tmp_path, name, run)
    assert report.failed == 0
    for segment in report.segments:
        wanted = expected(str(tmp_path / "lake" / segment.segment)).members
        assert simulator.api.members(str(segment.audience_id)) == wanted
        assert segment.replaced
    uris = {
        f"x-microsoft-advertising://{simulator.ready['account_id']}/audiences/{t.table}%20{unique}"
        for t in TABLES
    }
    sent = events_of(run)
    assert {uri for uri, _ in sent} == {*uris, f"{name} audiences"}
    assert len(sent) == len(TABLES) + 1
    members = {f"{one.segment} {unique}": one.members for one in report.segments}
    assert {extra["audience"]: extra["members"] for uri, extra in sent if uri in uris} == members

    broken = tmp_path / "lake" / "HighValueCustomers"
    for path in broken.iterdir():
        path.unlink()
    pq.write_table(pa.table({"Mail": ["somebody"]}), broken / "part-0.parquet")
    run = quick(dags()[name]).test()  # imported again: `test` leaves the other run's parameters behind
    assert run.state == "failed"
    states = {(t.task_id, t.map_index): t.state for t in run.get_task_instances()}
    assert [states["segment.validate", index] for index in range(3)] == ["failed", "success", "success"]
    assert [states["segment.upload", index] for index in range(3)] == [
        "upstream_failed",
        "success",
        "success",
    ]
    report = report_of(tmp_path, name, run)
    assert sorted(uri for uri, _ in events_of(run)) == sorted(uri for uri in uris if "HighValue" not in uri)
    assert [segment.outcome.value for segment in report.segments] == ["failed", "unchanged", "unchanged"]
    assert [segment.sizes and segment.sizes.readiness.value for segment in report.segments] == [
        "not known yet"
    ] * 3, "what the first run delivered"
    assert states["sizes", -1] == "success"
    assert audited(tmp_path, name) == ["run started", *["segment ended"] * 3, "run ended"] * 2
    assert "Email" in str(report.segments[0].message)
    assert "export file" in str(report.segments[0].message)


@pytest.mark.usefixtures("airflow_db")
def test_a_table_that_vanishes(dags: Dags, tmp_path: Path, simulator: Simulator) -> None:  # noqa: F811 (the fixture)
    """Its audience is emptied by the tasks of a segment like any other; then there is nothing left of it to do."""
    unique = uuid.uuid4().hex[:8]
    tables = [replace(table, table=f"{table.table} {unique}") for table in TABLES[:2]]
    write_tables(str(tmp_path / "lake"), tables)
    text = (
        f"cid: {simulator.ready['customer_id']}\naid: {simulator.ready['account_id']}\n"
        f"source: {tmp_path / 'lake'}\nemail: Email\nworkspace: {tmp_path / 'workspace'}\nretries: 0\n"
        "segments: all\nvanished: empty\nroute: bulk\n"
    )
    name = f"vanishing-{unique}"
    assert quick(dags(**{name: text})[name]).test().state == "success"
    shutil.rmtree(tmp_path / "lake" / tables[0].table)
    assert quick(dags()[name]).test().state == "success", "a second run must miss it too"
    outcomes = []
    for _ in range(2):
        run = quick(dags()[name]).test()
        assert run.state == "success"
        report = report_of(tmp_path, name, run)
        outcomes.append({segment.segment: segment.outcome.value for segment in report.segments})
    assert outcomes == [
        {tables[0].table: "emptied", tables[1].table: "unchanged"},
        {tables[1].table: "unchanged"},
    ]
    held = {one["name"]: simulator.api.members(one["id"]) for one in simulator.api.control("audiences")}
    assert held[tables[0].table] == []
    assert held[tables[1].table] == expected(str(tmp_path / "lake" / tables[1].table)).members


@pytest.mark.bad_input
@pytest.mark.usefixtures("airflow_db")
def test_names_that_cannot_be_used(dags: Dags, tmp_path: Path, simulator: Simulator) -> None:  # noqa: F811 (the fixture)
    """Their mapped tasks fail, the others deliver; no name of a mapped task is longer than Airflow can hold."""
    unique = uuid.uuid4().hex[:8]
    good = replace(TABLES[0], table=f"Gold# {unique}")
    bad = ["n" * 240, "Twin", "twin", "line\nbreak", "p=anna%40example.com"]
    write_tables(str(tmp_path / "lake"), [good, *(replace(TABLES[1], table=name) for name in bad)])
    text = (
        f"cid: {simulator.ready['customer_id']}\naid: {simulator.ready['account_id']}\n"
        f"source: {tmp_path / 'lake'}\nemail: Email\nworkspace: {tmp_path / 'workspace'}\nretries: 0\n"
        "segments: all\nroute: bulk\n"
    )
    name = f"names-{unique}"
    run = quick(dags(**{name: text})[name]).test()
    assert run.state == "failed"
    report = report_of(tmp_path, name, run)
    outcomes = {segment.segment: segment.outcome.value for segment in report.segments}
    failed = dict.fromkeys(["n" * 240, "Twin", "twin", "line\\nbreak", "[address]"], "failed")
    assert outcomes == {good.table: "delivered", **failed}
    held = {one["name"]: simulator.api.members(one["id"]) for one in simulator.api.control("audiences")}
    assert held[good.table] == expected(str(tmp_path / "lake" / good.table)).members
    shown = [str(task.rendered_map_index or "") for task in run.get_task_instances()]
    assert max(map(len, shown)) <= 250
    assert "anna" not in str(shown) + report.model_dump_json()


@pytest.mark.bad_input
@pytest.mark.usefixtures("airflow_db")
def test_a_run_that_selects_nothing(dags: Dags, tmp_path: Path) -> None:
    """The report fails with a word instead of passing over nothing."""
    (tmp_path / "lake").mkdir()
    text = (
        f"cid: 1\naid: 2\nsource: {tmp_path / 'lake'}\nemail: Email\nworkspace: {tmp_path / 'workspace'}\n"
        "retries: 0\nsegments: all\n"
    )
    name = f"nothing-{uuid.uuid4().hex[:8]}"
    run = dags(**{name: text})[name].test()
    assert run.state == "failed"
    states = {t.task_id: t.state for t in run.get_task_instances()}
    assert states["select"] == "failed"
    assert states["report"] == "failed"
    assert audited(tmp_path, name) == ["run started", "run ended"]
    assert dags()[name].test(run_conf={"dryrun": True}).state == "failed"
    assert audited(tmp_path, name) == ["run started", "run ended"] * 2, "refused before it selects anything"


@pytest.mark.bad_input
@pytest.mark.usefixtures("airflow_db")
def test_more_segments_than_airflow_maps(
    dags: Dags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said at once, without retries, by the task that chooses and by the report."""
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "2")
    write_tables(str(tmp_path / "lake"), TABLES)
    text = (
        f"cid: 1\naid: 2\nsource: {tmp_path / 'lake'}\nemail: Email\nworkspace: {tmp_path / 'workspace'}\n"
        "retries: 3\nsegments: all\nsegments_per_task: 1\n"
    )
    name = f"many-{uuid.uuid4().hex[:8]}"
    run = dags(**{name: text})[name].test(run_conf={"dry_run": True})
    assert run.state == "failed"
    tasks = {t.task_id: t for t in run.get_task_instances()}
    assert (tasks["select"].state, tasks["select"].try_number) == ("failed", 1)
    assert tasks["report"].state == "failed"
    told = capsys.readouterr().out
    assert "No segments were selected. The 3 segments of this run need 3 mapped tasks" in told
    assert "AIRFLOW__CORE__MAX_MAP_LENGTH=3" in told
    page = (tmp_path / "workspace" / report_page(name, run.run_id)).read_text()
    assert "No segment was exported. No segments were selected. The 3 segments" in page
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "3")
    run = dags()[name].test(run_conf={"dry_run": True})
    assert [t.state for t in run.get_task_instances() if t.task_id == "segment.chunk"] == ["success"] * 3
    assert [t.state for t in run.get_task_instances() if t.task_id in {"publish", "report"}] == [
        "skipped",
        "success",
    ]
    assert events_of(run) == []


@pytest.mark.usefixtures("airflow_db")
def test_airflow_retries_after_the_wait_that_was_named(
    dags: Dags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: object) -> None:
        raise TransientError("The service throttles.", retry_after=2)

    monkeypatch.setattr("airflow_microsoft_advertising.run.select.check_before_reading", throttled)
    text = (
        f"cid: 1\naid: 2\nsource: {tmp_path / 'lake'}\nemail: Email\nworkspace: {tmp_path / 'workspace'}\n"
        "retries: 1\nretry_delay_seconds: 1\nsegments: all\n"
    )
    run = dags(**{f"waits-{uuid.uuid4().hex[:8]}": text}).popitem()[1].test()
    assert run.state == "failed"
    history = pytest.importorskip(
        "airflow.models.taskinstancehistory", reason="Airflow 3.4 keeps tries otherwise"
    )
    tries = select(history.TaskInstanceHistory.retry_delay_override).where(
        history.TaskInstanceHistory.dag_id == run.dag_id, history.TaskInstanceHistory.task_id == "select"
    )
    with create_session() as session:
        [delay] = session.scalars(tries)
    assert 2 <= delay <= 2.2


def quick(dag: DAG) -> DAG:
    """The same DAG, whose uploads are asked for at once."""
    upload: Any = dag.get_task("segment.upload")
    upload.poll_schedule = {"first": 0.05}
    return dag


def events_of(run: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of assets that a run has sent: the URI, and what it says."""
    query = select(AssetEvent).where(
        AssetEvent.source_dag_id == run.dag_id, AssetEvent.source_run_id == run.run_id
    )
    with create_session() as session:
        return [(event.uri, event.extra) for event in session.scalars(query)]


def audited(folder: Path, name: str) -> list[str]:
    """The events in the audit trail of an export; it is sound, and ends with the entry that Airflow keeps."""
    place = str(folder / "workspace")
    trail = Trail(Workspace(LocalFileSystem(), place), name, VariableHeads(name, place))
    verdict = trail.verify()
    assert verdict.sound
    assert verdict.head == verdict.known
    return [json.loads(line)["event"] for file in trail.read() for line in file.content.splitlines()]


def report_of(folder: Path, dag_id: str, run: Any) -> RunReport:
    path = folder / "workspace" / "runs" / slug(dag_id) / slug(run.run_id) / "report.json"
    return RunReport.model_validate_json(path.read_bytes())
