"""Waiting for several uploads at once: when it is over, and what is known then."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_microsoft_advertising.polling.uploads import Outcome, PolledUpload, wait_for_uploads
from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.models import UploadState, UploadStatus
from microsoft_advertising.polling import PollSchedule
from tests.airflow_microsoft_advertising.polling.virtual_time import START, run_virtually

EVERY_SECOND = PollSchedule(first=1.0, longest=1.0)


class Service:
    """Uploads that end at given times, in seconds since `START`.

    Args:
        ends: The time of each upload's end, by request id; or the exception with which each poll of it fails.
    """

    def __init__(self, **ends: float | Exception) -> None:
        self.ends = ends
        self.polled: list[tuple[float, str]] = []

    async def poll(self, request_id: str) -> UploadStatus:
        now = time.time() - START
        self.polled.append((now, request_id))
        end = self.ends[request_id]
        if isinstance(end, Exception):
            raise end
        return UploadStatus(UploadState.COMPLETED if now >= end else UploadState.IN_PROGRESS)


Wait = Callable[..., tuple[Outcome, float]]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Wait for all uploads of a service; return the outcome and the seconds that it took."""

    def waited(
        service: Service,
        schedule: PollSchedule = EVERY_SECOND,
        *,
        since: float = START,
        until: dict[str, float] | None = None,
        **limits: Any,
    ) -> tuple[Outcome, float]:
        uploads = [
            PolledUpload(request_id, since, (until or {}).get(request_id)) for request_id in service.ends
        ]

        async def main() -> tuple[Outcome, float]:
            outcome = await wait_for_uploads(uploads, service.poll, schedule, **limits)
            assert len(asyncio.all_tasks()) == 1, "nothing goes on"
            return outcome, time.time() - START

        return run_virtually(monkeypatch, main)

    return waited


def test_it_is_over_when_all_have_ended(wait: Wait) -> None:
    assert wait(Service(a=3, b=5, c=2), linger=100) == (Outcome(ended=["a", "b", "c"], overdue=[]), 5)


def test_others_are_waited_for_only_for_a_while(wait: Wait) -> None:
    assert wait(Service(a=3, b=8, c=1_000), linger=10) == (Outcome(ended=["a", "b"], overdue=[]), 13)


def test_the_while_begins_at_the_first_end(wait: Wait) -> None:
    assert wait(Service(a=3, b=12, c=20), linger=10) == (Outcome(ended=["a", "b"], overdue=[]), 13)


def test_without_lingering_the_first_end_is_enough(wait: Wait) -> None:
    assert wait(Service(a=30, b=5)) == (Outcome(ended=["b"], overdue=[]), 5)


def test_it_is_over_at_a_given_time(wait: Wait) -> None:
    assert wait(Service(a=30), longest=7.5) == (Outcome(ended=[], overdue=[]), 7.5)
    assert wait(Service(a=5, b=30), linger=10, longest=7.5) == (Outcome(ended=["a"], overdue=[]), 7.5)
    assert wait(Service(a=5), longest=-1) == (Outcome(ended=[], overdue=[]), 0)


def test_without_uploads_it_is_a_pause(wait: Wait) -> None:
    assert wait(Service(), longest=900) == (Outcome(ended=[], overdue=[]), 900)
    assert wait(Service(), longest=-1) == (Outcome(ended=[], overdue=[]), 0)
    assert wait(Service(), longest=math.inf) == (Outcome(ended=[], overdue=[]), 0)


@pytest.mark.faults
def test_overdue_uploads_end_the_wait_with_the_others(wait: Wait) -> None:
    until = {"a": START + 4.5, "b": START + 20}
    assert wait(Service(a=100, b=9), until=until, linger=3) == (Outcome(ended=["b"], overdue=["a"]), 9)
    assert wait(Service(a=100, b=90), until=until) == (Outcome(ended=[], overdue=["a", "b"]), 20)


@pytest.mark.faults
def test_time_limits_that_are_over_need_no_poll(wait: Wait) -> None:
    service = Service(a=0)
    assert wait(service, until={"a": START - 1}) == (Outcome(ended=[], overdue=["a"]), 0)
    assert service.polled == []


@pytest.mark.faults
@pytest.mark.parametrize("error", [ConfigurationError("Sign in again."), TerminalError("No such upload.")])
def test_a_permanent_failure_is_an_end_of_that_upload_only(error: Exception, wait: Wait) -> None:
    assert wait(Service(a=error, b=4), linger=10) == (Outcome(ended=["a", "b"], overdue=[]), 4)
    assert wait(Service(a=error, b=40), linger=10) == (Outcome(ended=["a"], overdue=[]), 11)


@pytest.mark.faults
def test_a_passing_failure_is_waited_for(wait: Wait) -> None:
    service = Service(a=TransientError("busy", retry_after=33), b=50)
    outcome, seconds = wait(service, linger=50)
    assert (outcome, seconds) == (Outcome(ended=["b"], overdue=[]), 100)
    assert [moment for moment, request_id in service.polled if request_id == "a"] == [1, 34, 67]


@pytest.mark.faults
def test_after_failures_in_a_row_polls_are_rarer(wait: Wait) -> None:
    service = Service(a=TransientError("down"))
    schedule = PollSchedule(first=1.0, longest=60.0, share=0.0)
    assert wait(service, schedule, until={"a": START + 200}) == (Outcome(ended=[], overdue=["a"]), 200)
    assert [moment for moment, _ in service.polled] == [1, 3, 7, 15, 31, 63, 123, 183]


@pytest.mark.faults
def test_a_poll_that_takes_too_long_does_not_delay_the_time_limit(wait: Wait) -> None:
    class Slow(Service):
        async def poll(self, request_id: str) -> UploadStatus:
            await asyncio.sleep(900)
            return await super().poll(request_id)

    assert wait(Slow(a=0), until={"a": START + 7}) == (Outcome(ended=[], overdue=["a"]), 7)


@pytest.mark.faults
def test_a_timeout_that_is_not_ours_is_a_defect(wait: Wait) -> None:
    with pytest.raises(TimeoutError):
        wait(Service(a=TimeoutError()), until={"a": START + 7})


@pytest.mark.faults
def test_a_defect_is_raised_and_leaves_nothing_behind(wait: Wait) -> None:
    with pytest.raises(ZeroDivisionError):
        wait(Service(a=ZeroDivisionError(), b=50), linger=10)


def test_each_upload_has_its_own_intervals(wait: Wait) -> None:
    service = Service(a=10)
    wait(service, PollSchedule(first=2.0, longest=60.0, share=0.5))
    assert [moment for moment, _ in service.polled] == [2, 4, 6, 9, 13.5]


def test_after_a_restart_first_polls_are_spread_over_an_interval(wait: Wait) -> None:
    schedule = PollSchedule(first=5.0, longest=60.0, share=0.25)
    service = Service(**{f"r{number}": 0.0 for number in range(1_000)})
    wait(service, schedule, since=START - 100, linger=100)
    moments = sorted(moment for moment, _ in service.polled)
    assert len(moments) == 1_000
    assert 5 <= moments[0] < 6, "never earlier than the shortest wait"
    assert 24 < moments[-1] <= 25, "never late"
    assert max(sum(second <= moment < second + 1 for moment in moments) for second in range(5, 25)) < 100


@pytest.mark.faults
def test_a_cancelled_wait_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        service = Service(a=100, b=100)
        uploads = [PolledUpload("a", START), PolledUpload("b", START)]
        waiting = asyncio.create_task(wait_for_uploads(uploads, service.poll, EVERY_SECOND, linger=10))
        await asyncio.sleep(5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return len(asyncio.all_tasks())

    assert run_virtually(monkeypatch, main) == 1
