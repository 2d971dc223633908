"""The overview of an export beside its asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_microsoft_advertising.pages import stored_overview as module
from airflow_microsoft_advertising.pages.stored_overview import (
    HEAD_KEY,
    join_overview,
    piece_key,
    store_overview,
)
from airflow_microsoft_advertising.run.report import write_report
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import GOLD, SILVER, Lake, delivered, prepare


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    connect()
    return Lake(tmp_path)


class Store(dict[str, Any]):
    """Stands for Airflow's state store of an asset."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


def report(lake: Lake, name: str = "run-1", **options: Any) -> Any:
    run = lake.run(name=name, **options)
    for segment in (GOLD, SILVER):
        prepare(run, segment)
        if not run.dry_run:
            delivered(run, segment)
    write_report(run, [GOLD, SILVER])
    return run


def test_a_run_stores_what_pages_show(lake: Lake) -> None:
    store = Store()
    store_overview(report(lake), store)
    found = join_overview(store)
    assert found is not None
    assert (found.export, found.run_id) == ("autumn", "run-1")
    assert [(one.audience, one.members, one.valid) for one in found.audiences] == [
        ("Gold customers", 3, 4),
        ("Silver", 1, 1),
    ]
    assert "@" not in str(dict(store))


def test_long_overviews_are_divided(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AUDIENCES_EACH", 1)
    store = Store()
    store_overview(report(lake), store)
    assert set(store) == {HEAD_KEY, piece_key(0), piece_key(1)}
    found = join_overview(store)
    assert found is not None
    assert len(found.audiences) == 2
    store[piece_key(1)] |= {"run_id": "run-2"}  # another run is just storing its overview
    found = join_overview(store)
    assert found is not None
    assert [one.audience for one in found.audiences] == ["Gold customers"]
    del store[piece_key(0)]
    assert join_overview(store) is not None


def test_a_dry_run_leaves_the_overview_as_it_was(lake: Lake) -> None:
    store = Store()
    store_overview(report(lake, dry_run=True), store)
    assert join_overview(store) is None
    store_overview(report(lake, name="run-2"), store)
    before = dict(store)
    store_overview(report(lake, name="run-3", dry_run=True), store)
    assert store == before


def test_a_fault_fails_no_run(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Store):
        def set(self, key: str, value: Any) -> None:
            raise ConnectionError("for anna@example.com")

    store_overview(report(lake), Broken())
    assert "was not stored: ConnectionError: for" in caplog.text
    assert "anna@" not in caplog.text
