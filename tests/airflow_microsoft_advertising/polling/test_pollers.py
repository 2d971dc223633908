"""The shared poller: one client for all, for as long as somebody uses it, and no longer than its event loop."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from airflow_microsoft_advertising.polling import pollers
from airflow_microsoft_advertising.polling.pace import POLLS_IN_FLIGHT, Pace
from airflow_microsoft_advertising.polling.pollers import Access, Poller, shared_poller
from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match_demo.stack import account_connection
from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import UploadState, UploadStatus
from microsoft_advertising.transport.choice import TransportName
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.polling.virtual_time import run_virtually
from tests.microsoft_advertising_simulator.api import Simulator

ADS = Access("ads", None, None)
MINUTES = 60.0


class Client:
    """An asynchronous client of a world."""

    def __init__(self, world: World, access: Access, secret: str) -> None:
        self.world = world
        self.secret = secret
        self.closed = False
        account = Account(
            client_id="app",
            client_secret=secret,
            refresh_token="r",
            developer_token="d",
            customer_id=access.customer_id or "1",
            account_id=access.account_id or "2",
        )
        self.settings = account, Environment.named("production"), TransportName.REST

    async def upload_status(self, request_id: str) -> UploadStatus:
        world = self.world
        now = asyncio.get_running_loop().time()
        world.calls.append((now, self.settings[0].customer_id, request_id))
        await asyncio.sleep(world.call_seconds)
        assert not self.closed, "the client was closed during a call"
        if world.errors.get(request_id):
            raise world.errors[request_id].pop(0)
        if self.secret != world.valid_secret:
            raise ConfigurationError("Correct the client secret.")
        return UploadStatus(UploadState.IN_PROGRESS)

    async def close(self) -> None:
        await asyncio.sleep(self.world.close_seconds)
        assert not self.closed, "closed twice"
        self.closed = True


class World:
    """The connections and the service."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secret = self.valid_secret = "first"
        self.call_seconds = 0.1
        self.close_seconds = 0.0
        self.lookup_seconds = 0.0
        self.lookup_error: Exception | None = None
        self.lookups = 0
        self.clients: list[Client] = []
        self.calls: list[tuple[float, str, str]] = []
        self.errors: dict[str, list[Exception]] = {}
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(asyncio, "to_thread", self._in_thread)

        def open_client(access: Access) -> Client:
            if self.lookup_error:
                raise self.lookup_error
            self.clients.append(Client(self, access, self.secret))
            return self.clients[-1]

        monkeypatch.setattr(Access, "open_client", open_client)

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        self.lookups += 1
        await asyncio.sleep(self.lookup_seconds)
        return function()

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def checked() -> None:
            await main()
            assert [client for client in self.open_clients if client not in self.unused] == [], "left open"
            assert not pollers._of_this_loop().pollers
            assert len(asyncio.all_tasks()) == 1

        run_virtually(self._monkeypatch, checked)

    @property
    def open_clients(self) -> list[Client]:
        return [client for client in self.clients if not client.closed]

    unused: tuple[Client, ...] = ()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def use(access: Access, seconds: float, polls: int = 1, request_id: str = "r") -> None:
    """As a trigger does: poll some times, each after a wait."""
    async with shared_poller(access) as poller:
        for _ in range(polls):
            await asyncio.sleep(seconds)
            await poller.upload_status(request_id)


def test_a_thousand_users_share_one_client_and_the_last_one_closes_it(world: World) -> None:
    async def main() -> None:
        users = [asyncio.create_task(use(ADS, 5, polls=3)) for _ in range(1_000)]
        await asyncio.sleep(4)
        assert world.lookups == 0, "the connection is read at the first poll"
        await asyncio.sleep(4)
        [client] = world.clients
        assert not client.closed
        await asyncio.gather(*users)
        assert client.closed
        assert (world.lookups, len(world.calls)) == (1, 3_000)

    world.run(main)


def test_each_connection_customer_and_account_has_its_own(world: World) -> None:
    async def main() -> None:
        accesses = [ADS, Access("other", None, None), Access("ads", "7", None), Access("ads", None, "8")]
        await asyncio.gather(*(use(access, 1) for access in accesses * 2))
        assert len(world.clients) == 4

    world.run(main)


def test_who_comes_while_the_last_user_leaves_gets_a_new_client(world: World) -> None:
    async def main() -> None:
        world.close_seconds = 10
        first = asyncio.create_task(use(ADS, 1))
        await asyncio.sleep(5)
        assert not first.done(), "it is closing"
        await use(ADS, 1)
        await first
        assert len(world.clients) == 2

    world.run(main)


def test_a_cancelled_user_leaves_the_client_to_the_others(world: World) -> None:
    async def main() -> None:
        users = [asyncio.create_task(use(ADS, 5, polls=2)) for _ in range(3)]
        await asyncio.sleep(5.05)  # in the middle of a call
        users[0].cancel()
        await asyncio.wait(users)
        assert [user.cancelled() for user in users] == [True, False, False]
        assert len(world.clients) == 1

    world.run(main)


def test_a_user_that_is_cancelled_while_it_reads_the_connection_reads_it_for_the_others(world: World) -> None:
    async def main() -> None:
        world.lookup_seconds = 10
        users = [asyncio.create_task(use(ADS, 1)) for _ in range(3)]
        await asyncio.sleep(5)
        users[0].cancel()
        await asyncio.wait(users)
        assert [user.cancelled() for user in users] == [True, False, False]
        assert world.lookups == 1

    world.run(main)


def test_when_all_are_cancelled_nothing_goes_on(world: World) -> None:
    async def main() -> None:
        world.lookup_seconds = 10
        users = [asyncio.create_task(use(ADS, 1)) for _ in range(3)]
        await asyncio.sleep(5)
        for user in users:
            user.cancel()
        await asyncio.wait(users)
        assert world.clients == []

    world.run(main)


def test_nothing_survives_its_event_loop(world: World) -> None:
    using = shared_poller(ADS)

    async def abandoned() -> None:
        await (await using.__aenter__()).upload_status("r")

    run_virtually(world._monkeypatch, abandoned)
    world.unused = tuple(world.clients)

    async def main() -> None:
        await use(ADS, 1)
        assert len(world.clients) == 2
        assert len(pollers._by_loop) == 1, "the closed loop is forgotten"

    world.run(main)


# --- The connection --------------------------------------------------------------------------------------------


def test_an_unchanged_connection_keeps_its_client(world: World) -> None:
    async def main() -> None:
        await use(ADS, 1 * MINUTES, polls=12)
        assert world.lookups == 3
        assert [client.closed for client in world.clients] == [True] * 3
        assert len(world.calls) == 12

    world.run(main)


def test_a_changed_connection_is_noticed_after_minutes_and_running_calls_end(world: World) -> None:
    async def main() -> None:
        world.call_seconds = 30
        async with AsyncExitStack() as stack:
            poller = await stack.enter_async_context(shared_poller(ADS))
            await poller.upload_status("r")
            await asyncio.sleep(4 * MINUTES)
            slow = asyncio.create_task(poller.upload_status("slow"))
            await asyncio.sleep(29)
            slow_too = asyncio.create_task(poller.upload_status("slow too"))
            world.secret = "second"
            await asyncio.sleep(2)
            world.valid_secret = "second"
            world.errors["slow too"] = [TransientError("down")]
            assert (await poller.upload_status("r")).state is UploadState.IN_PROGRESS
            await asyncio.wait([slow, slow_too])
            old, new = world.clients
            assert (old.closed, new.closed) == (True, False)

    world.run(main)


@pytest.mark.faults
def test_a_connection_that_was_mended_is_read_at_once(world: World) -> None:
    async def main() -> None:
        async with shared_poller(ADS) as poller:
            await poller.upload_status("r")
            world.secret = world.valid_secret = "second"
            polls = [poller.upload_status("r") for _ in range(100)]
            statuses = await asyncio.gather(*polls)
            assert {status.state for status in statuses} == {UploadState.IN_PROGRESS}
            assert len(world.open_clients) == 1

    world.run(main)


@pytest.mark.faults
def test_what_a_person_must_mend_is_told_to_all_that_wait_with_few_calls(world: World) -> None:
    async def main() -> None:
        async with shared_poller(ADS) as poller:
            await poller.upload_status("r")
            world.calls.clear()
            world.valid_secret = "another"
            polls = [poller.upload_status("r") for _ in range(1_000)]
            errors = await asyncio.gather(*polls, return_exceptions=True)
            assert {type(error) for error in errors} == {ConfigurationError}
            assert len(world.calls) <= POLLS_IN_FLIGHT
            assert world.lookups <= POLLS_IN_FLIGHT + 1
            world.valid_secret = "first"
            await poller.upload_status("r")

    world.run(main)


@pytest.mark.faults
def test_an_error_of_reading_the_connection_is_told_to_all_that_wait(world: World) -> None:
    async def main() -> None:
        world.lookup_error, world.lookup_seconds = ConfigurationError("There is no connection."), 1
        async with shared_poller(ADS) as poller:
            errors = await asyncio.gather(
                *(poller.upload_status("r") for _ in range(100)), return_exceptions=True
            )
            assert {type(error) for error in errors} == {ConfigurationError}
            assert world.lookups == 1
            world.lookup_error = None
            await poller.upload_status("r")

    world.run(main)


@pytest.mark.faults
def test_a_connection_that_cannot_be_read_again_for_now_stays_as_it_was(world: World) -> None:
    async def main() -> None:
        async with shared_poller(ADS) as poller:
            await poller.upload_status("r")
            world.lookup_error = TransientError("The api-server did not answer.")
            await asyncio.sleep(6 * MINUTES)
            await poller.upload_status("r")
            await poller.upload_status("r")
            assert world.lookups == 2, "and it is not tried at each poll"

    world.run(main)


# --- Errors of a poll ------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.parametrize("error", [TransientError("down"), TerminalError("No such upload.")])
def test_an_error_of_one_upload_is_that_polls_own(error: Exception, world: World) -> None:
    async def main() -> None:
        world.errors["bad"] = [error]
        async with shared_poller(ADS) as poller:
            polls = [poller.upload_status(request_id) for request_id in ("good", "bad", "good")]
            results = await asyncio.gather(*polls, return_exceptions=True)
            assert [result is error for result in results] == [False, True, False]

    world.run(main)


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [60.0, 900.0])
def test_throttling_delays_all_polls_of_the_customer(seconds: float, world: World) -> None:
    """Those of another account, too; those of another customer not."""

    async def main() -> None:
        world.errors["throttled"] = [TransientError("too many calls", retry_after=seconds)]
        async with AsyncExitStack() as stack:
            names = (ADS, Access("ads", None, "8"), Access("ads", "7", None))
            own, same, other = [await stack.enter_async_context(shared_poller(name)) for name in names]
            throttled = asyncio.create_task(own.upload_status("throttled"))
            await asyncio.sleep(1)
            await asyncio.gather(
                throttled,
                own.upload_status("own"),
                same.upload_status("same"),
                other.upload_status("other"),
            )
            when = {request_id: moment for moment, _, request_id in world.calls}
            assert when["other"] < 2
            assert {when[name] > seconds for name in ("throttled", "own", "same")} == {True}
            assert Counter(name for _, _, name in world.calls)["throttled"] == 2

    world.run(main)


@pytest.mark.faults
def test_a_wait_is_kept_though_all_users_leave(world: World) -> None:
    async def main() -> None:
        world.errors["r"] = [TransientError("too many calls", retry_after=900)]
        user = asyncio.create_task(use(ADS, 1))
        await asyncio.sleep(5)
        user.cancel()
        await asyncio.wait([user])
        await use(ADS, 1, request_id="later")
        assert world.calls[-1][0] > 900

    world.run(main)


# --- Over sockets ----------------------------------------------------------------------------------------------


def polled(access: Access, request_ids: list[str]) -> list[UploadStatus | BaseException]:
    """Poll all at the same time."""

    async def main() -> list[UploadStatus | BaseException]:
        async with shared_poller(access) as poller:
            return await asyncio.gather(
                *(poller.upload_status(request_id) for request_id in request_ids), return_exceptions=True
            )

    return asyncio.run(main())


DEFAULT = Access("microsoft_advertising_default", None, None)


def calls_of(simulator: Simulator) -> Counter[str]:
    return Counter(call["operation"] for call in simulator.api.control("requests"))


def test_polls_share_one_token(simulator: Simulator) -> None:
    request_id, _ = simulator.api.request_url()
    simulator.api.control("requests", method="DELETE")
    states = polled(DEFAULT, [request_id] * 100)
    assert {getattr(status, "state", status) for status in states} == {UploadState.PENDING_FILE_UPLOAD}
    assert calls_of(simulator)["Token"] == 1
    assert calls_of(simulator)["GetBulkUploadStatus"] == 100


@pytest.mark.faults
@pytest.mark.parametrize(("code", "seconds"), [(117, 60), (207, 60), (4204, 900)])
def test_the_documented_wait_of_a_code_delays_all_polls(
    code: int, seconds: float, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    monkeypatch.setattr(Pace, "delay", lambda _, asked: delays.append(asked))
    request_id, _ = simulator.api.request_url()
    simulator.api.fault("GetBulkUploadStatus", "fault", code=code)
    [status] = polled(DEFAULT, [request_id])
    assert getattr(status, "state", status) is UploadState.PENDING_FILE_UPLOAD
    assert delays == [seconds]


@pytest.mark.faults
def test_throttled_polls_are_repeated_after_the_wait(simulator: Simulator) -> None:
    request_id, _ = simulator.api.request_url()
    simulator.api.control("requests", method="DELETE")
    simulator.api.fault("GetBulkUploadStatus", "raw", status=429, retry_after=2)
    states = polled(DEFAULT, [request_id] * 5)
    assert {getattr(status, "state", status) for status in states} == {UploadState.PENDING_FILE_UPLOAD}


@pytest.mark.faults
def test_a_secret_that_was_rotated_is_picked_up(simulator: Simulator, connect: Connect) -> None:
    connect(**account_connection(simulator.ready) | {"password": "expired"})
    request_id, _ = simulator.api.request_url()

    async def main() -> None:
        async with shared_poller(DEFAULT) as poller:
            with pytest.raises(ConfigurationError, match="secret"):
                await poller.upload_status(request_id)
            connect(**account_connection(simulator.ready))
            await poller.upload_status(request_id)

    asyncio.run(main())


def test_the_poller_names_no_secret(simulator: Simulator) -> None:
    poller = Poller(DEFAULT.open_client, lambda _: pytest.fail("no poll"))
    shown = repr(vars(poller)) + repr(DEFAULT) + repr(DEFAULT.open_client())
    secrets = [simulator.ready[name] for name in ("client_secret", "refresh_token", "developer_token")]
    assert not [secret for secret in secrets if secret in shown]
    assert json.dumps(DEFAULT.__dict__)
