"""The trigger that watches the tables of an export. `tests/system/test_schedules.py` has a real triggerer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_microsoft_advertising.assets import refresh as module
from airflow_microsoft_advertising.assets.refresh import NOTICED_KEY, RefreshTrigger, refresh_trigger
from customer_match.export.sources import BASE
from tests.customer_match.export.samples import export


class Store:
    """Stands for Airflow's state store of the asset."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.faults = 0

    async def aget(self, key: str) -> Any:
        return self.values.get(key)

    async def aset(self, key: str, value: Any) -> None:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("the API server is away")
        self.values[key] = value


class Watch:
    """A trigger over a folder, whose pauses pass at once."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = Store()
        self.folder = folder / "lake" / "Gold"
        self.pauses: list[float] = []
        self.before_pause: Callable[[], None] = lambda: None
        self.keys = {"source": "lake", "segments": ["Gold"], "schedule": {"refresh": {"settle_seconds": 0}}}
        self.base = folder
        self._sleep = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self._pass)

    def write(self, text: str = "Email\na@example.com\n") -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "a.csv").write_text(text)

    def trigger(self) -> RefreshTrigger:
        """As the triggerer makes it: from what the metadata database keeps."""
        made = refresh_trigger(type(export()).model_validate(_keys(self.keys), context={BASE: self.base}))
        path, arguments = json.loads(json.dumps(made.serialize()))
        assert path == f"{module.__name__}.RefreshTrigger"
        found = RefreshTrigger(**arguments)
        found.asset_state_store = self.store  # type: ignore[assignment]  # the part that is needed
        return found

    def fired(self, pauses: int) -> list[dict[str, Any]]:
        """The events until the trigger has paused so often."""

        async def events() -> list[dict[str, Any]]:
            self.pauses.clear()
            found = []
            try:
                async for event in self.trigger().run():
                    found.append(event.payload)  # noqa: PERF401 (an exception ends it, and the events count)
            except _Enough:
                return found
            raise AssertionError("the trigger has ended")

        self._pauses_left = pauses
        return asyncio.run(events())

    async def _pass(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.before_pause()
        self._pauses_left -= 1
        if self._pauses_left <= 0:
            raise _Enough
        await self._sleep(0)


class _Enough(BaseException):
    """Ends a trigger in a pause, as a triggerer that is stopped."""


def _keys(keys: dict[str, Any]) -> dict[str, Any]:
    return {"name": "autumn", "cid": 1, "aid": 2, "email": "Email"} | keys


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(tmp_path, monkeypatch)


def test_a_version_fires_once_and_not_after_a_restart(watch: Watch) -> None:
    watch.write()
    [event] = watch.fired(pauses=4)
    assert event["tables"] == 1
    assert watch.store.values == {NOTICED_KEY: event["version"]}
    assert watch.fired(pauses=3) == []
    watch.write("Email\nb@example.com\nc@example.com\n")  # while the triggerer is down
    [later] = watch.fired(pauses=3)
    assert later["version"] != event["version"]


def test_a_version_is_noted_only_when_its_event_was_stored(watch: Watch) -> None:
    """A triggerer that ends before has lost the event, so it fires again."""
    watch.write()
    [event] = watch.fired(pauses=1)
    assert watch.store.values == {}
    assert watch.fired(pauses=2) == [event]
    assert watch.store.values == {NOTICED_KEY: event["version"]}


def test_faults_of_the_lake_and_of_airflow_end_no_watch(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.write()
    faults = iter([OSError("HTTP 503 for anna@example.com"), OSError("503"), RuntimeError("?")])
    whole = RefreshTrigger._refresh

    def refresh(trigger: RefreshTrigger) -> Any:
        if fault := next(faults, None):
            raise fault
        return whole(trigger)

    monkeypatch.setattr(RefreshTrigger, "_refresh", refresh)
    watch.store.faults = 2
    assert len(watch.fired(pauses=8)) == 1
    assert watch.pauses == [120.0, 240.0, 480.0, 10.0, 120.0, 240.0, 60.0, 60.0]
    assert len(watch.store.values) == 1
    assert "The tables could not be looked at: HTTP 503" in caplog.text
    assert "anna" not in caplog.text


def test_pauses_do_not_grow_for_ever(watch: Watch) -> None:
    watch.keys |= {"source": {"root": "abfs://lake/x", "connection": "missing"}}
    watch.fired(pauses=12)
    assert watch.pauses[-1] == 1800.0


def test_without_a_state_store_it_still_fires_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.write()
    made = watch.trigger()
    made.asset_state_store = None
    monkeypatch.setattr(watch, "trigger", lambda: made)
    assert len(watch.fired(pauses=5)) == 1


def test_the_metadata_database_gets_only_what_is_needed() -> None:
    watched = export(
        schedule="on-refresh",
        alerts=[{"email": "marketing@example.com"}],
        source={"root": "abfs://lake/x", "connection": "lake"},
    )
    path, arguments = refresh_trigger(watched).serialize()
    assert "marketing" not in str(arguments)
    assert set(json.loads(arguments["export"])) == {
        "name",
        "timezone",
        "source",
        "segments",
        "email",
        "suppress",
    }
    again = refresh_trigger(type(watched).model_validate_json(watched.model_dump_json()))
    assert BaseEventTrigger.hash(path, arguments) == BaseEventTrigger.hash(*again.serialize())
