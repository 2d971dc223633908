"""The client of the triggerer: asks how far an upload is, without blocking the event loop.

That is all that is asked there; everything else is the worker's, with `client.Client`.
"""

from __future__ import annotations

from typing import Self

from microsoft_advertising import operations
from microsoft_advertising.account import Account
from microsoft_advertising.auth.refresh_tokens import TokenStore
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import UploadStatus
from microsoft_advertising.retrying import DEFAULT_RETRIES, RetryPolicy
from microsoft_advertising.transport.choice import TransportName, open_async_transport
from microsoft_advertising.wire import open_async_http

__all__ = ["AsyncClient"]


class AsyncClient:
    """Microsoft Advertising for one account, in one event loop; use it in an `async with` statement.

    Args:
        account: Who we are.
        environment: Where the service is.
        store: Keeps new refresh tokens durably.
        retries: How patient one call is.
        transport: What the service is spoken to in.
    """

    def __init__(
        self,
        account: Account,
        environment: Environment,
        *,
        store: TokenStore | None = None,
        retries: RetryPolicy = DEFAULT_RETRIES,
        transport: TransportName = TransportName.REST,
    ) -> None:
        self._retries = retries
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
        return await self._retries.acall(self._transport.call, operations.upload_status(request_id))
