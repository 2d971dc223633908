"""The last entry of a trail, in an Airflow Variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_microsoft_advertising.audit import heads as heads_module
from airflow_microsoft_advertising.audit.heads import VariableHeads, variable_name
from airflow_microsoft_advertising.connection.variables import read_variable, write_variable
from customer_match.audit.chain import Head
from tests.airflow_microsoft_advertising.conftest import Connect

THIRD = Head(sequence=3, hash="abc")


@pytest.fixture
def heads(tmp_path: Path, connect: Connect) -> VariableHeads:
    """Those of a workspace of its own, in Airflow's metadata database."""
    connect()
    return VariableHeads("autumn", str(tmp_path))


def test_an_entry_is_kept(heads: VariableHeads) -> None:
    assert heads.load() is None
    heads.store(THIRD)
    assert heads.load() == THIRD
    assert read_variable(heads.name) == "3:abc"


def test_a_later_entry_stays(heads: VariableHeads) -> None:
    heads.store(THIRD)
    heads.store(Head(sequence=2, hash="def"))
    assert heads.load() == THIRD
    heads.store(Head(sequence=4, hash="def"))
    assert heads.load() == Head(sequence=4, hash="def")


@pytest.mark.parametrize("text", ["", "3", "3:", "x:abc", "0:abc"])
def test_a_value_that_is_no_entry(heads: VariableHeads, text: str, caplog: pytest.LogCaptureFixture) -> None:
    write_variable(heads.name, text, "")
    assert heads.load() is None
    assert "does not hold an entry of an audit trail" in caplog.text
    heads.store(THIRD)
    assert heads.load() == THIRD


def test_each_trail_has_its_own() -> None:
    names = {
        variable_name(export, place)
        for export in ("autumn", "spring")
        for place in ("/one", "abfs://lake@account.dfs.core.windows.net/one")
    }
    assert len(names) == 4
    assert variable_name("autumn", "/one/") in names


class TestWithoutAirflow:
    def test_nothing_is_kept_where_there_is_no_airflow(
        self, heads: VariableHeads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(heads_module, "has_metadata_database", lambda: False)
        heads.store(THIRD)
        assert heads.load() is None

    def test_airflow_refuses(
        self, heads: VariableHeads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError("secret words of a library")

        monkeypatch.setattr(heads_module, "write_variable", refuse)
        heads.store(THIRD)
        assert "could not be stored in the Airflow Variable customer_match_audit_autumn-" in caplog.text
        assert "cannot find a cut-off end" in caplog.text
        monkeypatch.setattr(heads_module, "read_variable", refuse)
        assert heads.load() is None
        assert "cannot be read: PermissionError" in caplog.text
        assert "secret words" not in caplog.text
