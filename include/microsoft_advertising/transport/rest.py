"""The REST transport: JSON over HTTP, one request per operation; sync and async share all but the sending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import httpx

from microsoft_advertising.account import Account
from microsoft_advertising.auth.signing import Signed, account_headers
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin
from microsoft_advertising.operations import Operation
from microsoft_advertising.transport.answers import done_or_not, read_answer
from microsoft_advertising.wire import exchange, reply_of

__all__ = ["AsyncRestTransport", "RestTransport"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Rest:
    """Which requests are sent.

    Attributes:
        environment: Where the services are.
        account: Whose headers the requests bear.
        signed: Puts the token on.
    """

    environment: Environment
    account: Account
    signed: Signed

    def _origin(self, operation: Operation[T]) -> Origin:
        return Origin(operation.name, self.account.account_id)

    def _request(self, http: httpx.Client | httpx.AsyncClient, operation: Operation[T]) -> httpx.Request:
        url = self.environment.url(operation.service) + operation.path
        headers = account_headers(self.account)
        return http.build_request(operation.method, url, json=operation.body, headers=headers)


@dataclass(frozen=True, kw_only=True)
class RestTransport(_Rest):
    """Carries operations out over an open `httpx.Client`, which stays its owner's."""

    http: httpx.Client

    def call(self, operation: Operation[T]) -> T:
        """See `Transport.call`."""
        origin = self._origin(operation)
        with done_or_not(operation):
            with exchange(origin):
                response = self.http.send(self._request(self.http, operation), auth=self.signed)
            return read_answer(operation, reply_of(response), origin)


@dataclass(frozen=True, kw_only=True)
class AsyncRestTransport(_Rest):
    """The same over an `httpx.AsyncClient`."""

    http: httpx.AsyncClient

    async def call(self, operation: Operation[T]) -> T:
        """See `AsyncTransport.call`."""
        origin = self._origin(operation)
        with done_or_not(operation):
            with exchange(origin):
                response = await self.http.send(self._request(self.http, operation), auth=self.signed)
            return read_answer(operation, reply_of(response), origin)
