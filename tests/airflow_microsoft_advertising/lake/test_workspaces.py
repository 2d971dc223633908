"""Workspaces with their keys: from any secrets backend, only if needed, several for rotation, never shown."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import pytest
from airflow.sdk.log import redact

from airflow_microsoft_advertising.connection import metadata_database
from airflow_microsoft_advertising.lake.workspaces import open_workspace
from customer_match.errors import ConfigurationError, TransientError
from customer_match.members.digests import Digests
from customer_match.members.envelope import KEYS_NAME
from customer_match.members.files import MembersFile, read_members, write_members
from customer_match.workspace.workspace import Workspace

IN_THE_ENVIRONMENT = f"AIRFLOW_VAR_{KEYS_NAME.upper()}"
MEMBERS: Digests = np.arange(96, dtype=np.uint8).reshape(3, 32)


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    missing = tmp_path / "airflow.db"
    monkeypatch.setattr(metadata_database, "_sqlite_file", lambda: missing)
    monkeypatch.delenv(IN_THE_ENVIRONMENT, raising=False)
    return missing


def test_a_workspace_may_not_be_in_onelake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where only the connection names its host."""
    monkeypatch.setenv("AIRFLOW_CONN_FABRIC", '{"conn_type": "adls", "host": "onelake"}')
    with pytest.raises(
        ConfigurationError, match="is in OneLake, but a workspace must be in a storage account"
    ):
        open_workspace("fabric", "abfs://sales/Crm.Lakehouse/Files/x")


def write(folder: Path, name: str = "m", *, encrypt_members: bool = True) -> MembersFile:
    workspace = open_workspace(None, str(folder), encrypt_members=encrypt_members)
    return write_members(workspace, name, [MEMBERS])


def read(workspace: Workspace, file: MembersFile) -> int:
    return sum(len(digests) for digests in read_members(workspace, file))


def test_rotation_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    monkeypatch.setenv(IN_THE_ENVIRONMENT, f" {old.upper()}\n")
    first = write(tmp_path, "first")
    monkeypatch.setenv(IN_THE_ENVIRONMENT, f"{new} {old}")
    second = write(tmp_path, "second")
    reader = open_workspace(None, str(tmp_path))
    assert (read(reader, first), read(reader, second)) == (3, 3)
    assert redact(f"a log line with {new} and {old}") == "a log line with *** and ***"
    monkeypatch.setenv(IN_THE_ENVIRONMENT, new)
    reader = open_workspace(None, str(tmp_path))
    assert read(reader, second) == 3
    with pytest.raises(ConfigurationError, match="first of the workspace is encrypted with the key"):
        read(reader, first)


def test_without_encryption_no_key_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IN_THE_ENVIRONMENT, "not a key")
    file = write(tmp_path, encrypt_members=False)
    assert read(open_workspace(None, str(tmp_path)), file) == 3


@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_key(tmp_path: Path, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv(IN_THE_ENVIRONMENT, value)
    with pytest.raises(
        ConfigurationError,
        match=rf"'{KEYS_NAME}'.*does not exist.*provide 64 hex digits.*{IN_THE_ENVIRONMENT}",
    ):
        write(tmp_path)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("wrong", ["secret-word", "0" * 63, "g" * 64])
def test_a_wrong_key_is_named_by_its_place_and_not_shown(
    tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(IN_THE_ENVIRONMENT, f"{secrets.token_hex(32)} {wrong}")
    with pytest.raises(ConfigurationError, match="key 2 is not 64 hex digits") as error:
        write(tmp_path)
    assert wrong not in str(error.value)


def test_a_backend_that_fails_is_tried_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ConnectionError("hidden")

    path = "airflow_microsoft_advertising.connection.variables._from_backends"
    monkeypatch.setattr(path, fail)
    with pytest.raises(TransientError, match=r"cannot be read \(ConnectionError\)") as error:
        write(tmp_path)
    assert "hidden" not in str(error.value)
