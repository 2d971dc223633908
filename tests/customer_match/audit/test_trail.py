"""The trail in the workspace: writers at the same time, retention, damage."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.audit.chain import Head
from customer_match.audit.trail import Trail
from customer_match.errors import TransientError
from customer_match.workspace.workspace import Workspace
from tests.customer_match.audit.trails import (
    EXPORT,
    THEN,
    Heads,
    ended,
    new_trail,
    run_through,
    segment,
    started,
)
from tests.memory_storage import MemoryStorage


@pytest.fixture(params=["local", pytest.param("azurite", marks=pytest.mark.azurite)])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    if request.param == "local":
        return Workspace(LocalFileSystem(), str(tmp_path / "workspace"))
    container = request.getfixturevalue("lake_container")
    return Workspace(container.filesystem, f"{container.name}/some/folder")


def entries(trail: Trail) -> list[dict[str, object]]:
    return [json.loads(line) for file in trail.read() for line in file.content.splitlines()]


def test_runs_that_write_at_the_same_time_make_one_chain(workspace: Workspace) -> None:
    heads, writers, runs = Heads(), 4, 3
    barrier = Barrier(writers)

    def write(writer: int) -> None:
        trail = Trail(workspace, EXPORT, heads)
        barrier.wait()
        for run in range(runs):
            run_through(trail, f"w{writer}r{run}", "Gold")

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    trail = Trail(workspace, EXPORT, heads)
    verdict = trail.verify()
    assert verdict.faults == ()
    assert verdict.entries == writers * runs * 3
    written = [entry["run_id"] for entry in entries(trail) if entry["event"] == "run ended"]
    assert sorted(written) == sorted(f"w{writer}r{run}" for writer in range(writers) for run in range(runs))
    assert verdict.head == heads.head


def test_what_was_written_together_stays_together() -> None:
    storage = MemoryStorage()
    run_through(new_trail(storage), "r1", "Gold", "Silver")
    assert sorted(storage.files) == [
        f"audit/spring-sale-{suffix}/{number:010d}.jsonl"
        for suffix in {name.split("/")[1].rpartition("-")[2] for name in storage.files}
        for number in (1, 2)
    ]
    assert new_trail(storage).verify().entries == 4


class LostAnswers(MemoryStorage):
    """A storage that writes, and whose answer is lost: the client tries again and finds its own file."""

    def create(self, relative: str, data: bytes) -> None:
        super().create(relative, data)
        raise FileExistsError(relative)


def test_an_answer_that_was_lost_writes_nothing_twice() -> None:
    storage = LostAnswers()
    trail = new_trail(storage)
    run_through(trail, "r1", "Gold")
    assert [entry["event"] for entry in entries(trail)] == ["run started", "segment ended", "run ended"]


class Busy(MemoryStorage):
    """A storage in which somebody else is always faster."""

    def create(self, relative: str, data: bytes) -> None:
        super().create(relative, b"other" + data)
        raise FileExistsError(relative)


def test_a_storage_that_is_always_busy_is_tried_later() -> None:
    with pytest.raises(
        TransientError, match=r"Too many runs want to write the audit trail audit/spring-sale-"
    ):
        run_through(new_trail(Busy()), "r1")


class TestKnownEntry:
    def test_it_follows_the_trail(self) -> None:
        storage, heads = MemoryStorage(), Heads()
        trail = new_trail(storage, heads)
        assert run_through(trail, "r1", "Gold") == heads.head == trail.verify().head

    def test_it_follows_a_trail_that_others_have_continued(self) -> None:
        """A program without access to Airflow cannot store what it wrote."""
        storage, heads = MemoryStorage(), Heads()
        run_through(new_trail(storage, heads), "r1", "Gold")
        run_through(new_trail(storage, Heads()), "r2", "Gold")
        assert run_through(new_trail(storage, heads), "r3", "Gold") == heads.head
        assert new_trail(storage, heads).verify().sound

    def test_it_stays_where_the_end_was_cut_off(self, caplog: pytest.LogCaptureFixture) -> None:
        storage, heads = MemoryStorage(), Heads()
        run_through(new_trail(storage, heads), "r1", "Gold")
        lost = heads.head
        assert lost is not None
        del storage.files[max(storage.files)]
        run_through(new_trail(storage, heads), "r2", "Gold", "Silver")
        assert heads.head == lost, "what was lost is still known"
        assert "lacks its entry 3, which was written before: it was cut off or made again" in caplog.text
        assert new_trail(storage, heads).verify().faults == (
            "Entry 3 is not the one that was written: the trail was made again",
        )

    def test_it_stays_where_the_trail_is_gone(self, caplog: pytest.LogCaptureFixture) -> None:
        storage, heads = MemoryStorage(), Heads(Head(sequence=9, hash="h"))
        run_through(new_trail(storage, heads), "r1")
        assert heads.head == Head(sequence=9, hash="h")
        assert "lacks its entry 9" in caplog.text

    def test_it_stays_where_an_entry_cannot_be_read(self) -> None:
        storage, heads = MemoryStorage(), Heads()
        known = run_through(new_trail(storage, heads), "r1")
        run_through(new_trail(storage, Heads()), "r2")
        name = sorted(storage.files)[1]
        storage.files[name] = b"x" * len(storage.files[name])
        run_through(new_trail(storage, heads), "r3")
        assert heads.head == known


def test_a_damaged_end_stops_no_run_and_is_found(caplog: pytest.LogCaptureFixture) -> None:
    storage = MemoryStorage()
    run_through(new_trail(storage), "r1", "Gold")
    end = max(storage.files)
    storage.files[end] = storage.files[end][:-20] + b"\n"
    run_through(new_trail(storage), "r2", "Gold")
    trail = new_trail(storage)
    assert len(list(trail.read())) == 4
    assert f"The last entry of the audit trail, in {end}, is damaged" in caplog.text
    assert trail.verify().faults[0] == (
        f"{end}, line 2: this is not an entry: it was changed, or something else wrote it"
    )


def test_an_empty_file_is_a_damaged_one() -> None:
    storage = MemoryStorage()
    run_through(new_trail(storage), "r1", "Gold")
    storage.files[max(storage.files)] = b""
    run_through(new_trail(storage), "r2", "Gold")
    assert not new_trail(storage).verify().sound


def test_files_of_others_are_no_part_of_the_trail() -> None:
    storage = MemoryStorage()
    trail = new_trail(storage)
    run_through(trail, "r1", "Gold")
    storage.files[f"{trail.folder}/0000000002 - Copy.jsonl"] = b"x"
    assert trail.foreign() == ["0000000002 - Copy.jsonl"]
    assert trail.verify().sound


def test_a_file_that_is_deleted_while_the_trail_is_read() -> None:
    storage = MemoryStorage()
    trail = new_trail(storage)
    run_through(trail, "r1", "Gold")
    gone, *others = trail._numbers()
    del storage.files[trail._path(gone)]
    trail._numbers = lambda: [gone, *others]  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="was deleted while the audit trail was read"):
        trail.verify()


class TestRetention:
    """Whole months are deleted, and that is recorded: a beginning that is missing otherwise is a fault."""

    JUNE = THEN + timedelta(days=92)

    def trail_of_months(self) -> tuple[MemoryStorage, Heads, Trail]:
        storage, heads = MemoryStorage(), Heads()
        trail = new_trail(storage, heads)
        for month in range(4):
            run_through(trail, f"r{month}", "Gold", at=THEN + timedelta(days=31 * month))
        return storage, heads, trail

    def test_old_months_are_deleted(self) -> None:
        _, heads, trail = self.trail_of_months()
        trail.delete_before((THEN + timedelta(days=40)).date(), self.JUNE, audit_days=52)
        first, *_, last = entries(trail)
        assert (first["run_id"], first["sequence"]) == ("r1", 4)
        assert (last["event"], last["through"], last["audit_days"]) == ("entries deleted", 3, 52)
        assert trail.verify().faults == ()
        assert trail.verify().first == 4
        assert heads.head == trail.verify().head

    def test_nothing_is_written_where_nothing_is_old(self) -> None:
        storage, _, trail = self.trail_of_months()
        before = dict(storage.files)
        trail.delete_before((THEN + timedelta(days=30)).date(), self.JUNE, audit_days=62)
        assert storage.files == before

    def test_the_newest_entries_stay(self) -> None:
        _, _, trail = self.trail_of_months()
        trail.delete_before((THEN + timedelta(days=900)).date(), self.JUNE, audit_days=1)
        assert [entry["event"] for entry in entries(trail)] == [
            "segment ended",
            "run ended",
            "entries deleted",
        ]
        assert trail.verify().sound

    def test_it_goes_on_month_by_month(self) -> None:
        _, _, trail = self.trail_of_months()
        for days in (40, 70):
            trail.delete_before((THEN + timedelta(days=days)).date(), self.JUNE, audit_days=52)
        assert trail.verify().faults == ()
        assert trail.verify().first == 7

    def test_a_crash_before_the_files_are_deleted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        storage, _, trail = self.trail_of_months()

        def crash(relative: str, *, recursive: bool = False) -> None:
            raise OSError("crash")

        with monkeypatch.context() as patched:
            patched.setattr(storage, "delete", crash)
            with pytest.raises(OSError, match="crash"):
                trail.delete_before((THEN + timedelta(days=40)).date(), self.JUNE, audit_days=52)
        assert trail.verify().faults == ()
        storage.delete(min(storage.files))  # a crash between two files
        assert trail.verify().faults == ()

    def test_a_beginning_that_somebody_deleted(self) -> None:
        storage, _, trail = self.trail_of_months()
        trail.delete_before((THEN + timedelta(days=40)).date(), self.JUNE, audit_days=52)
        storage.delete(min(storage.files))
        [fault] = trail.verify().faults
        assert fault.endswith("entry 4 is missing before entry 5")

    def test_a_forged_record_of_a_deletion(self) -> None:
        storage, _, trail = self.trail_of_months()
        trail.delete_before((THEN + timedelta(days=40)).date(), self.JUNE, audit_days=52)
        newest = max(storage.files)
        storage.files[newest] = storage.files[newest].replace(b'"through":3', b'"through":6')
        assert len(trail.verify().faults) == 2

    def test_a_file_that_cannot_be_read_is_kept(self) -> None:
        storage, _, trail = self.trail_of_months()
        storage.files[min(storage.files)] = b"x"
        before = dict(storage.files)
        trail.delete_before((THEN + timedelta(days=40)).date(), self.JUNE, audit_days=52)
        assert storage.files == before


def test_other_exports_have_other_trails() -> None:
    storage = MemoryStorage()
    run_through(new_trail(storage), "r1", "Gold")
    other = Trail(storage, "Autumn", Heads())
    other.append([started("r1"), segment("r1", "Gold"), ended("r1", 1)], THEN)
    assert other.verify().entries == new_trail(storage).verify().entries == 3
    assert other.folder != new_trail(storage).folder
