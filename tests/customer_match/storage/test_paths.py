"""Names in storages: every reader takes paths literally; on Azure's emulator, for both kinds of account."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.asyn import sync
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from customer_match.date_templates import RunDates, parse_latest, render
from customer_match.errors import ConfigurationError, TerminalError
from customer_match.storage.files import format_location, open_input
from customer_match.storage.paths import (
    get_info,
    get_unambiguous_info,
    list_folder,
    read_range,
    walk_files,
    with_exact_names,
)
from customer_match.tables.dated import newest_dated
from customer_match.tables.discovery import discover
from customer_match.tables.listing import list_files
from customer_match.tables.opening import open_table
from customer_match.workspace.workspace import Workspace
from customer_match_sample_lake.cdm import CdmSample

NAMES = [
    *("C#", "C?", "#", "?", "a?b#c", "a#b?", "##", "q?versionid=3", "x?y=1&z#"),
    *("50%", "50%41", "100%25", "a%2Fb", "a+b", "a b", " a", "a ", "a.", ".a b.", "a..b"),
    *(
        "a[1]",
        "a[!b]",
        "a*",
        "**",
        "a;b",
        "a&b",
        "a:b",
        "a=b",
        "a,b",
        "a@b",
        "~a",
        "$a",
        "'a'",
        'a"b',
        "a|b",
        "a<b>",
    ),
    *("tab\there", "line\nbreak", "n\u00e4", "na\u0308", "\u4f8b\u3048", "\U0001f600", "n" * 240),
]
KINDS = ["flat", "hierarchical"]


class Account:
    """A container, written by Azure's own client, which takes names literally."""

    def __init__(self, container: Any, kind: str) -> None:
        self.name: str = container.name
        self.filesystem: fsspec.AbstractFileSystem = container.filesystem
        self._has_folders = kind == "hierarchical"

    def put(self, name: str, content: bytes = b"", metadata: Mapping[str, str] | None = None) -> None:
        async def upload() -> None:
            client = self.filesystem.service_client.get_container_client(self.name)
            if self._has_folders:  # such an account lists each folder as a marked blob
                above = name.rstrip("/").split("/")[:-1]
                for depth in range(1, len(above) + 1):
                    await client.upload_blob(
                        "/".join(above[:depth]), b"", metadata={"hdi_isfolder": "true"}, overwrite=True
                    )
            await client.upload_blob(name, content, metadata=metadata, overwrite=True)

        sync(self.filesystem.loop, upload)

    def path(self, name: str) -> str:
        return f"{self.name}/{name}"


@pytest.fixture(params=KINDS)
def account(request: pytest.FixtureRequest, lake_container: Any) -> Account:
    return Account(lake_container, request.param)


def read_emails(filesystem: Any, path: str, **options: Any) -> list[str]:
    table = open_table(filesystem, path, **options)
    return [value for batch in table.batches(["Email"]) for value in batch.column("Email").to_pylist()]


@pytest.mark.azurite
class TestAzureNames:
    def test_a_table_may_have_any_name(self, account: Account) -> None:
        """Each name exists beside the folder with which a wrong parser would confuse it."""
        others = {name.rstrip("#?. \t") or "rest" for name in NAMES} | {"C", "a", "50A", "100"}
        for number, name in enumerate([*NAMES, *sorted(others - set(NAMES))]):
            account.put(f"segments/{name}/part-0.csv", f"Email\np{number}@example.org\n".encode())
        root = account.path("segments")
        for number, name in enumerate(NAMES):
            path = f"{root}/{name}"
            assert read_emails(account.filesystem, path) == [f"p{number}@example.org"], name
            assert read_emails(account.filesystem, f"{path}/part-0.csv") == [f"p{number}@example.org"], name
            assert [file.path for file in list_files(account.filesystem, path).files] == [
                f"{path}/part-0.csv"
            ]
            assert format_location(account.filesystem, path) == f"abfs://{path}"
        seen = {str(info["name"]) for info in list_folder(account.filesystem, root)}
        assert seen == {f"{root}/{name}" for name in {*NAMES, *others}}

    def test_tables_are_found_by_their_names(self, account: Account) -> None:
        for name in ("C#", "C", "C?", "50%41", "50A", "a?b#c"):
            account.put(f"segments/{name}/part-0.csv", f"Email\n{len(name)}@example.org\n".encode())
        found = discover(account.filesystem, account.path("segments"))
        assert found == {name: account.path(f"segments/{name}") for name in found}
        assert set(found) == {"C#", "C", "C?", "50%41", "50A", "a?b#c"}
        assert {name: read_emails(account.filesystem, path) for name, path in found.items()} == {
            name: [f"{len(name)}@example.org"] for name in found
        }

    def test_a_missing_name_is_not_mistaken_for_another(self, account: Account) -> None:
        account.put("segments/C/part-0.csv", b"Email\na@example.org\n")
        for name in ("C#", "C?", "C ", "C.", "c", "C\t", "C%20", "[C]", "C*"):
            with pytest.raises(FileNotFoundError):
                list_files(account.filesystem, account.path(f"segments/{name}"))
            with pytest.raises(FileNotFoundError):
                list_folder(account.filesystem, account.path(f"segments/{name}"))
            assert walk_files(account.filesystem, account.path(f"segments/{name}")) == {}

    @pytest.mark.parametrize("at", ["Lake/", "Lake/Gold/", ""])
    @pytest.mark.parametrize("metadata", [None, {"hdi_isfolder": "true"}, {"Hdi_isfolder": "true"}])
    def test_a_folder_marker_hides_nothing(
        self, account: Account, at: str, metadata: dict[str, str] | None
    ) -> None:
        """The model of a CDM folder is found beside the marker, and so are the newest days."""
        root = account.path("Lake")
        sample = CdmSample(account.filesystem, root)
        for run, number in (("2026/11/21/0215", 1), ("2026/11/22/0215", 2)):
            sample.run("Gold", ("Email",), [[{"Email": f"p{number}@example.org"}]], run)
        account.put("Days/2026-11-21/Gold/x.csv", b"Email\nold@example.org\n")
        account.put("Days/2026-11-22/Gold/x.csv", b"Email\nnew@example.org\n")
        if at:
            for folder in (at, "Days/", "Days/2026-11-22/", "Days/2026-11-22/Gold/"):
                account.put(folder, b"", metadata)
        assert read_emails(account.filesystem, f"{root}/Gold") == ["p2@example.org"]
        assert discover(account.filesystem, root) == {"Gold": f"{root}/model.json/Gold"}
        template = "{{ latest('%Y-%m-%d') }}/Gold"
        dates = RunDates.at(datetime(2026, 11, 30, tzinfo=UTC), "UTC")
        latest = parse_latest(render(template, dates))
        assert latest
        found = newest_dated(account.filesystem, account.path("Days"), latest, dates, template)
        assert found == account.path("Days/2026-11-22/Gold")
        assert read_emails(account.filesystem, found) == ["new@example.org"]

    def test_a_folder_with_nothing_but_its_marker_is_empty(self, account: Account) -> None:
        account.put("Gold/", b"")
        account.put("Silver", b"", {"hdi_isfolder": "true"})
        for name in ("Gold", "Silver"):
            path = account.path(name)
            assert list_files(account.filesystem, path).files == ()
            assert list_folder(account.filesystem, path) == []
            assert get_info(account.filesystem, path)["type"] == "directory"

    @pytest.mark.parametrize("content", [b"Email\nother@example.org\n", b""])
    def test_a_blob_and_a_folder_of_one_name_are_rejected(self, lake_container: Any, content: bytes) -> None:
        account = Account(lake_container, "flat")  # the other kind cannot have both
        account.put("segments/Gold/part-0.csv", b"Email\na@example.org\n")
        account.put("segments/Gold", content)
        account.put("segments/Gold.csv", b"Email\nb@example.org\n")
        account.put("segments/Golden/part-0.csv", b"Email\nc@example.org\n")
        with pytest.raises(ConfigurationError, match=r"segments/Gold is both a file and a folder"):
            open_table(account.filesystem, account.path("segments/Gold"))
        assert read_emails(account.filesystem, account.path("segments/Gold.csv")) == ["b@example.org"]
        assert read_emails(account.filesystem, account.path("segments/Golden")) == ["c@example.org"]

    def test_a_blob_that_only_looks_like_a_marker_is_a_file(self, lake_container: Any) -> None:
        account = Account(lake_container, "flat")
        account.put("Gold/part-0.csv", b"Email\na@example.org\n")
        account.put("Gold/more/", b"Email\nb@example.org\n")
        assert list(walk_files(account.filesystem, account.path("Gold"))) == [
            account.path("Gold/more/"),
            account.path("Gold/part-0.csv"),
        ]

    def test_names_may_have_empty_segments(self, lake_container: Any) -> None:
        account = Account(lake_container, "flat")
        account.put("Gold//part-0.csv", b"Email\na@example.org\n")
        account.put("Gold/part-1.csv", b"Email\nb@example.org\n")
        assert sorted(read_emails(account.filesystem, account.path("Gold"))) == [
            "a@example.org",
            "b@example.org",
        ]

    @pytest.mark.parametrize(("name", "other"), [("C#", "C"), ("a?b#c", "a#c?b"), ("5%41 [1] +", "5A 1  ")])
    def test_delta_and_cdm_folders_may_have_any_name(self, account: Account, name: str, other: str) -> None:
        for place, number in ((name, 1), (other, 2)):
            folder = account.path(f"delta/{place}")
            log = [
                {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
                {
                    "metaData": {
                        "id": "x",
                        "format": {"provider": "parquet", "options": {}},
                        "schemaString": json.dumps({"type": "struct", "fields": []}),
                        "partitionColumns": [],
                        "configuration": {},
                    }
                },
            ]
            account.put(
                f"delta/{place}/_delta_log/{0:020}.json", "\n".join(json.dumps(one) for one in log).encode()
            )
            assert open_table(account.filesystem, folder).location == f"abfs://{folder}"
            assert open_table(account.filesystem, folder).profiles() == 0
            sample = CdmSample(with_exact_names(account.filesystem), account.path(f"cdm/{place}"))
            sample.run("Gold#", ("Email",), [[{"Email": f"p{number}@example.org"}]], "2026/11/21/0215")
        assert read_emails(account.filesystem, account.path(f"cdm/{name}/Gold#")) == ["p1@example.org"]
        assert read_emails(account.filesystem, account.path(f"cdm/{name}/model.json/Gold#")) == [
            "p1@example.org"
        ]

    @pytest.mark.parametrize("name", ["C#", "ws [1]", "ws*", "50%41"])
    def test_a_workspace_may_have_any_name(self, lake_container: Any, name: str) -> None:
        mine = Workspace(lake_container.filesystem, f"{lake_container.name}/{name}")
        others = {
            n: Workspace(lake_container.filesystem, f"{lake_container.name}/{n}")
            for n in ("C", "ws 1", "wsx")
        }
        for one in (mine, *others.values()):
            one.create("a/b", b"1")
            one.write_bytes("a/c", b"22")
        with pytest.raises(FileExistsError):
            mine.create("a/b", b"3")
        assert (mine.list("a"), mine.size("a/c"), mine.read_bytes("a/b")) == (["b", "c"], 2, b"1")
        with mine.open_output("a/d") as output:
            output.write(b"333")
        with mine.open_input("a/d") as content:
            assert content.read() == b"333"
        mine.delete("a/d")
        assert not mine.exists("a/d")
        mine.delete("a", recursive=True)
        assert not mine.exists("a")
        assert {name: one.list("a") for name, one in others.items()} == {one: ["b", "c"] for one in others}

    def test_any_blob_can_be_read(self, account: Account) -> None:
        account.put("C#/x?", b"0123456789")
        account.put("C/x", b"wrong")
        path = account.path("C#/x?")
        assert read_range(account.filesystem, path, 2, 5) == b"234"
        assert read_range(account.filesystem, path, 5, 5) == b""
        for size in (None, 10):
            with open_input(account.filesystem, path, size) as file:
                assert file.read() == b"0123456789"
                file.seek(8)
                assert file.read() == b"89"

    def test_a_missing_container_is_reported(self, lake_container: Any) -> None:
        filesystem = lake_container.filesystem
        assert walk_files(filesystem, "no-such-container/Gold") == {}
        with pytest.raises(FileNotFoundError):
            list_folder(filesystem, "no-such-container/Gold")
        with pytest.raises(FileNotFoundError):
            get_info(filesystem, "no-such-container")


def test_a_url_keeps_its_name() -> None:
    import adlfs

    from customer_match.storage.azure_names import AzureNames

    strip = AzureNames._strip_protocol
    assert (
        strip("abfs://lake/a?b#c#") == strip("abfss://lake@acme.dfs.core.windows.net/a?b#c#") == "lake/a?b#c#"
    )
    assert strip(["/lake/C#", "az://lake/C?"]) == ["lake/C#", "lake/C?"]
    assert (
        adlfs.AzureBlobFileSystem._strip_protocol("abfs://lake/C#") == "lake/C"
    )  # when this fails, adlfs is fixed and our class can be removed


@pytest.mark.parametrize("name", NAMES)
def test_local_tables_may_have_any_name(tmp_path: Path, name: str) -> None:
    local = LocalFileSystem()
    for place in (name, "C", "a", "a1"):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / "x.csv").write_text(f"Email\n{len(place)}{ord(place[0])}@example.org\n")
    root = str(tmp_path / name)
    assert read_emails(local, root) == [f"{len(name)}{ord(name[0])}@example.org"]
    found = discover(local, str(tmp_path))
    assert found.get(unicodedata.normalize("NFC", name)) == (None if name.startswith(".") else root)


class Careless(MemoryFileSystem):
    """Drops what looks like a URL fragment, as adlfs does."""

    cachable = False
    protocol = "careless"

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        return super().ls(path.rstrip("#"), detail=detail, **options)

    def info(self, path: str, **options: Any) -> Any:
        return super().info(path.rstrip("#"), **options)

    def find(self, path: str, *arguments: Any, **options: Any) -> Any:
        return super().find(path.rstrip("#"), *arguments, **options)


def test_wrong_paths_from_a_file_system_are_rejected() -> None:
    """For any file system of a provider, a wrong path is reported, and no other data is read."""
    careless = Careless()
    careless.pipe_file("/names/C/x.csv", b"Email\n")
    for ask in (get_info, get_unambiguous_info, list_folder, walk_files):
        with pytest.raises(TerminalError, match=r"names/C# but returned .*names/C.*is elsewhere"):
            ask(careless, "/names/C#")
    careless.rm("/names", recursive=True)
