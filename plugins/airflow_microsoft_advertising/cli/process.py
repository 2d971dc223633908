"""Names of runs that are carried out by one process, so that others see whether that process still lives.

A worker that died without a word holds its audience until its lease expires: nobody can know. Of a process on
this very machine anybody can, so that the next run by hand need not wait. It must be this very machine, though, and
this very numbering of processes: containers may share a host name, and each numbers its processes anew. So a process
is named by what Linux tells machines and processes apart with: the boot, the PID namespace, the number in it, and
the tick of that boot at which it started, which no setting of the clock moves. Of a name that lacks one of them, or
on a system that does not tell them, nobody knows: its lease expires.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["holder_of", "is_over"]

_HOLDER = re.compile(
    r" \(process (?P<pid>\d+) of (?P<started>\d+) on (?P<host>[^()]+), boot (?P<boot>[0-9a-f-]+), "
    r"namespace (?P<namespace>\d+)\)$"
)
_PROC = Path("/proc")
_ENDED = frozenset("ZXx")  # a zombie, or dead (documented: proc(5))
_STATE, _STARTED = 0, 19  # of the fields after the name (likewise: 3 and 22 of all)


@dataclass(frozen=True)
class _Place:
    """Where a process number means one process.

    Attributes:
        host: Name of the machine or container.
        boot: The kernel's id of this boot, the same in all containers of a machine.
        namespace: Number of the PID namespace.
    """

    host: str
    boot: str
    namespace: str

    @classmethod
    def here(cls) -> Self | None:
        """That of this process; None where the system does not tell."""
        try:
            if str((_PROC / "self").readlink()) != str(os.getpid()):
                return None  # /proc is another namespace's
            namespace = re.search(r"\d+", str((_PROC / "self/ns/pid").readlink()))
            boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return cls(socket.gethostname(), boot, namespace[0]) if namespace else None


def holder_of(run: str) -> str:
    """The name under which this process holds audiences for a run."""
    pid, here = os.getpid(), _Place.here()
    fields = _fields(pid)
    if here is None or fields is None:
        return f"{run} (process {pid} on {socket.gethostname()})"
    started = fields[_STARTED]
    return f"{run} (process {pid} of {started} on {here.host}, boot {here.boot}, namespace {here.namespace})"


def is_over(holder: str) -> bool:
    """Whether a holder surely was a process of this machine that runs no more; False of all others."""
    named = _HOLDER.search(holder)
    if named is None or _Place(named["host"], named["boot"], named["namespace"]) != _Place.here():
        return False
    fields = _fields(int(named["pid"]))
    if fields is None:
        return _is_free(int(named["pid"]))
    return fields[_STATE] in _ENDED or fields[_STARTED] != named["started"]


def _fields(pid: int) -> list[str] | None:
    """What the kernel tells of a process, from its state on; None if it does not show it."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _is_free(pid: int) -> bool:
    """Whether no process has this number: others' may be hidden in /proc (its option `hidepid`), not from signals."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
