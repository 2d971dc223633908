"""Access tokens for coroutines: one renewal for all who need it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from customer_match.errors import ConfigurationError
from microsoft_advertising.account import Account
from microsoft_advertising.auth.async_tokens import AsyncTokens
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment
from tests.microsoft_advertising.conftest import Service, json_reply

TOKEN_PATH = "/common/oauth2/v2.0/token"


@pytest.fixture
def source(service: Service, account: Account, environment: Environment) -> Iterator[TokenSource]:
    with closing(TokenSource(account, environment)) as tokens:
        yield tokens


def each(*calls: Callable[[], Awaitable[str]]) -> list[str | BaseException]:
    """The results of calls at the same time."""

    async def main() -> list[str | BaseException]:
        return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

    return asyncio.run(main())


def test_the_first_token_is_fetched_once_for_all(service: Service, source: TokenSource) -> None:
    tokens = AsyncTokens(source)
    assert set(each(*[tokens.access_token] * 50)) == {"access-1"}
    assert len(service.calls(TOKEN_PATH)) == 1


def test_a_valid_token_needs_no_thread(source: TokenSource, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source.access_token() == "access-1"
    monkeypatch.delattr(asyncio, "to_thread")
    assert each(AsyncTokens(source).access_token) == ["access-1"]


def test_a_refused_token_is_renewed_once_for_all(service: Service, source: TokenSource) -> None:
    tokens = AsyncTokens(source)
    refused = source.access_token()
    renewed = each(*[lambda: tokens.access_token(refused=refused)] * 50)
    assert set(renewed) == {"access-2"}
    assert each(lambda: tokens.access_token(refused=refused)) == ["access-2"], "reported late"
    assert len(service.calls(TOKEN_PATH)) == 2


def test_threads_that_report_a_refused_token_renew_it_once(service: Service, source: TokenSource) -> None:
    refused = source.access_token()

    async def main() -> list[str]:
        calls = [asyncio.to_thread(source.access_token, refused=refused) for _ in range(10)]
        return await asyncio.gather(*calls)

    assert set(asyncio.run(main())) == {"access-2"}
    assert len(service.calls(TOKEN_PATH)) == 2


def test_a_renewal_for_an_older_token_is_not_mistaken_for_ones_own(
    source: TokenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both wait for one run, but the run was for a token that had been renewed already."""
    tokens = AsyncTokens(source)
    older = source.access_token()
    newer = source.access_token(refused=older)
    monkeypatch.setattr(source, "current_token", lambda: newer)
    late, own = (lambda: tokens.access_token(refused=older), lambda: tokens.access_token(refused=newer))

    async def main() -> list[str]:
        started = asyncio.create_task(tokens._renewed(older))
        await asyncio.sleep(0)
        monkeypatch.undo()
        return [await started, *await asyncio.gather(late(), own())]

    results = asyncio.run(main())
    assert results[0] == newer
    assert results[2] not in {older, newer}


@pytest.mark.faults
def test_an_authority_that_returns_the_refused_token_again_ends_the_renewals(
    service: Service, source: TokenSource
) -> None:
    service.token_reply = lambda _: json_reply({"access_token": "the-same", "expires_in": 3600})
    tokens = AsyncTokens(source)
    assert each(tokens.access_token, lambda: tokens.access_token(refused="the-same")) == ["the-same"] * 2
    assert len(service.calls(TOKEN_PATH)) <= 3


@pytest.mark.faults
def test_an_error_is_the_same_for_all(service: Service, source: TokenSource) -> None:
    service.token_reply = lambda _: json_reply(
        {"error": "invalid_client", "error_description": "AADSTS7000215"}, 401
    )
    errors = each(*[AsyncTokens(source).access_token] * 50)
    assert {type(error) for error in errors} == {ConfigurationError}
    assert len(service.calls(TOKEN_PATH)) == 1 or len({str(error) for error in errors}) == 1
