"""Lineage that is off, that fails, and the storage account that a URL does not name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_microsoft_advertising.batch_operator import UploadBatchOperator
from airflow_microsoft_advertising.lineage import collecting, switch
from airflow_microsoft_advertising.lineage.collecting import collect, describe_tables
from airflow_microsoft_advertising.run.normalise import normalise_segment
from customer_match.export.sources import Source
from customer_match.profiles.tables_read import TableRead
from tests.airflow_microsoft_advertising.run.small_lake import GOLD, Lake

TRANSPORT = "AIRFLOW__OPENLINEAGE__TRANSPORT"


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(TRANSPORT, '{"type": "console"}')
    switch.is_on.cache_clear()
    yield
    switch.is_on.cache_clear()


def test_off_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRANSPORT, raising=False)
    switch.is_on.cache_clear()
    assert not switch.is_on()
    nothing: Any = None
    assert describe_tables(nothing) == ()
    assert collect(nothing) == ()


@pytest.mark.usefixtures("on")
def test_without_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    switch.is_on.cache_clear()
    monkeypatch.setattr(switch, "find_spec", lambda _: None)
    assert not switch.is_on()


@pytest.mark.usefixtures("on")
def test_a_fault_is_logged_without_addresses_and_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fault() -> None:
        raise OSError("cannot read the folder of anna@example.com")

    upload: Any = SimpleNamespace(lineage=fault)
    rows: Any = SimpleNamespace(sources=[None])
    assert collect([upload]) == ()
    assert describe_tables(rows) == ()
    assert "The task has no lineage: OSError" in caplog.text
    assert "The segment has no lineage: AttributeError" in caplog.text
    assert "anna" not in caplog.text


@pytest.mark.parametrize(
    ("root", "account"),
    [
        ("abfs://lake/segments", "contoso"),
        ("abfs://lake@other.dfs.core.windows.net/segments", None),
        ("/lake", None),
    ],
)
def test_the_account_of_the_connection(
    monkeypatch: pytest.MonkeyPatch, root: str, account: str | None
) -> None:
    opened = SimpleNamespace(account_name="contoso")
    monkeypatch.setattr(collecting, "filesystem", lambda *_: (opened, "lake/segments"))
    connection = {"connection": "lake"} if "://" in root else {}
    source = Source.model_validate({"root": root, **connection})
    assert collecting._account(source) == account


def test_a_task_that_delivered_nothing_has_none() -> None:
    assert UploadBatchOperator.lineage == ()
    operator: Any = SimpleNamespace(lineage=())
    assert UploadBatchOperator.get_openlineage_facets_on_complete(operator, None) is None


@pytest.mark.usefixtures("on", "airflow_db")
def test_the_record_of_normalise_says_what_was_read(tmp_path: Path) -> None:
    run = Lake(tmp_path).run(where="Id < 5", row_key="Id")
    [read] = normalise_segment(run, GOLD).read
    assert read == TableRead(columns={"Email": "string", "Id": "int64"}, emails=("Email",), filters=("Id",))
