"""The operator: carries out a staged plan, waiting in the triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, Context

from airflow_microsoft_advertising.links import AudienceLink
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.errors import TransientError
from customer_match_delivery.backoff import MAX_WAITS, wait_seconds

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.upload import Busy, NextMove, Upload
    from customer_match_delivery.delivery import Waiting

# Resuming a deferred task before the scheduler has seen its process end starts the task over (apache/airflow
# issue 72716, seen with 3.3.2); with Airflow's defaults that takes up to five seconds.
_SHORTEST_PAUSE = 5.0
_POLL_SCHEDULE = {"first": _SHORTEST_PAUSE}

_TRIGGERER_AWAY = timedelta(minutes=30)

# What does the work is imported where it is done: this module is read at every parsing of the DAGs.

__all__ = ["UploadAudienceOperator"]


class UploadAudienceOperator(BaseOperator):
    """Brings one audience to the members that the step `chunk` has staged.

    The operator makes sure that the audience exists, sends the plan's parts one after the other and waits for
    each in the triggerer; for those that travel by calls there is nothing to wait for. What was sent and
    confirmed is in the audience's ledger, so that a retry, a restart or the next run goes on where this one
    stopped and sends nothing twice that must not be.

    Args:
        segment: What is the segment's own (templated): `folder`, its folder of this run in the workspace, where `chunk`
            left its record; `audience`, the name of its audience; `audience_id`, the very list to write to (empty:
            found by name, or created); `segment`, what tells it from the export's others whatever its audience is
            called. All but the first two may be left out.
        export: What the export says of all of its audiences, as `spec.export_values` makes it. All but `mark` may be
            left out.
        workspace_root: Path or URL of the workspace (templated).
        workspace_conn_id: Airflow connection of the workspace; None for a local folder (templated).
        microsoft_advertising_conn_id: Airflow connection of the service (templated).
        customer_id: Customer (cid) in place of the connection's (templated).
        account_id: Account (aid) in place of the connection's (templated).
        upload_timeout: How long to wait for one upload before the task is tried again; that try awaits it once more.
        poll_schedule: Arguments of `PollSchedule`; default: the first question after five seconds.
    """

    template_fields: Sequence[str] = (
        "segment",
        "microsoft_advertising_conn_id",
        "customer_id",
        "account_id",
        "workspace_root",
        "workspace_conn_id",
    )
    operator_extra_links = (AudienceLink(),)
    ui_color = "#d7e8fa"

    def __init__(
        self,
        *,
        segment: dict[str, Any],
        export: dict[str, Any],
        workspace_root: str,
        workspace_conn_id: str | None = None,
        microsoft_advertising_conn_id: str = DEFAULT_CONNECTION,
        customer_id: str | None = None,
        account_id: str | None = None,
        upload_timeout: timedelta = timedelta(hours=4),
        poll_schedule: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.segment = segment
        self.export = export
        self.workspace_root = workspace_root
        self.workspace_conn_id = workspace_conn_id
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self.customer_id = customer_id
        self.account_id = account_id
        self.upload_timeout = upload_timeout
        self.poll_schedule = _POLL_SCHEDULE if poll_schedule is None else poll_schedule

    def execute(self, context: Context) -> dict[str, Any]:
        """Start or resume the delivery; defers while the service works, or asks for a pause."""
        upload = self._upload(context)
        return self._take_step(upload, upload.start, started=time.time())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after an upload has ended; the ledger knows which."""
        upload, started = self._upload(context), float(event["started"])
        overdue = str(event["request_id"]) if event.get("overdue") else None
        return self._take_step(
            upload, lambda: upload.resume(started=started, overdue=overdue), started=started
        )

    def execute_after_pause(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the pause that the service had asked for."""
        upload, started = self._upload(context), float(event["started"])
        return self._take_step(
            upload, lambda: upload.start(since=started), started=started, pauses=int(event["pauses"])
        )

    def on_kill(self) -> None:
        """Nothing is lost: the service goes on with what it has, and the ledger names it.

        The service has no call that stops an upload.
        """
        self.log.warning("Stopped. An upload in flight goes on at the service; the next try awaits it.")

    def _take_step(
        self,
        upload: Upload,
        step: Callable[[], NextMove],
        *,
        started: float,
        pauses: int = 0,
    ) -> dict[str, Any]:
        """Take a step, and defer if there is something to wait for.

        A wait that the service names is kept in the triggerer: it would be a waste of the task's retries, whose
        own waits know nothing of it.
        """
        try:
            outcome = step()
        except TransientError as error:
            if error.retry_after is None or pauses >= MAX_WAITS:
                raise
            self._pause(error.retry_after, started=started, pauses=pauses + 1)
        if not isinstance(outcome, dict):
            self._defer(outcome, started=started, pauses=pauses)
        self.audience_url = upload.audience_url()
        return outcome

    def _defer(self, outcome: Waiting | Busy, *, started: float, pauses: int) -> NoReturn:
        from airflow_microsoft_advertising.run.upload import Busy  # noqa: PLC0415 (see above)

        if isinstance(outcome, Busy):
            # For as long as the other run takes: nobody is at fault, so it is not counted.
            self._pause(outcome.seconds, started=started, pauses=pauses)
        self._wait_for(outcome, started=started)

    def _pause(self, seconds: float, *, started: float, pauses: int) -> NoReturn:
        from airflow_microsoft_advertising.trigger import PauseTrigger  # noqa: PLC0415 (see above)

        seconds = wait_seconds(seconds, shortest=_SHORTEST_PAUSE)
        until = time.time() + seconds
        self.log.warning("Waiting until %s UTC", datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S"))
        self.defer(
            trigger=PauseTrigger(until=until, seconds=seconds, started=started, pauses=pauses),
            method_name="execute_after_pause",
        )

    def _wait_for(self, waiting: Waiting, *, started: float) -> NoReturn:
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
            # Airflow's own end of a wait, which tells no report and keeps the lease: where no triggerer is left.
            timeout=self.upload_timeout + _TRIGGERER_AWAY,
        )

    def _upload(self, context: Context) -> Upload:
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
        from airflow_microsoft_advertising.run.upload import Upload  # noqa: PLC0415
        from customer_match_delivery.spec import AudienceSpec  # noqa: PLC0415 (see above)

        dag_run = context["dag_run"]
        return Upload(
            run=f"{dag_run.dag_id} / {dag_run.run_id}",
            hook=MicrosoftAdvertisingHook(
                self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
            ),
            workspace_root=self.workspace_root,
            workspace_conn_id=self.workspace_conn_id,
            folder=self.segment["folder"],
            audience=AudienceSpec.from_values(self.export, self.segment),
        )
