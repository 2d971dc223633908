"""Tokens that expire during work, and concurrent renewals by several processes, with the simulator."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from customer_match.errors import ConfigurationError
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import UploadState
from tests.microsoft_advertising.renewing_process import FileStore
from tests.microsoft_advertising_simulator.api import Api, Simulator, bulk_csv, hexes, item_row, list_row

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).with_name("renewing_process.py")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    yield simulator
    simulator.end()


@pytest.fixture
def api(running: Simulator) -> Iterator[Api]:
    """The simulator with a new sign-in and an empty request log for each test."""
    before = running.api.control("settings")
    running.api.ready["refresh_token"] = running.api.control(
        "tokens", {"revoke_refresh": True, "issue_refresh": True}
    )["refresh_token"]
    running.api.token = running.api.sign_in()["access_token"]
    running.api.control("requests", method="DELETE")
    yield running.api
    running.api.control("faults", method="DELETE")
    running.api.control("settings", before)


def values(api: Api) -> dict[str, str]:
    names = ("client_id", "client_secret", "refresh_token", "developer_token", "customer_id", "account_id")
    return {name: api.ready[name] for name in names}


@pytest.fixture
def account(api: Api) -> Account:
    return Account.model_validate(values(api))


@pytest.fixture
def environment(api: Api) -> Environment:
    return Environment.at(api.ready["base_url"])


def operations(api: Api) -> list[tuple[str, int]]:
    """The logged calls with their status, without discovery."""
    calls = api.control("requests")
    return [(call["operation"], call["status"]) for call in calls if call["operation"] != "Discovery"]


def eventually(holds: Callable[[], bool]) -> bool:
    """A call is logged after its answer was sent, which may be slightly after the client has received it."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def bulk_file(folder: Path, audience: str) -> Path:
    """Three members, and one that is refused."""
    rows = [item_row(audience, text, Client_Id=str(i)) for i, text in enumerate([*hexes(range(3)), "plain"])]
    path = folder / "upload.csv"
    path.write_bytes(bulk_csv(list_row(Id=audience, Action_Type="Add"), *rows))
    return path


EXPECTED = [
    *[("GetBulkUploadUrl", 401), ("Token", 200), ("GetBulkUploadUrl", 200)],
    *[("UploadFile", 401), ("Token", 200), ("UploadFile", 200)],
    *[("GetBulkUploadStatus", 401), ("Token", 200), ("GetBulkUploadStatus", 200)],
    ("DownloadResult", 200),
]


def test_a_token_that_expires_before_every_step_of_an_upload(
    api: Api, account: Account, environment: Environment, tmp_path: Path
) -> None:
    audience = api.create("Expiring, sync")
    path = bulk_file(tmp_path, audience)
    with Client(account, environment) as client:
        client.whoami()
        api.control("requests", method="DELETE")
        expire(api)
        ticket = client.request_upload()
        expire(api)
        client.upload_file(ticket, path)
        settled(api, ticket.request_id)
        expire(api)
        status = client.upload_status(ticket.request_id)
        expire(api)
        assert status.state is UploadState.COMPLETED_WITH_ERRORS
        assert status.result_url
        errors = list(client.row_errors(status.result_url))
    assert [(error.client_id, error.code) for error in errors] == [("3", 8004)]
    assert eventually(lambda: operations(api) == EXPECTED), operations(api)
    assert api.members(audience) == hexes(range(3))


def test_a_token_that_expires_while_the_triggerer_polls(
    api: Api, account: Account, environment: Environment
) -> None:
    with Client(account, environment) as worker:
        ticket = worker.request_upload()

    async def poll() -> list[UploadState]:
        async with AsyncClient(account, environment) as client:
            states = []
            for _ in range(2):
                states.append((await client.upload_status(ticket.request_id)).state)
                expire(api)
            return states

    api.control("requests", method="DELETE")
    assert asyncio.run(poll()) == [UploadState.PENDING_FILE_UPLOAD] * 2
    expected = [("Token", 200), ("GetBulkUploadStatus", 200)]
    expected += [("GetBulkUploadStatus", 401), ("Token", 200), ("GetBulkUploadStatus", 200)]
    assert eventually(lambda: operations(api) == expected), operations(api)


def expire(api: Api) -> None:
    api.control("tokens", {"expire_access": True})


def settled(api: Api, request_id: str) -> None:
    """Wait until an upload has ended, without a logged call."""
    finished = None
    while not finished:
        [finished] = [u["finished"] for u in api.control("uploads") if u["request_id"] == request_id]


def test_renewed_before_it_expires_by_the_services_clock(
    api: Api, account: Account, environment: Environment
) -> None:
    """No call is refused although the token is short-lived: it is renewed five minutes before its expiry."""
    api.control("settings", {"access_token_seconds": 301})
    with Client(account, environment) as client:
        client.whoami()
        threading.Event().wait(1.2)
        client.whoami()
    tokens = [status for operation, status in operations(api) if operation == "Token"]
    assert tokens == [200, 200]
    assert {status for _, status in operations(api)} == {200}


def test_consent_revoked_in_the_middle_of_a_poll(
    api: Api, account: Account, environment: Environment
) -> None:
    with Client(account, environment) as client:
        ticket = client.request_upload()
        assert client.upload_status(ticket.request_id).state is UploadState.PENDING_FILE_UPLOAD
        api.control("tokens", {"expire_access": True, "revoke_refresh": True})
        with pytest.raises(ConfigurationError, match="Sign in again") as caught:
            client.upload_status(ticket.request_id)
    assert "customer-match login" in str(caught.value)
    assert "sim-" not in str(caught.value), "a token is shown"


def test_consent_given_again_is_found_at_once(api: Api, account: Account, environment: Environment) -> None:
    """msal repeats a refusal from its cache; a token that was stored in the meantime must still be tried."""
    store = InMemoryTokenStore()
    tokens = TokenSource(account, environment, store)
    api.control("tokens", {"revoke_refresh": True})
    with pytest.raises(ConfigurationError):
        tokens.access_token()
    store.save(api.control("tokens", {"issue_refresh": True})["refresh_token"])
    assert tokens.access_token()
    tokens.close()


# --- At once -----------------------------------------------------------------------------------------------


def test_threads_renew_at_once_with_one_time_tokens(
    api: Api, account: Account, environment: Environment
) -> None:
    api.control("settings", {"strict_rotation": True})
    api.fault(
        "Token", "delay", seconds=0.5, times=4
    )  # all have read the store before the first gets an answer
    store = InMemoryTokenStore()
    clients = [Client(account, environment, store=store) for _ in range(4)]
    failures: list[BaseException] = []

    def work(client: Client) -> None:
        try:
            client.whoami()
        except BaseException as error:  # noqa: BLE001 (the assertion shows it)
            failures.append(error)

    threads = [threading.Thread(target=work, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for client in clients:
        client.close()
    assert failures == []
    assert ("Token", 400) in operations(api), "nobody was beaten to it, so that nothing was tested"
    assert api.token_request(refresh_token=str(store.refresh_token)).status_code == 200


def renewing(api: Api, store: Path | None, *, processes: int, times: int) -> list[tuple[int, str]]:
    """Run processes concurrently; returns the exit status and the output of each."""
    task = {
        "account": values(api),
        "base_url": api.ready["base_url"],
        "store": str(store) if store else "",
    }
    running = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps(task), str(times)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[1] for process in running]
    return [(process.returncode, text) for process, text in zip(running, said, strict=True)]


def test_processes_renew_at_once_with_one_time_tokens(api: Api, tmp_path: Path) -> None:
    """Four processes, four renewals each: a process can lose at most twelve races, fewer than its tries."""
    api.control("settings", {"strict_rotation": True})
    store = tmp_path / "token"
    assert renewing(api, store, processes=4, times=4) == [(0, "")] * 4
    assert eventually(lambda: operations(api).count(("Token", 200)) == 16), operations(api)
    assert api.token_request(refresh_token=str(FileStore(store).load())).status_code == 200


def test_without_a_shared_store_one_process_fails(api: Api) -> None:
    """Checks the test above: without the shared store, concurrent processes fail."""
    api.control("settings", {"strict_rotation": True})
    ended: list[Any] = renewing(api, None, processes=2, times=1)
    assert sorted(status for status, _ in ended) == [0, 1]
    assert any("Sign in again" in text for _, text in ended)


def test_processes_renew_at_once_where_old_tokens_stay_valid(api: Api, tmp_path: Path) -> None:
    store = tmp_path / "token"
    assert renewing(api, store, processes=2, times=3) == [(0, "")] * 2
    assert ("Token", 400) not in operations(api)
    assert api.token_request(refresh_token=str(FileStore(store).load())).status_code == 200
