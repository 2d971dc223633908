"""The trigger: waits in the triggerer for the end of one bulk upload. It polls and does nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from include.errors import CustomerMatchError, TransientError
from include.microsoft_advertising.client import AsyncClient
from include.microsoft_advertising.polling import PollSchedule

__all__ = ["BulkUploadTrigger", "PauseTrigger"]


class BulkUploadTrigger(BaseTrigger):
    """Fires when an upload has ended, however it ended, or when asking for it fails for good.

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
        schedule: dict[str, float] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types here
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self.customer_id = customer_id
        self.account_id = account_id
        self.request_id = request_id
        self.since = since
        self.started = started
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
                "schedule": self.schedule,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the upload has ended."""
        try:
            async with await self._client() as client:
                await self._wait(client)
        except CustomerMatchError as error:
            # The worker asks again and raises what it then finds, with the right family and advice.
            self.log.warning("Polling of request %s stopped: %s", self.request_id, error)
        yield TriggerEvent({"request_id": self.request_id, "started": self.started})  # type: ignore[no-untyped-call]  # as above

    async def _client(self) -> AsyncClient:
        hook = MicrosoftAdvertisingHook(
            self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
        )
        return await sync_to_async(hook.get_async_conn)()

    async def _wait(self, client: AsyncClient) -> None:
        schedule = PollSchedule(**self.schedule)
        while True:
            await asyncio.sleep(schedule.next_wait(time.time() - self.since))
            try:
                status = await client.upload_status(self.request_id)
            except TransientError as error:
                self.log.warning("Status of request %s: %s", self.request_id, error)
                await asyncio.sleep(error.retry_after or schedule.longest)
                continue
            if status.state.final:
                return


class PauseTrigger(BaseTrigger):
    """Fires at a moment: the end of a pause that the service has asked for.

    Args:
        until: The moment, as seconds since 1970; a restarted triggerer keeps it.
        started: When the delivery began, likewise; the event brings it back, as above.
        pauses: How many pauses in a row this makes.
    """

    def __init__(self, *, until: float, started: float, pauses: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.until = until
        self.started = started
        self.pauses = pauses

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the metadata database keeps."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"until": self.until, "started": self.started, "pauses": self.pauses},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until then."""
        await asyncio.sleep(max(0.0, self.until - time.time()))
        yield TriggerEvent({"started": self.started, "pauses": self.pauses})  # type: ignore[no-untyped-call]  # as above
