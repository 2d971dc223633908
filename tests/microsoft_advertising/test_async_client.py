"""The triggerer's client over real sockets."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator

import httpx
import pytest

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising import wire
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import UploadState, UploadStatus
from microsoft_advertising.retrying import RetryPolicy
from tests.microsoft_advertising.conftest import SECRETS, Reply, Service, fault, json_reply

STATUS = "/Bulk/v13/BulkUploadStatus/Query"
IN_PROGRESS = json_reply({"RequestStatus": "InProgress", "PercentComplete": 7})

Ask = Callable[[], UploadStatus]


def ask_with(account: Account, environment: Environment, retries: RetryPolicy) -> UploadStatus:
    async def ask() -> UploadStatus:
        async with AsyncClient(account, environment, retries=retries) as client:
            return await client.upload_status("r-1")

    return asyncio.run(ask())


@pytest.fixture
def ask(account: Account, environment: Environment, impatient: RetryPolicy) -> Ask:
    return lambda: ask_with(account, environment, impatient)


@pytest.fixture(autouse=True)
def nothing_leaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check in every test that no log line of any level contains a secret or an address."""
    caplog.set_level(logging.DEBUG)
    yield
    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in lines for secret in (*SECRETS, "somebody") if secret in line]


def test_the_async_client_is_used_like_the_workers_client() -> None:
    assert inspect.signature(AsyncClient) == inspect.signature(Client)
    assert inspect.signature(AsyncClient.upload_status) == inspect.signature(Client.upload_status)


def test_a_call_has_token_and_account_headers(service: Service, ask: Ask) -> None:
    service.on(STATUS, IN_PROGRESS)
    status = ask()
    assert (status.state, status.percent) == (UploadState.IN_PROGRESS, 7)
    (request,) = service.calls(STATUS)
    assert request.json == {"RequestId": "r-1"}
    wanted = {
        "Authorization": "Bearer access-1",
        "DeveloperToken": "developer-secret",
        "CustomerId": "111",
        "CustomerAccountId": "222",
    }
    assert {name: request.headers.get(name) for name in wanted} == wanted


def test_an_expired_token_is_renewed_once(service: Service, ask: Ask) -> None:
    service.on(STATUS, fault(109, "AuthenticationTokenExpired", 401), IN_PROGRESS)
    assert ask().percent == 7
    assert [request.headers["Authorization"] for request in service.calls(STATUS)] == [
        "Bearer access-1",
        "Bearer access-2",
    ]


@pytest.mark.parametrize("status", [401, 400, 500, 200])
def test_a_token_that_stays_refused_needs_a_user(service: Service, ask: Ask, status: int) -> None:
    service.on(STATUS, fault(109, "AuthenticationTokenExpired", status))
    with pytest.raises(ConfigurationError, match="Sign in again"):
        ask()
    assert len(service.calls(STATUS)) == 2


def test_rotated_refresh_tokens_are_stored(
    service: Service, account: Account, environment: Environment
) -> None:
    store = InMemoryTokenStore()
    service.on(STATUS, IN_PROGRESS)

    async def ask() -> None:
        async with AsyncClient(account, environment, store=store) as client:
            await client.upload_status("r-1")

    asyncio.run(ask())
    assert store.refresh_token == "refresh-secret-1"


@pytest.mark.parametrize(
    "hiccup", [Reply(503, b"busy"), Reply(502, b"<html>"), Reply(drop=True), fault(0, "InternalError", 500)]
)
def test_short_failures_are_retried(service: Service, ask: Ask, hiccup: Reply) -> None:
    service.on(STATUS, hiccup, hiccup, IN_PROGRESS)
    assert ask().percent == 7
    assert len(service.calls(STATUS)) == 3


def test_the_last_error_is_raised_after_the_budget(service: Service, ask: Ask) -> None:
    service.on(STATUS, Reply(503, b"busy"))
    with pytest.raises(TransientError, match="503"):
        ask()
    assert len(service.calls(STATUS)) == 3


def test_a_long_throttle_leaves_with_its_wait(service: Service, ask: Ask) -> None:
    service.on(STATUS, Reply(429, b"slow down", {"Retry-After": "77"}))
    with pytest.raises(TransientError) as caught:
        ask()
    assert caught.value.retry_after == 77
    assert len(service.calls(STATUS)) == 1


@pytest.mark.parametrize("body", [b"<html>login</html>", b"[]", b"null", b'{"RequestStatus": 7}'])
def test_answers_with_a_wrong_shape_are_rejected(service: Service, ask: Ask, body: bytes) -> None:
    service.on(STATUS, Reply(200, body))
    with pytest.raises(TerminalError, match="documented shape"):
        ask()


def test_a_silent_service_times_out(service: Service, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TIMEOUT", httpx.Timeout(0.1))
    service.on(STATUS, Reply(delay=20))
    with pytest.raises(TransientError, match="ReadTimeout"):
        ask()


def test_an_unreachable_service_is_a_transient_error(account: Account, impatient: RetryPolicy) -> None:
    with pytest.raises(TransientError, match="no connection"):
        ask_with(account, Environment.at("http://127.0.0.1:9"), impatient)


def test_no_token_follows_a_redirect(service: Service, ask: Ask) -> None:
    service.on(STATUS, Reply(307, b"", {"Location": f"{service.base_url}/take"}))
    with pytest.raises(ConfigurationError):
        ask()
    assert service.calls("/take") == []


def test_polling_is_quiet(service: Service, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    service.on(STATUS, IN_PROGRESS)
    ask()
    ours = [
        record
        for record in caplog.records
        if record.name.split(".")[0] in {"microsoft_advertising", "httpx", "httpcore"}
    ]
    assert [record for record in ours if record.levelno >= logging.INFO] == []
    assert any(record.name.startswith("microsoft_advertising.") for record in ours), "one line at DEBUG"
