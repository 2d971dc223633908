"""Names of lease holders that identify a process, so that a later run can check whether that process still runs.

A killed worker keeps its audience until its lease expires, because nobody else can know that it is dead. For a process
on the same machine the next run can check, and need not wait. It must be the same machine and the same PID namespace:
containers may share a host name, and each numbers its own processes. So the name has what Linux identifies machines
and processes by: the boot id, the PID namespace, the process id, and the clock tick since boot at which the process
started, which does not change if the clock is set. If a name lacks one of these, or the system does not provide them,
the lease must expire.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["has_ended", "holder_of"]

_HOLDER = re.compile(
    r" \(process (?P<pid>\d+) of (?P<started>\d+) on (?P<host>[^()]+), boot (?P<boot>[0-9a-f-]+), "
    r"namespace (?P<namespace>\d+)\)$"
)
_PROC = Path("/proc")
_ENDED = frozenset("ZXx")  # a zombie, or dead (documented: proc(5))
_STATE, _STARTED = 0, 19  # of the fields after the name (likewise: 3 and 22 of all)


@dataclass(frozen=True)
class _PidNamespace:
    """The machine and PID namespace in which a process id is unique.

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
        """Those of this process; None if the system does not provide them."""
        try:
            if str((_PROC / "self").readlink()) != str(os.getpid()):
                return None  # /proc belongs to another namespace
            namespace = re.search(r"\d+", str((_PROC / "self/ns/pid").readlink()))
            boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return cls(socket.gethostname(), boot, namespace[0]) if namespace else None


def holder_of(run: str) -> str:
    """Return the name under which this process holds leases for a run."""
    pid, here = os.getpid(), _PidNamespace.here()
    fields = _fields(pid)
    if here is None or fields is None:
        return f"{run} (process {pid} on {socket.gethostname()})"
    started = fields[_STARTED]
    return f"{run} (process {pid} of {started} on {here.host}, boot {here.boot}, namespace {here.namespace})"


def has_ended(holder: str) -> bool:
    """Whether the holder certainly was a process of this machine that no longer runs."""
    named = _HOLDER.search(holder)
    if (
        named is None
        or _PidNamespace(named["host"], named["boot"], named["namespace"]) != _PidNamespace.here()
    ):
        return False
    fields = _fields(int(named["pid"]))
    if fields is None:
        return _is_free(int(named["pid"]))
    return fields[_STATE] in _ENDED or fields[_STARTED] != named["started"]


def _fields(pid: int) -> list[str] | None:
    """Read the kernel's status fields of a process, starting with its state; None if they are not visible."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _is_free(pid: int) -> bool:
    """Whether no process has this id. /proc may hide other users' processes (`hidepid`), but signals find them."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
