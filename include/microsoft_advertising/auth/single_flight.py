"""Runs something once for all coroutines that need it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """All callers that wait at the same time get the result, or the error, of one run. For one event loop.

    The run is a task of its own, so that the others still get its result if the caller that started it is cancelled.
    """

    def __init__(self) -> None:
        self._running: asyncio.Task[T] | None = None

    async def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """The result of the run in progress, or else of a new run of `function`."""
        if self._running is None:
            self._running = asyncio.create_task(_awaited(function))
            self._running.add_done_callback(self._forget)
        return await asyncio.shield(self._running)

    async def cancel(self) -> None:
        """Cancel the run in progress, if there is one, and wait until it has stopped."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def _forget(self, task: asyncio.Task[T]) -> None:
        self._running = None
        if not task.cancelled():
            task.exception()  # otherwise asyncio logs it if all callers were cancelled


async def _awaited(function: Callable[[], Awaitable[T]]) -> T:
    return await function()
