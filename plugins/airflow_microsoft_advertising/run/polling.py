"""Polls uploads until they have ended, in the process of a task or command."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Generator, Sequence

from customer_match.errors import CustomerMatchError, TransientError
from customer_match.log_fields import log_fields
from customer_match.redaction import logger
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.client import Client
from microsoft_advertising.polling import PollSchedule

__all__ = ["poll_until_end", "wait_for_any"]

log = logger(__name__)


def poll_until_end(
    client: Callable[[], Client], waiting: Waiting, schedule: PollSchedule, *, timeout: float
) -> Generator[float, None, bool]:
    """Poll an upload, for callers that wait themselves. The next step of the delivery reads the result.

    Args:
        client: Returns the client to poll with.
        waiting: The upload.
        schedule: When to poll.
        timeout: How long, in seconds.

    Yields:
        Seconds to wait before the next poll.

    Returns:
        Whether the upload ended in time. True as well if polling fails for good: the next step finds out why.
    """
    since, started = waiting.since.timestamp(), time.monotonic()
    while time.monotonic() - started < timeout:
        yield schedule.next_wait(time.time() - since)
        try:
            with log_fields(request_id=waiting.request_id):
                status = client().upload_status(waiting.request_id)
            if status.state.final:
                return True
        except TransientError as error:
            with log_fields(request_id=waiting.request_id, tracking_id=error.tracking_id):
                log.warning("Status of request %s: %s", waiting.request_id, error)
            yield error.retry_after or schedule.first
        except CustomerMatchError as error:
            with log_fields(request_id=waiting.request_id, tracking_id=error.tracking_id):
                log.warning("Polling of request %s stopped: %s", waiting.request_id, error)
            return True
    return False


def wait_for_any(
    client: Client, uploads: Sequence[Waiting], schedule: PollSchedule, *, seconds: float
) -> bool:
    """Poll several uploads until one of them has ended, and sleep in between.

    Args:
        client: The client to poll with.
        uploads: The uploads.
        schedule: When to poll.
        seconds: How long to wait at most.

    Returns:
        Whether an upload has ended, as in `poll_until_end`.
    """
    deadline = time.monotonic() + seconds
    polls = [
        (0.0, index, poll_until_end(lambda: client, one, schedule, timeout=seconds))
        for index, one in enumerate(uploads)
    ]
    while polls:
        due, index, poll = heapq.heappop(polls)
        if due >= deadline:
            break
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            heapq.heappush(polls, (time.monotonic() + next(poll), index, poll))
        except StopIteration as end:
            if end.value:
                return True
    time.sleep(max(0.0, deadline - time.monotonic()))
    return False
