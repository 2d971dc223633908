"""Runs an export without a scheduler: the steps of the DAG, in one process.

It uses the same steps, deliveries, ledgers and leases as the DAG's tasks. This module does what Airflow does around
them: it retries, waits, and continues with the other segments if one fails. While one segment waits for the service,
the next one is read. There is only one thread, so the run can be stopped anywhere. All its state is in the workspace,
and the next run, here or of the DAG, continues from there.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_microsoft_advertising.cli.process import has_ended, holder_of
from airflow_microsoft_advertising.metrics.task_waits import TaskWait, send_wait
from airflow_microsoft_advertising.run.batches.batch import STEPS
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.polling import poll_until_end
from airflow_microsoft_advertising.run.report import record_stop, write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.sizes import read_sizes
from airflow_microsoft_advertising.run.upload import Busy, NextMove, Upload
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.segments import Segment
from customer_match.redaction import logger
from customer_match.runs.records import Step
from customer_match.runs.report import RunReport
from customer_match_delivery.backoff import MAX_WAITS, wait_seconds
from microsoft_advertising.client import Client
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS
from microsoft_advertising.polling import PollSchedule

__all__ = ["LocalRun", "Notify", "new_run_id"]

log = logger(__name__)

Waits = Iterator[float]
"""Work with waits in between: yields the seconds to wait before it continues."""

Notify = Callable[[Segment, str], None]
"""Gets a short message about the progress of a segment."""

_BUSY_CHECK_SECONDS = 3.0  # between two checks of an audience that another run holds: a check is cheap
POLLING = PollSchedule(first=1.0)


def new_run_id(now: datetime) -> str:
    """Return an id for a run without a scheduler. Airflow's own begin with `manual__`, `scheduled__` and others."""
    return f"cli__{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


@dataclass(order=True)
class _Work:
    """A segment's work, and when it continues, in seconds of the monotonic clock."""

    due: float
    position: int
    steps: Waits = field(compare=False)


class LocalRun:
    """Runs an export once.

    Args:
        run: The run.
        notify: Gets the progress of each segment.
        polling: When to ask whether an upload has ended.
        sleep: Waits for a number of seconds; replaced in tests.
    """

    def __init__(
        self,
        run: ExportRun,
        *,
        notify: Notify = lambda *_: None,
        polling: PollSchedule | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._run = run
        self._notify = notify
        self._polling = polling or POLLING
        self._sleep = sleep
        self._holder = holder_of(f"{run.export.name} / {run.run_id}")
        self._uploads: dict[str, Upload] = {}
        self._validated: set[str] = set()
        self._cleanup = ExitStack()
        self._poller: Client | None = None
        self._upload_timeout = run.export.upload_timeout_minutes * 60.0

    def __call__(self, names: Sequence[str] = ()) -> RunReport:
        """Run the export. A segment that fails does not stop the others.

        Args:
            names: Tables or audiences; empty: all segments of the export.

        Returns:
            The report, which is also written to the workspace.

        Raises:
            ConfigurationError: There is nothing to export.
        """
        try:
            chosen = select_segments(self._run, names)
        except AirflowFailException as error:
            record_stop(self._run, (), message=str(error))
            raise ConfigurationError(str(error)) from None
        with self._cleanup:
            self._cleanup.callback(self._release_leases)
            try:
                read_sizes(self._run, chosen)
                self._run_all(self._validate_all(chosen))
            except BaseException:
                record_stop(self._run, chosen)
                raise
        return write_report(self._run, chosen, is_complete=not names)

    def _validate_all(self, segments: Sequence[Segment]) -> list[Segment]:
        """Validate all segments before the first one is read: a mistake is told at once, not after hours.

        Returns:
            The segments to export; those with temporary errors are among them, and are validated again.
        """
        left = []
        for segment in segments:
            self._notify(segment, str(Step.VALIDATE))
            try:
                STEPS[Step.VALIDATE](self._run, segment)
            except AirflowFailException as error:
                self._notify(segment, f"failed: {error}")
                continue
            except (TransientError, RuntimeError):
                left.append(segment)
                continue
            self._validated.add(segment.audience)
            left.append(segment)
        return left

    def _run_all(self, segments: Sequence[Segment]) -> None:
        """Continue work that is due first, so that no upload's results expire; otherwise start the next segment."""
        new = deque(_Work(0.0, position, self._export(one)) for position, one in enumerate(segments))
        started: list[_Work] = []
        while new or started:
            is_idle = not started or started[0].due > time.monotonic()
            if new and is_idle and len(started) < MAX_PARALLEL_UPLOADS:
                work = new.popleft()
            else:
                work = heapq.heappop(started)
                self._sleep(max(0.0, work.due - time.monotonic()))
            for wait in work.steps:
                work.due = time.monotonic() + wait
                heapq.heappush(started, work)
                break

    def _export(self, segment: Segment) -> Waits:
        try:
            for step, work in STEPS.items():
                if step is Step.VALIDATE and segment.audience in self._validated:
                    continue
                self._notify(segment, str(step))
                yield from self._try(segment, partial(_without_waits, work, self._run, segment))
            self._notify(segment, str(Step.UPLOAD))
            yield from self._try(segment, partial(self._upload, segment))
        except AirflowSkipException as skipped:
            # There is no lease to release, and a dry run needs no connection to the service.
            self._uploads.pop(segment.audience, None)
            self._notify(segment, f"skipped: {skipped}")
        except (AirflowFailException, TransientError, RuntimeError) as error:
            self._notify(segment, f"failed: {error}")
        else:
            self._notify(segment, "done")

    def _try(self, segment: Segment, work: Callable[[], Waits]) -> Waits:
        """Do the work, and retry after temporary errors, as often and after the same waits as the DAG's tasks."""
        retries = self._run.retries
        for retry in range(retries.count):
            try:
                yield from work()
            except (TransientError, RuntimeError) as error:
                wait = retries.delay_after(retry + 1)
                self._notify(segment, f"retry in {wait:.0f} s: {error}")
                yield wait
            else:
                return
        yield from work()

    def _upload(self, segment: Segment) -> Waits:
        """Do one try of the upload task, including its waits."""
        upload = self._upload_of(segment)
        self._uploads[segment.audience] = upload
        started, pauses = time.time(), 0
        step: Callable[[], NextMove] = partial(upload.start, since=started)
        while True:
            try:
                move = step()
            except TransientError as error:
                if error.retry_after is None or pauses >= MAX_WAITS:
                    raise
                pauses += 1
                self._notify(segment, f"waiting {error.retry_after:.0f} s: {error}")
                yield self._send_wait("asked", wait_seconds(error.retry_after))
                step = partial(upload.start, since=started)
                continue
            if isinstance(move, dict):
                break
            if isinstance(move, Busy):
                yield from self._wait_for_other_run(segment, upload, move)
            else:
                pauses = 0
                part = f"part {move.part} of {move.parts}, " if move.parts > 1 else ""
                self._notify(segment, f"upload: {part}waiting")  # short, for a bar; the log has the request
                ended = yield from poll_until_end(
                    self._client, move, self._polling, timeout=self._upload_timeout
                )
                overdue = None if ended else move.request_id
                step = partial(upload.resume, started=started, overdue=overdue)
        del self._uploads[segment.audience]

    def _wait_for_other_run(self, segment: Segment, upload: Upload, busy: Busy) -> Waits:
        """Wait for the other run. If its process has died on this machine, release its lease instead."""
        holder = upload.holder()
        if holder is None:
            return
        if has_ended(holder):
            log.warning("The run %s is dead: this run takes over its audience", holder)
            replace(upload, run=holder).release()
            return
        self._notify(segment, f"waiting for the run {holder}")
        yield self._send_wait("busy", min(busy.seconds, _BUSY_CHECK_SECONDS))

    def _send_wait(self, reason: TaskWait, seconds: float) -> float:
        send_wait(self._run.hook, reason, seconds)
        return seconds

    def _client(self) -> Client:
        """Return one client for all polling: a new sign-in for each poll would double the calls."""
        if self._poller is None:
            self._poller = self._cleanup.enter_context(self._run.hook.get_conn())
        return self._poller

    def _upload_of(self, segment: Segment) -> Upload:
        return Upload.of(self._run, segment, holder=self._holder)

    def _release_leases(self) -> None:
        """Release the leases of unfinished uploads: this run does not return to them, so others need not wait."""
        for upload in self._uploads.values():
            upload.release()


def _without_waits(work: Callable[[ExportRun, Segment], Any], run: ExportRun, segment: Segment) -> Waits:
    """Do a step, then let other work that is due continue."""
    work(run, segment)
    yield 0.0
