"""Where tables are: folders in a lake and on this machine, and how CSV files are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from customer_match.export.sources import BASE, Csv, Folder, Source
from customer_match.project import PROJECT


@pytest.mark.parametrize(
    "root",
    [
        "abfs://lake",
        "abfs://lake/a b/Ü/2026",
        "abfss://lake@account.dfs.core.windows.net/x",
        "abfs://my-lake/x",
    ],
)
def test_a_root_in_a_lake_loses_only_its_last_slash(root: str) -> None:
    source = Source(connection="lake", root=root + "/")
    assert source.is_remote
    assert source.root == root


@pytest.mark.parametrize(
    ("written", "root"),
    [
        (
            "https://acme.blob.core.windows.net/lake/a%20b/",
            "abfs://lake@acme.blob.core.windows.net/a b",
        ),
        ("wasbs://lake@acme.blob.core.windows.net/x", "abfs://lake@acme.blob.core.windows.net/x"),
        (
            "abfss://Sales EU@onelake.dfs.fabric.microsoft.com/Crm.Lakehouse/Tables",
            "abfs://Sales%20EU@onelake.dfs.fabric.microsoft.com/Crm.Lakehouse/Tables",
        ),
        ("s3://bucket/x/", "s3://bucket/x"),
    ],
)
def test_spellings_of_a_url_are_unified_and_other_storages_kept(written: str, root: str) -> None:
    source = Source(connection="lake", root=written)
    assert (source.root, source.is_remote) == (root, True)
    assert source.locate("/a/") == f"{root}/a"


@pytest.mark.parametrize(
    ("folder", "path", "location"),
    [
        ({"root": "lake"}, "", "/project/lake"),
        ({"root": "lake/"}, "a/b", "/project/lake/a/b"),
        ({"root": "/data"}, "a", "/data/a"),
        ({"root": "/data"}, "/other/a", "/other/a"),
        ({"root": "/"}, "a", "/a"),
        ({"root": "file:///data/"}, "a", "file:///data/a"),
        ({"root": "abfs://lake/x", "connection": "c"}, "", "abfs://lake/x"),
        ({"root": "abfs://lake/x", "connection": "c"}, "/a/", "abfs://lake/x/a"),
        ({"root": "abfs://lake/x", "connection": "c"}, "abfs://other/a", "abfs://other/a"),
    ],
)
def test_a_path_is_located_below_the_root_unless_it_is_absolute(
    folder: dict[str, str], path: str, location: str
) -> None:
    loaded = Folder.model_validate(folder, context={BASE: Path("/project")})
    assert loaded.locate(path) == loaded.model_copy().locate(path) == location


def test_relative_folders_begin_at_the_project_unless_a_base_is_named() -> None:
    assert Folder(root="lake").locate("a") == str(PROJECT / "lake" / "a")


def test_other_storages_need_no_connection() -> None:
    assert Source(root="s3://bucket/x").connection is None


class TestCsv:
    """How CSV files are written."""

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ({"delimiter": "tab"}, {"delimiter": "\t"}),
            ({"delimiter": "\t"}, {"delimiter": "\t"}),
            ({"delimiter": " "}, {"delimiter": " "}),
            ({"quote": "none"}, {"quote": None}),
            ({"quote": None}, {"quote": None}),
            ({"escape": "\\"}, {"escape": "\\"}),
            ({"encoding": "Windows-1252"}, {"encoding": "cp1252"}),
            ({"encoding": "UTF8"}, {"encoding": "utf-8"}),
            ({"columns": ["Id", "Email"]}, {"columns": ("Id", "Email")}),
            ({"header": False}, {"header": False}),
        ],
    )
    def test_a_setting_is_converted_for_the_reader(
        self, written: dict[str, object], read: dict[str, object]
    ) -> None:
        csv = Csv.model_validate(written)
        assert {key: getattr(csv, key) for key in read} == read

    @pytest.mark.parametrize(
        ("written", "word"),
        [
            ({"delimiter": "::"}, "one ASCII character"),
            ({"delimiter": "ä"}, "one ASCII character"),
            ({"delimiter": '"'}, "one ASCII character"),
            ({"delimiter": "\n"}, "one ASCII character"),
            ({"quote": "''"}, "one ASCII character"),
            ({"encoding": "klingon"}, "not a known text encoding"),
            ({"encoding": "base64"}, "not a known text encoding"),
            ({"encoding": "unicode_escape"}, "not a known text encoding"),
            ({"quote": "|", "delimiter": "|"}, "is the same as the delimiter"),
            ({"escape": '"'}, "is the same as the quotation mark"),
            ({"header": True, "columns": ["Id"]}, "is only for files without a header row"),
            ({"columns": ["ann@example.org"]}, "is an e-mail address"),
        ],
    )
    def test_an_invalid_setting_is_rejected(self, written: dict[str, object], word: str) -> None:
        with pytest.raises(ValidationError) as raised:
            Csv.model_validate(written)
        assert word in str(raised.value)

    def test_another_format_has_no_csv_settings(self) -> None:
        with pytest.raises(ValidationError, match="does not apply to `format: delta`"):
            Source.model_validate({"root": "lake", "format": "delta", "csv": {"delimiter": ";"}})
