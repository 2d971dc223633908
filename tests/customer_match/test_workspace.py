import errno
import io
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError, TransientError
from customer_match.formats import NewerFormat
from customer_match.ledger.store import Ledger, LedgerConflict
from customer_match.members.digests import Digests, from_hex
from customer_match.members.files import read_members, write_members
from customer_match.project import PROJECT
from customer_match.release import release
from customer_match.safe_names import join, slug
from customer_match.workspace.identity import workspace_id
from customer_match.workspace.workspace import Workspace


@pytest.fixture
def local(tmp_path: Path) -> Workspace:
    return Workspace(LocalFileSystem(), str(tmp_path / "workspace"))


@pytest.fixture(params=["local", pytest.param("azurite", marks=pytest.mark.azurite)])
def workspace(request: pytest.FixtureRequest) -> Workspace:
    if request.param == "local":
        found: Workspace = request.getfixturevalue("local")
        return found
    container = request.getfixturevalue("lake_container")
    return Workspace(container.filesystem, f"{container.name}/some/folder")


def digests(*numbers: int) -> Digests:
    import numpy as np

    return from_hex(np.array([list(f"{number:064x}".encode()) for number in numbers], dtype=np.uint8))


def write_and_stop(workspace: Workspace, name: str, content: bytes) -> None:
    with workspace.open_output(name) as file:
        file.write(content)
        raise ValueError("stop")


class TestFormat:
    """`workspace.json`: the first release wrote an id alone; what a newer one has changed is not written to."""

    def test_a_new_workspace_says_its_format_and_who_made_it(self, workspace: Workspace) -> None:
        made = workspace_id(workspace)
        assert json.loads(workspace.read_bytes("workspace.json")) == {
            "id": made,
            "format": 1,
            "release": release(),
        }

    def test_a_workspace_of_the_first_release_keeps_its_id(self, workspace: Workspace) -> None:
        workspace.write_bytes("workspace.json", b'{"id": "16f2b846"}')
        assert workspace_id(workspace) == "16f2b846"
        assert workspace.read_bytes("workspace.json") == b'{"id": "16f2b846"}'

    @pytest.mark.parametrize("content", [{"id": "16f2b846"}, {"name": "of a kind that nobody knows yet"}])
    def test_nothing_is_changed_in_one_of_a_newer_release(
        self, workspace: Workspace, content: dict[str, str]
    ) -> None:
        newer = json.dumps(content | {"format": 2, "release": "0.9.0"}).encode()
        workspace.write_bytes("some/file", b"theirs")
        workspace.write_bytes("workspace.json", newer)
        opened = Workspace(workspace._filesystem, workspace.root)
        changes: list[Callable[[], object]] = [
            lambda: opened.write_bytes("some/file", b"ours"),
            lambda: opened.create("another/file", b"ours"),
            lambda: opened.open_output("some/file"),
            lambda: opened.link("some/file", "another/file"),
            lambda: opened.delete("some", recursive=True),
            lambda: opened.clean("some"),
            lambda: workspace_id(opened),
        ]
        for change in changes[: None if "id" not in content else -1]:  # an id that is there is only read
            with pytest.raises(
                NewerFormat,
                match=r"^The workspace \(workspace\.json\) was written by release 0\.9\.0 .*Nothing was changed\.",
            ):
                change()
        assert opened.read_bytes("some/file") == b"theirs"
        assert (opened.list(""), opened.read_bytes("workspace.json")) == (["some", "workspace.json"], newer)

    @pytest.mark.bad_input
    @pytest.mark.parametrize("content", [b"", b"[]", b"7", b'{"id": 7}', b"\xff"])
    def test_a_damaged_one_gets_another_id(self, workspace: Workspace, content: bytes) -> None:
        workspace.write_bytes("workspace.json", content)
        made = workspace_id(Workspace(workspace._filesystem, workspace.root))
        assert workspace_id(workspace) == made


class TestAnyStorage:
    def test_a_linked_file_is_independent_of_the_other(self, workspace: Workspace) -> None:
        workspace.write_bytes("a", b"one")
        if not workspace.link("a", "b/c"):
            assert workspace.list("b") == []
            return
        workspace.write_bytes("a", b"two")
        assert workspace.read_bytes("b/c") == b"one"
        workspace.delete("a")
        assert workspace.read_bytes("b/c") == b"one"

    def test_what_exists_is_not_replaced_by_a_link(self, workspace: Workspace) -> None:
        workspace.write_bytes("a", b"one")
        workspace.write_bytes("b", b"two")
        assert not workspace.link("a", "b")
        assert not workspace.link("nowhere", "c")
        assert workspace.read_bytes("b") == b"two"
        assert workspace.list("") == ["a", "b"]

    def test_written_data_can_be_read(self, workspace: Workspace) -> None:
        workspace.write_bytes("a/b/c.json", b"one")
        assert workspace.read_bytes("a/b/c.json") == b"one"
        assert workspace.size("a/b/c.json") == 3
        assert abs(workspace.modified("a/b/c.json") - datetime.now(UTC)) < timedelta(minutes=5)
        workspace.write_bytes("a/b/c.json", b"two!")
        assert workspace.read_bytes("a/b/c.json") == b"two!"

    def test_an_empty_file_is_a_file(self, workspace: Workspace) -> None:
        workspace.write_bytes("empty", b"")
        with workspace.open_output("streamed"):
            pass
        assert workspace.exists("empty")
        assert workspace.read_bytes("empty") == workspace.read_bytes("streamed") == b""

    def test_missing_files_are_reported(self, workspace: Workspace) -> None:
        assert not workspace.exists("a/b")
        assert workspace.list("a") == []
        for read in (workspace.read_bytes, workspace.open_input, workspace.size):
            with pytest.raises(FileNotFoundError):
                read("a/b")
        workspace.delete("a/b")
        workspace.delete("a", recursive=True)

    def test_create_is_exclusive(self, workspace: Workspace) -> None:
        workspace.create("states/1.json", b"first")
        with pytest.raises(FileExistsError):
            workspace.create("states/1.json", b"second")
        assert workspace.read_bytes("states/1.json") == b"first"
        assert workspace.list("states") == ["1.json"]

    def test_of_many_creators_exactly_one_succeeds(self, workspace: Workspace) -> None:
        outcomes: list[str] = []
        barrier = threading.Barrier(8)

        def create(number: int) -> None:
            barrier.wait()
            try:
                workspace.create("states/1.json", str(number).encode())
                outcomes.append(str(number))
            except FileExistsError:
                outcomes.append("lost")

        threads = [threading.Thread(target=create, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = set(outcomes) - {"lost"}
        assert outcomes.count("lost") == 7
        assert workspace.read_bytes("states/1.json") == winner.encode()

    def test_list_gives_names_of_files_and_folders_once(self, workspace: Workspace) -> None:
        for name in ("l/states/2", "l/states/1", "l/bounds/1/x", "l/bounds/1/y", "lx/other", "l2"):
            workspace.write_bytes(name, b"-")
        assert workspace.list("l") == ["bounds", "states"]
        assert workspace.list("l/states") == ["1", "2"]
        assert workspace.list("l/bounds") == ["1"]
        assert workspace.list("") == ["l", "l2", "lx"]
        assert workspace.exists("l/bounds")

    def test_delete_removes_files_and_folders(self, workspace: Workspace) -> None:
        for name in ("l/1", "l/2", "l/deep/er/3", "lx"):
            workspace.write_bytes(name, b"-")
        workspace.delete("l/1")
        assert workspace.list("l") == ["2", "deep"]
        workspace.delete("l", recursive=True)
        assert workspace.list("") == ["lx"]

    def test_output_appears_when_it_is_closed(self, workspace: Workspace) -> None:
        with workspace.open_output("big") as file:
            for _ in range(20):
                file.write(b"x" * 2**20)
            assert not workspace.exists("big")
            assert workspace.list("") == []
        assert workspace.size("big") == 20 * 2**20

    @pytest.mark.parametrize("written", [10, 20 * 2**20])
    def test_output_left_by_an_exception_never_appears(self, workspace: Workspace, written: int) -> None:
        workspace.write_bytes("kept", b"old")
        for name in ("kept", "new"):
            with pytest.raises(ValueError, match="stop"):
                write_and_stop(workspace, name, b"x" * written)
        assert workspace.read_bytes("kept") == b"old"
        assert workspace.list("") == ["kept"]

    def test_output_that_is_never_closed_does_not_appear(self, workspace: Workspace) -> None:
        file = workspace.open_output("lost")
        file.write(b"half")
        del file
        assert workspace.list("") == []

    def test_parquet_can_be_written_and_read(self, workspace: Workspace) -> None:
        table = pa.table({"a": range(100_000), "b": ["text"] * 100_000})
        with workspace.open_output("t.parquet") as file:
            pq.write_table(table, file)
        with workspace.open_input("t.parquet") as file:
            assert pq.read_table(file, columns=["a"]) == table.select(["a"])

    def test_input_can_be_read_like_any_file(self, workspace: Workspace) -> None:
        workspace.write_bytes("f", bytes(range(100)))
        with workspace.open_input("f") as file:
            assert file.read(3) == b"\0\1\2"
            assert file.seek(-2, io.SEEK_END) == 98
            assert file.read() == bytes([98, 99])
            assert file.read(1) == b""
            file.seek(50)
            buffered = io.BufferedReader(cast("io.RawIOBase", file))
            assert buffered.read(2) == bytes([50, 51])

    def test_members_and_the_ledger_work_in_it(self, workspace: Workspace) -> None:
        file = write_members(workspace, "m.parquet", [digests(1, 5, 9)])
        assert [array.tolist() for array in read_members(workspace, file)] == [digests(1, 5, 9).tolist()]
        ledger = Ledger(workspace, f"ledgers/{slug('Gold ✨')}", "Gold ✨")
        first = ledger.load()
        written = ledger.write(first, first.state)
        assert ledger.load() == written
        with pytest.raises(LedgerConflict):
            ledger.write(first, first.state)


class TestLocalDisk:
    def test_files_and_folders_are_for_this_user_alone(self, local: Workspace, tmp_path: Path) -> None:
        umask = os.umask(0)
        try:
            local.write_bytes("a/b/1", b"")
            local.create("a/b/2", b"")
            local.open_output("a/b/3").close()
        finally:
            os.umask(umask)
        modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "workspace").rglob("*")}
        assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
        assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
        assert stat.S_IMODE((tmp_path / "workspace").stat().st_mode) == 0o700
        assert len(modes) == 5

    def test_nothing_but_the_files_remains(self, local: Workspace, tmp_path: Path) -> None:
        local.write_bytes("1", b"")
        local.create("2", b"")
        with pytest.raises(FileExistsError):
            local.create("2", b"")
        local.open_output("3").close()
        assert sorted(path.name for path in (tmp_path / "workspace").iterdir()) == ["1", "2", "3"]

    def test_data_is_synced_before_the_name_appears(
        self, local: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []

        def recorded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                kind = ""
                if name == "fsync":
                    kind = " folder" if stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else " file"
                steps.append(name + kind)
                return function(*arguments, **options)

            return call

        local.write_bytes("folder/first", b"")  # the folders are there from now on
        for module, name in ((os, "fsync"), (os, "link"), (Path, "replace")):
            monkeypatch.setattr(module, name, recorded(name, getattr(module, name)))
        local.write_bytes("folder/a", b"x")
        local.create("folder/b", b"x")
        local.open_output("folder/c").close()
        replaced = ["fsync file", "replace", "fsync folder"]
        assert steps == [*replaced, "fsync file", "link", "fsync folder", *replaced]

    def test_new_folders_are_synced_too(self, local: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        synced: list[str] = []
        plain = os.fsync

        def fsync(descriptor: int) -> None:
            synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
            plain(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        local.write_bytes("one/two/file", b"")
        folders = [name for name in synced if not name.startswith(".")]
        assert folders[1:] == ["workspace", "one", "two"]

    @pytest.mark.faults
    @pytest.mark.parametrize(
        ("number", "family", "words"),
        [
            (28, ConfigurationError, "the storage is full"),
            (122, ConfigurationError, "the storage is full"),
            (13, ConfigurationError, "Check owner and permissions"),
            (30, ConfigurationError, "Check owner and permissions"),
            (36, ConfigurationError, "Correct the path"),
            (5, TransientError, "cannot be reached"),
            (116, TransientError, "cannot be reached"),
        ],
    )
    def test_disk_errors_are_reported(
        self,
        local: Workspace,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        family: type[Exception],
        words: str,
    ) -> None:
        def failing(*arguments: Any) -> None:
            raise OSError(number, os.strerror(number))

        local.write_bytes("there", b"old")
        monkeypatch.setattr(os, "fsync", failing)
        writers: list[Callable[[], object]] = [
            lambda: local.write_bytes("there", b"new"),
            lambda: local.create("new", b"new"),
            lambda: local.open_output("streamed").close(),
            lambda: write_members(local, "members", [digests(1)]),
        ]
        for write in writers:
            with pytest.raises(family, match=words) as raised:
                write()
            assert local.root in str(raised.value)
        assert local.list("") == ["there"]
        assert local.read_bytes("there") == b"old"

    @pytest.mark.faults
    def test_a_file_system_without_links_is_reported(
        self, local: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def link(*arguments: Any) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(os, "link", link)
        with pytest.raises(ConfigurationError, match="does not support hard links"):
            local.create("state", b"")
        local.write_bytes("a", b"one")
        assert not local.link("a", "b"), "whoever asks for a link writes the file again"

    @pytest.mark.faults
    def test_a_link_that_fails_for_another_reason_is_reported(
        self, local: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def link(*arguments: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        local.write_bytes("a", b"one")
        monkeypatch.setattr(os, "link", link)
        with pytest.raises(ConfigurationError, match="full"):
            local.link("a", "b")

    def test_a_link_takes_no_space(self, local: Workspace) -> None:
        local.write_bytes("a", b"one")
        assert local.link("a", "folder/b")
        assert Path(local.path("a")).samefile(local.path("folder/b"))

    def test_a_file_in_place_of_a_folder_is_reported(self, local: Workspace) -> None:
        local.write_bytes("file", b"")
        with pytest.raises(ConfigurationError, match="Correct the path"):
            local.write_bytes("file/below", b"")


@pytest.mark.azurite
class TestAzure:
    def test_a_missing_container_is_reported(self, lake_container: Any) -> None:
        workspace = Workspace(lake_container.filesystem, "no-such-container/work")
        writers: list[Callable[[], object]] = [
            lambda: workspace.write_bytes("a", b"x"),
            lambda: workspace.create("a", b"x"),
            lambda: write_members(workspace, "members", [digests(1)]),
        ]
        for write in writers:
            with pytest.raises(ConfigurationError, match="the container does not exist"):
                write()

    def test_a_wrong_key_is_reported_and_not_shown(self, lake_container: Any) -> None:
        import adlfs

        key = "d3Jvbmc="
        wrong = lake_container.endpoint.connection_string.replace(lake_container.endpoint.account_key, key)
        workspace = Workspace(adlfs.AzureBlobFileSystem(connection_string=wrong), f"{lake_container.name}/w")
        calls: list[Callable[[], object]] = [
            lambda: workspace.read_bytes("a"),
            lambda: workspace.write_bytes("a", b"x"),
            lambda: workspace.create("a", b"x"),
            lambda: workspace.list("a"),
            lambda: workspace.exists("a"),
            lambda: workspace.size("a"),
            lambda: workspace.modified("a"),
            lambda: workspace.open_input("a"),
            lambda: workspace.delete("a"),
            lambda: workspace.delete("a", recursive=True),
            lambda: write_members(workspace, "members", [digests(1)]),
        ]
        for call in calls:
            with pytest.raises(ConfigurationError, match="refuses access") as raised:
                call()
            assert "Airflow connection" in str(raised.value)
            assert key not in str(raised.value)

    def test_create_is_one_conditional_request(
        self, lake_container: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        workspace = Workspace(lake_container.filesystem, f"{lake_container.name}/w")
        workspace.write_bytes("first", b"")  # before its first change, the format of the workspace is read
        with caplog.at_level("INFO", "azure.core.pipeline.policies.http_logging_policy"):
            workspace.create("state", b"x")
        requests = [
            record.getMessage() for record in caplog.records if "Request method" in record.getMessage()
        ]
        assert len(requests) == 1
        assert "'If-None-Match': '*'" in requests[0]


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "Gold",
            "gold",
            "Gold ",
            "Größte Kunden",
            "VIP/2026",
            "../etc",
            "",
            "…",
            "顧客",
            "a" * 500,
            "a" * 501,
            "\ud800",
        ],
    )
    def test_a_slug_is_a_safe_name(self, name: str) -> None:
        assert join("ledgers", slug(name), "states")
        assert slug(name).isascii()
        assert len(slug(name)) < 60
        assert "/" not in slug(name)

    def test_slugs_are_readable_stable_and_distinct(self) -> None:
        assert slug("Größte Kunden!") == "gro-te-kunden-c1a9e1c8f5a4" or slug("Größte Kunden!").startswith(
            "gro"
        )
        names = ["Gold", "gold", "Gold ", "Gold!", "Göld", "顧客", "客顧", "a" * 500, "a" * 501, ""]
        assert len({slug(name) for name in names}) == len(names)
        assert slug("High value customers").startswith("high-value-customers-")

    @pytest.mark.parametrize(
        "path", ["..", "a/../b", "/a", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a?b", "a\0b", "a\nb", ""]
    )
    def test_paths_outside_the_workspace_are_rejected(self, path: str, local: Workspace) -> None:
        with pytest.raises(ConfigurationError, match="not a valid path below the workspace"):
            join("runs", path)
        if path:
            with pytest.raises(ConfigurationError):
                local.write_bytes(path, b"")

    def test_path_is_below_the_root(self, local: Workspace, tmp_path: Path) -> None:
        assert local.path("runs", "a/b") == str(tmp_path / "workspace/runs/a/b")
        assert local.path() == local.path("") == str(tmp_path / "workspace")
        assert repr(local) == f"Workspace({str(tmp_path / 'workspace')!r})"


@pytest.mark.bad_input
def test_a_storage_without_exclusive_creation_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match="cannot be in a storage of type memory://"):
        Workspace(fsspec.filesystem("memory"), "/workspace")


# --- Unfinished files of killed writers ------------------------------------------------------------------------

WRITER = """
import sys, time, fsspec
from customer_match.workspace.workspace import Workspace
output = Workspace(fsspec.filesystem("file"), sys.argv[1]).open_output("runs/e/r/members.parquet")
output.write(b"half")
print("written", flush=True)
time.sleep(600)
"""


def parts(local: Workspace) -> list[Path]:
    return sorted(Path(local.root).rglob(".*.part"))


@pytest.mark.faults
def test_files_of_a_killed_writer_are_deleted(local: Workspace) -> None:
    """Files of a living writer stay, in whichever process it runs."""
    living = local.open_output("runs/e/other/members.parquet")
    living.write(b"half")
    command = [sys.executable, "-c", WRITER, local.root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"written\n"
        local.clean("runs")
        assert len(parts(local)) == 2
        writer.kill()
    local.clean("ledgers")
    assert len(parts(local)) == 2
    local.clean("runs")
    assert [part.parent.name for part in parts(local)] == ["other"]
    living.write(b", and more")
    living.close()
    assert local.read_bytes("runs/e/other/members.parquet") == b"half, and more"
    assert parts(local) == []


@pytest.mark.faults
@pytest.mark.parametrize("name", [".members.parquet.0a0b0c0d.x1y2.part", ".members.parquet.x1y2.part"])
def test_files_of_another_machine_are_deleted_after_a_day(local: Workspace, name: str) -> None:
    """Locks of another machine may not be visible here."""
    path = Path(local.root, "runs", name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    local.clean("runs")
    assert path.exists()
    yesterday = time.time() - 25 * 3600
    os.utime(path, (yesterday, yesterday))
    local.clean("runs")
    assert not path.exists()


def test_only_unfinished_files_are_deleted(local: Workspace) -> None:
    for name in ("a.part", ".hidden", ".part", "members.parquet"):
        path = Path(local.root, "runs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whole")
        os.utime(path, (0, 0))
    local.clean("runs")
    local.clean("nowhere")
    assert len(list(Path(local.root, "runs").iterdir())) == 4
