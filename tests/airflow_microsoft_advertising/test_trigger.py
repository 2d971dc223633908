"""The triggers: poll by schedule, survive what passes, fire once, and carry no secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_microsoft_advertising.polling.pollers import Access
from airflow_microsoft_advertising.trigger import BulkUploadsTrigger, BulkUploadTrigger, PauseTrigger
from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.models import UploadState, UploadStatus
from microsoft_advertising.polling import PollSchedule
from tests.airflow_microsoft_advertising.conftest import SECRETS, Connect
from tests.airflow_microsoft_advertising.polling.virtual_time import START, run_virtually

EVENT = {"request_id": "r1", "started": START - 5, "overdue": False}
MANY = {"started": START - 5, "overdue": [], "ended": []}


class StandIn:
    """A poller whose answers are given, in the order of the polls of each request."""

    def __init__(self, answers: list[UploadState | Exception] | None = None, **by_request: Any) -> None:
        self.answers = {"r1": answers or [], **by_request}
        self.polled: list[float] = []
        self.left = False

    async def upload_status(self, request_id: str) -> UploadStatus:
        self.polled.append(time.time() - START)
        answer = self.answers[request_id].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return UploadStatus(answer, result_url="https://secret.example/results")


class Fired:
    """A trigger's run in virtual time: its events, and how long it took."""

    def __init__(self, trigger: BaseTrigger, monkeypatch: pytest.MonkeyPatch) -> None:
        async def events() -> tuple[list[TriggerEvent], float]:
            began = time.time()
            return [event async for event in trigger.run()], time.time() - began

        self.events, self.seconds = run_virtually(monkeypatch, events)
        [event] = self.events
        self.event = event.payload


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


def make_many(*request_ids: str, **changes: Any) -> BulkUploadsTrigger:
    uploads = [{"request_id": request_id, "since": START, "until": None} for request_id in request_ids]
    arguments: dict[str, Any] = {
        "microsoft_advertising_conn_id": "ads",
        "customer_id": "1",
        "account_id": None,
        "uploads": uploads,
        "started": START - 5,
        "schedule": {"first": 2.0, "longest": 60.0, "share": 0.5},
    }
    return BulkUploadsTrigger(**(arguments | changes))


def fire(trigger: BaseTrigger, client: StandIn, monkeypatch: pytest.MonkeyPatch) -> Fired:
    @asynccontextmanager
    async def shared(access: Access) -> AsyncIterator[StandIn]:
        assert access == Access("ads", "1", None)
        yield client
        client.left = True

    monkeypatch.setattr(f"{BulkUploadTrigger.__module__}.shared_poller", shared)
    return Fired(trigger, monkeypatch)


def restored(trigger: BaseTrigger) -> BaseTrigger:
    """The trigger after its way through the metadata database."""
    row = Trigger.from_object(trigger)
    module_name, _, name = row.classpath.rpartition(".")
    again: BaseTrigger = getattr(import_module(module_name), name)(**row.kwargs)
    assert type(again) is type(trigger)
    return again


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands at the start while triggers are made."""
    monkeypatch.setattr(time, "time", lambda: START)


def test_it_polls_by_the_schedule_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn(
        [UploadState.FILE_UPLOADED, UploadState.IN_PROGRESS, UploadState.UNRECOGNISED, UploadState.COMPLETED]
    )
    assert fire(make(), client, monkeypatch).event == EVENT
    assert client.polled == [2, 4, 6, 9]  # half of what has passed, two seconds at least
    assert client.left


def test_a_restarted_triggerer_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[UploadState | Exception] = [UploadState.IN_PROGRESS, UploadState.COMPLETED]
    client = StandIn(answers)
    fire(make(since=START - 10_000), client, monkeypatch)
    first, second = client.polled
    assert 2 <= first <= 60
    assert second - first == pytest.approx(60)


def test_without_a_schedule_the_usual_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn([UploadState.COMPLETED])
    fire(make(schedule=None), client, monkeypatch)
    assert client.polled == [PollSchedule().first]


@pytest.mark.parametrize("state", [state for state in UploadState if state.final])
def test_it_fires_however_an_upload_ends(state: UploadState, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fire(make(), StandIn([state]), monkeypatch).event == EVENT


@pytest.mark.faults
def test_when_time_is_up_the_worker_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn([UploadState.IN_PROGRESS] * 3)
    fired = fire(make(until=START + 7), client, monkeypatch)
    assert fired.event == EVENT | {"overdue": True}
    assert client.polled == [2, 4, 6]
    assert fired.seconds == 7
    assert client.left


@pytest.mark.faults
def test_time_that_was_up_while_the_triggerer_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    fired = fire(make(until=START - 100), StandIn(), monkeypatch)
    assert fired.event["overdue"]
    assert fired.seconds == 0


@pytest.mark.faults
def test_what_passes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[UploadState | Exception] = [
        TransientError("busy", retry_after=33),
        TransientError("down"),
        UploadState.COMPLETED,
    ]
    client = StandIn(answers)
    assert fire(make(), client, monkeypatch).event == EVENT
    assert client.polled == [2, 35, 52.5], "by the schedule where the service names no wait"


@pytest.mark.faults
@pytest.mark.parametrize("error", [ConfigurationError("Sign in again."), TerminalError("No such upload.")])
def test_what_stays_wakes_the_worker_which_says_it(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fire(make(), StandIn([error]), monkeypatch).event == EVENT


def test_a_connection_that_is_gone_wakes_the_worker_too() -> None:
    trigger = make(microsoft_advertising_conn_id="nowhere", schedule={"first": 0.01, "share": 0.0})

    async def events() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    assert [event.payload for event in asyncio.run(events())] == [EVENT]


def test_the_event_names_no_address_of_results(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "secret.example" not in repr(fire(make(), StandIn([UploadState.COMPLETED]), monkeypatch).events)


def test_it_travels_through_the_metadata_database(connect: Connect) -> None:
    connect("ads")
    for trigger in (make(), make_many("r1", "r2", wake=START + 60)):
        shown = repr(trigger.serialize()) + repr(vars(trigger))
        assert not [secret for secret in SECRETS.values() if secret in shown]
        assert restored(trigger).serialize() == trigger.serialize()


# --- Several uploads ---------------------------------------------------------------------------------------


def test_it_fires_once_for_several_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn(
        [UploadState.COMPLETED],
        r2=[UploadState.IN_PROGRESS, UploadState.FAILED],
        r3=[UploadState.IN_PROGRESS] * 9,
    )
    fired = fire(make_many("r1", "r2", "r3"), client, monkeypatch)
    assert fired.event == MANY | {"ended": ["r1", "r2"]}
    assert fired.seconds == 12, "ten seconds after the first end"
    assert client.left


def test_an_upload_that_is_overdue_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = [
        {"request_id": "r1", "since": START, "until": START + 3},
        {"request_id": "r2", "since": START, "until": START + 100},
    ]
    client = StandIn(
        [UploadState.IN_PROGRESS] * 9, r2=[UploadState.IN_PROGRESS] * 2 + [UploadState.COMPLETED]
    )
    fired = fire(make_many(uploads=uploads), client, monkeypatch)
    assert fired.event == MANY | {"ended": ["r2"], "overdue": ["r1"]}


@pytest.mark.usefixtures("frozen")
def test_it_wakes_the_worker_at_a_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandIn([UploadState.IN_PROGRESS] * 9)
    fired = fire(make_many("r1", wake=START + 9.5), client, monkeypatch)
    assert (fired.event, fired.seconds) == (MANY, 9.5)


@pytest.mark.usefixtures("frozen")
def test_without_uploads_it_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    fired = Fired(make_many(wake=START + 900), monkeypatch)
    assert (fired.event, fired.seconds) == (MANY, 900)


@pytest.mark.usefixtures("frozen")
def test_a_pause_ends_at_the_same_time_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_many(wake=START + 900)
    monkeypatch.setattr(time, "time", lambda: START + 850)
    again = restored(trigger)
    assert again.serialize() == trigger.serialize()
    assert Fired(make_many(**again.serialize()[1] | {"wake": START + 50}), monkeypatch).seconds == 50


@pytest.mark.faults
@pytest.mark.usefixtures("frozen")
def test_a_clock_that_was_set_back_does_not_prolong_a_pause_of_uploads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = make_many(wake=START + 30).serialize()[1]
    set_back = make_many(**arguments | {"wake": START + 3_630})
    assert Fired(set_back, monkeypatch).seconds == 30


# --- A pause -----------------------------------------------------------------------------------------------


def test_a_pause_ends_at_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    fired = Fired(PauseTrigger(until=START + 900, seconds=900, started=START - 5, pauses=2), monkeypatch)
    assert fired.event == {"started": START - 5, "pauses": 2}
    assert fired.seconds == 900


def test_a_restarted_triggerer_keeps_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    for until, seconds in ((START + 50, 50), (START - 950, 0)):
        again = restored(PauseTrigger(until=until, seconds=900, started=START, pauses=1))
        assert Fired(again, monkeypatch).seconds == seconds


@pytest.mark.faults
def test_a_clock_that_was_set_back_does_not_prolong_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = PauseTrigger(until=START + 3_630, seconds=30, started=START, pauses=1)
    assert Fired(trigger, monkeypatch).seconds == 30
