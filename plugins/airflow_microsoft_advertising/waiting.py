"""Base class of the operators that wait for the service: in the triggerer, or in the task itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator

from customer_match_delivery.backoff import wait_seconds

if TYPE_CHECKING:
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
    from customer_match_delivery.delivery import Waiting

# If a deferred task resumes before the scheduler has seen its process end, the task starts from the beginning
# (apache/airflow issue 72716, seen with 3.3.2). With Airflow's defaults the scheduler needs up to five seconds.
_SHORTEST_PAUSE = 5.0
_POLL_SCHEDULE = {"first": _SHORTEST_PAUSE}

_TRIGGERER_AWAY = timedelta(minutes=30)

# Modules that do the work are imported inside functions: this module is imported whenever DAGs are parsed.

__all__ = ["WaitingOperator"]


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

    def on_kill(self) -> None:
        """Log that an upload in progress continues: the service has no call to stop it, and the ledger records it."""
        self.log.warning(
            "Stopped. An upload in progress continues at the service; the next try waits for it."
        )

    def pause(self, seconds: float, *, started: float, pauses: int) -> None:
        """Wait for a number of seconds; a deferrable task continues in `execute_after_pause`.

        Args:
            seconds: The wait that the service asked for.
            started: When the delivery started, as seconds since 1970; the event returns it.
            pauses: Number of pauses in a row, including this one; the event returns it.

        Raises:
            TaskDeferred: The task waits in the triggerer.
        """
        from airflow_microsoft_advertising.trigger import PauseTrigger  # noqa: PLC0415 (see above)

        seconds = wait_seconds(seconds, shortest=_SHORTEST_PAUSE)
        until = time.time() + seconds
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
        if self.deferrable:
            self._defer(waiting, started)
        return None if self._poll(waiting) else waiting.request_id

    def _defer(self, waiting: Waiting, started: float) -> NoReturn:
        from airflow_microsoft_advertising.trigger import BulkUploadTrigger  # noqa: PLC0415 (see above)

        self.defer(
            trigger=BulkUploadTrigger(
                microsoft_advertising_conn_id=self.microsoft_advertising_conn_id,
                customer_id=self.customer_id,
                account_id=self.account_id,
                request_id=waiting.request_id,
                since=waiting.since.timestamp(),
                started=started,
                until=(datetime.now(UTC) + self.upload_timeout).timestamp(),
                schedule=self.poll_schedule,
            ),
            method_name="execute_complete",
            # Airflow's own timeout, for the case that no triggerer runs. It records no failure and keeps the lease.
            timeout=self.upload_timeout + _TRIGGERER_AWAY,
        )

    def _poll(self, waiting: Waiting) -> bool:
        """Poll until the upload has ended. Return False if it did not end in time."""
        from airflow_microsoft_advertising.run.polling import poll_until_end  # noqa: PLC0415 (see above)
        from microsoft_advertising.polling import PollSchedule  # noqa: PLC0415

        schedule, timeout = PollSchedule(**self.poll_schedule), self.upload_timeout.total_seconds()
        with self.hook.get_conn() as client:
            waits = poll_until_end(lambda: client, waiting, schedule, timeout=timeout)
            while True:
                try:
                    seconds = next(waits)
                except StopIteration as end:
                    return bool(end.value)
                time.sleep(seconds)
