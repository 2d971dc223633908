"""A connection in Azure Key Vault, through the secrets backend of Airflow's Azure provider; the vault is a stand-in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.microsoft.azure.secrets import key_vault
from azure.core.exceptions import ResourceNotFoundError
from typer.testing import CliRunner

from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections
from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.connection.token_store import VARIABLE_PREFIX, token_store
from airflow_microsoft_advertising.connection.variables import read_variable
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match.project import PROJECT
from tests.airflow_microsoft_advertising.conftest import AGREED, EXTRA, SECRETS

CONN_ID = "microsoft_advertising_default"
SECRET = "airflow-connections-microsoft-advertising-default"


class Vault:
    """What the provider's client shows of a vault. Names of secrets have letters, digits and hyphens only."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets
        self.asked: list[str] = []
        self.url = ""

    def __call__(self, vault_url: str, credential: Any, **_: Any) -> Vault:
        self.url = vault_url
        return self

    def get_secret(self, name: str) -> SimpleNamespace:
        self.asked.append(name)
        if name not in self.secrets:
            raise ResourceNotFoundError(name)
        return SimpleNamespace(value=self.secrets[name])


@pytest.fixture
def vault(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """A vault with our connection; Airflow is set up as docs/hardening.md says."""
    connection = {
        "conn_type": "microsoft_advertising",
        "login": "client",
        "password": SECRETS["client_secret"],
    }
    vault = Vault({SECRET: json.dumps(connection | {"extra": EXTRA | AGREED})})
    monkeypatch.setattr(key_vault, "SecretClient", vault)
    for name, value in documented_settings().items():
        monkeypatch.setenv(name, value)
    yield vault
    with sqlite3.connect(airflow_db) as raw:
        raw.execute(f"DELETE FROM variable WHERE key LIKE '{VARIABLE_PREFIX}%'")


def documented_settings() -> dict[str, str]:
    """The lines of the example, as a shell or Compose reads them."""
    lines = (PROJECT / "docs" / "hardening.md").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines if line.startswith("AIRFLOW__SECRETS__"))
    assert len(found) == 2
    return found


def test_the_connection_is_found_in_the_vault(vault: Vault) -> None:
    with airflow_connections():
        hook = MicrosoftAdvertisingHook()
        account = hook.account()
    assert vault.url == "https://contoso-airflow.vault.azure.net/"
    assert vault.asked == [SECRET]
    assert account.client_id == "client"
    assert account.refresh_token.get_secret_value() == SECRETS["refresh_token"]


def test_renewed_tokens_stay_in_the_metadata_database(vault: Vault) -> None:
    """The vault is only read; Airflow writes Variables to its database, and does not ask the vault for them."""
    with airflow_connections():
        hook = MicrosoftAdvertisingHook()
        connection = hook.connection()
        store = token_store(connection, hook.account())
        assert store.load() is None
        store.save("hidden-renewed-token")
        assert store.load() == "hidden-renewed-token"
    assert not [name for name in vault.asked if "variables" in name]


def test_variables_can_be_in_the_vault_too(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the key of the register of erased people; without `variables_prefix: null`."""
    kwargs = json.loads(documented_settings()["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    del kwargs["variables_prefix"]
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps(kwargs))
    vault.secrets["airflow-variables-customer-match-erasure-secret"] = "hidden-key"
    assert read_variable("customer_match_erasure_secret") == "hidden-key"


def test_one_on_soap_is_named_with_the_place(vault: Vault) -> None:
    connection = json.loads(vault.secrets[SECRET])
    connection["extra"] |= {"transport": "soap"}
    vault.secrets[SECRET] = json.dumps(connection)
    shown = CliRunner().invoke(app, ["connections", "to-rest", CONN_ID])
    assert shown.exit_code == 1
    assert shown.stdout == (
        f"Connection {CONN_ID}: uses SOAP in the secrets backend AzureKeyVaultBackend. Set `transport` to rest there "
        "(in JSON: in `extra`).\n"
    )
