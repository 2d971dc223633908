"""Tables that vanish or appear between runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.planning.known_tables import Changes, Remembered, Seen, to_end
from customer_match.workspace.workspace import Workspace

DAY = datetime(2026, 5, 1, tzinfo=UTC)


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
    memory.remember("Gold", "Gold")
    assert [one.table for one in memory.changes([]).vanished] == ["Gold"], "it is written anew"


def test_what_has_ended_is_missed_no_more(workspace: Workspace) -> None:
    memory = remembered(workspace)
    for table in ("Gold", "Silver"):
        memory.remember(table, table)
    memory.forget("Gold")
    assert memory.changes(["Silver"]) == Changes(found=1, known=1)
    memory.forget("Gold")


def test_a_table_whose_audience_another_segment_has_by_now(workspace: Workspace) -> None:
    """Somebody gave it another name."""
    remembered(workspace).remember("Gold", "Gold")
    renamed = remembered(workspace, [{"table": "Gold 2026", "audience": "gold"}, "*"])
    present = [Segment(table="Gold 2026", audience="gold")]
    assert renamed.changes(["Gold 2026"], present) == Changes()
    assert [one.table for one in renamed.changes(["Gold 2026"]).vanished] == ["Gold"]


def test_who_missed_it_first_is_noted_until_it_is_there_again(workspace: Workspace) -> None:
    memory = remembered(workspace)
    memory.remember("Gold", "Gold")
    for end in (DAY, DAY + timedelta(days=1)):
        memory.note_missed(memory.changes(["Silver"]), ["Silver"], end)
        assert [one.missed for one in memory.changes(["Silver"]).vanished] == [DAY]
    memory.note_missed(memory.changes(["Gold"]), ["Gold"], DAY)
    assert [one.missed for one in memory.changes(["Silver"]).vanished] == [None]
    memory.note_missed(memory.changes([]), [], DAY)
    memory.forget("Gold")
    memory.remember("Gold", "Gold")
    assert [one.missed for one in memory.changes([]).vanished] == [None], "nothing of it is left"


SEEN = (
    Seen(table="Gold", audience="Gold", missed=DAY),
    Seen(table="Silver", audience="Silver"),
)


@pytest.mark.parametrize("ending", ["empty", "delete"])
def test_what_two_runs_miss_ends_if_the_export_does_not_keep_it(ending: str) -> None:
    gold, silver = (
        Segment(table=one.table, audience=one.audience, ending=ending)  # type: ignore[arg-type]
        for one in SEEN
    )
    later = DAY + timedelta(days=1)
    assert to_end(export(vanished=ending), SEEN, later) == [gold]
    assert to_end(export(vanished=ending), SEEN, DAY) == [], "the same run, or one beside it"
    assert to_end(export(vanished=ending), SEEN, DAY, at_once=True) == [gold, silver]
    assert to_end(export(), SEEN, later, at_once=True) == [], "they are kept if nothing is said"


def test_a_run_of_some_segments_is_about_those() -> None:
    changes = Changes(vanished=SEEN, appeared=("Bronze",), found=3, known=5, gone=2)
    chosen = changes.chosen(["Silver", "Bronze"])
    assert chosen == Changes(vanished=SEEN[1:], found=3, known=5, gone=2), "guards judge by all"
