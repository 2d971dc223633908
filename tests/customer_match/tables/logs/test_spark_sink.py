"""The log of Spark's streaming sink says which files of a folder count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.opening import open_table

LOCAL = LocalFileSystem()


class Sink:
    """A folder that Spark's sink writes to."""

    def __init__(self, path: Path, uri: str = "file://") -> None:
        self.path, self.uri = path, uri
        (path / "_spark_metadata").mkdir(parents=True)

    def file(self, name: str, email: str) -> str:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"Email\n{email}\n")
        return name

    def batch(self, name: str, *files: str, deleted: tuple[str, ...] = (), version: str = "v1") -> None:
        actions = [(file, "add") for file in files] + [(file, "delete") for file in deleted]
        entries = [
            {"path": f"{self.uri}{self.path}/{file}", "size": 1, "isDir": False, "action": action}
            for file, action in actions
        ]
        text = "\n".join([version, *map(json.dumps, entries)])
        (self.path / "_spark_metadata" / name).write_text(text)


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path / "Gold")


def emails(path: Path) -> list[str]:
    table = open_table(LOCAL, str(path))
    return sorted(value for batch in table.batches(["Email"]) for value in batch.column("Email").to_pylist())


def test_only_what_the_log_lists_counts(sink: Sink) -> None:
    sink.file("part-0-left.csv", "left")  # by a batch that broke off
    sink.batch("0", sink.file("part-0-a.csv", "a"))
    sink.batch("1", sink.file("part-0-b.csv", "b"))
    sink.batch("2")
    (sink.path / "_spark_metadata" / ".2.crc").touch()
    (sink.path / "_spark_metadata" / "3.tmp").touch()
    assert emails(sink.path) == ["a", "b"]


def test_a_compact_batch_holds_all_before_it(sink: Sink) -> None:
    names = [sink.file(f"part-{number}.csv", str(number)) for number in range(4)]
    sink.batch("0", names[0])
    sink.batch("2.compact", names[1], names[2])
    sink.batch("3", names[3])
    assert emails(sink.path) == ["1", "2", "3"]


def test_what_older_spark_deleted_does_not_count(sink: Sink) -> None:
    one, other = sink.file("a.csv", "a"), sink.file("b.csv", "left")
    sink.batch("0", one, other)
    sink.batch("1", deleted=(other,))
    assert emails(sink.path) == ["a"]


def test_a_copied_folder_and_names_with_signs(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "Gold", "abfss://lake@contoso.dfs.core.windows.net/bronze")
    for name in ("day=a%3Ab/part 0.csv", "day=2/part#1.csv"):
        sink.file(name, name)
    sink.batch("0", "day=a%253Ab/part%200.csv", "day=2/part%231.csv")
    sink.file("day=2/part-9.csv", "left")
    assert emails(sink.path) == ["day=2/part#1.csv", "day=a%3Ab/part 0.csv"]


def test_a_sink_below_a_plain_folder_governs_only_its_own(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "Gold" / "stream")
    sink.batch("0", sink.file("a.csv", "a"))
    sink.file("b.csv", "left")
    (tmp_path / "Gold" / "old").mkdir()
    (tmp_path / "Gold" / "old" / "c.csv").write_text("Email\nc\n")
    assert emails(tmp_path / "Gold") == ["a", "c"]


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (("0", "2"), "has no batch 1"),
        (("2.compact", "4"), "has no batch 3"),
        (("1",), "has no batch 0"),
        ((), "has no batch 0"),
    ],
)
def test_a_log_with_a_hole_is_refused(sink: Sink, batches: tuple[str, ...], words: str) -> None:
    name = sink.file("a.csv", "a")
    (sink.path / "_spark_metadata" / "README").touch()
    for batch in batches:
        sink.batch(batch, name)
    with pytest.raises(ConfigurationError, match=words):
        emails(sink.path)


@pytest.mark.parametrize(
    "text", ["", "v2\n", "v1\n{", 'v1\n{"action": "add"}', 'v1\n{"path": "a.csv", "action": "move"}']
)
def test_a_damaged_batch_is_refused(sink: Sink, text: str) -> None:
    sink.file("a.csv", "a")
    (sink.path / "_spark_metadata" / "0").write_text(text)
    with pytest.raises(
        ConfigurationError, match=r"_spark_metadata/0, a batch of the log .* is truncated, damaged"
    ):
        emails(sink.path)


def test_a_file_that_is_listed_and_not_there_is_told(sink: Sink) -> None:
    sink.batch("0", sink.file("a.csv", "a"), "b.csv")
    with pytest.raises(ConfigurationError, match=r"lists the file b\.csv, which is missing"):
        emails(sink.path)
