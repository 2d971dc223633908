"""The operator: carries out a staged plan, waiting in the triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_microsoft_advertising.links import AudienceLink
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from airflow_microsoft_advertising.waiting import WaitingOperator
from customer_match.errors import TransientError
from customer_match_delivery.backoff import MAX_WAITS

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.upload import NextMove, Upload

# What does the work is imported where it is done: this module is read at every parsing of the DAGs.

__all__ = ["UploadAudienceOperator"]


class UploadAudienceOperator(WaitingOperator):
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
        kwargs: As `WaitingOperator` takes them: `customer_id`, `account_id` (templated), `deferrable` (default: yes),
            `upload_timeout`, `poll_schedule`.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(microsoft_advertising_conn_id=microsoft_advertising_conn_id, **kwargs)
        self.segment = segment
        self.export = export
        self.workspace_root = workspace_root
        self.workspace_conn_id = workspace_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Start or resume the delivery; defers while the service works, or asks for a pause."""
        upload = self._upload(context)
        return self._take_steps(upload, upload.start, started=time.time())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after an upload has ended; the ledger knows which."""
        upload, started = self._upload(context), float(event["started"])
        overdue = str(event["request_id"]) if event.get("overdue") else None
        return self._take_steps(
            upload, partial(upload.resume, started=started, overdue=overdue), started=started
        )

    def execute_after_pause(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the pause that the service had asked for."""
        upload, started = self._upload(context), float(event["started"])
        return self._take_steps(
            upload, partial(upload.start, since=started), started=started, pauses=int(event["pauses"])
        )

    def _take_steps(
        self,
        upload: Upload,
        step: Callable[[], NextMove],
        *,
        started: float,
        pauses: int = 0,
    ) -> dict[str, Any]:
        """Take steps until the delivery is done, with waits between them; a deferrable task ends at the first wait.

        A wait that the service names is no try of the task: Airflow's own waits between tries know nothing of it.
        """
        from airflow_microsoft_advertising.run.upload import Busy  # noqa: PLC0415 (see above)

        while True:
            try:
                move = step()
            except TransientError as error:
                if error.retry_after is None or pauses >= MAX_WAITS:
                    raise
                pauses += 1
                self.pause(error.retry_after, started=started, pauses=pauses)
                step = partial(upload.start, since=started)
                continue
            if isinstance(move, dict):
                break
            if isinstance(move, Busy):
                # For as long as the other run takes: nobody is at fault, so it is not counted.
                self.pause(move.seconds, started=started, pauses=pauses)
                step = partial(upload.start, since=started)
            else:
                overdue, pauses = self.wait_for(move, started=started), 0
                step = partial(upload.resume, started=started, overdue=overdue)
        self.audience_url = upload.audience_url()
        return move

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
