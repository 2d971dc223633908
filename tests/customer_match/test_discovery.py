"""Tables that vanish or appear between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from include.customer_match.discovery import Changes, Remembered, Seen, to_end
from include.customer_match.export import Export, Segment
from include.customer_match.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(LocalFileSystem(), str(tmp_path))


def export(**changes: Any) -> Export:
    keys = {"name": "autumn", "cid": 1, "aid": 2, "source": "lake", "email": "Email", "segments": "all"}
    return Export.model_validate(keys | changes)


def remembered(workspace: Workspace, segments: Any = "all", name: str = "autumn") -> Remembered:
    return Remembered(workspace, export(segments=segments, name=name))


def test_the_first_run_tells_nothing(workspace: Workspace) -> None:
    assert remembered(workspace).changes(["Gold", "Silver"]) == Changes(found=2)


def test_what_was_delivered_is_missed_in_every_run_until_it_is_back(workspace: Workspace) -> None:
    memory = remembered(workspace)
    for table in ("Gold", "Silver", "Silver"):
        memory.remember(table, table)
    gone = Changes(
        vanished=(Seen(table="Gold", audience="Gold"),), appeared=("Bronze",), found=2, known=2, gone=1
    )
    assert memory.changes(["Silver", "Bronze"]) == gone
    assert remembered(workspace).changes(["Silver", "Bronze"]) == gone
    assert memory.changes(["Silver", "Gold"]) == Changes(found=2, known=2)
    assert len(memory.changes([]).vanished) == 2


def test_what_no_pattern_takes_has_not_vanished(workspace: Workspace) -> None:
    remembered(workspace).remember("Gold", "Gold")
    assert remembered(workspace, ["S*"]).changes(["Silver"]).vanished == ()
    assert remembered(workspace, ["Gold", "S*"]).changes(["Silver"]).vanished == ()
    assert remembered(workspace, ["G*"]).changes(["Silver"]).vanished != ()
    assert remembered(workspace, name="other").changes(["Silver"]) == Changes(found=1)


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


def test_what_has_ended_is_missed_no_more(workspace: Workspace) -> None:
    memory = remembered(workspace)
    for table in ("Gold", "Silver"):
        memory.remember(table, table)
    memory.forget("Gold")
    assert memory.changes(["Silver"]) == Changes(found=1, known=1)
    memory.forget("Gold")


def test_a_table_whose_name_a_named_segment_has_for_its_audience(workspace: Workspace) -> None:
    """Together they would share an audience; but the one is not there any more."""
    remembered(workspace).remember("Gold", "Gold")
    renamed = remembered(workspace, [{"table": "Gold 2026", "audience": "gold"}, "*"])
    assert [one.table for one in renamed.changes(["Gold 2026"]).vanished] == ["Gold"]


SEEN = (Seen(table="Gold", audience="Gold"), Seen(table="Silver", audience="Silver"))


@pytest.mark.parametrize("ending", ["empty", "delete"])
def test_what_the_export_does_not_keep_ends(ending: str) -> None:
    ended = [Segment(table="Silver", audience="Silver", ending=ending)]  # type: ignore[arg-type]
    present = [Segment(table="Gold 2026", audience="GOLD")]
    assert to_end(export(vanished=ending), SEEN, present) == ended
    assert to_end(export(), SEEN, []) == [], "they are kept if nothing is said"


def test_a_run_of_some_segments_is_about_those() -> None:
    changes = Changes(vanished=SEEN, appeared=("Bronze",), found=3, known=5, gone=2)
    chosen = changes.chosen(["Silver", "Bronze"])
    assert chosen == Changes(vanished=SEEN[1:], found=3, known=5, gone=2), "guards judge by all"
