"""A new Fernet key, as docs/hardening.md says: Airflow's own command, and what this project keeps in its database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from airflow_microsoft_advertising.connection.token_store import variable_name

pytestmark = [pytest.mark.lengthy, pytest.mark.timeout(300)]

WRITE = """
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from airflow_microsoft_advertising.connection.token_store import VariableTokenStore, variable_name
from airflow_microsoft_advertising.connection.writer import SavedConnection, write_connection

with create_session() as session:
    extra = {"refresh_token": "first-token", "developer_token": "developer"}
    write_connection("ads", SavedConnection("client", "client-secret", extra), session)
VariableTokenStore(variable_name("client", "first-token"), "ads", "client").save("renewed-token")
Variable.set("customer_match_erasure_secret", "erasure-key")
"""
READ = """
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from airflow_microsoft_advertising.connection.token_store import VariableTokenStore, variable_name
from airflow_microsoft_advertising.connection.writer import read_connection

with create_session() as session:
    saved = read_connection("ads", session)
renewed = VariableTokenStore(variable_name("client", "first-token"), "ads", "client").load()
key = Variable.get("customer_match_erasure_secret")
print("read:", saved.client_secret, saved.extra["refresh_token"], renewed, key)
"""
EVERYTHING = "read: client-secret first-token renewed-token erasure-key"


class Installation:
    """An Airflow with a metadata database of its own."""

    def __init__(self, database: Path) -> None:
        self.database = database

    def run(self, *command: str, key: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__CORE__FERNET_KEY": key,
        }
        return subprocess.run(
            [sys.executable, *command], env=os.environ | settings, capture_output=True, text=True, check=False
        )

    def stored(self) -> list[str]:
        """All encrypted values, as they are stored."""
        with sqlite3.connect(self.database) as raw:
            values = raw.execute(
                "SELECT password FROM connection UNION SELECT extra FROM connection"
            ).fetchall()
            values += raw.execute("SELECT val FROM variable WHERE is_encrypted").fetchall()
        return [value for (value,) in values]


def test_everything_is_readable_with_the_new_key_alone(airflow_db: Path, tmp_path: Path) -> None:
    shutil.copy(airflow_db, tmp_path / "airflow.db")
    with sqlite3.connect(tmp_path / "airflow.db") as raw:
        raw.execute("DELETE FROM connection")
        raw.execute("DELETE FROM variable")
    at, old, new = Installation(tmp_path / "airflow.db"), *(Fernet.generate_key().decode() for _ in "12")
    written = at.run("-c", WRITE, key=old)
    assert written.returncode == 0, written.stderr
    before = at.stored()
    assert len(before) == 4

    both = f"{new},{old}"
    assert EVERYTHING in at.run("-c", READ, key=both).stdout, "while both are set, everything goes on"
    rotated = at.run("-m", "airflow", "rotate-fernet-key", key=both)
    assert rotated.returncode == 0, rotated.stderr
    assert not set(before) & set(at.stored())

    assert EVERYTHING in at.run("-c", READ, key=new).stdout
    refused = at.run("-c", READ, key=old)
    assert "The secrets of the Airflow connection 'ads' cannot be decrypted (InvalidToken)" in refused.stderr
    with sqlite3.connect(at.database) as raw:
        names = {name for (name,) in raw.execute("SELECT key FROM variable")}
    assert names == {variable_name("client", "first-token"), "customer_match_erasure_secret"}
