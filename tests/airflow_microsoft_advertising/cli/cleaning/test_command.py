"""`customer-match clean`: what is too old is listed, and deleted."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match.runs.folders import run_folder, staged_folder
from customer_match.workspace.workspace import Workspace

STAGED, REPORT = staged_folder("autumn", "run", "Gold"), run_folder("autumn", "run")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Staged data of ten days ago, a report of a year ago, and a file that is not valid."""
    for name in ("autumn", "spring"):
        (tmp_path / f"{name}.yaml").write_text(
            f"cid: 1\naid: 2\nsource: lake\nsegments: all\nemail: Email\nworkspace: {tmp_path}/workspace\n"
            "history_days: 300\n"
        )
    (tmp_path / "broken.yaml").write_text("cid: x")
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    workspace = Workspace(LocalFileSystem(), f"{tmp_path}/workspace")
    for path, days in ((f"{STAGED}/members.parquet", 10), (f"{REPORT}/report.json", 365)):
        workspace.write_bytes(path, b"x")
        moment = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(workspace.path(path), (moment, moment))
    return workspace


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["clean", *arguments])


def test_a_dry_run_lists_and_deletes_nothing(workspace: Workspace) -> None:
    done = run("autumn", "--dry-run")
    assert done.stdout == f"autumn: 2 paths would be deleted:\n  {STAGED}\n  {REPORT}\n"
    assert workspace.exists(STAGED)
    assert workspace.exists(REPORT)


def test_all_exports_are_cleaned(workspace: Workspace) -> None:
    done = run()
    assert done.exit_code == 0
    assert done.stdout == f"autumn: 2 paths deleted:\n  {STAGED}\n  {REPORT}\nspring: 0 paths deleted.\n"
    assert not workspace.exists(STAGED)
    assert not workspace.exists(REPORT)
    assert run("autumn").stdout == "autumn: 0 paths deleted.\n"
