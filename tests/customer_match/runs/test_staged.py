"""Staged data: what is deleted, and what stays because somebody needs it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.ledger.store import ledger_folder
from customer_match.runs.folders import run_folder, staged_folder
from customer_match.runs.staged import StagedData
from customer_match.workspace.workspace import Workspace

NOW = datetime(2026, 6, 10, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(LocalFileSystem(), str(tmp_path))


def written(workspace: Workspace, path: str, age: timedelta = timedelta()) -> None:
    workspace.write_bytes(path, b"digests")
    moment = (NOW - age).timestamp()
    os.utime(workspace.path(path), (moment, moment))


def staged(workspace: Workspace, run: str, audience: str, *ages: timedelta) -> str:
    """Stage members, and a part for each further age; return the folder."""
    folder = staged_folder("autumn", run, audience)
    for number, age in enumerate(ages):
        name = "members.parquet" if number == 0 else f"parts/plan/add-{number:04d}.parquet"
        written(workspace, f"{folder}/{name}", age)
    return folder


def data(workspace: Workspace) -> StagedData:
    return StagedData(workspace, "autumn", "2")


def test_what_was_sent_is_deleted_with_its_empty_folders(workspace: Workspace) -> None:
    gold = staged(workspace, "run", "Gold", WEEK, WEEK)
    silver = staged(workspace, "run", "Silver", WEEK)
    data(workspace).remove("run", "Gold")
    assert not workspace.exists(gold)
    assert workspace.exists(silver)
    data(workspace).remove("run", "Silver")
    assert workspace.list("staged/" + silver.split("/")[1]) == []
    data(workspace).remove("run", "Silver")


def test_only_what_is_older_and_whole_expires(workspace: Workspace) -> None:
    old = staged(workspace, "a", "Gold", 2 * WEEK, 2 * WEEK)
    staged(workspace, "b", "Gold", 2 * WEEK, timedelta(days=1))  # a part was written yesterday
    staged(workspace, "c", "Gold", timedelta(days=6))
    Path(workspace.path(staged_folder("autumn", "d", "Gold"))).mkdir(parents=True)
    other = staged_folder("other", "a", "Gold")
    written(workspace, f"{other}/members.parquet", 2 * WEEK)
    assert list(data(workspace).expired(NOW - WEEK)) == [old]


@pytest.mark.parametrize(("newest", "expires"), [("staged", False), ("ledger", True)])
def test_what_the_ledger_names_stays(workspace: Workspace, newest: str, expires: bool) -> None:
    """Parts of an upload that has not ended; only the newest state counts."""
    folder = staged(workspace, "run", "Gold", 2 * WEEK, 2 * WEEK)
    states = f"{ledger_folder('2', 'Gold')}/states"
    named: dict[str, Any] = {"staged": f'{{"path": "{folder}/parts/plan/add-0001.parquet"}}', "ledger": "{}"}
    workspace.write_bytes(f"{states}/0000000001.json", named["staged"].encode())
    workspace.write_bytes(f"{states}/0000000002.json", named[newest].encode())
    workspace.write_bytes(f"{states}/copy.json", named["staged"].encode())
    assert list(data(workspace).expired(NOW - WEEK)) == ([folder] if expires else [])


def test_what_the_first_release_staged_in_runs_expires_without_the_run(workspace: Workspace) -> None:
    """It put members and parts beside the results of the steps; what a ledger names, and what is new, stays."""
    old, new, needed = (
        f"{run_folder('autumn', run)}/{staged_folder('autumn', run, audience).rpartition('/')[2]}"
        for run, audience in (("old", "Gold"), ("new", "Gold"), ("old", "Silver"))
    )
    for folder, age in ((old, 2 * WEEK), (new, timedelta(days=1)), (needed, 2 * WEEK)):
        for name in ("validate.json", "rejects.parquet", "members.parquet", "parts/plan/add-0001.parquet"):
            written(workspace, f"{folder}/{name}", age)
    written(workspace, f"{run_folder('autumn', 'old')}/report.json", 2 * WEEK)
    state = f'{{"path": "{needed}/parts/plan/add-0001.parquet"}}'
    workspace.write_bytes(f"{ledger_folder('2', 'Silver')}/states/0000000001.json", state.encode())
    expired = list(data(workspace).expired_in_runs(NOW - WEEK))
    assert expired == [f"{old}/members.parquet", f"{old}/parts"]
    for path in expired:
        data(workspace).delete(path)
    assert workspace.list(old) == ["rejects.parquet", "validate.json"]
    assert list(data(workspace).expired_in_runs(NOW - WEEK)) == []


def test_runs_expire_with_their_newest_file(workspace: Workspace) -> None:
    """Also a run that was killed before its report."""
    old, new, killed = (run_folder("autumn", run) for run in ("old", "new", "killed"))
    written(workspace, f"{old}/report.json", 2 * WEEK)
    written(workspace, f"{new}/report.json", 2 * WEEK)
    written(workspace, f"{new}/gold-1/decisions/0000000001.json")
    written(workspace, f"{killed}/gold-1/rejects.parquet", 2 * WEEK)
    assert sorted(data(workspace).expired_runs(NOW - WEEK)) == sorted([old, killed])
    for folder in data(workspace).expired_runs(NOW - WEEK):
        data(workspace).delete(folder)
    assert workspace.exists(new)
    assert not workspace.exists(old)


def test_a_run_whose_parts_an_unended_upload_needs_stays(workspace: Workspace) -> None:
    """Earlier versions staged parts beside the report."""
    old = run_folder("autumn", "old")
    audience = staged_folder("autumn", "old", "Gold").rpartition("/")[2]
    written(workspace, f"{old}/report.json", 2 * WEEK)
    written(workspace, f"{old}/{audience}/parts/add-0001.parquet", 2 * WEEK)
    state = f'{{"path": "{old}/{audience}/parts/add-0001.parquet"}}'
    workspace.write_bytes(f"{ledger_folder('2', 'Gold')}/states/0000000001.json", state.encode())
    assert list(data(workspace).expired_runs(NOW - WEEK)) == []
