"""Retries are not before the wait that the service has named."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction

from airflow_microsoft_advertising.run.retry_policy import NamedWaits
from customer_match.errors import TransientError


@pytest.mark.parametrize(
    ("error", "try_number", "delay"),
    [
        (TransientError("throttled", retry_after=300), 1, 300),
        (TransientError("throttled", retry_after=86_400), 1, 3_600),  # a proxy may name anything
        (TransientError("throttled", retry_after=300), 6, None),  # the task's own delay is longer
        (TransientError("throttled", retry_after=20), 1, None),
        (TransientError("away"), 1, None),
        (RuntimeError("unexpected"), 1, None),
    ],
)
def test_the_longer_wait_counts(error: Exception, try_number: int, delay: int | None) -> None:
    decision = NamedWaits(30).evaluate(error, try_number, 3)
    if delay is None:
        assert (decision.action, decision.retry_delay) == (RetryAction.DEFAULT, None)
        return
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is not None
    assert timedelta(seconds=delay) <= decision.retry_delay <= timedelta(seconds=delay * 1.1)
    assert decision.reason
