"""Tables that vanish or appear between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from include.customer_match.discovery import Changes, Remembered, Seen
from include.customer_match.export import Export
from include.customer_match.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(LocalFileSystem(), str(tmp_path))


def remembered(workspace: Workspace, segments: Any = "all", name: str = "autumn") -> Remembered:
    keys = {"name": name, "cid": 1, "aid": 2, "source": "lake", "email": "Email"}
    return Remembered(workspace, Export.model_validate(keys | {"segments": segments}))


def test_the_first_run_tells_nothing(workspace: Workspace) -> None:
    assert remembered(workspace).changes(["Gold", "Silver"]) == Changes()


def test_what_was_delivered_is_missed_in_every_run_until_it_is_back(workspace: Workspace) -> None:
    memory = remembered(workspace)
    for table in ("Gold", "Silver", "Silver"):
        memory.remember(table, table)
    gone = Changes(vanished=(Seen(table="Gold", audience="Gold"),), appeared=("Bronze",))
    assert memory.changes(["Silver", "Bronze"]) == gone
    assert remembered(workspace).changes(["Silver", "Bronze"]) == gone
    assert memory.changes(["Silver", "Gold"]) == Changes()
    assert len(memory.changes([]).vanished) == 2


def test_what_no_pattern_takes_has_not_vanished(workspace: Workspace) -> None:
    remembered(workspace).remember("Gold", "Gold")
    assert remembered(workspace, ["S*"]).changes(["Silver"]).vanished == ()
    assert remembered(workspace, ["Gold", "S*"]).changes(["Silver"]).vanished == ()
    assert remembered(workspace, ["G*"]).changes(["Silver"]).vanished != ()
    assert remembered(workspace, name="other").changes(["Silver"]) == Changes()


def test_named_tables_need_no_memory(workspace: Workspace) -> None:
    remembered(workspace, [{"table": "Gold", "audience": "x"}, "*"]).remember("Gold", "x")
    assert remembered(workspace).changes([]) == Changes()


def test_two_runs_may_remember_the_same(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered(workspace).remember("Gold", "Gold")
    monkeypatch.setattr(workspace, "list", lambda _: [])
    remembered(workspace).remember("Gold", "Gold")


def test_a_damaged_memory_tells_nothing(workspace: Workspace) -> None:
    memory = remembered(workspace)
    memory.remember("Gold", "Gold")
    (name,) = workspace.list("tables/2/" + workspace.list("tables/2")[0])
    workspace.write_bytes(f"tables/2/{workspace.list('tables/2')[0]}/{name}", b"{")
    assert memory.changes([]).vanished == ()
