"""A whole run of an export in one task: all steps of all segments, resumable after each wait for the service.

What a task that waits in the triggerer must not forget is in the workspace: the segments of the run, and those of them
that have failed, in `task.json` of the run's folder; everything else is in the segments' records and in the ledgers.
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
    """Nothing can be done for so many seconds.

    Attributes:
        seconds: How long.
        counted: Whether the service has asked for it; else another run works on an audience, however long that takes.
    """

    seconds: float
    counted: bool


class _State(BaseModel):
    """What the task remembers.

    Attributes:
        segments: Of the run.
        failed: Audiences whose segment has failed.
        transient: Whether trying again may help one of those.
    """

    segments: tuple[Segment, ...]
    failed: frozenset[str] = frozenset()
    transient: bool = False


@dataclass(frozen=True)
class SingleTask:
    """The run.

    Attributes:
        run: The run of the export.
        holder: The name under which it works on audiences: one run at a time does.
    """

    run: ExportRun
    holder: str

    def prepare(self) -> None:
        """Select the segments; validate, normalise and plan each. One that fails does not stop the others.

        Raises:
            AirflowFailException: There is nothing to export.
        """
        self._save(_State(segments=tuple(select_segments(self.run))))
        for segment in self._load().segments:
            self._spare_others(segment, partial(self._plan, segment))

    def advance(self, *, started: float, overdue: str | None = None) -> Waiting | Pause | None:
        """Start uploads, as many as may be in flight, and take in those that have ended.

        Args:
            started: When the deliveries began, as seconds since 1970.
            overdue: Request id of an upload that was waited for as long as it may be.

        Returns:
            An upload to wait for, or a pause; None once all segments are done.
        """
        waiting: list[Waiting] = []
        pauses: list[Pause] = []
        for segment in self._open():
            if len(waiting) == MAX_PARALLEL_UPLOADS:
                break
            move = self._spare_others(segment, partial(self._move, segment, started, overdue))
            if isinstance(move, Waiting):
                waiting.append(move)
            elif isinstance(move, Pause):
                pauses.append(move)
        if waiting:
            return min(waiting, key=lambda one: one.since)
        return min(pauses, key=lambda one: one.seconds) if pauses else None

    def give_up_pausing(self) -> None:
        """The service asks for pauses again and again: what is not done by now has failed; trying again may help."""
        state = self._load()
        failed = state.failed | {segment.audience for segment in self._open()}
        self._save(state.model_copy(update={"failed": failed, "transient": True}))

    def report(self) -> RunReport:
        """Sum up the run and write the report.

        Raises:
            AirflowFailException: A segment has failed, and trying again cannot help.
            TransientError: A segment has failed; trying again may help.
        """
        state = self._load()
        report = write_report(self.run, state.segments)
        if report.failed and state.transient:
            raise TransientError(summary_of(report))
        if report.failed:
            raise AirflowFailException(summary_of(report))
        return report

    def upload(self, segment: Segment) -> Upload:
        """The upload of a segment."""
        run, workspace = self.run, self.run.export.workspace
        return Upload(
            run=self.holder,
            hook=run.hook,
            workspace_root=workspace.locate(),
            workspace_conn_id=workspace.connection,
            folder=run.segment_folder(segment),
            audience=run.audience(segment),
        )

    def audience_url(self) -> str:
        """The page that shows the account's audiences."""
        return self.upload(self._load().segments[0]).audience_url()

    def _plan(self, segment: Segment) -> None:
        for step in _STEPS:
            step(self.run, segment)

    def _move(self, segment: Segment, started: float, overdue: str | None) -> Waiting | Pause | None:
        upload = self.upload(segment)
        try:
            move: NextMove = upload.start(since=started)
            if isinstance(move, Waiting) and move.request_id == overdue:
                move = upload.resume(started=started, overdue=overdue)  # raises, with what to do
        except TransientError as error:
            if error.retry_after is None:
                raise
            return Pause(error.retry_after, counted=True)
        if isinstance(move, Busy):
            return Pause(move.seconds, counted=False)
        return move if isinstance(move, Waiting) else None

    def _spare_others(self, segment: Segment, work: Callable[[], T]) -> T | None:
        """Do the work; where it fails, the other segments go on."""
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

    def _open(self) -> list[Segment]:
        """The segments that are planned, and neither delivered nor skipped nor failed."""
        state = self._load()
        return [one for one in state.segments if one.audience not in state.failed and self._is_open(one)]

    def _is_open(self, segment: Segment) -> bool:
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
