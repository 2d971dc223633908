"""An event loop whose time passes only while nothing else is to be done: hours take no time, in the exact order."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

START = 1_000_000.0
"""Seconds since 1970 at which a virtual loop begins."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Instead of waiting for the next timer, sets its clock to it. Not for threads or sockets."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Hurried(self))

    def time(self) -> float:
        return self.now


class _Hurried(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing would ever happen"
        self._loop.now += timeout
        return super().select(0)


def run_virtually(monkeypatch: pytest.MonkeyPatch, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a virtual loop, by whose time the wall clock goes, too."""
    loop = VirtualLoop()
    monkeypatch.setattr(time, "time", lambda: START + loop.now)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main())
