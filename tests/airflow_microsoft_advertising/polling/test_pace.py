"""The pace of a customer's polls: spread, bounded, and all of them delayed while the service throttles."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from airflow_microsoft_advertising.polling import pace as pace_module
from airflow_microsoft_advertising.polling.pace import POLLS_IN_FLIGHT, Pace
from tests.airflow_microsoft_advertising.polling.virtual_time import run_virtually


class Polls:
    """Polls through paces; notes when each was sent.

    Args:
        seconds: How long a poll takes.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.sent: dict[str, list[float]] = {}
        self.in_flight = self.most = 0
        self._limit = asyncio.Semaphore(POLLS_IN_FLIGHT)

    def pace(self, customer: str = "1") -> Pace:
        return Pace(customer, self._limit)

    async def poll(self, pace: Pace, customer: str = "1") -> None:
        async with pace.turn():
            self.sent.setdefault(customer, []).append(asyncio.get_running_loop().time())
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            await asyncio.sleep(self.seconds)
            self.in_flight -= 1


Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(pace_module, "wait_seconds", lambda seconds: seconds)  # without its jitter
    return lambda main: run_virtually(monkeypatch, main)


def test_one_poll_waits_for_nothing(run: Run) -> None:
    async def main() -> None:
        polls = Polls()
        await polls.poll(polls.pace())
        assert polls.sent == {"1": [0.0]}

    run(main)


def test_a_thousand_at_once_are_spread_over_seconds(run: Run) -> None:
    async def main() -> None:
        polls = Polls()
        pace = polls.pace()
        await asyncio.gather(*(polls.poll(pace) for _ in range(1_000)))
        sent = polls.sent["1"]
        assert sent == pytest.approx([number / 200 for number in range(1_000)])

    run(main)


def test_few_are_in_flight_though_the_service_is_slow(run: Run) -> None:
    async def main() -> None:
        polls = Polls(seconds=10)
        paces = {customer: polls.pace(customer) for customer in "12"}
        await asyncio.gather(
            *(polls.poll(paces[customer], customer) for customer in "12" for _ in range(100))
        )
        assert polls.most == POLLS_IN_FLIGHT
        assert sum(map(len, polls.sent.values())) == 200

    run(main)


@pytest.mark.faults
def test_a_wait_delays_all_polls_which_then_resume_spread_out(run: Run) -> None:
    async def main() -> None:
        polls = Polls()
        pace, other = polls.pace(), polls.pace("2")
        waiting = [asyncio.create_task(polls.poll(pace)) for _ in range(1_000)]
        await asyncio.sleep(1)
        already = len(polls.sent["1"])
        pace.delay(60)
        await polls.poll(other, "2")
        await asyncio.wait(waiting)
        resumed = polls.sent["1"][already:]
        assert already == pytest.approx(200, abs=2)
        assert len(resumed) == 1_000 - already
        assert resumed[0] == pytest.approx(61)
        assert {round(after - before, 3) for before, after in itertools.pairwise(resumed)} == {0.06}
        assert polls.sent["2"] == [1.0], "another customer is not delayed"

    run(main)


@pytest.mark.faults
def test_a_longer_wait_counts_and_a_shorter_one_does_not_shorten_it(run: Run) -> None:
    async def main() -> None:
        polls = Polls()
        pace = polls.pace()
        pace.delay(60)
        pace.delay(15 * 60)
        pace.delay(60)
        await polls.poll(pace)
        assert polls.sent["1"] == [15 * 60]

    run(main)


@pytest.mark.faults
def test_no_wait_is_longer_than_an_hour_and_some_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        polls = Polls()
        pace = polls.pace()
        pace.delay(10_000_000)
        await polls.poll(pace)
        assert 3_600 <= polls.sent["1"][0] <= 3_960

    run_virtually(monkeypatch, main)


@pytest.mark.faults
def test_a_wait_is_logged_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pace = Polls().pace("190000001")
        for _ in range(5):
            pace.delay(60)

    run(main)
    assert [record.getMessage() for record in caplog.records] == [
        "The service asks for a wait of 60 s: all polls for the customer 190000001 are delayed."
    ]


@pytest.mark.faults
def test_polls_that_wait_for_the_limit_notice_a_wait(run: Run) -> None:
    async def main() -> None:
        polls = Polls(seconds=10)
        pace = polls.pace()
        waiting = [asyncio.create_task(polls.poll(pace)) for _ in range(POLLS_IN_FLIGHT + 1)]
        await asyncio.sleep(5)
        pace.delay(60)
        await asyncio.wait(waiting)
        assert polls.sent["1"][-1] >= 65

    run(main)


@pytest.mark.faults
def test_cancelled_polls_free_their_turns(run: Run) -> None:
    async def main() -> None:
        polls = Polls(seconds=1_000)
        pace = polls.pace()
        waiting = [asyncio.create_task(polls.poll(pace)) for _ in range(2 * POLLS_IN_FLIGHT)]
        await asyncio.sleep(5)
        for poll in waiting:
            poll.cancel()
        await asyncio.wait(waiting)
        polls.seconds = 0
        await asyncio.gather(*(polls.poll(pace) for _ in range(2 * POLLS_IN_FLIGHT)))
        assert asyncio.get_running_loop().time() < 6

    run(main)
