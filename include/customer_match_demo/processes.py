"""Start and stop programs for the demo and the tests, each in a separate process group."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

__all__ = ["Program", "free_port", "stop_all"]

_GRACE_SECONDS = 8.0
_CLOCK_SECONDS = 60.0  # tolerance for start times, as the clock may be changed


def free_port(preferred: int = 0) -> int:
    """Return a TCP port of this machine that is not in use: the preferred one if possible."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not count
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", preferred))
            return int(probe.getsockname()[1])
    return free_port()


def stop_all(programs: Sequence[Program]) -> None:
    """Stop programs at the same time: with SIGTERM, and after some seconds with SIGKILL."""
    left = [program for program in programs if not program.replaced]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for program in left:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        while (left := [program for program in left if program.running]) and time.monotonic() < deadline:
            time.sleep(0.05)


@dataclass
class Program:
    """A running program and all processes that it started.

    Attributes:
        name: Its name, for messages.
        pid: Leader of the process group.
        log: File with its output.
        started: Start time, in seconds since 1970.
    """

    name: str
    pid: int
    log: Path
    started: float

    @classmethod
    def start(
        cls, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path
    ) -> Program:
        """Start a program in a new session; it outlives this process unless it is stopped."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        return cls(name, process.pid, log, psutil.Process(process.pid).create_time())

    @property
    def running(self) -> bool:
        """Whether any process of the group is running."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG)[0]:  # also orphans of the group, if we adopt them
                pass
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def replaced(self) -> bool:
        """Whether the pid now belongs to another program, as after a restart of the machine."""
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.started) > _CLOCK_SECONDS)
        except psutil.NoSuchProcess:
            return False

    def stop(self) -> None:
        """Stop the whole group; see `stop_all`."""
        stop_all([self])

    def kill(self) -> None:
        """End the program and its descendants at once with SIGKILL, as if their machine died.

        Unlike `stop`, it reaches descendants in process groups of their own, such as Airflow's tasks.
        """
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        while self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # what was started meanwhile
            time.sleep(0.02)

    def processes(self) -> list[psutil.Process]:
        """Return the program's process and all its descendants; empty if it has ended."""
        if self.replaced:
            return []
        try:
            leader = psutil.Process(self.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of its output, for a message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
