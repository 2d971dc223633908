"""The triggers: wait in the triggerer for the end of uploads, or for a time. They do nothing else."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from inspect import signature
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_microsoft_advertising.polling.pollers import Access, shared_poller
from airflow_microsoft_advertising.polling.uploads import Outcome, PolledUpload, wait_for_uploads
from microsoft_advertising.polling import PollSchedule

__all__ = ["BulkUploadTrigger", "BulkUploadsTrigger", "PauseTrigger"]


class _Trigger(BaseTrigger):
    """A trigger that keeps each of its arguments in an attribute of the same name."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The arguments, which the metadata database stores; they contain no secrets."""
        arguments = {name: getattr(self, name) for name in signature(type(self)).parameters}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments


class _PollingTrigger(_Trigger):
    """What the triggers that poll have in common.

    Args:
        microsoft_advertising_conn_id: Id of the Airflow connection.
        customer_id: Customer (cid) that overrides the connection's.
        account_id: Account (aid) that overrides the connection's.
        schedule: The arguments of the `PollSchedule`.
    """

    def __init__(
        self,
        *,
        microsoft_advertising_conn_id: str,
        customer_id: str | None,
        account_id: str | None,
        schedule: dict[str, float] | None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types here
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self.customer_id = customer_id
        self.account_id = account_id
        self.schedule = schedule or {}

    async def _wait_for(self, uploads: Sequence[PolledUpload], **limits: float) -> Outcome:
        """See `wait_for_uploads`."""
        access = Access(self.microsoft_advertising_conn_id, self.customer_id, self.account_id)
        async with shared_poller(access) as poller:
            return await wait_for_uploads(
                uploads, poller.upload_status, PollSchedule(**self.schedule), **limits
            )


class BulkUploadTrigger(_PollingTrigger):
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
        super().__init__(
            microsoft_advertising_conn_id=microsoft_advertising_conn_id,
            customer_id=customer_id,
            account_id=account_id,
            schedule=schedule,
        )
        self.request_id = request_id
        self.since = since
        self.started = started
        self.until = until

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the upload has ended."""
        outcome = await self._wait_for([PolledUpload(self.request_id, self.since, self.until)])
        event = {"request_id": self.request_id, "started": self.started, "overdue": bool(outcome.overdue)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow has no types here


class BulkUploadsTrigger(_PollingTrigger):
    """Fires once: when all uploads have ended, when some have and the others take longer, or at a given time.

    The event contains `started`, and the request ids of the uploads that have `ended` (with any outcome, or
    polling of them failed permanently) and of those that are `overdue`. The others are still in progress. A restarted
    triggerer continues with the same intervals and times.

    Args:
        microsoft_advertising_conn_id: Id of the Airflow connection.
        customer_id: Customer (cid) that overrides the connection's.
        account_id: Account (aid) that overrides the connection's.
        uploads: For each upload `request_id`; `since`, when its file was sent; `until`, the time limit of the wait
            (None: no limit). Times are seconds since 1970. Without uploads, the trigger is a pause until `wake`.
        started: When the delivery started, in seconds since 1970; the event returns it, as above.
        wake: When to fire in any case, in seconds since 1970. None: never.
        linger: Seconds to wait for other uploads after the first one has ended.
        schedule: The arguments of the `PollSchedule`.
        longest: Upper limit of the wait until `wake` in seconds, in case the clock is set back. Default: the time until
            `wake` when the trigger was created.
    """

    def __init__(
        self,
        *,
        microsoft_advertising_conn_id: str,
        customer_id: str | None,
        account_id: str | None,
        uploads: list[dict[str, Any]],
        started: float,
        wake: float | None = None,
        linger: float = 10.0,
        schedule: dict[str, float] | None = None,
        longest: float | None = None,
    ) -> None:
        super().__init__(
            microsoft_advertising_conn_id=microsoft_advertising_conn_id,
            customer_id=customer_id,
            account_id=account_id,
            schedule=schedule,
        )
        self.uploads = uploads
        self.started = started
        self.wake = wake
        self.linger = linger
        self.longest = _seconds_until(wake) if longest is None and wake is not None else longest

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until it is time to fire."""
        outcome = await self._wait_for(
            [PolledUpload(**upload) for upload in self.uploads],
            linger=self.linger,
            longest=_capped_wait(self.wake, self.longest),
        )
        event = {
            "started": self.started,
            "overdue": outcome.overdue,
            "ended": outcome.ended,
        }
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # as above


class PauseTrigger(_Trigger):
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

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the end."""
        await asyncio.sleep(_capped_wait(self.until, self.seconds))
        yield TriggerEvent({"started": self.started, "pauses": self.pauses})  # type: ignore[no-untyped-call]  # as above


def _seconds_until(moment: float) -> float:
    return max(0.0, moment - time.time())


def _capped_wait(moment: float | None, longest: float | None) -> float:
    """Seconds until a moment, not more than `longest`; infinite without either."""
    return min(
        math.inf if moment is None else _seconds_until(moment), math.inf if longest is None else longest
    )
