"""Runs a whole export in one task: all steps of all segments, resumable after each wait for the service.

The state of a task that waits in the triggerer is in the workspace: that of the batch of all segments, the segments'
records, and the ledgers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.batches.batch import Batch, Outlook
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import check_before_reading, select_segments
from airflow_microsoft_advertising.run.upload import Upload
from customer_match.errors import TerminalError, TransientError
from customer_match.runs.batch_state import Retries
from customer_match.runs.records import Step
from customer_match.runs.report import RunReport
from customer_match.runs.report_text import summary_of

__all__ = ["SingleTask"]

_BATCH: Final = "task"
_NO_RETRIES: Final = Retries(
    count=0, delay=0.0
)  # Airflow retries the task, with the delays that its author chose


@dataclass(frozen=True)
class SingleTask:
    """One run of an export in one task.

    Attributes:
        run: The run of the export.
        holder: Name of the run as holder of leases: one run at a time works on an audience.
    """

    run: ExportRun
    holder: str

    def prepare(self) -> None:
        """Sign in, select the segments, and validate, normalise and plan each. A failed one does not stop the others.

        Raises:
            AirflowFailException: There is nothing to export, or the connection cannot act on the account.
        """
        check_before_reading(self.run)
        segments = select_segments(self.run)
        Batch.new(self.run, _BATCH, segments, _NO_RETRIES, self.holder).work_through(Step.CHUNK)

    def advance(self, overdue: Collection[str] = ()) -> Outlook | None:
        """Process uploads that have ended, and start as many as may be in progress; see `Batch.advance`."""
        return self._batch.advance(overdue)

    def report(self) -> RunReport:
        """Write the report of the run.

        Raises:
            AirflowFailException: A segment has failed, and a retry cannot help.
            TransientError: A segment has failed, and a retry may help.
        """
        report = write_report(self.run, self._batch.segments)
        if report.failed and self._batch.may_succeed:
            raise TransientError(summary_of(report))
        if report.failed:
            raise AirflowFailException(summary_of(report))
        return report

    def uploads(self) -> Iterator[Upload]:
        """The uploads of the segments."""
        batch = self._batch
        return map(batch.upload, batch.segments)

    def audience_url(self) -> str:
        """Return the URL of the page that shows the account's audiences."""
        return self._batch.upload(self._batch.segments[0]).audience_url()

    @property
    def _batch(self) -> Batch:
        batch = Batch.open(self.run, _BATCH, (), _NO_RETRIES, self.holder)
        if not batch.segments:
            raise TerminalError(f"The state of the task is no longer in {self.run.folder}. Clear the task.")
        return batch
