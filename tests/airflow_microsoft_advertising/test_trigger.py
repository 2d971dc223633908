"""The trigger: polls by schedule, survives what passes, fires once, and carries no secret."""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.triggers.base import TriggerEvent

from airflow_microsoft_advertising.trigger import BulkUploadTrigger, PauseTrigger
from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.models import UploadState, UploadStatus
from microsoft_advertising.polling import PollSchedule
from tests.airflow_microsoft_advertising.conftest import SECRETS, Connect

START = 1_000_000.0
EVENT = {"request_id": "r1", "started": START - 5, "overdue": False}


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class StandIn:
    """An asynchronous client whose answers are given."""

    def __init__(self, answers: list[UploadState | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.closed = False

    async def __aenter__(self) -> StandIn:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    async def upload_status(self, request_id: str) -> UploadStatus:
        self.asked.append(request_id)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return UploadStatus(answer, result_url="https://secret.example/results")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    return clock


def make(**changes: Any) -> BulkUploadTrigger:
    arguments: dict[str, Any] = {
        "microsoft_advertising_conn_id": "ads",
        "customer_id": "1",
        "account_id": None,
        "request_id": "r1",
        "since": START,
        "started": START - 5,
        "schedule": {"first": 2.0, "longest": 60.0, "share": 0.5},
    }
    return BulkUploadTrigger(**(arguments | changes))


def fire(trigger: BulkUploadTrigger, client: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[TriggerEvent]:
    async def opened(_: BulkUploadTrigger) -> StandIn:
        return client

    async def events() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    monkeypatch.setattr(BulkUploadTrigger, "_client", opened)
    return asyncio.run(events())


def test_it_polls_by_the_schedule_until_the_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn(
        [UploadState.FILE_UPLOADED, UploadState.IN_PROGRESS, UploadState.UNRECOGNISED, UploadState.COMPLETED]
    )
    [event] = fire(make(), client, monkeypatch)
    assert event.payload == EVENT
    assert client.asked == ["r1"] * 4
    assert clock.slept == [2, 2, 2, 3]  # half of what has passed, two seconds at least
    assert client.closed


def test_a_restarted_triggerer_goes_on_where_it_was(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    fire(make(since=START - 80), StandIn([UploadState.COMPLETED]), monkeypatch)
    fire(make(since=START - 10_000), StandIn([UploadState.COMPLETED]), monkeypatch)
    assert clock.slept == [40, 60]


def test_without_a_schedule_the_usual_one_counts(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    fire(make(schedule=None), StandIn([UploadState.COMPLETED]), monkeypatch)
    assert clock.slept == [PollSchedule().first]


@pytest.mark.parametrize("state", [state for state in UploadState if state.final])
def test_it_fires_however_an_upload_ends(
    state: UploadState, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(fire(make(), StandIn([state]), monkeypatch)) == 1


@pytest.mark.faults
def test_when_time_is_up_the_worker_is_woken(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn([UploadState.IN_PROGRESS] * 3)
    [event] = fire(make(until=START + 7), client, monkeypatch)
    assert event.payload == EVENT | {"overdue": True}
    assert clock.slept == [2, 2, 2, 1]
    assert client.closed


@pytest.mark.faults
def test_time_that_was_up_while_the_triggerer_was_away(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    [event] = fire(make(until=START - 100), StandIn([]), monkeypatch)
    assert event.payload["overdue"]
    assert sum(clock.slept) == 0


@pytest.mark.faults
def test_what_passes_is_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[UploadState | Exception] = [
        TransientError("busy", retry_after=33),
        TransientError("down"),
        UploadState.COMPLETED,
    ]
    client = StandIn(answers)
    assert len(fire(make(), client, monkeypatch)) == 1
    assert 33 in clock.slept
    assert 60 in clock.slept, "the longest wait of the schedule where the service names none"
    assert len(client.asked) == 3


@pytest.mark.faults
@pytest.mark.parametrize("error", [ConfigurationError("Sign in again."), TerminalError("No such upload.")])
def test_what_stays_wakes_the_worker_which_says_it(
    error: Exception, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [event.payload for event in fire(make(), StandIn([error]), monkeypatch)] == [EVENT]


def test_a_connection_that_is_gone_wakes_the_worker_too(clock: Clock) -> None:
    async def events() -> list[TriggerEvent]:
        return [event async for event in make(microsoft_advertising_conn_id="nowhere").run()]

    assert [event.payload for event in asyncio.run(events())] == [EVENT]
    assert clock.slept == []


def test_the_event_names_no_address_of_results(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    [event] = fire(make(), StandIn([UploadState.COMPLETED]), monkeypatch)
    assert "secret.example" not in repr(event)


def test_it_travels_through_the_metadata_database(connect: Connect) -> None:
    connect("ads")
    trigger = make()
    shown = repr(trigger.serialize()) + repr(vars(trigger))
    assert not [secret for secret in SECRETS.values() if secret in shown]
    row = Trigger.from_object(trigger)
    module_name, _, name = row.classpath.rpartition(".")
    again = getattr(import_module(module_name), name)(**row.kwargs)
    assert type(again) is BulkUploadTrigger
    assert again.serialize() == trigger.serialize()


# --- A pause -----------------------------------------------------------------------------------------------


def paused(trigger: PauseTrigger) -> list[TriggerEvent]:
    async def events() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    return asyncio.run(events())


def test_a_pause_ends_at_its_moment(clock: Clock) -> None:
    [event] = paused(PauseTrigger(until=START + 900, seconds=900, started=START - 5, pauses=2))
    assert event.payload == {"started": START - 5, "pauses": 2}
    assert clock.slept == [900]


def test_a_restarted_triggerer_keeps_the_moment(clock: Clock) -> None:
    path, arguments = PauseTrigger(until=START + 900, seconds=900, started=START, pauses=1).serialize()
    clock.now += 850
    module, _, name = path.rpartition(".")
    paused(getattr(import_module(module), name)(**arguments))
    clock.now += 1000
    paused(getattr(import_module(module), name)(**arguments))
    assert clock.slept == [50, 0]


@pytest.mark.faults
def test_a_clock_that_was_set_back_does_not_prolong_a_pause(clock: Clock) -> None:
    trigger = PauseTrigger(until=START + 30, seconds=30, started=START, pauses=1)
    clock.now -= 3600
    paused(trigger)
    assert clock.slept == [30]
