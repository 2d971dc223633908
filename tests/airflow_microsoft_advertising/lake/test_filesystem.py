import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import Connection

from airflow_microsoft_advertising.lake.azure import storage_options
from airflow_microsoft_advertising.lake.filesystem import filesystem
from customer_match.errors import ConfigurationError, TransientError
from customer_match.storage.files import storage_faults
from customer_match.storage.location_paths import path_of
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match.workspace.workspace import Workspace

SECRET = "c2VjcmV0LXNlY3JldA=="
STRING = (
    f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={SECRET};EndpointSuffix=core.windows.net"
)

BY_HOST = f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={SECRET};BlobEndpoint=https://{{}}"


def connection(kind: str = "wasb", **fields: Any) -> Connection:
    extra = fields.pop("extra", None)
    return Connection(conn_id="lake", conn_type=kind, extra=json.dumps(extra) if extra else None, **fields)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        pytest.param(
            connection(login="acme", extra={"connection_string": STRING, "tenant_id": "ignored"}),
            {"connection_string": STRING},
            id="connection string wins",
        ),
        pytest.param(
            connection(
                "adls", extra={"connection_string": "BlobEndpoint=http://127.0.0.1:1/acme;AccountKey=x"}
            ),
            {"connection_string": "BlobEndpoint=http://127.0.0.1:1/acme;AccountKey=x"},
            id="emulator",
        ),
        pytest.param(
            connection(login="acme", password=SECRET),
            {"account_name": "acme", "account_key": SECRET},
            id="wasb key",
        ),
        pytest.param(
            connection("adls", host="acme", password=SECRET),
            {"account_name": "acme", "account_key": SECRET},
            id="adls key",
        ),
        pytest.param(
            connection(login="acme", extra={"shared_access_key": SECRET, "sas_token": "sv=1"}),
            {"account_name": "acme", "account_key": SECRET},
            id="shared access key before signature",
        ),
        pytest.param(
            connection("azure_data_lake", extra={"account_name": "acme", "account_key": SECRET}),
            {"account_name": "acme", "account_key": SECRET},
            id="key in extra",
        ),
        pytest.param(
            connection(login="acme", extra={"extra__wasb__sas_token": "?sv=1&sig=x%3D"}),
            {"account_name": "acme", "sas_token": "sv=1&sig=x%3D"},
            id="signature under its old name",
        ),
        pytest.param(
            connection(extra={"sas_token": "https://acme.blob.core.windows.net/?sv=1&sig=x"}),
            {"account_name": "acme", "sas_token": "sv=1&sig=x"},
            id="signature as a whole URL",
        ),
        pytest.param(
            connection(
                host="acme.blob.core.windows.net", login="app", password=SECRET, extra={"tenant_id": "t"}
            ),
            {"account_name": "acme", "tenant_id": "t", "client_id": "app", "client_secret": SECRET},
            id="wasb service principal",
        ),
        pytest.param(
            connection(
                "adls",
                host="acme",
                login="app",
                password=SECRET,
                extra={"tenant_id": "t", "client_secret_auth_config": {"authority": "login.example"}},
            ),
            {
                "account_name": "acme",
                "tenant_id": "t",
                "client_id": "app",
                "client_secret": SECRET,
                "client_secret_auth_config": {"authority": "login.example"},
            },
            id="service principal of another cloud",
        ),
        pytest.param(
            connection("adls", host="acme", login="app", password=SECRET, extra={"tenant_id": "t"}),
            {"account_name": "acme", "tenant_id": "t", "client_id": "app", "client_secret": SECRET},
            id="adls service principal",
        ),
        pytest.param(
            connection(
                "azure_data_lake", login="app", password=SECRET, extra={"tenant": "t", "account_name": "acme"}
            ),
            {"account_name": "acme", "tenant_id": "t", "client_id": "app", "client_secret": SECRET},
            id="azure_data_lake service principal",
        ),
        pytest.param(
            connection(host="https://acme.dfs.core.windows.net/"),
            {"account_name": "acme", "anon": False},
            id="whatever the machine offers",
        ),
        pytest.param(
            connection("adls", host="acme", extra={"managed_identity_client_id": "mi"}),
            {"account_name": "acme", "anon": False, "managed_identity_client_id": "mi"},
            id="managed identity",
        ),
        pytest.param(
            connection(
                host="https://acme.blob.core.windows.net",
                extra={"managed_identity_client_id": "mi", "workload_identity_tenant_id": "t"},
            ),
            {
                "account_name": "acme",
                "anon": False,
                "managed_identity_client_id": "mi",
                "workload_identity_tenant_id": "t",
                "additionally_allowed_tenants": ["t"],
            },
            id="workload identity",
        ),
        pytest.param(
            connection(login="acme", extra={"anon": True}),
            {"account_name": "acme", "anon": True},
            id="public",
        ),
        pytest.param(
            connection(host="acme.blob.core.chinacloudapi.cn", login="acme", password=SECRET),
            {"connection_string": BY_HOST.format("acme.blob.core.chinacloudapi.cn")},
            id="another cloud",
        ),
        pytest.param(
            connection(
                login="acme", password=SECRET, extra={"account_name": "acme", "account_host": "lake.intra"}
            ),
            {"connection_string": BY_HOST.format("lake.intra")},
            id="a host of one's own",
        ),
        pytest.param(
            connection(
                login="acme", extra={"account_host": "lake.intra", "account_name": "acme", "sas_token": "s"}
            ),
            {"account_name": "acme", "account_host": "lake.intra", "sas_token": "s"},
            id="a host of one's own, by a signature",
        ),
    ],
)
def test_each_kind_of_credential_gives_its_options(given: Connection, options: dict[str, Any]) -> None:
    assert storage_options(given) == options


def test_the_location_may_name_the_account() -> None:
    given = connection(password=SECRET)
    assert storage_options(given, "acme.dfs.core.windows.net") == {
        "account_name": "acme",
        "account_key": SECRET,
    }
    assert storage_options(given, "acme.dfs.core.usgovcloudapi.net") == {
        "connection_string": BY_HOST.format("acme.blob.core.usgovcloudapi.net")
    }


ONELAKE = "onelake.dfs.fabric.microsoft.com"
WEST_US = "westus-onelake.blob.fabric.microsoft.com"


@pytest.mark.parametrize(
    ("given", "host", "blob_host"),
    [
        (connection(), ONELAKE, "onelake.blob.fabric.microsoft.com"),
        (connection(host=f"https://{ONELAKE}"), None, "onelake.blob.fabric.microsoft.com"),
        (connection("adls", host="onelake"), None, "onelake.blob.fabric.microsoft.com"),
        (connection("azure_data_lake", extra={"account_name": "onelake"}), ONELAKE, ONELAKE),
        (connection(host=f"https://{ONELAKE}"), "westus-onelake.dfs.fabric.microsoft.com", WEST_US),
        (connection(host=WEST_US), ONELAKE, WEST_US),
        (connection(host=WEST_US), "westus-onelake.dfs.fabric.microsoft.com", WEST_US),
        (
            connection(),
            f"{'0' * 32}.z00.dfs.fabric.microsoft.com",
            f"{'0' * 32}.z00.blob.fabric.microsoft.com",
        ),
    ],
)
def test_onelake_is_one_account_on_several_hosts(given: Connection, host: str | None, blob_host: str) -> None:
    assert storage_options(given, host) == {
        "account_name": "onelake",
        "account_host": blob_host.replace(".dfs.", ".blob."),
        "anon": False,
    }


@pytest.mark.parametrize(
    "given",
    [
        connection(password=SECRET, login="app", extra={"tenant_id": "t"}),
        connection(extra={"managed_identity_client_id": "mi"}),
        connection(extra={"sas_token": SECRET}),
    ],
)
def test_onelake_takes_identities(given: Connection) -> None:
    options = storage_options(given, ONELAKE)
    assert {"client_secret", "managed_identity_client_id", "sas_token"} & options.keys()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "host", "credential"),
    [
        (connection(password=SECRET), ONELAKE, "an account key"),
        (connection(extra={"shared_access_key": SECRET}), ONELAKE, "an account key"),
        (connection("adls", host="onelake", password=SECRET), None, "an account key"),
        (connection(extra={"anon": True}), ONELAKE, "`anon`"),
        (connection(extra={"connection_string": STRING}), ONELAKE, "a Connection String"),
        (
            connection(extra={"connection_string": STRING.replace("acme", "onelake")}),
            None,
            "a Connection String",
        ),
        (
            connection(extra={"connection_string": f"BlobEndpoint=https://{WEST_US}/;AccountKey={SECRET}"}),
            None,
            "a Connection String",
        ),
    ],
)
def test_onelake_takes_no_keys(given: Connection, host: str | None, credential: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"signs in with {credential}, but OneLake accepts"
    ) as raised:
        storage_options(given, host)
    assert "fill in Tenant Id" in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.bad_input
def test_two_regions_of_onelake_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match="name different hosts of OneLake: northeurope-onelake"):
        storage_options(connection(host=WEST_US), "northeurope-onelake.dfs.fabric.microsoft.com")


def test_a_workspace_of_onelake_is_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FABRIC", json.dumps({"conn_type": "wasb"}))
    found, path = filesystem("fabric", f"abfss://Sales%20EU@{ONELAKE}/Crm.Lakehouse/Tables/")
    assert path == "Sales EU/Crm.Lakehouse/Tables"
    assert found.split_path(path) == ("Sales EU", "Crm.Lakehouse/Tables", None)
    blob = found.service_client.get_blob_client("Sales EU", "Crm.Lakehouse/Files/a b.csv")
    assert blob.url == "https://onelake.blob.fabric.microsoft.com/Sales%20EU/Crm.Lakehouse/Files/a%20b.csv"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (connection("http", host="x", password=SECRET), ["type 'http'", "must be of type wasb"]),
        (connection(password=SECRET), ["Blob Storage Login", "must name the storage account", "none"]),
        (connection("adls", login="app", password=SECRET), ["ADLS Gen2 Account Name"]),
        (connection("azure_data_lake", login="app", password=SECRET), ["account_name in Extra"]),
        (connection(login="No_Account", password=SECRET), ["'No_Account', which is not a valid name"]),
        (
            connection("adls", host="acme", login="app", extra={"tenant_id": "t"}),
            ["Password (client secret)"],
        ),
        (connection("adls", host="acme", password=SECRET, extra={"tenant_id": "t"}), ["Login (client id)"]),
        (
            connection(extra={"connection_string": f"AccountKey={SECRET}"}),
            ["Connection String", "AccountName"],
        ),
        (connection(extra={"connection_string": SECRET}), ["Connection String", "AccountName"]),
        (
            connection(login="acme", host="http://acme.intra", password=SECRET),
            ["http://", "Connection String"],
        ),
        (
            connection(
                "adls",
                host="acme",
                login="app",
                password=SECRET,
                extra={"tenant_id": "t", "client_secret_auth_config": SECRET},
            ),
            ["client_secret_auth_config in Extra", "is not a JSON object"],
        ),
        (
            Connection(conn_id="lake", conn_type="wasb", login="acme", extra=f'["{SECRET}"]'),
            ["Extra", "is not a JSON object"],
        ),
    ],
)
def test_an_unusable_connection_is_reported_by_field_and_without_secrets(
    given: Connection, words: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        storage_options(given)
    for word in ["'lake'", *words]:
        assert word in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "given", [connection(login="acme", password="k"), connection(extra={"connection_string": STRING})]
)
def test_a_connection_for_another_account_is_rejected(given: Connection) -> None:
    with pytest.raises(
        ConfigurationError, match="is for the storage account 'acme', but the location names 'other'"
    ):
        storage_options(given, "other.dfs.core.windows.net")


@pytest.mark.parametrize("url", ["{}/lake", "file://{}/lake", "{}/lake/"])
def test_a_local_folder_needs_no_connection(tmp_path: Path, url: str) -> None:
    (tmp_path / "lake").mkdir()
    found, path = filesystem(None, url.format(tmp_path))
    assert path == str(tmp_path / "lake")
    assert found.isdir(path)


def test_a_relative_folder_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert filesystem(None, "lake")[1] == str(tmp_path / "lake")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("conn_id", "url", "words"),
    [
        ("lake", "/data/lake", "is a local folder, which needs no connection, but 'lake' is given"),
        (None, "abfs://lake/segments", "needs an Airflow connection"),
        (
            "lake",
            "s3://bucket/x",
            r"no installed Airflow provider opens s3://. Add `apache-airflow-prov",
        ),
        (None, "gs://bucket/x", "`apache-airflow-providers-google` to the Python environment"),
        (None, "oss://bucket/x", "the provider package for it"),
        (None, "memory://x", "the memory of one process"),
        ("lake", "https://acme.example/x", "not one of Azure storage"),
        ("lake", "abfs://lake@lake/x", "the storage account's host"),
        ("lake", "abfs:///x", "container names have 3 to 63"),
        ("lake", "abfs://My_Lake/x", "3 to 63 lower-case letters"),
        ("no_such_lake", "abfs://lake/x", "There is no Airflow connection 'no_such_lake'"),
    ],
)
def test_invalid_locations_are_reported(conn_id: str | None, url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        filesystem(conn_id, url)


def test_a_connection_gives_a_file_system_without_listing_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "login": "acme", "password": SECRET})
    )
    found, path = filesystem("lake", "abfss://segments@acme.dfs.core.windows.net/a b/c#d/")
    assert path == "segments/a b/c#d"
    assert found.account_name == "acme"
    assert not found.dircache.use_listings_cache
    assert SECRET not in repr(found)
    assert filesystem("lake", "abfs://segments")[1] == "segments"


@pytest.mark.parametrize(
    "url", ["https://acme.blob.core.windows.net/lake/a%20b", "wasbs://lake@acme.dfs.core.windows.net/a b"]
)
def test_azure_locations_may_have_other_url_forms(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "password": SECRET}))
    found, path = filesystem("lake", url)
    assert (found.account_name, path) == ("acme", "lake/a b")


class TestAirflowsObjectStorage:
    """A provider's storage, simulated as none is installed: the scheme s3 opens a file system in memory."""

    @pytest.fixture
    def storage(self, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
        from airflow.sdk.io import fs
        from fsspec.implementations.memory import MemoryFileSystem

        class Storage(MemoryFileSystem):
            protocol = ("s3", "s3a")  # like s3fs; the provider opens s3n too
            store: ClassVar[dict[str, Any]] = {}
            pseudo_dirs: ClassVar[list[str]] = [""]
            cachable = False

            @classmethod
            def _strip_protocol(cls, path: str) -> str:
                return "/" + path.removeprefix("s3://").removeprefix("s3a://").strip("/")

        asked: list[str | None] = []

        def get_fs(conn_id: str | None) -> Storage:
            asked.append(conn_id)
            opened = Storage(use_listings_cache=True)
            opened.pipe_file("/bucket/segments/Gold/part-0.csv", b"Email\na\nb\n")
            opened.dircache["/bucket/segments"] = []
            return opened

        monkeypatch.setattr(fs, "_register_filesystems", lambda: dict.fromkeys(("s3", "s3a", "s3n"), get_fs))
        monkeypatch.setenv(
            "AIRFLOW_CONN_AWS", json.dumps({"conn_type": "aws", "login": "AKIA", "password": SECRET})
        )
        return asked

    @pytest.mark.parametrize("conn_id", ["aws", None])
    def test_its_tables_are_found_and_read(self, storage: list[str | None], conn_id: str | None) -> None:
        found, root = filesystem(conn_id, "s3://bucket/segments/")
        assert storage == [conn_id]
        assert not found.dircache.use_listings_cache
        assert "/bucket/segments" not in found.dircache
        tables = discover(found, root)
        assert list(tables) == ["Gold"]
        (batch,) = open_table(found, tables["Gold"]).batches(["Email"])
        assert batch.column(0).to_pylist() == ["a", "b"]

    @pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
    def test_schemes_unknown_to_the_file_system_are_opened_by_the_provider(
        self, storage: list[str | None], scheme: str
    ) -> None:
        found, path = filesystem("aws", f"{scheme}://bucket/segments/")
        assert path == "/bucket/segments"
        assert path_of(found, f"{scheme}://bucket/other") == "/bucket/other"

    @pytest.mark.bad_input
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"conn_type": "wasb"}, "is of type 'wasb'. To open s3:// it must be of type aws"),
            ({"conn_type": "aws", "login": "id", "password": "key\n"}, "Password contains white space"),
            ({"login": None}, "Login and Password must both be filled in, or neither"),
            ({"password": None, "extra": {"region_name": "eu-west-1"}}, "Login and Password must both"),
            (
                {"login": None, "password": None, "extra": {"aws_access_key_id": "AKIA"}},
                "aws_access_key_id and aws_secret_access_key in Extra must both",
            ),
            ({"extra": "{" + SECRET}, "Extra is not a JSON object"),
            ({"extra": f'["{SECRET}"]'}, "Extra is not a JSON object"),
        ],
    )
    def test_a_mistake_is_reported_before_the_provider_uses_the_machine_identity(
        self, storage: list[str | None], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
    ) -> None:
        given = {"conn_type": "aws", "login": "AKIA", "password": SECRET} | changes
        monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps(given))
        with pytest.raises(ConfigurationError, match=words) as raised:
            filesystem("aws", "s3://bucket/segments")
        assert SECRET not in str(raised.value)
        assert storage == []

    def test_a_connection_may_use_the_machine_identity(
        self, storage: list[str | None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps({"conn_type": "aws"}))
        filesystem("aws", "s3://bucket/segments")
        assert storage == ["aws"]

    def test_a_missing_connection_is_reported(self, storage: list[str | None]) -> None:
        with pytest.raises(ConfigurationError, match="There is no Airflow connection 'nope'"):
            filesystem("nope", "s3://bucket/segments")
        assert storage == []  # a provider would have continued without it

    @pytest.mark.faults
    @pytest.mark.parametrize(
        ("error", "family", "words"),
        [
            (
                ImportError("s3fs"),
                ConfigurationError,
                r"lacks a library. Add `apache-airflow-providers-amazon",
            ),
            (LookupError(f"key {SECRET}"), ConfigurationError, r"with the connection 'aws' \(LookupError\)"),
            (PermissionError(f"key {SECRET}"), ConfigurationError, "no permission to read"),
            (ConnectionError(f"key {SECRET}"), TransientError, "cannot be reached"),
        ],
    )
    def test_errors_of_a_provider_are_reported_without_their_text(
        self,
        storage: list[str | None],
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        family: type[Exception],
        words: str,
    ) -> None:
        from airflow.sdk.io import fs

        def get_fs(conn_id: str | None) -> Any:
            raise error

        monkeypatch.setattr(fs, "_register_filesystems", lambda: {"s3": get_fs})
        with pytest.raises(family, match=words) as raised:
            filesystem("aws", "s3://bucket/segments")
        assert SECRET not in str(raised.value)

    @pytest.mark.bad_input
    def test_it_cannot_hold_a_workspace(self, storage: list[str | None]) -> None:
        with pytest.raises(ConfigurationError, match="a storage of type s3://"):
            Workspace(*filesystem("aws", "s3://bucket/workspace"))


def test_a_service_principal_signs_in_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"conn_type": "adls", "host": "acme", "login": "app", "password": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({**given, "extra": {"tenant_id": "t"}}))
    found, _ = filesystem("lake", "abfs://segments")
    assert type(found.credential).__name__ == "ClientSecretCredential"


def test_the_machine_identity_is_used_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"managed_identity_client_id": "mi", "workload_identity_tenant_id": "t"}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "adls", "host": "acme", "extra": extra}))
    found, _ = filesystem("lake", "abfs://segments")
    assert type(found.credential).__name__ == "DefaultAzureCredential"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "definition", ["{" + SECRET, json.dumps({"conn_type": "wasb", "extra": "{" + SECRET})]
)
def test_a_malformed_definition_is_reported_without_its_text(
    monkeypatch: pytest.MonkeyPatch, definition: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", definition)
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_LAKE") as raised:
        filesystem("lake", "abfs://segments")
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.bad_input
def test_a_malformed_connection_string_is_reported_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"connection_string": f"AccountName=acme;AccountKey={SECRET};and more"}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "extra": extra}))
    with pytest.raises(ConfigurationError, match="Connection String") as raised:
        filesystem("lake", "abfs://segments")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("pasted", "options"),
    [
        (
            connection(login="acme", extra={"shared_access_key": f" {SECRET}\n"}),
            {"account_name": "acme", "account_key": SECRET},
        ),
        (
            connection(login=" acme ", extra={"sas_token": "\u200bsv=1&sig=x "}),
            {"account_name": "acme", "sas_token": "sv=1&sig=x"},
        ),
        (
            connection(login="acme", password=f"'{SECRET}' "),
            {"account_name": "acme", "account_key": SECRET},
        ),
        (connection(extra={"connection_string": f" {STRING}\r\n"}), {"connection_string": STRING}),
    ],
)
def test_characters_pasted_around_a_credential_are_ignored(
    pasted: Connection, options: dict[str, Any]
) -> None:
    assert storage_options(pasted) == options


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"login": "acme", "extra": {"shared_access_key": "secret key"}}, "Shared Access Key"),
        ({"login": "acme", "extra": {"sas_token": "sv=1 &sig=secret"}}, "SAS Token"),
        ({"login": "acme", "password": "secret\nkey"}, "Password"),
        ({"extra": {"connection_string": f"{STRING}\n{STRING}"}}, "Connection String"),
        ({"login": "id", "password": "secret", "extra": {"tenant_id": "a b"}}, "tenant_id in Extra"),
    ],
)
def test_characters_pasted_into_a_credential_are_reported(fields: dict[str, Any], label: str) -> None:
    """The service would refuse such a key only after minutes, and the advice would be about permissions."""
    with pytest.raises(ConfigurationError, match=f"'lake': {label} contains white space") as caught:
        storage_options(connection(**fields))
    assert "secret" not in str(caught.value)


def test_an_environment_variable_that_overrides_the_connection_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "login": "acme", "password": "a2V5"})
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", STRING)
    with pytest.raises(ConfigurationError, match="AZURE_STORAGE_CONNECTION_STRING would override") as raised:
        filesystem("lake", "abfs://segments")
    assert SECRET not in str(raised.value)


def test_importing_it_imports_neither_airflow_nor_azure() -> None:
    code = (
        "import sys, airflow_microsoft_advertising.lake.filesystem;"
        "print([name for name in ('airflow', 'adlfs', 'azure', 'fsspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.azurite
class TestWithAzurite:
    @pytest.fixture
    def lake(self, lake_container: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        endpoint = lake_container.endpoint
        extra = {"connection_string": endpoint.connection_string}
        definition = {"conn_type": "wasb", "login": endpoint.account_name, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(definition))
        return lake_container

    def test_tables_are_found_and_read(self, lake: Any) -> None:
        put = lake.filesystem.pipe_file
        put(f"{lake.name}/segments/Gold/2026/11/21/0215/Gold_1.csv", b"Id,Email\n1,old\n")
        put(f"{lake.name}/segments/Gold/2026/11/22/0215/Gold_1.csv", b"Id,Email\n1,a\n2,b\n")
        put(f"{lake.name}/segments/GoldOld/part-0.csv", b"Email\nx\n")
        put(f"{lake.name}/segments/VIPs.csv", b"Email;Id\nc;1\n")
        put(f"{lake.name}/segments/_SUCCESS", b"")
        found, root = filesystem("lake", f"abfs://{lake.name}/segments")
        tables = discover(found, root)
        assert list(tables) == ["Gold", "GoldOld", "VIPs"]
        table = open_table(found, tables["Gold"])
        assert table.location == f"abfs://{lake.name}/segments/Gold/2026/11/22/0215"
        assert table.modified is not None
        assert table.modified.utcoffset() is not None
        (batch,) = table.batches(["Email"])
        assert batch.column(0).to_pylist() == ["a", "b"]

    def test_only_needed_parts_of_a_parquet_file_are_read(
        self, lake: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with lake.filesystem.open(f"{lake.name}/t/part-0.parquet", "wb") as file:
            photos = [os.urandom(500).hex() for _ in range(2_000)]
            pq.write_table(pa.table({"Photo": photos, "Email": [f"e{i}" for i in range(2_000)]}), file)
        found, path = filesystem("lake", f"abfs://{lake.name}/t")
        with caplog.at_level(logging.INFO, "azure.core.pipeline.policies.http_logging_policy"):
            table = open_table(found, path)
            assert table.profiles() == 2_000
            rows = [value for batch in table.batches(["Email"]) for value in batch.column(0).to_pylist()]
        assert rows == [f"e{i}" for i in range(2_000)]
        ranges = [r.getMessage() for r in caplog.records if "'Content-Range'" in r.getMessage()]
        travelled = sum(
            int(length) for text in ranges for length in re.findall(r"'Content-Length': '(\d+)'", text)
        )
        assert 20_000 < travelled < 300_000 < table.files[0].size_bytes / 3

    def test_requests_are_not_logged(self, lake: Any, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            found, path = filesystem("lake", lake.url)
            Workspace(found, path).write_bytes("a", b"x")
        assert not [record for record in caplog.records if record.name.startswith("azure")]

    @pytest.mark.parametrize("missing", ["nowhere", "nowhere/deep"])
    def test_a_missing_table_is_reported(self, lake: Any, missing: str) -> None:
        found, path = filesystem("lake", f"{lake.url}/{missing}")
        with pytest.raises(ConfigurationError, match=rf"no file or folder {lake.url}/{missing}"):
            open_table(found, path)

    def test_a_missing_container_is_reported(self, lake: Any) -> None:
        found, path = filesystem("lake", "abfs://no-such-container/segments")
        with pytest.raises(ConfigurationError, match="abfs://no-such-container/segments"):
            discover(found, path)

    @pytest.mark.faults
    def test_a_wrong_key_is_reported(self, lake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = lake.endpoint.connection_string.replace(lake.endpoint.account_key, SECRET)
        monkeypatch.setenv(
            "AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "extra": {"connection_string": wrong}})
        )
        found, path = filesystem("lake", f"{lake.url}/t")
        for call in (open_table, discover):
            with pytest.raises(ConfigurationError, match="refuses access") as raised:
                call(found, path)
            assert SECRET not in str(raised.value)

    @pytest.mark.faults
    def test_a_signature_signs_in(self, lake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from datetime import UTC, datetime, timedelta

        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        lake.filesystem.pipe_file(f"{lake.name}/t/a.csv", b"Email\nx\n")
        endpoint = lake.endpoint
        token = generate_container_sas(
            endpoint.account_name,
            lake.name,
            account_key=endpoint.account_key,
            permission=ContainerSasPermissions(read=True, list=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        string = f"BlobEndpoint={endpoint.blob_url};SharedAccessSignature={token}"
        monkeypatch.setenv(
            "AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "extra": {"connection_string": string}})
        )
        found, path = filesystem("lake", f"{lake.url}/t")
        assert sum(batch.num_rows for batch in open_table(found, path).batches(["Email"])) == 1
        with pytest.raises(ConfigurationError, match="refuses access"), storage_faults("t"):
            Workspace(found, path).write_bytes("b", b"x")
