"""The retry policy of the tasks of an export: a retry is not before the wait that the service has named.

Uploads wait for such times in the triggerer and use no retry (`operator.py`). This is for the other tasks, and for
uploads that have waited too often.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from customer_match.errors import TransientError
from customer_match.export.values import MAX_RETRY_DELAY_SECONDS
from customer_match_delivery.backoff import wait_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["NamedWaits"]


class NamedWaits(RetryPolicy):
    """Delays a retry for as long as the error asks, if that is longer than the task's own delay.

    Airflow stores only whether a task has a policy, so it needs no serialisation.

    Args:
        delay: Seconds before the first retry; the task's own delay doubles with each further one.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 (Airflow's signature; it fails a task without retries itself)
        context: Context | None = None,  # noqa: ARG002 (as above)
    ) -> RetryDecision:
        """Decide about the retry after an error."""
        asked = exception.retry_after if isinstance(exception, TransientError) else None
        own = min(self._delay * 2.0 ** min(try_number - 1, 16), MAX_RETRY_DELAY_SECONDS)
        if asked is None or asked <= own:
            return RetryDecision.default()
        seconds = wait_seconds(asked)
        return RetryDecision.retry(
            timedelta(seconds=seconds), f"The error asks for a wait of {asked:.0f} s before the next try."
        )
