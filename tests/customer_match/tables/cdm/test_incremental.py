"""Incremental folders of Synapse Link: all of them together are the table, and a folder that is missing is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.change_logs.table import latest_rows
from customer_match.errors import ConfigurationError
from customer_match.export.changes import ChangeLog
from customer_match.tables.cdm.incremental import IncrementalTable
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match.tables.table import TableMissing
from tests.conftest import LakeContainer

LOCAL = LocalFileSystem()
COLUMNS = ["Id", "SinkCreatedOn", "SinkModifiedOn", "emailaddress1", "versionnumber", "IsDelete"]
TIMES = ["2026-11-05T10.00.00Z", "2026-11-05T10.15.00Z", "2026-11-05T10.30.00Z", "2026-11-05T10.45.00Z"]


class Link:
    """A container that Synapse Link writes to."""

    def __init__(self, root: str, filesystem: Any = LOCAL) -> None:
        self.root = root
        self.filesystem = filesystem
        self.model([], ["contact", "account"])
        self.file("Microsoft.Athena.TrickleFeedService/contact-model.json", "{}")
        self.file("OptionsetMetadata/GlobalOptionsetMetadata.csv", "a,b\n")

    def file(self, path: str, content: str) -> None:
        whole = f"{self.root}/{path}"
        self.filesystem.makedirs(whole.rpartition("/")[0], exist_ok=True)
        self.filesystem.pipe_file(whole, content.encode())

    def model(self, columns: list[str], tables: list[str], folder: str = "") -> None:
        entities = [
            {
                "$type": "LocalEntity",
                "name": name,
                "attributes": [{"name": column, "dataType": "string"} for column in columns or COLUMNS],
                "partitions": [],
            }
            for name in tables
        ]
        self.file(f"{folder}model.json", json.dumps({"name": "cdm", "version": "1.0", "entities": entities}))

    def folder(self, time: str, rows: dict[str, list[list[str]]], columns: list[str] | None = None) -> None:
        for table, values in rows.items():
            for number, row in enumerate(values):
                line = ",".join(f'"{value}"' for value in row)
                self.file(f"{time}/{table}/{2025 + number}.csv", f"{line}\n")
        self.model(columns or COLUMNS, ["account", "contact"], f"{time}/")

    def active(self, time: str) -> None:
        self.file("Changelog/changelog.info", time)


def row(one: str, email: str, version: int, gone: str = "", *more: str) -> list[str]:
    return [one, "1/1/2026 1:00:00 AM", f"1/1/2026 1:00:{version:02} AM", email, str(version), gone, *more]


@pytest.fixture
def link(tmp_path: Path) -> Link:
    link = Link(str(tmp_path / "lake"))
    link.folder(
        TIMES[0],
        {"contact": [row("a1", "ann@x.org", 1), row("a2", "bob@x.org", 2), row("a3", "carl@x.org", 3)]},
    )
    link.folder(TIMES[1], {"account": [row("b1", "firm@x.org", 4)]})
    more = [row("a2", "bob@y.org", 9, "", "gold"), row("a3", "", 10, "True", "")]
    link.folder(TIMES[2], {"contact": more}, [*COLUMNS, "new_tier"])
    link.file(f"{TIMES[3]}/contact/2026.csv", ",".join(row("a1", "", 20, "True")) + "\n")
    link.file(f"{TIMES[3]}/model.json", "")
    link.active(TIMES[3])
    return link


def emails(path: str, as_of: datetime | None = None) -> list[str]:
    table = latest_rows(open_table(LOCAL, path, as_of=as_of), None)
    return sorted(
        value for batch in table.batches(["emailaddress1"]) for value in batch.column(0).to_pylist()
    )


@pytest.mark.parametrize("path", ["contact", "model.json/contact"])
def test_all_finished_folders_are_the_table(link: Link, path: str) -> None:
    assert emails(f"{link.root}/{path}") == ["ann@x.org", "bob@y.org"]


def test_a_file_and_a_folder_without_rows(link: Link) -> None:
    link.file(f"{TIMES[1]}/contact/2026.csv", "")
    link.file(f"{TIMES[2]}/contact/2027.csv", "")
    assert emails(f"{link.root}/contact") == ["ann@x.org", "bob@y.org"]


def test_every_table_is_found_once(link: Link, tmp_path: Path) -> None:
    for root in (link.root, str(tmp_path)):
        assert discover(LOCAL, root) == {name: f"{link.root}/{name}" for name in ("account", "contact")}
        assert discover(LOCAL, root, format="cdm") == discover(LOCAL, root)


def test_a_column_that_older_folders_lack_is_empty_there(link: Link) -> None:
    table = latest_rows(open_table(LOCAL, f"{link.root}/contact"), None)
    rows = [row for batch in table.batches(["emailaddress1", "new_tier"]) for row in batch.to_pylist()]
    assert {row["emailaddress1"]: row["new_tier"] for row in rows} == {"ann@x.org": "", "bob@y.org": "gold"}
    assert [row for batch in table.batches(["new_tier"]) for row in batch.to_pylist()] == [
        {"new_tier": row["new_tier"]} for row in rows
    ]


def test_a_run_for_the_past_reads_the_folders_of_then(link: Link) -> None:
    at = datetime(2026, 11, 5, 10, 20, tzinfo=UTC)
    assert emails(f"{link.root}/contact", at) == ["ann@x.org", "bob@x.org", "carl@x.org"]
    with pytest.raises(ConfigurationError, match="no finished incremental folder up to"):
        emails(f"{link.root}/contact", datetime(2026, 11, 1, tzinfo=UTC))


def test_the_next_folder_counts_once_it_is_finished(link: Link) -> None:
    link.model(COLUMNS, ["contact"], f"{TIMES[3]}/")
    link.active("2026-11-05T11.00.00Z")
    assert emails(f"{link.root}/contact") == ["bob@y.org"]


def test_a_folder_that_was_never_finished_is_named(link: Link) -> None:
    link.active("2026-11-05T11.00.00Z")
    with pytest.raises(ConfigurationError, match=rf"{TIMES[3]} has changes of 'contact', but no model\.json"):
        emails(f"{link.root}/contact")


def test_a_folder_that_is_gone_is_told(link: Link) -> None:
    link.file("Changelog/Synapse.log", ",".join(["2026-11-05T09.45.00Z", *TIMES[:3]]))
    with pytest.raises(
        ConfigurationError, match=r"1 of the incremental folders.*the first of them '2026-11-05T09\.45\.00Z'"
    ):
        emails(f"{link.root}/contact")
    LOCAL.makedirs(f"{link.root}/2026-11-05T09.45.00Z")  # empty, as a retry leaves it
    assert emails(f"{link.root}/contact") == ["ann@x.org", "bob@y.org"]


@pytest.mark.parametrize("path", [TIMES[0], f"{TIMES[0]}/contact", f"{TIMES[0]}/model.json/contact"])
def test_one_folder_alone_is_refused(link: Link, path: str) -> None:
    with pytest.raises(ConfigurationError, match="only the changes of one interval"):
        open_table(LOCAL, f"{link.root}/{path}")
    with pytest.raises(ConfigurationError, match="only the changes of one interval"):
        discover(LOCAL, f"{link.root}/{TIMES[0]}")


def test_the_folder_of_all_of_them_is_no_table(link: Link) -> None:
    with pytest.raises(ConfigurationError, match="changes of 2 tables: account, contact"):
        open_table(LOCAL, link.root)
    with pytest.raises(ConfigurationError, match="format: cdm"):
        open_table(LOCAL, link.root, "csv")


def test_a_table_that_no_folder_has_is_missing(link: Link) -> None:
    with pytest.raises(TableMissing, match="no file or folder"):
        open_table(LOCAL, f"{link.root}/lead")


def test_without_the_columns_that_tell_what_counts_it_is_refused(link: Link) -> None:
    names = ["Key", "A", "B", "emailaddress1", "V", "Gone"]
    for time in TIMES[:3:2]:
        link.model([*names, "T"] if time == TIMES[2] else names, ["contact"], f"{time}/")
    table = open_table(LOCAL, f"{link.root}/contact")
    assert isinstance(table, IncrementalTable)
    with pytest.raises(ConfigurationError, match="is a change log in incremental folders"):
        latest_rows(table, None)
    told = latest_rows(table, ChangeLog.model_validate({"key": "Key", "order": "V", "deleted": "Gone"}))
    assert sum(batch.num_rows for batch in told.batches(["emailaddress1"])) == 2


def test_folders_that_are_named_by_times_are_ordinary_ones_elsewhere(tmp_path: Path) -> None:
    for time in TIMES[:2]:
        (tmp_path / "daily" / time).mkdir(parents=True)
        (tmp_path / "daily" / time / "Gold.csv").write_text("Email\na@x.org\n")
    assert [
        batch.num_rows for batch in open_table(LOCAL, str(tmp_path / "daily" / TIMES[0])).batches(["Email"])
    ] == [1]
    assert set(discover(LOCAL, str(tmp_path / "daily" / TIMES[1]))) == {"Gold"}


@pytest.mark.azurite
def test_folders_in_azure_are_found_and_read(lake_container: LakeContainer) -> None:
    link = Link(f"{lake_container.name}/incremental", lake_container.filesystem)
    link.folder(TIMES[0], {"contact": [row("a1", "ann@x.org", 1), row("a2", "bob@x.org", 2)]})
    link.folder(TIMES[1], {"contact": [row("a2", "", 3, "True")]})
    link.active(TIMES[2])
    found = discover(lake_container.filesystem, link.root)
    assert set(found) == {"contact"}
    table = latest_rows(open_table(lake_container.filesystem, found["contact"]), None)
    rows = [value for batch in table.batches(["emailaddress1"]) for value in batch.column(0).to_pylist()]
    assert rows == ["ann@x.org"]
