"""CPU time and memory of programs with all processes that they started, those that have ended included."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]  # ships no types

__all__ = ["PeakMemory", "adopt_orphans", "cpu_seconds", "processes"]

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_READINGS = 20


def adopt_orphans() -> None:
    """Become the parent of all processes below this one that lose theirs; what they used would be lost otherwise.

    Linux only; elsewhere orphans are not counted. An adopted process that ends remains a zombie, whose CPU time can
    be read, until this process ends.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes(without: Collection[int] = ()) -> list[psutil.Process]:
    """Return all processes below this one.

    Args:
        without: Process ids that are left out together with all processes below them.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(_below(psutil.Process(), without))
    return []


def _below(process: psutil.Process, without: Collection[int]) -> Iterator[psutil.Process]:
    """The processes below one, from a single look at the table of processes."""
    children: dict[int, list[psutil.Process]] = {}
    for each in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            children.setdefault(each.ppid(), []).append(each)
    waiting = [process.pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child.pid not in without:
                yield child
                waiting.append(child.pid)


def cpu_seconds(without: Collection[int] = ()) -> float:
    """Return the CPU time, user and system, that all processes below this one have used so far.

    A process that has ended is counted by the one that waited for it, and that one by its own parent (Linux:
    `cutime` and `cstime` of proc(5)). So nothing is lost as long as those at the top run. The processes are read
    again if one started or ended meanwhile, as it might be counted twice, or not at all.

    Args:
        without: As for `processes`.
    """
    seconds = 0.0
    for _ in range(_READINGS):
        found = processes(without)
        seconds = sum(_cpu_seconds(process) for process in found)
        if [process.pid for process in found] == [process.pid for process in processes(without)]:
            break
    return seconds


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory_mb(without: Collection[int]) -> float:
    """Memory of all processes below this one; pages that several share are counted once (PSS)."""
    total = 0
    for process in processes(without):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            full = process.memory_full_info()
            total += getattr(full, "pss", full.uss)
    return total / 2**20


@dataclass
class PeakMemory:
    """Looks at the memory of all processes below this one until it is left; a context manager.

    Attributes:
        without: As for `processes`.
        seconds: Between two looks. A look takes a few milliseconds for each process.
        mb: The highest sum that was seen, in MB of 2**20 bytes.
    """

    without: Collection[int] = ()
    seconds: float = 1.0
    mb: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _look(self) -> None:
        while True:
            self.mb = max(self.mb, _memory_mb(self.without))
            if self._ended.wait(self.seconds):
                return
