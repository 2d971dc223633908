"""Works on several segments in one task: their steps one after the other, their uploads in progress together.

A segment that fails does not stop or delay the others. It is tried again alone, after its own delays: by the task of a
later step, which catches up, or by the task of the upload, which waits for it. The state of all segments is a file in
the run's folder, so that a retry, a return from the triggerer or a cleared task continue where the last process
stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_microsoft_advertising.metrics.task_waits import TaskWait, send_wait
from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.failures import record_failure
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.upload import Busy, Upload
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import TransientError
from customer_match.export.segments import Segment
from customer_match.redaction import logger
from customer_match.runs.batch_state import BatchState, Progress, Retries
from customer_match.runs.records import Step
from customer_match.wording import counted
from customer_match_delivery.backoff import MAX_WAITS, wait_seconds
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS

__all__ = ["STEPS", "Batch", "Outlook"]

log = logger(__name__)

STEPS: Final[dict[Step, Callable[[ExportRun, Segment], object]]] = {
    Step.VALIDATE: validate_segment,
    Step.NORMALISE: normalise_segment,
    Step.CHUNK: chunk_segment,
}
"""The steps before the upload."""


@dataclass(frozen=True)
class Outlook:
    """What a batch waits for.

    Attributes:
        uploads: Uploads in progress.
        tries: When the current try of each upload's segment began, in seconds since 1970, by request id; 0: it has not
            failed before.
        wake: When another segment continues, in seconds since 1970; None: no other segment waits for a time.
    """

    uploads: tuple[Waiting, ...]
    tries: Mapping[str, float]
    wake: float | None


class Batch:
    """The segments of one task.

    Args:
        run: The run of the export.
        path: Path of the state in the workspace.
        state: The state.
        retries: How often each segment is retried.
        holder: Name of the run as holder of leases: one run at a time works on an audience.
    """

    def __init__(self, run: ExportRun, path: str, state: BatchState, retries: Retries, holder: str) -> None:
        self._run = run
        self._path = path
        self._state = state
        self._retries = retries
        self._holder = holder

    @classmethod
    def new(
        cls, run: ExportRun, name: str, segments: Collection[Segment], retries: Retries, holder: str
    ) -> Self:
        """Make a batch whose segments have done nothing; an older state of the same name is overwritten.

        Args:
            run: The run of the export.
            name: Name of the batch within the run.
            segments: Its segments.
            retries: How often each segment is retried.
            holder: Name of the run as holder of leases.
        """
        batch = cls(run, _path(run, name), BatchState.new(segments), retries, holder)
        batch._save()
        return batch

    @classmethod
    def open(
        cls, run: ExportRun, name: str, segments: Collection[Segment], retries: Retries, holder: str
    ) -> Self:
        """Load a batch, or make a new one if it has no state yet. The arguments are those of `new`.

        If an earlier process was killed, this counts as a failure of the segment that it was working on.
        """
        path = _path(run, name)
        if not run.workspace.exists(path):
            return cls.new(run, name, segments, retries, holder)
        state = BatchState.model_validate_json(run.workspace.read_bytes(path)).correct_times(time.time())
        batch = cls(run, path, state, retries, holder)
        for progress in state.segments:
            if progress.working:
                batch._record_death(progress, progress.working)
        return batch

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, in the order in which they were given."""
        return tuple(progress.segment for progress in self._state.segments)

    @property
    def may_succeed(self) -> bool:
        """Whether a segment that is given up may succeed in another try."""
        return any(one.transient for one in self._state.failed)

    def enter(self, step: Step, last_try: int) -> None:
        """Enter a step's task; see `BatchState.enter`."""
        self._state = self._state.enter(step, last_try)

    def work_through(self, step: Step) -> None:
        """Do all steps up to this one, for each segment that may go on now."""
        for progress in self._state.in_order():
            self._catch_up(progress, step)
        self._save()

    def check_any(self, step: Step) -> None:
        """Check that at least one segment has done a step.

        Raises:
            AirflowFailException: None has, and a retry cannot help.
            TransientError: None has, but one may after a retry.
        """
        if not any(one.has_done(step) for one in self._state.segments):
            self._raise_failures()

    def advance(self, overdue: Collection[str] = ()) -> Outlook | None:
        """Process uploads that have ended, and start as many as may be in progress at the same time.

        Args:
            overdue: Request ids of uploads whose time limits have passed.

        Returns:
            What to wait for before the next call; None after all segments have ended.
        """
        uploads: dict[Waiting, float] = {}
        for progress in self._state.in_order():
            if self._state.hold_until > time.time():
                break
            can_start = progress.in_flight or self._may_start
            if can_start and progress.due <= time.time() and (waiting := self._deliver(progress, overdue)):
                uploads[waiting] = progress.tried
        self._save()
        return self._outlook(uploads)

    def check_all(self) -> None:
        """Check the end of all segments.

        Raises:
            AirflowFailException: A segment has failed.
            AirflowSkipException: Nothing was sent for any segment.
        """
        if self._state.failed:
            self._raise_failures()
        if all(one.skipped for one in self._state.segments):
            raise AirflowSkipException("Nothing is sent for any segment; the log says why.")

    def upload(self, segment: Segment) -> Upload:
        """Return the upload of a segment."""
        return Upload.of(self._run, segment, holder=self._holder)

    def _catch_up(self, progress: Progress, last: Step) -> Progress:
        """Do a segment's steps up to `last`; stop at a failure."""
        while progress.due <= time.time() and not progress.is_finished and not progress.has_done(last):
            step = progress.next_step
            assert step is not None  # noqa: S101 (the segment is not finished)
            progress = self._do(progress, step)
            if not progress.has_done(step):
                break
        return progress

    def _do(self, progress: Progress, step: Step) -> Progress:
        """Do one step before the upload."""
        segment = progress.segment
        log.info("Segment %r: %s", segment.audience, step)
        progress = self._start(progress, step)
        try:
            STEPS[step](self._run, segment)
        except (AirflowFailException, TransientError, RuntimeError) as error:
            return self._fail(progress, error)
        return self._update(progress.succeed(step))

    def _deliver(self, progress: Progress, overdue: Collection[str]) -> Waiting | None:
        """Start or continue the upload of a segment; returns what to wait for at the service."""
        progress = self._catch_up(progress, Step.CHUNK)
        if progress.next_step is not Step.UPLOAD:
            return None
        if not progress.in_flight:
            log.info("Segment %r: %s", progress.segment.audience, Step.UPLOAD)
        progress = self._start(progress, Step.UPLOAD)
        assert progress.started is not None  # noqa: S101 (it has just started)
        upload = self.upload(progress.segment)
        try:
            move = upload.start(since=progress.started)
            if isinstance(move, Waiting) and move.request_id in overdue:
                move = upload.resume(started=progress.started, overdue=move.request_id)  # raises the error
        except AirflowSkipException as skipped:
            log.info("%s", skipped)
            self._update(progress.succeed(Step.UPLOAD, skipped=True))
        except (AirflowFailException, TransientError, RuntimeError) as error:
            self._fail_or_wait(progress, error)
        else:
            if isinstance(move, Busy):
                self._update(progress.wait_until(self._wait("busy", move.seconds)))
                return None
            self._state = self._state.resume()
            if isinstance(move, Waiting):
                self._update(progress.await_upload())
                return move
            self._update(progress.succeed(Step.UPLOAD))
        return None

    def _fail_or_wait(self, progress: Progress, error: Exception) -> None:
        """Record a failure, or the wait that the service asked for: then nothing is sent for any segment."""
        asked = error.retry_after if isinstance(error, TransientError) else None
        if asked is None or self._state.holds >= MAX_WAITS:
            self._fail(progress, error)
            return
        until = self._wait("asked", asked)
        self._update(progress.wait_until(until, reason=str(error)))
        self._state = self._state.hold(until)

    def _wait(self, reason: TaskWait, seconds: float) -> float:
        """Until when to wait, in seconds since 1970."""
        seconds = wait_seconds(seconds)
        send_wait(self._run.hook, reason, seconds)
        return time.time() + seconds

    def _outlook(self, uploads: Mapping[Waiting, float]) -> Outlook | None:
        now, waiting = time.time(), self._state.in_order()
        if not waiting:
            return None
        if self._state.hold_until > now:
            return Outlook(
                (), {}, self._state.hold_until
            )  # uploads that end meanwhile are processed after it
        # A failed segment whose upload continues is due for its next try; others in progress are in `uploads`. A time
        # that has passed while other segments were worked on counts too.
        due = [one.due for one in waiting if (one.due if one.in_flight else self._may_start)]
        tries = {one.request_id: tried for one, tried in uploads.items()}
        return Outlook(tuple(uploads), tries, min(due) if due else None if uploads else now)

    @property
    def _may_start(self) -> bool:
        """Whether the service accepts another upload."""
        return self._state.uploads < MAX_PARALLEL_UPLOADS

    def _start(self, progress: Progress, step: Step) -> Progress:
        """Record durably that a step has started, so that a process that it kills is noticed."""
        progress = self._update(progress.start(step, now=time.time()))
        self._save()
        return progress

    def _fail(self, progress: Progress, error: Exception) -> Progress:
        transient = not isinstance(error, AirflowFailException)
        return self._update(progress.fail(str(error), self._retries, transient=transient, now=time.time()))

    def _record_death(self, progress: Progress, step: Step) -> None:
        reason = (
            f"The process ended while the step {step} was working on this segment. If the worker ran out of memory, "
            "give it more, or lower `segments_per_task` in the export file."
        )
        log.warning("Segment %r: %s", progress.segment.audience, reason)
        record_failure(step, self._run.records(progress.segment), reason)
        self._update(progress.fail(reason, self._retries, transient=True, now=time.time()))

    def _update(self, progress: Progress) -> Progress:
        self._state = self._state.replace(progress)
        return progress

    def _save(self) -> None:
        self._state = self._state.model_copy(update={"saved": time.time()})
        self._run.workspace.write_bytes(self._path, self._state.model_dump_json().encode())

    def _raise_failures(self) -> NoReturn:
        """Log the failure of each segment, and raise all as one error."""
        segments = self._state.segments
        reasons = [one for one in segments if one.reason and one.next_step]
        for one in reasons:
            log.error("Segment %r: %s", one.segment.audience, one.reason)
        message = f"{len(reasons):,} of {counted(len(segments), 'segment')} failed. " + " ".join(
            f"{one.segment.audience!r}: {one.reason}" for one in reasons
        )
        if all(one.failed for one in reasons):
            raise AirflowFailException(f"{message} To try them again, clear this task.")
        raise TransientError(message)


def _path(run: ExportRun, name: str) -> str:
    return f"{run.folder}/{name}.json"
