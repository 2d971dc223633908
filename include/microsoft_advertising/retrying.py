"""Which failed calls are made again at once, when, and for how long: the one place, for sync and async.

The budget is small on purpose: it bridges hiccups and the service's one-minute pause. Longer pauses leave as
`TransientError` with the wait in it, for the scheduler to keep.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, TypeVar

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception
from tenacity.stop import stop_after_attempt, stop_before_delay

from customer_match.errors import TransientError
from microsoft_advertising.faults import OutcomeUnknown, ResultsExpired, UploadUrlExpired

__all__ = ["DEFAULT_RETRIES", "RetryPolicy"]

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryPolicy:
    """How patient one call is.

    Attributes:
        attempts: Calls at most, the first included.
        budget: Seconds after the first call within which another may start.
        first_wait: Seconds before the second call, doubled each time, plus jitter of up to as much again.
        longest_wait: Upper bound of that wait. A wait that the service names is kept to the letter, plus
            jitter of up to a tenth, so that many callers do not come back at once.
    """

    attempts: int = 5
    budget: float = 150.0
    first_wait: float = 0.5
    longest_wait: float = 15.0

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call until it succeeds, fails for good, or patience ends; then its last error is raised."""
        result: T = Retrying(**self._options())(function, *args, **kwargs)
        return result

    async def acall(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for a coroutine function."""
        result: T = await AsyncRetrying(**self._options())(function, *args, **kwargs)
        return result

    def _options(self) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(_repeatable),
            "wait": self._wait,
            "stop": self._stop,
            "before_sleep": _tell,
            "reraise": True,
        }

    def _stop(self, state: RetryCallState) -> bool:
        return bool(stop_after_attempt(self.attempts)(state) or stop_before_delay(self.budget)(state))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else None
        if asked is not None:
            return asked * (1 + random.random() / 10)  # noqa: S311 (jitter, not a secret)
        backoff = min(self.longest_wait, self.first_wait * 2.0 ** (state.attempt_number - 1))
        return backoff * (1 + random.random())  # noqa: S311 (jitter, not a secret)


DEFAULT_RETRIES: Final = RetryPolicy()


def _repeatable(error: BaseException) -> bool:
    """These three need something else first: a look, a new ticket, a new status."""
    return isinstance(error, TransientError) and not isinstance(
        error, (OutcomeUnknown, ResultsExpired, UploadUrlExpired)
    )


def _tell(state: RetryCallState) -> None:
    _log.warning(
        "%s; the next attempt follows in %.0f s",
        state.outcome and state.outcome.exception(),
        state.upcoming_sleep,
    )
