"""The triggerer's client: requests the status of an upload without blocking the event loop.

The triggerer makes no other calls; workers use `client.Client`.
"""

from __future__ import annotations

from typing import Final, Self

from microsoft_advertising import operations
from microsoft_advertising.account import Account
from microsoft_advertising.auth.refresh_tokens import TokenStore
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import UploadStatus
from microsoft_advertising.retrying import DEFAULT_RETRIES, RetryPolicy
from microsoft_advertising.transport.choice import TransportName, open_async_transport
from microsoft_advertising.transport.observer import NOBODY, Observer, watch
from microsoft_advertising.wire import open_async_http

__all__ = ["AsyncClient"]


class AsyncClient:
    """Microsoft Advertising for one account, in one event loop; use it in an `async with` statement.

    Args:
        account: The advertiser account and its credentials.
        environment: Where the service is.
        store: Stores new refresh tokens durably.
        retries: How often and how long one call is retried.
        transport: The protocol of the calls.
        observer: Gets told of calls and waits.

    Attributes:
        settings: Account, environment and transport: clients with the same ones can stand in for each other.
    """

    def __init__(
        self,
        account: Account,
        environment: Environment,
        *,
        store: TokenStore | None = None,
        retries: RetryPolicy = DEFAULT_RETRIES,
        transport: TransportName = TransportName.REST,
        observer: Observer = NOBODY,
    ) -> None:
        self.settings: Final = account, environment, transport
        self._observer = observer
        self._retries = retries.observed_by(observer)
        self._tokens = TokenSource(account, environment, store)
        self._http = open_async_http(environment)
        self._transport = open_async_transport(transport, account, environment, self._tokens, self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        self._tokens.close()

    async def upload_status(self, request_id: str) -> UploadStatus:
        """See `Client.upload_status`."""
        operation = operations.upload_status(request_id)

        async def call() -> UploadStatus:
            with watch(self._observer, operation.service):
                return await self._transport.call(operation)

        return await self._retries.acall(call)
