from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.asyn import AsyncFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.listing import TableFile, is_being_written, list_files, table_file_of

WHEN = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "modified"),
    [
        ({"last_modified": WHEN}, WHEN),
        ({"LastModified": WHEN}, WHEN),
        ({"mtime": WHEN.timestamp()}, WHEN),
        ({"updated": "2026-11-22T02:15:00Z"}, WHEN),
        ({"mtime": WHEN.replace(tzinfo=None)}, WHEN),
        ({"mtime": None, "last_modified": None}, None),
        ({"mtime": object()}, None),
        ({}, None),
    ],
    ids=["adlfs", "s3fs", "local", "gcsfs", "without a zone", "unknown", "of another kind", "not told"],
)
def test_each_storage_tells_the_time_of_a_file_in_its_way(
    told: dict[str, Any], modified: datetime | None
) -> None:
    assert table_file_of({"name": "a", "size": None, **told}) == TableFile("a", 0, modified)


@pytest.mark.parametrize("key", ["ETag", "etag"])
def test_what_tells_contents_apart(key: str) -> None:
    assert table_file_of({"name": "a", "size": 1, key: '"0x8D"'}).tag == "0x8D"
    assert table_file_of({"name": "a", "size": 1, key: ""}).tag is None


@pytest.mark.parametrize(
    ("files", "at_work"),
    [
        ([], False),
        (["part-0.parquet"], False),
        (["_SUCCESS"], True),
        (["_temporary/0/part-0.parquet"], True),
        (["_SUCCESS", ".hive-staging_1/part-0"], True),
        (["_temporary/0/part-0.parquet", "part-0.parquet"], False),
    ],
)
def test_a_table_that_is_overwritten(files: list[str], at_work: bool) -> None:
    memory = fsspec.filesystem("memory", skip_instance_cache=True)
    for name in files:
        memory.pipe(f"/overwritten-{at_work}/{len(files)}/{name}", b"x")
    try:
        assert is_being_written(memory, f"/overwritten-{at_work}/{len(files)}") is at_work
    finally:
        if files:
            memory.rm(f"/overwritten-{at_work}", recursive=True)


class TestAFileThatIsLookedAtAgain:
    """As `find` describes it in one answer and `info` in another."""

    LISTED: ClassVar = TableFile("a", 7, WHEN + timedelta(milliseconds=123), "one")

    @pytest.mark.parametrize(
        ("now", "same"),
        [
            ({}, True),
            ({"modified": WHEN}, True),  # the same file, in an answer that knows no milliseconds
            ({"tag": "two"}, False),
            ({"tag": None}, True),
            ({"tag": None, "modified": WHEN + timedelta(seconds=1)}, False),
            ({"size_bytes": 8}, False),
            ({"size_bytes": 8, "tag": None}, False),
        ],
    )
    def test_it_is_as_it_was(self, now: dict[str, Any], same: bool) -> None:
        assert replace(self.LISTED, **now).is_unchanged_since(self.LISTED) is same


class Bucket(AsyncFileSystem):
    """Lists all below a prefix at once and takes no other word, as s3fs does."""

    protocol = "bucket"
    cachable = False
    objects: ClassVar = {
        "b/t/": {"name": "b/t/", "type": "file", "size": 0},
        "b/t/day_$folder$": {"name": "b/t/day_$folder$", "type": "file", "size": 0},
        "b/t/day": {"name": "b/t/day", "type": "directory", "size": 0},
        "b/t/day/a.csv": {"name": "b/t/day/a.csv", "type": "file", "size": 3},
    }

    async def _info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return {"name": path, "type": "directory", "size": 0}

    async def _find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False
    ) -> Any:
        return self.objects


class Walked(Bucket):
    """Walks from folder to folder, as web servers do; of one it raises."""

    _find = AsyncFileSystem._find

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        return listed(path, self.error)


class Sync(fsspec.AbstractFileSystem):
    """The same, of the other family."""

    cachable = False

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def info(self, path: str, **kwargs: Any) -> Any:
        return {"name": path, "type": "directory", "size": 0}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        return listed(path, self.error)


def listed(path: str, error: Exception) -> list[dict[str, Any]]:
    if path.endswith("/day"):
        raise error
    files = [{"name": f"{path}/{name}", "type": "file", "size": 1} for name in ("b.csv", "a.csv")]
    return (
        files
        if path.endswith("/t")
        else [{"name": f"{path}/{name}", "type": "directory"} for name in ("t", "day")]
    )


def test_objects_that_stand_for_folders_are_no_files() -> None:
    assert [file.path for file in list_files(Bucket(), "b/t").files] == ["b/t/day/a.csv"]


@pytest.mark.faults
@pytest.mark.parametrize("kind", [Walked, Sync])
class TestFoldersThatAreWalked:
    def test_one_that_may_not_be_listed_is_not_passed_over(self, kind: Any) -> None:
        with pytest.raises(ConfigurationError, match="no permission to read"):
            list_files(kind(PermissionError("no")), "/b")

    def test_one_that_goes_meanwhile_is_empty(self, kind: Any) -> None:
        found = list_files(kind(FileNotFoundError()), "/b").files
        assert [file.path for file in found] == ["/b/t/a.csv", "/b/t/b.csv"]

    def test_the_one_that_is_asked_for_must_be_there(self, kind: Any) -> None:
        with pytest.raises(FileNotFoundError):
            list_files(kind(FileNotFoundError()), "/b/day")
