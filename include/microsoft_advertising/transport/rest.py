"""The REST transport: JSON over HTTP, one request per operation. Sync and async differ only in sending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import httpx

from microsoft_advertising.account import Account
from microsoft_advertising.auth.signing import account_headers
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin
from microsoft_advertising.operations import Operation
from microsoft_advertising.transport.answers import mark_unknown_outcome, read_answer
from microsoft_advertising.wire import exchange, reply_of

__all__ = ["AsyncRestTransport", "RestTransport"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Rest:
    """Builds requests.

    Attributes:
        environment: The addresses of the services.
        account: For the headers of the requests.
        auth: Adds the token.
    """

    environment: Environment
    account: Account
    auth: httpx.Auth

    def _origin(self, operation: Operation[T]) -> Origin:
        return Origin(operation.name, self.account.account_id)

    def _request(self, http: httpx.Client | httpx.AsyncClient, operation: Operation[T]) -> httpx.Request:
        url = self.environment.url(operation.service) + operation.path
        headers = account_headers(self.account)
        return http.build_request(operation.method, url, json=operation.body, headers=headers)


@dataclass(frozen=True, kw_only=True)
class RestTransport(_Rest):
    """Carries operations out with an open `httpx.Client`, which its owner closes."""

    http: httpx.Client

    def call(self, operation: Operation[T]) -> T:
        """See `Transport.call`."""
        origin = self._origin(operation)
        with mark_unknown_outcome(operation):
            with exchange(origin):
                response = self.http.send(self._request(self.http, operation), auth=self.auth)
            return read_answer(operation, reply_of(response), origin)


@dataclass(frozen=True, kw_only=True)
class AsyncRestTransport(_Rest):
    """As `RestTransport`, with an `httpx.AsyncClient`."""

    http: httpx.AsyncClient

    async def call(self, operation: Operation[T]) -> T:
        """See `AsyncTransport.call`."""
        origin = self._origin(operation)
        with mark_unknown_outcome(operation):
            with exchange(origin):
                response = await self.http.send(self._request(self.http, operation), auth=self.auth)
            return read_answer(operation, reply_of(response), origin)
