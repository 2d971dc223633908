"""Polling of an upload by callers that wait themselves."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any, cast

from airflow_microsoft_advertising.run import polling
from airflow_microsoft_advertising.run.polling import poll_until_end
from customer_match.errors import TerminalError, TransientError
from customer_match_delivery.delivery import Waiting
from microsoft_advertising.models import UploadState, UploadStatus
from microsoft_advertising.polling import PollSchedule

SCHEDULE = PollSchedule(first=2.0, share=0.0)
IN_PROGRESS = UploadStatus(UploadState.IN_PROGRESS)


class Client:
    """Answers each poll with the next of its answers."""

    def __init__(self, *answers: UploadStatus | Exception) -> None:
        self.answers = list(answers)

    def upload_status(self, request_id: str) -> UploadStatus:
        assert request_id == "r-1"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def polls(client: Client, timeout: float = 60.0) -> Generator[float, None, bool]:
    waiting = Waiting("r-1", datetime.now(UTC))
    return poll_until_end(lambda: cast("Any", client), waiting, SCHEDULE, timeout=timeout)


def played(generator: Generator[float, None, bool]) -> tuple[list[float], bool]:
    """The waits, and whether the upload ended in time."""
    waits = []
    while True:
        try:
            waits.append(next(generator))
        except StopIteration as end:
            return waits, end.value


def test_it_polls_by_the_schedule_until_the_upload_ends() -> None:
    client = Client(IN_PROGRESS, IN_PROGRESS, UploadStatus(UploadState.COMPLETED))
    assert played(polls(client)) == ([2.0, 2.0, 2.0], True)


def test_a_poll_that_fails_for_now_waits_as_long_as_the_service_asks() -> None:
    client = Client(
        TransientError("slow down", retry_after=30.0),
        TransientError("away"),
        UploadStatus(UploadState.FAILED),
    )
    assert played(polls(client)) == ([2.0, 30.0, 2.0, 2.0, 2.0], True)


def test_a_poll_that_fails_for_good_leaves_the_error_to_the_next_step() -> None:
    assert played(polls(Client(TerminalError("no such request")))) == ([2.0], True)


def test_after_the_timeout_the_upload_counts_as_overdue(monkeypatch: Any) -> None:
    clock = iter([0.0, 0.0, 59.0, 60.0])
    monkeypatch.setattr(polling.time, "monotonic", lambda: next(clock))
    assert played(polls(Client(IN_PROGRESS, IN_PROGRESS))) == ([2.0, 2.0], False)
