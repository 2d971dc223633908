"""The triggers: wait in the triggerer for the end of an upload, or for a time. They do nothing else."""

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
    """Fires when an upload has ended with any outcome, when polling fails permanently, or at a time limit.

    The event contains only the request id. The worker requests the result itself, so that no address of results is
    stored in the metadata database. A restarted triggerer continues with the same intervals, because they depend only
    on the time since the upload.

    Args:
        microsoft_advertising_conn_id: Id of the Airflow connection.
        customer_id: Customer (cid) that overrides the connection's.
        account_id: Account (aid) that overrides the connection's.
        request_id: Request id of the upload.
        since: When the file was sent, in seconds since 1970.
        started: When the delivery started, in seconds since 1970; the event returns it. Arguments of `defer` cannot be
            used for this, because `dag.test()` loses them (observed, Airflow 3.3.2).
        until: Time limit of the wait, in seconds since 1970; the event then has `overdue`. None: no limit.
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
        """The arguments, which the metadata database stores; they contain no secrets."""
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
                overdue = not await self._wait_for_end(client)
        except CustomerMatchError as error:
            # The worker requests the status again and raises the error with its class and advice.
            self.log.warning("Polling of request %s stopped: %s", self.request_id, error)
        event = {"request_id": self.request_id, "started": self.started, "overdue": overdue}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # as above

    async def _client(self) -> AsyncClient:
        hook = MicrosoftAdvertisingHook(
            self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
        )
        return await sync_to_async(hook.get_async_conn)()

    async def _wait_for_end(self, client: AsyncClient) -> bool:
        """Poll until the end or the time limit; returns whether the upload has ended."""
        schedule = PollSchedule(**self.schedule)
        wait = schedule.next_wait(time.time() - self.since)
        while wait < self._seconds_left():
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
        await asyncio.sleep(max(0.0, self._seconds_left()))
        return False

    def _seconds_left(self) -> float:
        return math.inf if self.until is None else self.until - time.time()


class PauseTrigger(BaseTrigger):
    """Fires at the end of a wait that the service has asked for.

    Args:
        until: End of the wait, in seconds since 1970; it stays the same after a restart of the triggerer.
        seconds: Full length of the wait, as an upper limit in case the clock is set back.
        started: When the delivery started, in seconds since 1970; the event returns it, as above.
        pauses: Number of waits in a row, including this one.
    """

    def __init__(self, *, until: float, seconds: float, started: float, pauses: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.until = until
        self.seconds = seconds
        self.started = started
        self.pauses = pauses

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The arguments, which the metadata database stores."""
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
        """Wait until the end."""
        await asyncio.sleep(min(max(0.0, self.until - time.time()), self.seconds))
        yield TriggerEvent({"started": self.started, "pauses": self.pauses})  # type: ignore[no-untyped-call]  # as above
