"""Access tokens for the coroutines of one event loop."""

from __future__ import annotations

import asyncio
from functools import partial

from microsoft_advertising.auth.single_flight import SingleFlight
from microsoft_advertising.auth.tokens import TokenSource

__all__ = ["AsyncTokens"]


class AsyncTokens:
    """As `TokenSource`. Only renewals use a thread, because msal has no async API; one serves all who wait for it.

    Args:
        tokens: The source.
    """

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self._renewals = SingleFlight[str]()

    async def access_token(self, *, refused: str | None = None) -> str:
        """See `TokenSource.access_token`."""
        token = self._tokens.current_token()
        if token is None or token == refused:
            token = await self._renewed(refused)
        return token if token != refused else await self._renewed(refused)

    async def _renewed(self, refused: str | None) -> str:
        """The result of a renewal; if another caller started it, it may be for an older token."""
        return await self._renewals.run(
            partial(asyncio.to_thread, self._tokens.access_token, refused=refused)
        )
