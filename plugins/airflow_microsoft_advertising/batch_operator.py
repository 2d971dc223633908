"""The operator that uploads a batch of segments, and waits for all of their uploads in one trigger."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from airflow_microsoft_advertising.links import AudienceLink
from airflow_microsoft_advertising.waiting import WaitingOperator

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.batches.batch import Batch
    from customer_match.export.model import Export
    from customer_match.runs.records import Step

# Modules that do the work are imported inside functions: this module is imported whenever DAGs are parsed.

__all__ = ["UploadBatchOperator"]


class UploadBatchOperator(WaitingOperator):
    """Uploads the segments of a batch, up to five at the same time.

    A segment that fails does not stop the others. It is tried again alone, after its own delays, and also if an earlier
    step of it has failed. At the end the task fails if a segment has failed for good. After it is cleared, it works
    only on segments that are not delivered.

    Args:
        export: The export.
        group: The batch, as `Group.to_values` returns it (templated). The task is skipped if it has one segment.
        kwargs: Arguments of `WaitingOperator`.
    """

    template_fields: Sequence[str] = ("group",)
    operator_extra_links = (AudienceLink(),)
    ui_color = "#d7e8fa"

    def __init__(self, *, export: Export, group: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(
            microsoft_advertising_conn_id=export.connection,
            customer_id=export.cid,
            account_id=export.aid,
            upload_timeout=timedelta(minutes=export.upload_timeout_minutes),
            **kwargs,
        )
        self.export = export
        self.group = group

    @property
    def names(self) -> str:
        """The names of the segments, as far as they fit."""
        from airflow_microsoft_advertising.run.batches.group import Group  # noqa: PLC0415 (see above)

        return Group.from_values(self.group).names

    def execute(self, context: Context) -> None:
        """Start or resume the uploads. Defers while the service works, or until a segment is tried again."""
        from customer_match.runs.records import Step  # noqa: PLC0415 (see above)

        self._advance(self._batch(context, Step.UPLOAD), started=time.time())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """Continue after uploads have ended, or when another segment continues."""
        self._advance(self._batch(context), started=float(event["started"]), overdue=event["overdue"])

    def _advance(self, batch: Batch, *, started: float, overdue: Collection[str] = ()) -> None:
        while outlook := batch.advance(overdue):
            overdue = self.wait_for_batch(outlook, started=started)
        self.keep_lineage(map(batch.upload, batch.segments))
        batch.check_all()
        self.audience_url = batch.upload(batch.segments[0]).audience_url()
        self.log.info("The audiences are at %s", self.audience_url)

    def _batch(self, context: Context, step: Step | None = None) -> Batch:
        from airflow_microsoft_advertising.run.batches.group import Group, open_batch  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.run.context import run_of  # noqa: PLC0415

        group = Group.from_values(self.group)
        if not group.is_batch:
            raise AirflowSkipException("The segment is uploaded by the task `upload`.")
        return open_batch(run_of(self.export, context), context, group, step)
