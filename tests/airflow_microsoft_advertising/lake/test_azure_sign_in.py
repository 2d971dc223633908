"""Every kind of credential signs in to an emulator of Azure storage, over HTTPS, from the fields of a connection.

The tokens come from an emulated sign-in on this machine, by the ways that azure-identity itself goes: its requests over
HTTPS, and the program `az`.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from customer_match.project import PROJECT
from customer_match_demo.azurite import AzuriteEndpoint, Tls, running
from tests.airflow_microsoft_advertising.lake import entra, onelake

pytestmark = [pytest.mark.azurite, pytest.mark.system]

PROGRAM = Path(__file__).with_name("lake_reader.py")
ROWS = ["a", "b"]
WRONG = "wr0ng-s3cret"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A self-signed certificate for this machine and the emulator's accounts."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emulator")])
    now = dt.datetime.now(dt.UTC)
    here: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("*.blob.localhost"),
        x509.DNSName("*.blob.fabric.microsoft.com"),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Tls(folder / "certificate.pem", folder / "key.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.fixture(scope="module")
def endpoint(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteEndpoint]:
    with running(tmp_path_factory.mktemp("azurite"), tls=tls) as started:
        client = BlobServiceClient(
            started.blob_url, started.account_key, connection_verify=str(tls.certificate)
        )
        for name, access in (("lake", None), ("open", "container")):
            container = client.create_container(name, public_access=access)
            container.upload_blob("t/part-0.csv", b"Email\na\nb\n")
        client.create_container("lake-workspace")
        _fill_onelake(client.create_container("onelake"), tmp_path_factory.mktemp("delta"))
        yield started


def _fill_onelake(container: ContainerClient, folder: Path) -> None:
    """Tables of a lakehouse, by its name and by its id: a Delta table, and files."""
    deltalake.write_deltalake(str(folder), pa.table({"Email": ROWS}))
    for item in (onelake.ITEM, onelake.ITEM_ID):
        container.upload_blob(f"{item}/Files/t/part-0.csv", b"Email\na\nb\n")
        for file in folder.rglob("*.*"):
            container.upload_blob(f"{item}/Tables/Gold/{file.relative_to(folder)}", file.read_bytes())


@pytest.fixture(scope="module")
def authority(tls: Tls) -> Iterator[str]:
    with entra.running(tls.certificate, tls.key) as address:
        yield address


@pytest.fixture(scope="module")
def outcomes(
    tls: Tls, endpoint: AzuriteEndpoint, authority: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Result of each sign-in: the values read, or the error's family and message."""
    assertion = tmp_path_factory.mktemp("federated") / "token"
    assertion.write_text(entra.ASSERTION)
    cases, answers = sign_ins(endpoint, authority, assertion), assertion.with_name("outcomes.json")
    with onelake.running(endpoint, tls) as port:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(answers)],
            input=json.dumps(cases),
            env={**os.environ, "SSL_CERT_FILE": str(tls.certificate), "ONELAKE_PORT": str(port)},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(answers.read_text(encoding="utf-8"))
    for secret in (endpoint.account_key, entra.APPLICATION_SECRET, entra.ASSERTION, WRONG):
        assert secret not in done.stdout + done.stderr + str(found)
    return found


def sign_ins(endpoint: AzuriteEndpoint, authority: str, assertion: Path) -> dict[str, Any]:
    account = endpoint.account_name
    host = f"{account}.blob.localhost:{endpoint.blob_url.split(':')[2].split('/')[0]}"
    here = {"account_name": account, "account_host": host}

    def case(
        kind: str,
        env: dict[str, str] | None = None,
        *,
        write: bool = False,
        container: str = "lake",
        extra: dict[str, Any] | None = None,
        named: bool = True,
        url: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """`named`: whether Extra names the account; otherwise other fields, or the URL, do."""
        definition = {"conn_type": kind, **fields, "extra": {**(here if named else {}), **(extra or {})}}
        found = {"AIRFLOW_CONN_LAKE": json.dumps(definition), **(env or {})}
        return {"env": found, "url": url or f"abfs://{container}/t", "write": write}

    def in_onelake(url: str, kind: str, env: dict[str, str], **fields: Any) -> dict[str, Any]:
        return case(kind, env, named=False, url=url, **fields)

    application = {"login": entra.APPLICATION, "password": entra.APPLICATION_SECRET}
    at_authority = {"AZURE_AUTHORITY_HOST": f"https://{authority}"}
    workload = {**at_authority, "AZURE_TENANT_ID": entra.TENANT, "AZURE_CLIENT_ID": entra.APPLICATION}
    sas = generate_container_sas(
        account,
        "lake",
        account_key=endpoint.account_key,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )
    sas_of_account = generate_account_sas(
        account,
        endpoint.account_key,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, list=True, write=True, delete=True),
        dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )
    machine = {
        "IDENTITY_ENDPOINT": f"https://{authority}{entra.APP_SERVICE}",
        "IDENTITY_HEADER": entra.MACHINE_HEADER,
    }
    virtual_machine = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"https://{authority}"}
    no_identity = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"https://{authority}/a-machine-without"}

    def with_az(*, signed_in: bool) -> dict[str, str]:
        folder = assertion.with_name(f"az-{signed_in}")
        entra.write_az(folder, signed_in=signed_in)
        return {**no_identity, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    other_workload = {**workload, "AZURE_CLIENT_ID": "another", "AZURE_TENANT_ID": "another-tenant"}
    tenant = {"tenant_id": entra.TENANT}
    global_host, by_name = "onelake.dfs.fabric.microsoft.com", f"Sales%20EU/{onelake.ITEM}"
    by_id = f"abfss://{onelake.WORKSPACE_ID}@{global_host}/{onelake.ITEM_ID}"
    of_region = "https://westus-onelake.blob.fabric.microsoft.com"
    return {
        "OneLake, service principal": in_onelake(
            f"abfss://{onelake.WORKSPACE}@{global_host}/{onelake.ITEM}/Tables/Gold",
            "wasb",
            at_authority,
            extra=tenant,
            **application,
        ),
        "OneLake by ids, managed identity": in_onelake(f"{by_id}/Files/t", "adls", machine),
        "OneLake by a URL of a region, workload identity": in_onelake(
            f"{of_region}/{by_name}/Tables/Gold",
            "wasb",
            {**workload, "AZURE_FEDERATED_TOKEN_FILE": str(assertion)},
        ),
        "OneLake, no role": in_onelake(
            f"abfss://{onelake.PRIVATE}@{global_host}/{onelake.ITEM}/Files/t", "adls", machine
        ),
        "OneLake, no such workspace": in_onelake(
            f"abfss://Nope@{global_host}/X.Lakehouse/Files/t", "adls", machine
        ),
        "OneLake, key": in_onelake(f"{by_id}/Files/t", "wasb", {}, password=endpoint.account_key),
        "connection string": case("wasb", extra={"connection_string": endpoint.connection_string}),
        "key": case("wasb", extra={"shared_access_key": endpoint.account_key}),
        "key as password": case("adls", password=endpoint.account_key),
        "key as account_key": case("azure_data_lake", extra={"account_key": endpoint.account_key}),
        "signature": case("wasb", extra={"sas_token": sas}),
        "signature as a whole URL": case(
            "wasb", extra={"sas_token": f"https://{host}/?{sas_of_account}"}, named=False, write=True
        ),
        "public": case("wasb", extra={"anon": True}, container="open"),
        "service principal": case("wasb", at_authority, extra=tenant, write=True, **application),
        "service principal, own authority": case(
            "adls",
            extra={
                **tenant,
                "client_secret_auth_config": {"authority": authority, "disable_instance_discovery": True},
            },
            **application,
        ),
        "azure_data_lake": case(
            "azure_data_lake", at_authority, extra={"tenant": entra.TENANT}, **application
        ),
        "workload identity": case("adls", {**workload, "AZURE_FEDERATED_TOKEN_FILE": str(assertion)}),
        "workload identity, another one": case(
            "wasb",
            {**other_workload, "AZURE_FEDERATED_TOKEN_FILE": str(assertion)},
            extra={
                "workload_identity_client_id": entra.APPLICATION,
                "workload_identity_tenant_id": entra.TENANT,
            },
        ),
        "default credential": case("wasb", {**workload, "AZURE_CLIENT_SECRET": entra.APPLICATION_SECRET}),
        "managed identity": case("adls", machine, extra={"managed_identity_client_id": entra.MACHINE}),
        "managed identity of the machine": case("wasb", machine, named=False, host=f"https://{host}"),
        "managed identity of a virtual machine": case("adls", virtual_machine),
        "Azure CLI": case("wasb", with_az(signed_in=True)),
        "wrong key": case("adls", password="d3Jvbmc="),
        "wrong secret": case("wasb", at_authority, extra=tenant, login=entra.APPLICATION, password=WRONG),
        "wrong machine": case("adls", machine, extra={"managed_identity_client_id": "another"}),
        "not public": case("wasb", extra={"anon": True}),
        "signature that may not write": case("wasb", extra={"sas_token": sas}, write=True),
        "nobody has signed in": case("wasb", with_az(signed_in=False)),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "connection string",
        "key",
        "key as password",
        "key as account_key",
        "signature",
        "public",
        "service principal, own authority",
        "azure_data_lake",
        "workload identity",
        "workload identity, another one",
        "default credential",
        "managed identity",
        "managed identity of the machine",
        "managed identity of a virtual machine",
        "Azure CLI",
        "OneLake, service principal",
        "OneLake by ids, managed identity",
        "OneLake by a URL of a region, workload identity",
    ],
)
def test_each_kind_of_credential_opens_the_lake(outcomes: dict[str, list[str]], kind: str) -> None:
    assert outcomes[kind] == ROWS


@pytest.mark.parametrize("kind", ["service principal", "signature as a whole URL"])
def test_some_credentials_may_write_a_workspace(outcomes: dict[str, list[str]], kind: str) -> None:
    assert outcomes[kind] == [*ROWS, "x"]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("wrong key", "refuses access (HTTP 400, InvalidAuthenticationInfo). Check the credentials"),
        ("wrong secret", "signing in to the storage account failed (HTTP 401)"),
        ("wrong machine", "signing in to the storage account failed"),
        ("not public", "refuses access"),
        ("OneLake, no role", "a role in the Fabric workspace"),
        (
            "OneLake, key",
            "signs in with an account key, but OneLake accepts only identities of Microsoft Entra",
        ),
        ("signature that may not write", "A signature must allow read and list; for a workspace, also write"),
        (
            "nobody has signed in",
            "the identity of this machine (environment, workload identity, managed",
        ),
    ],
)
def test_a_refused_credential_is_reported(outcomes: dict[str, list[str]], case: str, words: str) -> None:
    family, message = outcomes[case]
    assert family == "ConfigurationError", message
    assert words in message


@pytest.mark.faults
def test_a_workspace_of_onelake_that_does_not_exist_is_a_missing_table(
    outcomes: dict[str, list[str]],
) -> None:
    family, message = outcomes["OneLake, no such workspace"]
    assert family == "TableMissing"
    assert "There is no file or folder abfs://Nope/X.Lakehouse/Files/t" in message
