"""One run of an export without a scheduler: the steps of the DAG, in one process.

Steps, deliveries, ledgers and leases are those of the DAG's tasks; what Airflow does around them is done here:
trying again, waiting, going on with the other segments. While one segment waits for the service, the next one is
read. All is done by one thread, so that it can be stopped anywhere, and everything that it knows is in the
workspace: the next run, here or of the DAG, goes on from there.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_microsoft_advertising.cli.process import holder_of, is_over
from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.sizes import read_sizes
from airflow_microsoft_advertising.run.upload import Busy, NextMove, Upload
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import ConfigurationError, CustomerMatchError, TransientError
from customer_match.export.segments import Segment
from customer_match.redaction import logger
from customer_match.runs.records import Step
from customer_match.runs.report import RunReport
from customer_match_delivery.backoff import MAX_WAITS, wait_seconds
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.client import Client
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS
from microsoft_advertising.polling import PollSchedule

__all__ = ["LocalRun", "Tell", "new_run_id"]

log = logger(__name__)

Waits = Iterator[float]
"""Work that stops now and then: yields the seconds after which it wants to go on."""

Tell = Callable[[Segment, str], None]
"""Gets what happens to a segment, in a few words."""

_BUSY_SECONDS = 3.0  # between two looks at an audience that another run works on: a look is cheap
_LONGEST_RETRY_DELAY = 15 * 60.0  # as the DAG's max_retry_delay
POLLING = PollSchedule(first=1.0)

_STEPS: Final = (
    (Step.VALIDATE, validate_segment),
    (Step.NORMALISE, normalise_segment),
    (Step.CHUNK, chunk_segment),
)
"""Before the upload."""


def new_run_id(now: datetime) -> str:
    """Name of a run without a scheduler; Airflow's own begin with `manual__`, `scheduled__` and the like."""
    return f"cli__{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


@dataclass(order=True)
class _Work:
    """A segment's work, and when it wants to go on: seconds of the clock."""

    due: float
    position: int
    steps: Waits = field(compare=False)


class LocalRun:
    """Carries out one run of an export.

    Args:
        run: The run.
        tell: Gets what happens to each segment.
        polling: When to ask for the end of an upload.
        sleep: Waits so many seconds, for tests.
    """

    def __init__(
        self,
        run: ExportRun,
        *,
        tell: Tell = lambda *_: None,
        polling: PollSchedule | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._run = run
        self._tell = tell
        self._polling = polling or POLLING
        self._sleep = sleep
        self._holder = holder_of(f"{run.export.name} / {run.run_id}")
        self._uploads: dict[str, Upload] = {}
        self._cleaning = ExitStack()
        self._poller: Client | None = None
        self._patience = run.export.upload_timeout_minutes * 60.0

    def __call__(self, names: Sequence[str] = ()) -> RunReport:
        """Carry it out; a segment that fails does not stop the others.

        Args:
            names: Tables or audiences; none: all segments of the export.

        Returns:
            The report, which also lies in the workspace.

        Raises:
            ConfigurationError: There is nothing to export.
        """
        try:
            chosen = select_segments(self._run, names)
        except AirflowFailException as error:
            raise ConfigurationError(str(error)) from None
        with self._cleaning:
            self._cleaning.callback(self._give_back)
            read_sizes(self._run, chosen)
            self._carry_out(chosen)
        return write_report(self._run, chosen)

    def _carry_out(self, segments: Sequence[Segment]) -> None:
        """Work that is due goes first, so that no upload's results get too old; then the next segment begins."""
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
            for step, work in _STEPS:
                self._tell(segment, str(step))
                yield from self._try(segment, partial(_at_once, work, self._run, segment))
            self._tell(segment, str(Step.UPLOAD))
            yield from self._try(segment, partial(self._upload, segment))
        except AirflowSkipException as skipped:
            # It holds nothing that is to be given back: a dry run needs no connection to the service.
            self._uploads.pop(segment.audience, None)
            self._tell(segment, f"skipped: {skipped}")
        except (AirflowFailException, TransientError, RuntimeError) as error:
            self._tell(segment, f"failed: {error}")
        else:
            self._tell(segment, "done")

    def _try(self, segment: Segment, work: Callable[[], Waits]) -> Waits:
        """Do it, and again after what trying again may mend: as often, and after such waits, as the DAG's tasks."""
        export = self._run.export
        for retry in range(export.retries):
            try:
                yield from work()
            except (TransientError, RuntimeError) as error:
                wait = min(export.retry_delay_seconds * 2.0**retry, _LONGEST_RETRY_DELAY)
                self._tell(segment, f"tried again in {wait:.0f} s: {error}")
                yield wait
            else:
                return
        yield from work()

    def _upload(self, segment: Segment) -> Waits:
        """One try of the upload task: pauses and waits included."""
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
                self._tell(segment, f"a pause of {error.retry_after:.0f} s: {error}")
                yield wait_seconds(error.retry_after)
                step = partial(upload.start, since=started)
                continue
            if isinstance(move, dict):
                break
            if isinstance(move, Busy):
                yield from self._wait_for_other_run(segment, upload, move)
            else:
                pauses = 0
                self._tell(segment, f"waiting for request {move.request_id}")
                ended = yield from self._await_end(move)
                overdue = None if ended else move.request_id
                step = partial(upload.resume, started=started, overdue=overdue)
        del self._uploads[segment.audience]

    def _wait_for_other_run(self, segment: Segment, upload: Upload, busy: Busy) -> Waits:
        """Wait for the other run; one whose process has died on this machine is waited for no longer."""
        holder = upload.holder()
        if holder is None:
            return
        if is_over(holder):
            log.warning("The run %s has died: going on in its place", holder)
            replace(upload, run=holder).give_back()
            return
        self._tell(segment, f"waiting for the run {holder}")
        yield min(busy.seconds, _BUSY_SECONDS)

    def _await_end(self, waiting: Waiting) -> Generator[float, None, bool]:
        """Wait for the end of an upload. It only asks; what came of it is found out by `resume`.

        Returns:
            Whether it ended before one try has waited for as long as it may.
        """
        since = waiting.since.timestamp()
        started = time.monotonic()
        while time.monotonic() - started < self._patience:
            yield self._polling.next_wait(time.time() - since)
            try:
                if self._client().upload_status(waiting.request_id).state.final:
                    return True
            except TransientError as error:
                log.warning("Status of request %s: %s", waiting.request_id, error)
                yield error.retry_after or self._polling.first
            except CustomerMatchError as error:
                log.warning("Polling of request %s stopped: %s", waiting.request_id, error)
                return True
        return False

    def _client(self) -> Client:
        """One client for all polling: signing in anew for each question would be two calls instead of one."""
        if self._poller is None:
            self._poller = self._cleaning.enter_context(self._run.hook.get_conn())
        return self._poller

    def _upload_of(self, segment: Segment) -> Upload:
        run, workspace = self._run, self._run.export.workspace
        return Upload(
            run=self._holder,
            hook=run.hook,
            workspace_root=workspace.locate(),
            workspace_conn_id=workspace.connection,
            folder=run.segment_folder(segment),
            audience=run.audience(segment),
        )

    def _give_back(self) -> None:
        """This run does not come back to uploads that have not ended: other runs need not wait for them."""
        for upload in self._uploads.values():
            upload.give_back()


def _at_once(work: Callable[[ExportRun, Segment], Any], run: ExportRun, segment: Segment) -> Waits:
    """A step as work that is over in one go, and lets what is due in between go first."""
    work(run, segment)
    yield 0.0
