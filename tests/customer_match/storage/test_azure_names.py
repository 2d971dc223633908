"""Blobs with the property `Content-Encoding`, on Azure's emulator: readers get the bytes that are stored."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient, ContentSettings

from customer_match.errors import ConfigurationError
from customer_match.storage.files import open_input
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match.workspace.workspace import Workspace
from customer_match_sample_lake.cdm import CdmSample
from customer_match_sample_lake.delta import DeltaSample

pytestmark = pytest.mark.azurite

LABELS = ["gzip", "deflate", "utf-8"]
ROW = "{0},p{0}@example.org\n"


@dataclass(frozen=True)
class Account:
    filesystem: Any
    container: ContainerClient

    @property
    def name(self) -> str:
        return str(self.container.container_name)

    def put(self, name: str, content: bytes, label: str = "gzip") -> str:
        self.container.upload_blob(
            name, content, overwrite=True, content_settings=ContentSettings(content_encoding=label)
        )
        return f"{self.name}/{name}"

    def label_all(self, change: Callable[[str, bytes], bytes] = lambda _, content: content) -> None:
        """Store all blobs again with the property, perhaps with other content."""
        for name in list(self.container.list_blob_names()):
            content = bytes(self.container.download_blob(name, decompress=False).readall())
            self.put(name, change(name, content))

    def emails(self, path: str) -> Iterator[str]:
        for batch in open_table(self.filesystem, path).batches(["Email"]):
            yield from batch.column("Email").to_pylist()


@pytest.fixture
def account(lake_container: Any) -> Iterator[Account]:
    with BlobServiceClient.from_connection_string(lake_container.endpoint.connection_string) as service:
        yield Account(lake_container.filesystem, service.get_container_client(lake_container.name))


def csv_text(numbers: range, header: str = "Id,Email\n") -> bytes:
    return (header + "".join(map(ROW.format, numbers))).encode()


COMPRESSED = {
    "of one member": gzip.compress(csv_text(range(5_000))),
    "of a few rows": gzip.compress(csv_text(range(50))),
    "of two members": gzip.compress(csv_text(range(2_000)))
    + gzip.compress(csv_text(range(2_000, 5_000), header="")),
    "of several requests": gzip.compress(csv_text(range(400_000)), compresslevel=0),
}


NAMES = ["Gold.csv", "Gold.csv.gz", "Gold", "Gold/part-0.csv"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [*((kind, NAMES[0]) for kind in COMPRESSED), *(("of two members", n) for n in NAMES[1:])],
)
def test_every_row_of_a_compressed_csv_file_is_read(account: Account, kind: str, name: str) -> None:
    """The property makes Azure's client decompress each range; reading on by the stored size would lose rows."""
    content = COMPRESSED[kind]
    account.put(name, content)
    rows = gzip.decompress(content).count(b"\n") - 1
    found = list(account.emails(f"{account.name}/Gold" if "/" in name else f"{account.name}/{name}"))
    assert found == [f"p{number}@example.org" for number in range(rows)]


def test_the_first_test_reads_a_file_by_several_requests() -> None:
    assert len(COMPRESSED["of several requests"]) > 8 * 2**20


@pytest.mark.bad_input
def test_a_compressed_csv_file_that_is_truncated_is_an_error(account: Account) -> None:
    path = account.put("Gold.csv", COMPRESSED["of one member"][:-100])
    with pytest.raises(ConfigurationError, match="truncated"):
        list(account.emails(path))


@pytest.mark.parametrize("label", LABELS)
def test_a_wrong_property_changes_nothing(account: Account, label: str) -> None:
    path = account.put("Gold.csv", csv_text(range(3_000)), label)
    assert len(list(account.emails(path))) == 3_000
    parquet = io.BytesIO()
    emails = [f"p{number}@example.org" for number in range(3_000)]
    pq.write_table(pa.table({"Email": emails}), parquet)
    assert list(account.emails(account.put("Gold.parquet", parquet.getvalue(), label))) == emails


def compress_texts(name: str, content: bytes) -> bytes:
    return gzip.compress(content) if name.endswith((".json", ".csv", ".crc")) else content


@pytest.mark.parametrize(
    "change", [lambda _, content: content, compress_texts], ids=["labelled", "compressed"]
)
class TestTablesWithDocuments:
    """The files that describe a table may be compressed, as its data may."""

    def test_delta(self, account: Account, change: Callable[[str, bytes], bytes]) -> None:
        table = DeltaSample(
            account.filesystem, f"{account.name}/Gold", {"Email": pa.string()}, vectors="file"
        )
        table.append([{"Email": f"p{number}@example.org"} for number in range(500)])
        table.delete("Email", ["p7@example.org"])
        table.checkpoint()
        table.append([{"Email": "last@example.org"}])
        account.label_all(change)
        assert sorted(account.emails(f"{account.name}/Gold")) == sorted(row["Email"] for row in table.rows)

    def test_cdm(self, account: Account, change: Callable[[str, bytes], bytes]) -> None:
        lake = CdmSample(account.filesystem, f"{account.name}/Lake")
        rows = [{"Email": f"p{number}@example.org"} for number in range(500)]
        lake.run("Gold", ["Email"], [rows[:200], rows[200:]], "2026/11/21/0215")
        account.label_all(change)
        found = discover(account.filesystem, f"{account.name}/Lake")
        assert list(account.emails(found["Gold"])) == [row["Email"] for row in rows]


@pytest.mark.parametrize("size", [None, 5_000])
def test_any_range_is_read_as_it_is_stored(account: Account, size: int | None) -> None:
    content = gzip.compress(bytes(range(256)) * 1_000, compresslevel=0)[:5_000]
    with open_input(account.filesystem, account.put("x", content), size) as file:
        assert file.read() == content
        file.seek(2_000)
        assert file.read(1_000) == content[2_000:3_000]


def test_a_workspace_reads_what_is_stored(account: Account) -> None:
    content = gzip.compress(b"{}" * 1_000)
    account.put("workspace/a", content)
    workspace = Workspace(account.filesystem, f"{account.name}/workspace")
    assert workspace.read_bytes("a") == content
    with workspace.open_input("a") as file:
        assert file.read() == content
