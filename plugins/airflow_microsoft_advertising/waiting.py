"""Base class of the operators that wait for the service: in the triggerer, or in the task itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator

from customer_match_delivery.backoff import wait_seconds

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
    from airflow_microsoft_advertising.lineage.segment_lineage import SegmentLineage
    from airflow_microsoft_advertising.metrics.task_waits import TaskWait
    from airflow_microsoft_advertising.run.batches.batch import Outlook
    from airflow_microsoft_advertising.run.upload import Upload
    from customer_match_delivery.delivery import Waiting

# If a deferred task resumes before the scheduler has seen its process end, the task starts from the beginning
# (apache/airflow issue 72716, seen with 3.3.2). With Airflow's defaults the scheduler needs up to five seconds.
_SHORTEST_PAUSE = 5.0
_POLL_SCHEDULE = {"first": _SHORTEST_PAUSE}

_TRIGGERER_AWAY = timedelta(minutes=30)

WORKER_WAIT = timedelta(seconds=4)
"""How long a deferrable task itself waits for an upload before it goes to the triggerer. Small files are processed
within seconds, and to return from the triggerer costs more than that: a new process and several seconds."""
_WORKER_POLLS = {"first": 1.0, "longest": 1.0}

# Modules that do the work are imported inside functions: this module is imported whenever DAGs are parsed.

__all__ = ["WORKER_WAIT", "WaitingOperator"]


class WaitingOperator(BaseOperator):
    """Waits for uploads and for pauses that the service asks for.

    A subclass has `execute_complete` and `execute_after_pause`, to which a deferred task returns.

    Args:
        microsoft_advertising_conn_id: Airflow connection of the service.
        customer_id: Customer (cid), instead of the connection's.
        account_id: Account (aid), instead of the connection's.
        deferrable: Wait in the triggerer; otherwise the task itself waits and keeps its worker slot.
        upload_timeout: How long to wait for one upload.
        poll_schedule: Arguments of `PollSchedule`; default: the first poll after five seconds.
    """

    lineage: tuple[SegmentLineage, ...] = ()

    def __init__(
        self,
        *,
        microsoft_advertising_conn_id: str,
        customer_id: str | None = None,
        account_id: str | None = None,
        deferrable: bool = True,
        upload_timeout: timedelta = timedelta(hours=4),
        poll_schedule: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self.customer_id = customer_id
        self.account_id = account_id
        self.deferrable = deferrable
        self.upload_timeout = upload_timeout
        self.poll_schedule = _POLL_SCHEDULE if poll_schedule is None else poll_schedule

    @property
    def hook(self) -> MicrosoftAdvertisingHook:
        """The hook for the service."""
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415 (see above)

        return MicrosoftAdvertisingHook(
            self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
        )

    def keep_lineage(self, uploads: Iterable[Upload]) -> None:
        """Keep the lineage of what has been delivered until Airflow's provider for OpenLineage asks for it."""
        from airflow_microsoft_advertising.lineage.collecting import collect  # noqa: PLC0415 (see above)

        self.lineage = collect(uploads)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any] | None:  # noqa: ARG002
        """The tables that were read and the audiences that were filled; None if lineage is off, or nothing was."""
        if not self.lineage:
            return None
        from airflow_microsoft_advertising.lineage.facets import lineage_of  # noqa: PLC0415 (an extra)

        return lineage_of(self.lineage)

    def on_kill(self) -> None:
        """Log that an upload in progress continues: the service has no call to stop it, and the ledger records it."""
        self.log.warning(
            "Stopped. An upload in progress continues at the service; the next try waits for it."
        )

    def pause(self, seconds: float, *, reason: TaskWait, started: float, pauses: int) -> None:
        """Wait for a number of seconds; a deferrable task continues in `execute_after_pause`.

        Args:
            seconds: The wait that the service asked for.
            reason: For metrics.
            started: When the delivery started, as seconds since 1970; the event returns it.
            pauses: Number of pauses in a row, including this one; the event returns it.

        Raises:
            TaskDeferred: The task waits in the triggerer.
        """
        from airflow_microsoft_advertising.metrics.task_waits import send_wait  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.trigger import PauseTrigger  # noqa: PLC0415

        seconds = wait_seconds(seconds, shortest=_SHORTEST_PAUSE)
        until = time.time() + seconds
        send_wait(self.hook, reason, seconds)
        self.log.warning("Waiting until %s UTC", datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S"))
        if not self.deferrable:
            time.sleep(seconds)
            return
        self.defer(
            trigger=PauseTrigger(until=until, seconds=seconds, started=started, pauses=pauses),
            method_name="execute_after_pause",
        )

    def wait_for(self, waiting: Waiting, *, started: float) -> str | None:
        """Wait for the end of an upload; a deferrable task continues in `execute_complete`.

        Args:
            waiting: The upload.
            started: When the delivery started, as seconds since 1970; the event returns it.

        Returns:
            The request id if the upload did not end in time; otherwise None.

        Raises:
            TaskDeferred: The task waits in the triggerer.
        """
        seconds = (WORKER_WAIT if self.deferrable else self.upload_timeout).total_seconds()
        if self._has_ended([waiting], seconds):
            return None
        if self.deferrable:
            self._defer(waiting, started)
        return waiting.request_id

    def wait_for_batch(self, outlook: Outlook, *, started: float) -> list[str]:
        """Wait until a batch of segments can go on; a deferrable task continues in `execute_complete`.

        Args:
            outlook: What the batch waits for.
            started: When this try of the task started, as seconds since 1970; the event returns it.

        Returns:
            Request ids of the uploads that did not end in time.

        Raises:
            TaskDeferred: The task waits in the triggerer.
        """
        now, wake = time.time(), outlook.wake
        limits = {
            one.request_id: self._limit(one, max(started, outlook.tries[one.request_id]))
            for one in outlook.uploads
        }
        until = min([*limits.values(), *([] if wake is None else [wake])])
        seconds = max(0.0, until - now)
        if self.deferrable:
            seconds = min(seconds, WORKER_WAIT.total_seconds())
        has_ended = self._has_ended(outlook.uploads, seconds)
        if self.deferrable and not has_ended and time.time() < until:
            self._defer_batch(outlook, limits, started)
        return [request_id for request_id, limit in limits.items() if limit <= time.time()]

    def _limit(self, waiting: Waiting, started: float) -> float:
        """Until when a try that has started at a given time waits for an upload, in seconds since 1970."""
        return max(waiting.since.timestamp(), started) + self.upload_timeout.total_seconds()

    def _defer(self, waiting: Waiting, started: float) -> NoReturn:
        from airflow_microsoft_advertising.trigger import BulkUploadTrigger  # noqa: PLC0415 (see above)

        self.defer(
            trigger=BulkUploadTrigger(
                **self._connection(),
                request_id=waiting.request_id,
                since=waiting.since.timestamp(),
                started=started,
                until=(datetime.now(UTC) + self.upload_timeout).timestamp(),
            ),
            method_name="execute_complete",
            # Airflow's own timeout, for the case that no triggerer runs. It records no failure and keeps the lease.
            timeout=self.upload_timeout + _TRIGGERER_AWAY,
        )

    def _defer_batch(self, outlook: Outlook, limits: dict[str, float], started: float) -> NoReturn:
        from airflow_microsoft_advertising.trigger import BulkUploadsTrigger  # noqa: PLC0415 (see above)

        wake = None if outlook.wake is None else max(outlook.wake, time.time() + _SHORTEST_PAUSE)
        last = max([*limits.values(), wake or 0.0])
        self.defer(
            trigger=BulkUploadsTrigger(
                **self._connection(),
                uploads=[
                    {
                        "request_id": one.request_id,
                        "since": one.since.timestamp(),
                        "until": limits[one.request_id],
                    }
                    for one in outlook.uploads
                ],
                started=started,
                wake=wake,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=last - time.time()) + _TRIGGERER_AWAY,  # as above
        )

    def _connection(self) -> dict[str, Any]:
        """The arguments of a trigger that are the same for all uploads."""
        return {
            "microsoft_advertising_conn_id": self.microsoft_advertising_conn_id,
            "customer_id": self.customer_id,
            "account_id": self.account_id,
            "schedule": self.poll_schedule,
        }

    def _has_ended(self, uploads: Sequence[Waiting], seconds: float) -> bool:
        """Wait in this process until one of the uploads has ended. Return False after so many seconds."""
        from airflow_microsoft_advertising.run.polling import wait_for_any  # noqa: PLC0415 (see above)
        from microsoft_advertising.polling import PollSchedule  # noqa: PLC0415

        schedule = PollSchedule(**_WORKER_POLLS if self.deferrable else self.poll_schedule)
        if not uploads:
            time.sleep(seconds)
            return False
        with self.hook.get_conn() as client:
            return wait_for_any(client, uploads, schedule, seconds=seconds)
