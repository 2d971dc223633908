"""The DAG `customer_match_forget`, by `dag.test()` against the simulator: a file, a held audience, a second run."""

from __future__ import annotations

import json
import runpy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.models.xcom import XComModel
from airflow.sdk import DAG
from airflow.utils.session import create_session
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import select
from typer.testing import CliRunner

from airflow_microsoft_advertising.cli.main import app
from customer_match.addresses.definition import digest
from customer_match.erasure.register import KEY_NAME
from customer_match.ledger.lease import LEASE_DURATION, Lease
from customer_match.ledger.store import ledger_folder
from customer_match.project import PROJECT
from customer_match.workspace.workspace import Workspace
from tests.airflow_microsoft_advertising.conftest import (  # noqa: F401 (fixtures)
    connect,
    running_simulator,
    simulator,
)
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PERSON, STAYS = "eve@canary-mail.example", "bob@stay.example"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "exports").mkdir()
    (tmp_path / "lake" / "Gold").mkdir(parents=True)
    (tmp_path / "lake" / "Gold" / "a.csv").write_text(f"Id,Email\n1,{PERSON}\n2,{STAYS}\n")
    (tmp_path / "people.txt").write_text(f"{PERSON}\n")
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv(f"AIRFLOW_VAR_{KEY_NAME.upper()}", "5e" * 32)
    monkeypatch.setattr("airflow_microsoft_advertising.erasure.tasks._WAIT_SECONDS", 0.0)
    return tmp_path


def forget(**params: str) -> tuple[str, dict[str, str], list[Any]]:
    """Run the DAG; returns its state, the states of its tasks, and all XComs."""
    found = runpy.run_path(str(PROJECT / "dags" / "customer_match_forget.py"))
    [dag] = [value for value in found.values() if isinstance(value, DAG)]
    for task in dag.tasks:
        task.retries = 0
    run = dag.test(run_conf=params)
    with create_session() as session:
        rows = session.scalars(select(XComModel.value).where(XComModel.run_id == run.run_id)).all()
    return str(run.state), {one.task_id: str(one.state) for one in run.get_task_instances()}, list(rows)


@pytest.mark.usefixtures("airflow_db")
def test_a_batch_and_its_completion(folder: Path, simulator: Simulator, caplog: Any) -> None:  # noqa: F811
    name = f"forget-{uuid.uuid4().hex[:8]}"
    (folder / "exports" / f"{name}.yaml").write_text(
        f"cid: {simulator.ready['customer_id']}\naid: {simulator.ready['account_id']}\nsource: {folder / 'lake'}\n"
        f"email: Email\nworkspace: {folder / 'workspace'}\nsegments: [{{table: Gold, audience: {name}}}]\n"
    )
    result = CliRunner().invoke(app, ["run", name])
    assert result.exit_code == 0, result.output
    [audience] = [one for one in simulator.api.control("audiences") if one["name"] == name]
    aid, workspace = simulator.ready["account_id"], Workspace(LocalFileSystem(), str(folder / "workspace"))
    lease = Lease(workspace, ledger_folder(aid, name), audience=name, holder="another run")
    lease.take(LEASE_DURATION)

    state, tasks, first = forget(file=str(folder / "people.txt"))
    assert (state, tasks) == ("failed", {"receive": "success", "complete": "failed"})
    assert "1 request for erasure not complete" in caplog.text
    assert len(simulator.api.members(audience["id"])) == 2

    lease.release()
    state, tasks, second = forget()
    assert (state, tasks) == ("success", {"receive": "skipped", "complete": "success"})
    assert simulator.api.members(audience["id"]) == [digest(STAYS).hex()]
    written = json.dumps([first, second]) + caplog.text
    assert '\\"complete\\": true' in written or '"complete": true' in written
    assert not [one for one in ("canary", digest(PERSON).hex()) if one in written]


@pytest.mark.usefixtures("airflow_db")
def test_a_file_that_cannot_be_used_fails_with_advice(folder: Path, caplog: Any) -> None:
    (folder / "exports" / "autumn.yaml").write_text(
        f"cid: 1\naid: 2\nsource: lake\nemail: Email\nworkspace: {folder / 'workspace'}\nsegments: [Gold]\n"
    )
    (folder / "people.txt").write_text(f"{PERSON}\nnobody\n")
    (folder / "people.bin").write_bytes(b"\xff\xfe")
    for name, words in (
        ("people.txt", "line 2 of what was given"),
        ("people.bin", "is not text in UTF-8"),
        ("missing.txt", "There is no file"),
    ):
        state, tasks, _ = forget(file=str(folder / name))
        assert (state, tasks["receive"]) == ("failed", "failed")
        assert words in caplog.text
    assert "canary" not in caplog.text
    assert not (folder / "workspace").exists()
