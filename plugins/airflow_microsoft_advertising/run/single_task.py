"""Runs a whole export in one task: all steps of all segments, resumable after each wait for the service.

The state of a task that waits in the triggerer is in the workspace: the segments of the run, and which of them have
failed, in `task.json` in the run's folder; everything else in the segments' records and in the ledgers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pydantic import BaseModel

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.upload import Busy, NextMove, Upload
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import TransientError
from customer_match.export.segments import Segment
from customer_match.redaction import logger
from customer_match.runs.records import Chunked, Delivered
from customer_match.runs.report import RunReport
from customer_match.runs.report_text import summary_of
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS

__all__ = ["Pause", "SingleTask"]

log = logger(__name__)

T = TypeVar("T")

_STEPS = (validate_segment, normalise_segment, chunk_segment)


@dataclass(frozen=True)
class Pause:
    """A wait in which the task can do nothing.

    Attributes:
        seconds: How long.
        counted: Whether the service asked for the wait; such waits are limited. False: another run holds an audience.
    """

    seconds: float
    counted: bool


class _State(BaseModel):
    """State of the task.

    Attributes:
        segments: The segments of the run.
        failed: Audiences whose segments have failed.
        transient: Whether a retry may help one of them.
    """

    segments: tuple[Segment, ...]
    failed: frozenset[str] = frozenset()
    transient: bool = False


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
        """Select the segments, then validate, normalise and plan each. A segment that fails does not stop the others.

        Raises:
            AirflowFailException: There is nothing to export.
        """
        segments = tuple(select_segments(self.run))
        self._save(_State(segments=segments))
        for segment in segments:
            self._isolate(segment, partial(self._plan, segment))

    def advance(self, *, started: float, overdue: str | None = None) -> Waiting | Pause | None:
        """Process uploads that have ended, and start as many as may be in progress at the same time.

        Args:
            started: When the deliveries started, as seconds since 1970.
            overdue: Request id of an upload whose timeout has passed; None: there is none.

        Returns:
            An upload to wait for, or a pause; None after all segments have ended.
        """
        waiting: list[Waiting] = []
        pauses: list[Pause] = []
        for segment in self._unfinished():
            if len(waiting) == MAX_PARALLEL_UPLOADS:
                break
            move = self._isolate(segment, partial(self._move, segment, started, overdue))
            if isinstance(move, Waiting):
                waiting.append(move)
            elif isinstance(move, Pause):
                pauses.append(move)
        if waiting:
            return min(waiting, key=lambda one: one.since)
        return min(pauses, key=lambda one: one.seconds) if pauses else None

    def fail_unfinished(self) -> None:
        """Mark all unfinished segments as failed, because the service asks for waits again and again."""
        state = self._load()
        failed = state.failed | {segment.audience for segment in self._unfinished()}
        self._save(state.model_copy(update={"failed": failed, "transient": True}))

    def report(self) -> RunReport:
        """Write the report of the run.

        Raises:
            AirflowFailException: A segment has failed, and a retry cannot help.
            TransientError: A segment has failed, and a retry may help.
        """
        state = self._load()
        report = write_report(self.run, state.segments)
        if report.failed and state.transient:
            raise TransientError(summary_of(report))
        if report.failed:
            raise AirflowFailException(summary_of(report))
        return report

    def upload(self, segment: Segment) -> Upload:
        """Return the upload of a segment."""
        return Upload.of(self.run, segment, holder=self.holder)

    def audience_url(self) -> str:
        """Return the URL of the page that shows the account's audiences."""
        return self.upload(self._load().segments[0]).audience_url()

    def _plan(self, segment: Segment) -> None:
        for step in _STEPS:
            step(self.run, segment)

    def _move(self, segment: Segment, started: float, overdue: str | None) -> Waiting | Pause | None:
        upload = self.upload(segment)
        try:
            move: NextMove = upload.start(since=started)
            if isinstance(move, Waiting) and move.request_id == overdue:
                move = upload.resume(started=started, overdue=overdue)  # raises the error for overdue uploads
        except TransientError as error:
            if error.retry_after is None:
                raise
            return Pause(error.retry_after, counted=True)
        if isinstance(move, Busy):
            return Pause(move.seconds, counted=False)
        return move if isinstance(move, Waiting) else None

    def _isolate(self, segment: Segment, work: Callable[[], T]) -> T | None:
        """Do the work. If it fails, record the failure, so that the other segments continue."""
        try:
            return work()
        except AirflowSkipException as skipped:
            log.info("%r: %s", segment.audience, skipped)
        except (AirflowFailException, TransientError, RuntimeError) as error:
            state = self._load()
            self._save(
                state.model_copy(
                    update={
                        "failed": state.failed | {segment.audience},
                        "transient": state.transient or not isinstance(error, AirflowFailException),
                    }
                )
            )
        return None

    def _unfinished(self) -> list[Segment]:
        """Return the segments that are planned, and not yet delivered, skipped or failed."""
        state = self._load()
        return [
            one for one in state.segments if one.audience not in state.failed and self._is_unfinished(one)
        ]

    def _is_unfinished(self, segment: Segment) -> bool:
        records = self.run.records(segment)
        chunked = records.read(Chunked)
        return chunked is not None and chunked.skipped is None and records.read(Delivered) is None

    @property
    def _path(self) -> str:
        return f"{self.run.folder}/task.json"

    def _load(self) -> _State:
        return _State.model_validate_json(self.run.workspace.read_bytes(self._path))

    def _save(self, state: _State) -> None:
        self.run.workspace.write_bytes(self._path, state.model_dump_json().encode())
