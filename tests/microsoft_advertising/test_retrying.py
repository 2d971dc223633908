"""Which failures are retried, the waits, and the end of the retry budget."""

from __future__ import annotations

import asyncio
import logging

import pytest

from customer_match.errors import ConfigurationError, TransientError
from microsoft_advertising.faults import (
    OutcomeUnknown,
    ResultsExpired,
    ServiceTransientError,
    UploadUrlExpired,
)
from microsoft_advertising.retrying import RetryPolicy


class Flaky:
    """Fails with the given errors in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, value: int) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return value


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)

    async def asleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", asleep)
    return waits


def call(policy: RetryPolicy, function: Flaky, *, asynchronous: bool) -> int:
    async def coroutine(value: int) -> int:
        return function(value)

    if asynchronous:
        return asyncio.run(policy.acall(coroutine, 7))
    return policy.call(function, 7)


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@BOTH
def test_short_failures_are_retried_with_growing_waits(slept: list[float], asynchronous: bool) -> None:
    function = Flaky(*[ServiceTransientError("no connection")] * 4)
    assert call(RetryPolicy(), function, asynchronous=asynchronous) == 7
    assert function.calls == 5
    for wait, least in zip(slept, [0.5, 1, 2, 4], strict=True):
        assert least <= wait <= 2 * least


@BOTH
def test_the_services_wait_is_kept_exactly(slept: list[float], asynchronous: bool) -> None:
    assert call(RetryPolicy(), Flaky(TransientError("x", retry_after=60)), asynchronous=asynchronous) == 7
    assert 60 <= slept[0] <= 66


@BOTH
def test_a_wait_beyond_the_budget_is_raised_at_once(slept: list[float], asynchronous: bool) -> None:
    function = Flaky(TransientError("x", retry_after=900))
    with pytest.raises(TransientError) as caught:
        call(RetryPolicy(), function, asynchronous=asynchronous)
    assert caught.value.retry_after == 900
    assert (function.calls, slept) == (1, [])


@BOTH
@pytest.mark.parametrize(
    "error", [ConfigurationError("x"), OutcomeUnknown("x"), UploadUrlExpired("x"), ResultsExpired("x")]
)
def test_errors_that_need_another_step_are_not_retried(
    slept: list[float], asynchronous: bool, error: Exception
) -> None:
    function = Flaky(error)
    with pytest.raises(type(error)):
        call(RetryPolicy(), function, asynchronous=asynchronous)
    assert function.calls == 1


def test_the_last_error_is_raised_after_the_last_attempt(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    function = Flaky(*[TransientError(f"failure {number}") for number in range(9)])
    with pytest.raises(TransientError, match="failure 2"):
        call(RetryPolicy(attempts=3), function, asynchronous=False)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "failure 0; retrying in" in caplog.text
