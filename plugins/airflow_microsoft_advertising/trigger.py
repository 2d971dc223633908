"""The trigger: waits in the triggerer for the end of one bulk upload. It polls and does nothing else."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match.errors import CustomerMatchError, TransientError
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.polling import PollSchedule

__all__ = ["BulkUploadTrigger", "PauseTrigger"]


class BulkUploadTrigger(BaseTrigger):
    """Fires when an upload has ended, however it ended, when asking for it fails for good, or when time is up.

    The event names no more than the request: the worker asks for the result itself, so that no address of results
    passes through the metadata database. A restarted triggerer goes on where it was, as the waits follow from
    the time since the upload alone.

    Args:
        microsoft_advertising_conn_id: The Airflow connection.
        customer_id: Customer (cid) in place of the connection's.
        account_id: Account (aid) in place of the connection's.
        request_id: The upload.
        since: When it was sent, as seconds since 1970.
        started: When the delivery began, likewise; the event brings it back. Arguments of `defer` would not do:
            `dag.test()` loses them (observed, Airflow 3.3.2).
        until: When the wait ends without an end of the upload, likewise; the event then says `overdue`. None: never.
        schedule: The arguments of the `PollSchedule`.
    """

    def __init__(
        self,
        *,
        microsoft_advertising_conn_id: str,
        customer_id: str | None,
        account_id: str | None,
        request_id: str,
        since: float,
        started: float,
        until: float | None = None,
        schedule: dict[str, float] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types here
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self.customer_id = customer_id
        self.account_id = account_id
        self.request_id = request_id
        self.since = since
        self.started = started
        self.until = until
        self.schedule = schedule or {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the metadata database keeps: no secrets."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "microsoft_advertising_conn_id": self.microsoft_advertising_conn_id,
                "customer_id": self.customer_id,
                "account_id": self.account_id,
                "request_id": self.request_id,
                "since": self.since,
                "started": self.started,
                "until": self.until,
                "schedule": self.schedule,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the upload has ended."""
        overdue = False
        try:
            async with await self._client() as client:
                overdue = not await self._ended(client)
        except CustomerMatchError as error:
            # The worker asks again and raises what it then finds, with the right family and advice.
            self.log.warning("Polling of request %s stopped: %s", self.request_id, error)
        event = {"request_id": self.request_id, "started": self.started, "overdue": overdue}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # as above

    async def _client(self) -> AsyncClient:
        hook = MicrosoftAdvertisingHook(
            self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
        )
        return await sync_to_async(hook.get_async_conn)()

    async def _ended(self, client: AsyncClient) -> bool:
        """Whether the upload ended before the time was up."""
        schedule = PollSchedule(**self.schedule)
        wait = schedule.next_wait(time.time() - self.since)
        while wait < self._left():
            await asyncio.sleep(wait)
            try:
                status = await client.upload_status(self.request_id)
            except TransientError as error:
                self.log.warning("Status of request %s: %s", self.request_id, error)
                wait = error.retry_after or schedule.longest
                continue
            if status.state.final:
                return True
            wait = schedule.next_wait(time.time() - self.since)
        await asyncio.sleep(max(0.0, self._left()))
        return False

    def _left(self) -> float:
        return math.inf if self.until is None else self.until - time.time()


class PauseTrigger(BaseTrigger):
    """Fires at a moment: the end of a pause that the service has asked for.

    Args:
        until: The moment, as seconds since 1970; a restarted triggerer keeps it.
        seconds: How long the pause was when it began: it lasts no longer, should the clock have been set back since.
        started: When the delivery began, likewise; the event brings it back, as above.
        pauses: How many pauses in a row this makes.
    """

    def __init__(self, *, until: float, seconds: float, started: float, pauses: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.until = until
        self.seconds = seconds
        self.started = started
        self.pauses = pauses

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the metadata database keeps."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "until": self.until,
                "seconds": self.seconds,
                "started": self.started,
                "pauses": self.pauses,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until then."""
        await asyncio.sleep(min(max(0.0, self.until - time.time()), self.seconds))
        yield TriggerEvent({"started": self.started, "pauses": self.pauses})  # type: ignore[no-untyped-call]  # as above
