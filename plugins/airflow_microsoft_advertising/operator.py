"""The operator that uploads a staged plan, and waits in the triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from airflow_microsoft_advertising.links import AudienceLink
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from airflow_microsoft_advertising.waiting import WaitingOperator
from customer_match.errors import TransientError
from customer_match_delivery.backoff import MAX_WAITS

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.upload import NextMove, Upload

# Modules that do the work are imported inside functions: this module is imported whenever DAGs are parsed.

__all__ = ["UploadAudienceOperator"]


class UploadAudienceOperator(WaitingOperator):
    """Uploads the plan of the step `chunk`, so that the audience holds exactly the segment's members.

    The operator makes sure that the audience exists, sends the plan's parts one after the other, and waits for each
    upload in the triggerer. Parts that are sent with the synchronous API need no wait. The audience's ledger records
    what was sent and confirmed, so a retry, a restart or the next run continues where this one stopped.

    Args:
        segment: Values of the segment (templated): `folder`, its folder in the workspace for this run, with the record
            of `chunk`; `audience`, the name of its audience; `audience_id`, the id of the list to write to (empty:
            found by name, or created); `segment`, its identity within the export, independent of the audience's name.
            Only the first two are required. None: there is nothing to upload, and the task is skipped.
        export: Values of the export for all of its audiences, made by `spec.export_values`. Only `mark` is required.
        workspace_root: Path or URL of the workspace (templated).
        workspace_conn_id: Airflow connection of the workspace; None for a local folder (templated).
        encrypt_members: Whether new files of members in the workspace are encrypted.
        microsoft_advertising_conn_id: Airflow connection of the service (templated).
        kwargs: Arguments of `WaitingOperator`: `customer_id`, `account_id` (templated), `deferrable` (default: yes),
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
        segment: dict[str, Any] | None,
        export: dict[str, Any],
        workspace_root: str,
        workspace_conn_id: str | None = None,
        encrypt_members: bool = False,
        microsoft_advertising_conn_id: str = DEFAULT_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(microsoft_advertising_conn_id=microsoft_advertising_conn_id, **kwargs)
        self.segment = segment
        self.export = export
        self.workspace_root = workspace_root
        self.workspace_conn_id = workspace_conn_id
        self.encrypt_members = encrypt_members

    def execute(self, context: Context) -> dict[str, Any]:
        """Start or resume the delivery. Defers while the service works, or if it asks for a pause."""
        upload = self._upload(context)
        return self._take_steps(upload, upload.start, started=time.time())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after an upload has ended; the ledger knows which."""
        upload, started = self._upload(context), float(event["started"])
        overdue = str(event["request_id"]) if event.get("overdue") else None
        return self._take_steps(
            upload, partial(upload.resume, started=started, overdue=overdue), started=started
        )

    def execute_after_pause(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after a pause that the service asked for."""
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
        """Take steps until the delivery is complete. A deferrable task ends at the first wait.

        A wait that the service asks for does not use a retry of the task.
        """
        from airflow_microsoft_advertising.run.upload import Busy  # noqa: PLC0415 (see above)

        while True:
            try:
                move = step()
            except TransientError as error:
                if error.retry_after is None or pauses >= MAX_WAITS:
                    raise
                pauses += 1
                self.pause(error.retry_after, reason="asked", started=started, pauses=pauses)
                step = partial(upload.start, since=started)
                continue
            if isinstance(move, dict):
                break
            if isinstance(move, Busy):
                # Wait as long as the other run takes: this is no error, so it is not counted.
                self.pause(move.seconds, reason="busy", started=started, pauses=pauses)
                step = partial(upload.start, since=started)
            else:
                overdue, pauses = self.wait_for(move, started=started), 0
                step = partial(upload.resume, started=started, overdue=overdue)
        self.audience_url = upload.audience_url()
        self.keep_lineage([upload])
        self.log.info("The audience %r is at %s", upload.audience.name, self.audience_url)
        return move

    def _upload(self, context: Context) -> Upload:
        from airflow_microsoft_advertising.run.context import lease_holder  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.run.upload import Upload  # noqa: PLC0415
        from customer_match_delivery.spec import AudienceSpec  # noqa: PLC0415 (see above)

        if self.segment is None:
            raise AirflowSkipException("The segments are uploaded by the task `upload_batch`.")
        return Upload(
            run=lease_holder(context),
            hook=self.hook,
            workspace_root=self.workspace_root,
            workspace_conn_id=self.workspace_conn_id,
            encrypt_members=self.encrypt_members,
            folder=self.segment["folder"],
            audience=AudienceSpec.from_values(self.export, self.segment),
        )
