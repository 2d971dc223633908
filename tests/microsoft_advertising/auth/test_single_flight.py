"""One run for all who wait for it at the same time."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from microsoft_advertising.auth.single_flight import SingleFlight


class Runs:
    """Counts its runs; each ends when it is let go."""

    def __init__(self) -> None:
        self.count = 0
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def run(self) -> int:
        self.count += 1
        number = self.count
        await self.go_on.wait()
        if self.error:
            raise self.error
        return number


def test_all_who_wait_get_the_result_of_one_run() -> None:
    async def main() -> None:
        runs, flight = Runs(), SingleFlight[int]()
        callers = [asyncio.create_task(flight.run(runs.run)) for _ in range(100)]
        await asyncio.sleep(0)
        runs.go_on.set()
        assert set(await asyncio.gather(*callers)) == {1}
        assert await flight.run(runs.run) == 2, "who comes later needs a new run"

    asyncio.run(main())


def test_all_who_wait_get_the_error_of_one_run() -> None:
    async def main() -> None:
        runs, flight = Runs(), SingleFlight[int]()
        runs.error = ValueError("no")
        callers = [asyncio.create_task(flight.run(runs.run)) for _ in range(100)]
        await asyncio.sleep(0)
        runs.go_on.set()
        errors = await asyncio.gather(*callers, return_exceptions=True)
        assert {str(error) for error in errors} == {"no"}
        runs.error = None
        assert await flight.run(runs.run) == 2, "an error is not kept"

    asyncio.run(main())


def test_who_started_it_may_be_cancelled() -> None:
    async def main() -> None:
        runs, flight = Runs(), SingleFlight[int]()
        first, second = (asyncio.create_task(flight.run(runs.run)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        runs.go_on.set()
        assert await second == 1
        assert first.cancelled()

    asyncio.run(main())


def test_an_error_that_nobody_waits_for_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        runs, flight = Runs(), SingleFlight[int]()
        runs.error = ValueError("no")
        caller = asyncio.create_task(flight.run(runs.run))
        await asyncio.sleep(0)
        caller.cancel()
        runs.go_on.set()
        await asyncio.wait([caller])
        await asyncio.sleep(0)

    with caplog.at_level(logging.DEBUG, "asyncio"):
        asyncio.run(main())
        gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_run_can_be_cancelled() -> None:
    async def main() -> None:
        runs, flight = Runs(), SingleFlight[int]()
        await flight.cancel()
        caller = asyncio.create_task(flight.run(runs.run))
        await asyncio.sleep(0)
        await flight.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
