"""Retries of failed calls: which errors are retried, when, and for how long. Used by sync and async clients.

The retry budget is small on purpose: it covers short failures and the service's one-minute throttling. A longer wait
is raised as a `TransientError` with `retry_after`, and the scheduler waits. `error_codes` has the wait of each code.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, ParamSpec, Self, TypeVar

from structlog.contextvars import bound_contextvars
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception
from tenacity.stop import stop_after_attempt, stop_before_delay

from customer_match.errors import TransientError
from microsoft_advertising.faults import OutcomeUnknown, ResultsExpired, UploadUrlExpired
from microsoft_advertising.transport.observer import NOBODY, Observer

__all__ = ["DEFAULT_RETRIES", "RetryPolicy"]

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long one call is retried.

    Attributes:
        attempts: Maximum number of calls, including the first.
        budget: Seconds after the first call within which a retry may start.
        first_wait: Seconds before the first retry. Doubled each time, plus up to 100 % jitter.
        longest_wait: Upper bound of that wait. A wait that the service names is used instead, plus up to 10 % jitter,
            so that many callers do not retry at the same moment.
        observer: Gets told of the waits.
    """

    attempts: int = 5
    budget: float = 150.0
    first_wait: float = 0.5
    longest_wait: float = 15.0
    observer: Observer = field(default=NOBODY, repr=False, compare=False)

    def observed_by(self, observer: Observer) -> Self:
        """The same policy, which tells an observer of its waits."""
        return replace(self, observer=observer)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call until success, a permanent error, or the end of the retry budget; then raise the last error."""
        result: T = Retrying(**self._options())(function, *args, **kwargs)
        return result

    async def acall(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `call`, for a coroutine function."""
        result: T = await AsyncRetrying(**self._options())(function, *args, **kwargs)
        return result

    def _options(self) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(_is_retryable),
            "wait": self._wait,
            "stop": self._stop,
            "before_sleep": self._before_sleep,
            "reraise": True,
        }

    def _before_sleep(self, state: RetryCallState) -> None:
        self.observer.on_wait("retry", state.upcoming_sleep)
        error = state.outcome and state.outcome.exception()
        with bound_contextvars(tracking_id=getattr(error, "tracking_id", "")):
            _log.warning("%s; retrying in %.0f s", error, state.upcoming_sleep)

    def _stop(self, state: RetryCallState) -> bool:
        return bool(stop_after_attempt(self.attempts)(state) or stop_before_delay(self.budget)(state))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.retry_after if isinstance(error, TransientError) else None
        if requested is not None:
            return requested * (1 + random.random() / 10)  # noqa: S311 (jitter, not a secret)
        backoff = min(self.longest_wait, self.first_wait * 2.0 ** (state.attempt_number - 1))
        return backoff * (1 + random.random())  # noqa: S311 (jitter, not a secret)


DEFAULT_RETRIES: Final = RetryPolicy()


def _is_retryable(error: BaseException) -> bool:
    """The three exceptions need another step first: a check of the state, a new ticket, or a new status."""
    return isinstance(error, TransientError) and not isinstance(
        error, (OutcomeUnknown, ResultsExpired, UploadUrlExpired)
    )
