"""One poller for all triggers of an event loop that use the same connection, customer and account."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.polling.pace import POLLS_IN_FLIGHT, Pace
from customer_match.errors import ConfigurationError, TransientError
from customer_match.redaction import logger
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.auth.single_flight import SingleFlight
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import UploadStatus
from microsoft_advertising.retrying import RetryPolicy

__all__ = ["Access", "Poller", "shared_poller"]

log = logger(__name__)

_SECONDS_BETWEEN_LOOKUPS: Final = 300.0
"""After this time the connection is read again, in case a person has changed it."""

_ONE_TRY: Final = RetryPolicy(attempts=1)
"""A failed poll is repeated at the next interval; a wait that the service asks for delays all polls."""


@dataclass(frozen=True)
class Access:
    """How a trigger reaches the service.

    Attributes:
        conn_id: Id of the Airflow connection.
        customer_id: Customer (cid) that overrides the connection's.
        account_id: Account (aid) that overrides the connection's.
    """

    conn_id: str
    customer_id: str | None
    account_id: str | None

    def open_client(self) -> AsyncClient:
        """Read the connection. Blocks."""
        hook = MicrosoftAdvertisingHook(
            self.conn_id, customer_id=self.customer_id, account_id=self.account_id
        )
        return hook.get_async_conn(retries=_ONE_TRY)


@asynccontextmanager
async def shared_poller(access: Access) -> AsyncIterator[Poller]:
    """The poller of this event loop for an access; the last user closes it."""
    shared = _of_this_loop()
    poller = shared.pollers.setdefault(access, Poller(access.open_client, shared.pace_of))
    poller.users += 1
    try:
        yield poller
    finally:
        poller.users -= 1
        if not poller.users:
            del shared.pollers[access]  # before anything is awaited: who comes now gets a new one
            await poller.close()


class _Shared:
    """What the triggers of one event loop share."""

    def __init__(self) -> None:
        self.pollers: dict[Access, Poller] = {}
        self._in_flight = asyncio.Semaphore(POLLS_IN_FLIGHT)
        self._paces: dict[tuple[Environment, str], Pace] = {}

    def pace_of(self, client: AsyncClient) -> Pace:
        """The pace of a client's customer. It outlives the client, because the service's wait does."""
        account, environment, _ = client.settings
        key = environment, account.customer_id
        if key not in self._paces:
            self._paces[key] = Pace(account.customer_id, self._in_flight)
        return self._paces[key]


_by_loop: Final[dict[asyncio.AbstractEventLoop, _Shared]] = {}


def _of_this_loop() -> _Shared:
    """Connections and locks cannot be used in another event loop, so nothing is kept of one that is closed."""
    for loop in list(_by_loop):
        if loop.is_closed():
            _by_loop.pop(loop, None)
    return _by_loop.setdefault(asyncio.get_running_loop(), _Shared())


class Poller:
    """Requests the status of uploads for many triggers with one client.

    The connection is read at the first poll, again after some minutes, and after a failure that a person may have
    mended. If it has changed, a new client replaces the old one.

    Args:
        open_client: Reads the connection and makes a client. Called in a thread.
        pace_of: The pace of a client's customer.

    Attributes:
        users: Number of triggers that use this poller.
    """

    def __init__(
        self, open_client: Callable[[], AsyncClient], pace_of: Callable[[AsyncClient], Pace]
    ) -> None:
        self.users = 0
        self._open_client = open_client
        self._pace_of = pace_of
        self._current: _CountedClient | None = None
        self._looked_up = -math.inf
        self._lookups = SingleFlight[None]()
        self._refusal: ConfigurationError | None = None
        self._refused = -math.inf

    async def upload_status(self, request_id: str) -> UploadStatus:
        """See `AsyncClient.upload_status`. Waits as long as the service asks this customer to.

        Raises:
            ConfigurationError: A person must act; the connection has not changed since the poll began.
            TransientError: The poll failed and can be repeated.
            TerminalError: The service does not know the upload, or its answer cannot be read.
        """
        began = self._now()
        while True:
            pace = self._pace_of((await self._connected()).client)
            async with pace.turn():
                if self._refusal and self._refused >= began:
                    raise self._refusal.with_traceback(None)
                try:
                    return await self._call(request_id)
                except TransientError as error:
                    if not error.retry_after:
                        raise
                    pace.delay(error.retry_after)

    async def close(self) -> None:
        """Close the client."""
        await self._lookups.cancel()
        if self._current:
            await self._current.release()

    async def _call(self, request_id: str) -> UploadStatus:
        """Call once. If a person must act, and has changed the connection meanwhile, call once more."""
        began = self._now()
        connected = await self._connected()
        try:
            async with connected as client:
                return await client.upload_status(request_id)
        except ConfigurationError as error:
            newer = await self._connected(since=began)
            if newer is connected:
                self._refusal, self._refused = error, self._now()
                raise
        async with newer as client:
            return await client.upload_status(request_id)

    async def _connected(self, *, since: float | None = None) -> _CountedClient:
        """The client of the connection as it was at a time of the event loop's clock, by default minutes ago."""
        oldest = self._now() - _SECONDS_BETWEEN_LOOKUPS if since is None else since
        while self._current is None or self._looked_up < oldest:  # a run in progress may have begun earlier
            await self._lookups.run(self._look_up)
        return self._current

    async def _look_up(self) -> None:
        """Read the connection; replace the client if it has changed."""
        began, previous = self._now(), self._current
        try:
            client = await asyncio.to_thread(self._open_client)
        except TransientError as error:
            if previous is None:
                raise
            log.warning("The connection could not be read again, so polling continues as before: %s", error)
            self._looked_up = began
            return
        self._looked_up = began
        if previous and previous.client.settings == client.settings:
            await client.close()
            return
        self._current = _CountedClient(client)
        if previous:
            await previous.release()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _CountedClient:
    """Closes a client when its owner has released it and its last call has ended."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self._users = 1  # the owner

    async def __aenter__(self) -> AsyncClient:
        self._users += 1
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def release(self) -> None:
        """The owner, or a call, needs it no longer."""
        self._users -= 1
        if not self._users:
            await self.client.close()
