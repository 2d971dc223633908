"""Runs as processes that can be killed: `customer-match run`, or a batch, without the seconds for loading Airflow.

A server process loads the program once and forks for each run (`multiprocessing`'s forkserver).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

__all__ = ["RunProcess", "load", "start_run"]

_LOADED = ["tests.soak.loaded"]
_LOADING_SECONDS = 300.0  # on a busy machine


@dataclass
class RunProcess:
    """A run that was started.

    Attributes:
        process: Its process.
        output: Standard output: the report as JSON.
        log: Standard error.
        started: Start time, in seconds of the monotonic clock.
    """

    process: BaseProcess
    output: Path
    log: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        return self.process.is_alive()

    @property
    def seconds(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self.started

    def send(self, number: int) -> None:
        """Send a signal, if it is still running."""
        if self.process.is_alive() and self.process.pid:
            os.kill(self.process.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Wait for the exit status, negative for a signal; kill it and return None if it does not end."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.send(signal.SIGKILL)
            self.process.join()
            return None
        return self.process.exitcode


def load(folder: Path) -> None:
    """Make the server load the program, so that the time for it is not part of any run.

    Args:
        folder: Folder for the output.
    """
    start_run(["run", "--help"], {}, folder).wait(_LOADING_SECONDS)


def start_run(arguments: Sequence[str], settings: Mapping[str, str], folder: Path) -> RunProcess:
    """Start `customer-match` with these arguments; with `batch` as the first one, the command in `batch_run.py`.

    Args:
        arguments: Arguments of the command.
        settings: Further environment variables.
        folder: Folder for its output.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    folder.mkdir(parents=True, exist_ok=True)
    output, log = folder / "stdout", folder / "stderr"
    process = context.Process(target=_command, args=(list(arguments), dict(settings), str(output), str(log)))
    process.start()
    return RunProcess(process, output, log)


def _command(arguments: list[str], settings: dict[str, str], output: str, log: str) -> None:
    """Run the command in the new process."""
    for path, number in ((output, 1), (log, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.update(settings)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork server ignores it
    in_batch = arguments[0] == "batch"
    sys.argv = arguments if in_batch else ["customer-match", *arguments]

    from airflow_microsoft_advertising.cli.main import main
    from tests.soak import batch_run

    (batch_run.main if in_batch else main)()
