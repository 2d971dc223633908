"""When the tables of an export have a new version: exactly once for each, and not before it is written."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.clocks import MAX_CLOCK_SKEW
from customer_match.date_templates import RunDates
from customer_match.errors import TransientError
from customer_match.export.sources import Source
from customer_match.profiles import dated_source as dated_module
from customer_match.profiles.dated_source import DatedSource
from customer_match.profiles.refresh import Refresh
from customer_match_sample_lake.delta import DeltaSample
from tests.customer_match.export.samples import export

SETTLE = 60.0


class Watched:
    """A folder of tables, and an export that watches them. Time passes only by `look`."""

    def __init__(self, folder: Path, **keys: Any) -> None:
        self.folder = folder / "lake"
        self.folder.mkdir(exist_ok=True)
        self.keys = {"segments": ["Gold"], "source": str(self.folder)} | keys
        self.now = datetime.now(UTC)
        self.known: str | None = None
        self.restart()

    def restart(self) -> None:
        """As when the triggerer starts again."""
        self.refresh = Refresh(export(**self.keys), self._at, SETTLE)

    def _at(self, source: Source) -> DatedSource:
        later = self.now + MAX_CLOCK_SKEW
        return DatedSource(source, RunDates.at(self.now), later, lambda _, url: (LocalFileSystem(), url))

    def look(self, seconds: float = 0) -> int | None:
        """Let so many seconds pass, and look. The number of tables of a new version; None if there is none."""
        self.now += timedelta(seconds=seconds)
        found = self.refresh.look(self.known, self.now)
        if found is None:
            return None
        self.known = found.version
        return found.count

    def settled(self) -> int | None:
        """Look, and look again once everything has settled."""
        at_once = self.look()
        return at_once if at_once is not None else self.look(SETTLE)

    def write(self, path: str, text: str = "Email\na@example.com\n", *, age: float = 0) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        moment = (self.now - timedelta(seconds=age)).timestamp()
        os.utime(file, (moment, moment))
        return file

    def delta(self, table: str = "Gold") -> DeltaSample:
        sample = DeltaSample(LocalFileSystem(), str(self.folder / table), {"Email": pa.string()})
        sample.append([{"Email": "a@example.com"}])
        return sample


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_delta_table_is_new_at_once_and_only_once(watched: Watched) -> None:
    sample = watched.delta()
    assert watched.look() == 1
    assert [watched.look(SETTLE) for _ in range(3)] == [None] * 3
    sample.append([{"Email": "b@example.com"}])
    assert watched.look(1) == 1
    assert [watched.look(SETTLE) for _ in range(3)] == [None] * 3


def test_after_a_restart_only_what_has_changed_meanwhile_is_new(watched: Watched) -> None:
    sample = watched.delta()
    assert watched.look() == 1
    watched.restart()
    assert [watched.look(SETTLE) for _ in range(2)] == [None] * 2
    sample.append([{"Email": "b@example.com"}])
    watched.restart()
    assert watched.look() == 1


def test_files_without_a_log_must_not_change_for_a_while(watched: Watched) -> None:
    watched.write("Gold/a.csv")
    assert [watched.look(), watched.look(SETTLE - 1), watched.look(1)] == [None, None, 1]
    for number in range(3):
        watched.write(f"Gold/b{number}.csv")
        assert watched.look(SETTLE - 1) is None
    assert watched.look(SETTLE) == 1
    watched.write("Gold/a.csv", age=-1)  # written again, with the same content
    assert watched.settled() == 1
    assert watched.settled() is None


def test_success_of_spark_needs_no_wait(watched: Watched) -> None:
    watched.write("Gold/part-0.csv")
    assert watched.settled() == 1
    watched.write("Gold/part-1.csv", age=2)
    watched.write("Gold/_SUCCESS", "", age=1)
    assert watched.look() == 1
    watched.write("Gold/part-2.csv")  # of the next job
    assert watched.look() is None


def test_nothing_is_new_while_spark_is_at_work(watched: Watched) -> None:
    watched.write("Gold/part-0.csv")
    assert watched.settled() == 1
    watched.write("Gold/part-1.csv")
    left = watched.write("Gold/_temporary/0/task/part-2.csv")
    assert [watched.look(), watched.look(SETTLE), watched.look(SETTLE)] == [None] * 3
    assert watched.look(3600) == 1, "a job that was killed never removes them"
    left.unlink()
    assert watched.settled() is None


def test_other_tables_do_not_matter(watched: Watched) -> None:
    watched.write("Gold/a.csv")
    assert watched.settled() == 1
    watched.write("Silver/a.csv")
    assert watched.settled() is None


def test_a_pattern_takes_new_tables(tmp_path: Path) -> None:
    watched = Watched(tmp_path, segments="all")
    watched.write("Gold/a.csv")
    assert watched.settled() == 1
    watched.write("Silver/a.csv")
    assert watched.settled() == 2


@pytest.mark.parametrize(
    ("keys", "file"),
    [
        ({"suppress": ["Out"]}, "Out/a.csv"),
        ({"suppress": [{"path": "lists/out.csv"}]}, "lists/out.csv"),
        ({"profiles": "Out"}, "Out/a.csv"),
        ({"profiles": "Out", "membership": {"table": "Lists"}, "segments": ["G"]}, "Lists/a.csv"),
    ],
)
def test_all_tables_that_a_run_reads_count(tmp_path: Path, keys: dict[str, Any], file: str) -> None:
    watched = Watched(tmp_path, **keys)
    for path in ("Gold/a.csv", "Out/a.csv", "Lists/a.csv", "lists/out.csv"):
        watched.write(path)
    assert watched.settled() == 2
    watched.write(file, age=-1)
    assert watched.settled() == 2
    assert watched.settled() is None


@pytest.mark.parametrize("path", ["Gold/{{ ds }}", "Gold/{{ latest }}"])
def test_the_newest_dated_folder(tmp_path: Path, path: str) -> None:
    watched = Watched(tmp_path, segments=[{"table": "Gold", "path": path}])
    assert watched.settled() is None
    watched.write(f"Gold/{watched.now:%Y-%m-%d}/a.csv")
    assert watched.settled() == 1
    watched.now += timedelta(days=1)
    assert watched.settled() is None
    watched.write(f"Gold/{watched.now:%Y-%m-%d}/a.csv")
    assert watched.settled() == 1


def test_a_table_that_cannot_be_read_is_looked_at_again_when_it_changes(
    watched: Watched, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.write("Gold/a.csv", "")
    opened: list[str] = []
    whole = dated_module.open_table
    monkeypatch.setattr(
        dated_module, "open_table", lambda *given, **more: opened.append(given[1]) or whole(*given, **more)
    )
    assert [watched.look(SETTLE) for _ in range(5)] == [None] * 5
    assert caplog.text.count("The tables of autumn cannot be read") == 1
    assert len(opened) == 2, "opened only after the listing has changed, and once settled"
    watched.write("Gold/a.csv")
    assert watched.settled() == 1


def test_an_entity_of_a_model_is_watched_by_its_folder(tmp_path: Path) -> None:
    watched = Watched(tmp_path, segments=[{"table": "Gold", "path": "model/model.json/Gold"}])
    watched.write("model/model.json", '{"entities": []}')
    [(source, path)] = watched.refresh._places()
    found = watched._at(source).files(path)
    assert found is not None
    assert [file.path.rpartition("/")[2] for file in found.files] == ["model.json"]


def test_a_lake_that_cannot_be_listed_is_an_error(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.delta()

    def fail(*_: object) -> None:
        raise TransientError("HTTP 503")

    monkeypatch.setattr(dated_module, "find_files", fail)
    with pytest.raises(TransientError):
        watched.look()
    monkeypatch.undo()
    assert watched.look() == 1
