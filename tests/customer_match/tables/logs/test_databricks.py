"""Commits of Databricks say which files of a folder count."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.opening import open_table

LOCAL = LocalFileSystem()


def data(write: int, who: str) -> str:
    return f"part-00000-tid-{write}-{who}-1-c000.csv"


class Folder:
    """A folder that Databricks writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def file(self, name: str, email: str) -> str:
        (self.path / name).write_text(f"Email\n{email}\n")
        return name

    def start(self, write: int) -> None:
        (self.path / f"_started_{write}").touch()

    def commit(self, write: int | str, added: list[str], removed: list[str] = []) -> None:  # noqa: B006
        (self.path / f"_committed_{write}").write_text(json.dumps({"added": added, "removed": removed}))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "Gold")


def emails(path: Path) -> list[str]:
    table = open_table(LOCAL, str(path))
    return sorted(value for batch in table.batches(["Email"]) for value in batch.column("Email").to_pylist())


def test_what_a_later_write_has_removed_does_not_count(folder: Folder) -> None:
    old, new = folder.file(data(1, "old"), "left"), folder.file(data(2, "new"), "a")
    for write in (1, 2):
        folder.start(write)
    folder.commit(1, [old])
    folder.commit(2, [new], [old])
    assert emails(folder.path) == ["a"]


def test_what_is_not_committed_does_not_count(folder: Folder) -> None:
    folder.start(1)
    folder.commit(1, [folder.file(data(1, "x"), "a")])
    folder.file(data(1, "tried-before"), "b")  # another try of the same task
    folder.start(2)
    folder.file(data(2, "x"), "c")
    assert emails(folder.path) == ["a"]


def test_what_no_mark_tells_of_counts(folder: Folder) -> None:
    """Marks are cleaned away after a while; files of others have no ids."""
    folder.file(data(7, "x"), "a")
    folder.file("by-hand.csv", "b")
    folder.start(1)
    folder.commit(1, [folder.file(data(1, "x"), "c")], ["gone.csv"])
    folder.file("gone.csv", "left")
    (folder.path / "_committed_3").touch()  # cancelled: it says nothing
    assert emails(folder.path) == ["a", "b", "c"]


def test_vacuum_tells_what_it_is_about_to_delete(folder: Folder) -> None:
    old = folder.file(data(1, "old"), "left")
    folder.file(data(2, "new"), "a")
    folder.commit("vacuum99", [], [old, "_committed_1", "_committed_vacuum99"])
    assert emails(folder.path) == ["a"]


def test_each_folder_has_commits_of_its_own(folder: Folder) -> None:
    for day in (1, 2):
        one = Folder(folder.path / f"day={day}")
        one.start(day)
        one.commit(day, [one.file(data(day, "x"), f"day {day}")])
        one.file(data(day, "y"), "left")
        one.file(data(3 - day, "x"), f"of the other {day}")  # no mark here tells of it
    assert emails(folder.path) == ["day 1", "day 2", "of the other 1", "of the other 2"]


def test_what_was_added_and_is_not_there_is_told(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.commit(1, [folder.file(data(1, "x"), "a"), data(1, "y")])
    with caplog.at_level(logging.WARNING):
        assert emails(folder.path) == ["a"]
    assert data(1, "y") in caplog.text


def test_a_folder_of_which_nothing_is_committed_is_refused(folder: Folder) -> None:
    folder.start(1)
    folder.file(data(1, "x"), "a")
    with pytest.raises(ConfigurationError, match="has no committed file"):
        emails(folder.path)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"added": []}', '{"added": [], "removed": [1]}', '{"added": "x", "removed": []}']
)
def test_a_damaged_commit_is_refused(folder: Folder, text: str) -> None:
    folder.file(data(1, "x"), "a")
    (folder.path / "_committed_1").write_text(text)
    with pytest.raises(ConfigurationError, match="_committed_1 is damaged"):
        emails(folder.path)
