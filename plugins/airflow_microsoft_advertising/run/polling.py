"""Polls an upload until it has ended, for callers that wait themselves: each wait is yielded, not slept."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from customer_match.errors import CustomerMatchError, TransientError
from customer_match.redaction import logger
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.client import Client
from microsoft_advertising.polling import PollSchedule

__all__ = ["poll_until_end"]

log = logger(__name__)


def poll_until_end(
    client: Callable[[], Client], waiting: Waiting, schedule: PollSchedule, *, timeout: float
) -> Generator[float, None, bool]:
    """Poll an upload. The result is read afterwards, by the next step of the delivery.

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
            if client().upload_status(waiting.request_id).state.final:
                return True
        except TransientError as error:
            log.warning("Status of request %s: %s", waiting.request_id, error)
            yield error.retry_after or schedule.first
        except CustomerMatchError as error:
            log.warning("Polling of request %s stopped: %s", waiting.request_id, error)
            return True
    return False
