"""Terminals in which a reader types the commands of the tutorial."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

__all__ = ["Background", "Shell"]

_DONE = "--- the commands have ended ---"


class Shell:
    """A shell that stays: what one block sets, the next one has. It ends at the first command that fails.

    Args:
        folder: Where it starts.
        env: Its environment.
        log: File for what goes to standard error.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._script = log.with_suffix(".sh")
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            start_new_session=True,
        )
        self.run("set -m")  # as a shell with a user has it: what runs in the background heeds SIGINT

    def run(self, commands: str) -> str:
        """Run commands; return what they wrote to standard output."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._script.write_text(commands, encoding="utf-8")
        self._process.stdin.write(f"set -e; . {self._script} < /dev/null; echo '{_DONE}'\n")
        self._process.stdin.flush()
        output = ""
        for line in self._process.stdout:
            if line.strip() == _DONE:
                return output
            output += line
        raise AssertionError(f"{commands}\nfailed:\n{output}\n{self._log.read_text()[-5000:]}")

    def close(self) -> None:
        """End the shell and all that it has started."""
        _kill_session(self._process.pid)
        self._process.communicate()


class Background:
    """A terminal in which a command runs until Ctrl-C."""

    def __init__(self, commands: str, folder: Path, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            ["bash", "-e", "-c", commands],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def shown(self) -> list[str]:
        """The lines that it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace").splitlines()

    def is_running(self) -> bool:
        """Whether the command has not ended."""
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait until everything that was started there has ended."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(timeout=120)
        deadline = time.monotonic() + 60
        while _session(self._process.pid):
            assert time.monotonic() < deadline, f"programs are left: see {self._log}"
            time.sleep(0.2)

    def close(self) -> None:
        """End whatever is left."""
        _kill_session(self._process.pid)
        self._process.wait()


def _session(leader: int) -> list[psutil.Process]:
    """The processes of a session that have not ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def _kill_session(leader: int) -> None:
    for process in _session(leader):
        process.kill()
