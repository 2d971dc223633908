"""Adds the access token to requests, and a new one if the service reports that it has expired."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from microsoft_advertising.account import Account
from microsoft_advertising.auth.async_tokens import AsyncTokens
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.wire import reply_of

__all__ = ["AsyncTokenAuth", "TokenAuth", "account_headers"]


def account_headers(account: Account) -> dict[str, str]:
    """The headers of every call, except the token's (documented: request-header-rest).

    Empty ids are left out (before an account is chosen): Customer Management needs none (documented).
    """
    headers = {
        "DeveloperToken": account.developer_token.get_secret_value(),
        "CustomerId": account.customer_id,
        "CustomerAccountId": account.account_id,
    }
    return {name: value for name, value in headers.items() if value}


class TokenAuth(httpx.Auth):
    """Adds the token to a request. If the token is refused, renews it once and sends the request again.

    Args:
        tokens: Source of access tokens.
        header: `Authorization` for calls, `AuthenticationToken` for the file upload (documented).
        scheme: Prefix of the token.
    """

    requires_response_body = True

    def __init__(
        self, tokens: TokenSource, *, header: str = "Authorization", scheme: str = "Bearer "
    ) -> None:
        self._tokens = tokens
        self._header = header
        self._scheme = scheme

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """For `httpx.Client`."""
        token = self._tokens.access_token()
        response = yield self._with_token(request, token)
        response.read()
        if reply_of(response).token_refused:
            yield self._with_token(request, self._tokens.access_token(refused=token))

    def _with_token(self, request: httpx.Request, token: str) -> httpx.Request:
        request.headers[self._header] = self._scheme + token
        return request


class AsyncTokenAuth(httpx.Auth):
    """As `TokenAuth`, for the calls of an `httpx.AsyncClient`."""

    requires_response_body = True

    def __init__(self, tokens: AsyncTokens) -> None:
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """For `httpx.AsyncClient`."""
        token = await self._tokens.access_token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        await response.aread()
        if reply_of(response).token_refused:
            request.headers["Authorization"] = f"Bearer {await self._tokens.access_token(refused=token)}"
            yield request
