"""Waits for the end of several uploads at once, in an event loop."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from customer_match.errors import CustomerMatchError, TransientError
from customer_match.log_fields import log_fields
from customer_match.redaction import logger
from microsoft_advertising.models import UploadStatus
from microsoft_advertising.polling import PollSchedule

__all__ = ["Outcome", "Poll", "PolledUpload", "wait_for_uploads"]

log = logger(__name__)

Poll = Callable[[str], Awaitable[UploadStatus]]
"""Requests the status of an upload by its request id."""


@dataclass(frozen=True)
class PolledUpload:
    """An upload whose end is awaited.

    Attributes:
        request_id: The service's id of it.
        since: When the file was sent, in seconds since 1970.
        until: Time limit of the wait, in seconds since 1970; None: no limit.
    """

    request_id: str
    since: float
    until: float | None = None

    def elapsed(self) -> float:
        """Seconds since the file was sent."""
        return time.time() - self.since

    def seconds_left(self) -> float | None:
        """Seconds until the time limit, if there is one; 0 if it is over."""
        return None if self.until is None else max(0.0, self.until - time.time())


@dataclass(frozen=True)
class Outcome:
    """What is known of the uploads when the wait is over. Uploads that are in neither list are still in progress.

    Attributes:
        ended: Request ids of uploads that have ended with any outcome, or whose polling failed permanently.
        overdue: Request ids of uploads that did not end within their time limits.
    """

    ended: list[str]
    overdue: list[str]


async def wait_for_uploads(
    uploads: Collection[PolledUpload],
    poll: Poll,
    schedule: PollSchedule,
    *,
    linger: float = 0.0,
    longest: float = math.inf,
) -> Outcome:
    """Wait until all uploads have ended or are overdue, or until the wait is no longer worthwhile.

    Args:
        uploads: The uploads. Without any, the wait takes `longest` if that is finite, else no time.
        poll: Requests a status.
        schedule: When to poll, by the time since each upload.
        linger: Seconds to wait for other uploads after the first one has ended.
        longest: Seconds after which the wait is over in any case.
    """
    watches = {
        upload.request_id: asyncio.create_task(_has_ended(upload, poll, schedule)) for upload in uploads
    }
    try:
        if watches:
            await _wait_for(set(watches.values()), linger=linger, longest=longest)
        elif longest < math.inf:
            await asyncio.sleep(max(0.0, longest))
    finally:
        for watch in watches.values():
            watch.cancel()
        await asyncio.gather(*watches.values(), return_exceptions=True)
    known = {request_id: watch.result() for request_id, watch in watches.items() if not watch.cancelled()}
    return Outcome(
        ended=[request_id for request_id, has_ended in known.items() if has_ended],
        overdue=[request_id for request_id, has_ended in known.items() if not has_ended],
    )


async def _wait_for(waiting: set[asyncio.Task[bool]], *, linger: float, longest: float) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + longest
    while waiting and (left := deadline - clock()) > 0:
        timeout = left if left < math.inf else None
        done, waiting = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if any(watch.result() for watch in done):
            deadline = min(deadline, clock() + linger)


async def _has_ended(upload: PolledUpload, poll: Poll, schedule: PollSchedule) -> bool:
    """Poll until the end or the time limit; return whether the upload has ended."""
    limit = asyncio.timeout(upload.seconds_left())
    try:
        with log_fields(request_id=upload.request_id):
            async with limit:
                await _poll_until_end(upload, poll, schedule)
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True


async def _poll_until_end(upload: PolledUpload, poll: Poll, schedule: PollSchedule) -> None:
    wait, failures = _first_wait(schedule, upload.elapsed()), 0
    while True:
        await asyncio.sleep(wait)
        try:
            status = await poll(upload.request_id)
        except TransientError as error:
            with log_fields(tracking_id=error.tracking_id):
                log.warning("Status of request %s: %s", upload.request_id, error)
            failures += 1
            wait = error.retry_after or _wait_after(failures, schedule, upload)
            continue
        except CustomerMatchError as error:
            # The worker requests the status again and raises the error with its class and advice.
            with log_fields(tracking_id=error.tracking_id):
                log.warning("Polling of request %s stopped: %s", upload.request_id, error)
            return
        if status.state.final:
            return
        wait, failures = schedule.next_wait(upload.elapsed()), 0


def _wait_after(failures: int, schedule: PollSchedule, upload: PolledUpload) -> float:
    """Seconds to wait after a number of failures in a row: the usual time, or longer."""
    doubled = schedule.first * 2.0 ** min(failures, 16)
    return max(schedule.next_wait(upload.elapsed()), min(schedule.longest, doubled))


def _first_wait(schedule: PollSchedule, elapsed: float) -> float:
    """Seconds before the first poll. Random between the shortest wait and the usual one.

    After a restart of the triggerer, all triggers start at once, each somewhere within one of its intervals.
    """
    return random.uniform(schedule.first, schedule.next_wait(elapsed))  # noqa: S311 (not a secret)
