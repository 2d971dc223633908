"""Names of runs that are carried out by one process, so that others see whether that process still lives.

A worker that died without a word holds its audience until its lease expires: nobody can know. Of a process on
this very machine anybody can, so that the next run by hand need not wait.
"""

from __future__ import annotations

import os
import re
import socket

import psutil  # type: ignore[import-untyped]  # ships no types

__all__ = ["holder_of", "is_over"]

_HOLDER = re.compile(r" \(process (?P<pid>\d+) of (?P<started>\d+) on (?P<host>[^()]+)\)$")
_CLOCK_SECONDS = 60.0  # starts are told by the clock, which may be set


def holder_of(run: str) -> str:
    """The name under which this process holds audiences for a run."""
    process = psutil.Process(os.getpid())
    return f"{run} (process {process.pid} of {process.create_time():.0f} on {socket.gethostname()})"


def is_over(holder: str) -> bool:
    """Whether a holder was a process of this machine that runs no more; False of all others."""
    named = _HOLDER.search(holder)
    if named is None or named["host"] != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(named["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return bool(abs(process.create_time() - float(named["started"])) > _CLOCK_SECONDS)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:  # somebody else's process that may not be looked at
        return False
