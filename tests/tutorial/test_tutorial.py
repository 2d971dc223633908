"""A newcomer follows the tutorial word by word in a clean copy of the project, and sees what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from customer_match.project import PROJECT
from customer_match_demo.processes import free_port
from tests.browser import NEEDS_CHROMIUM
from tests.tutorial.page import Block, blocks, shows
from tests.tutorial.terminals import Background, Shell

pytestmark = [
    *(mark for mark in NEEDS_CHROMIUM if mark.name != "timeout"),
    pytest.mark.lengthy,
    pytest.mark.timeout(1500),
]
PORTS = ("8080", "8470")
"""Ports on the page. The test uses free ones in their place."""
SECONDS = 600


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as it is committed, with the changes of this working tree."""
    listed = subprocess.run(
        ["git", "-C", PROJECT, "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    target = tmp_path / "project"
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, target / name)
    return target


def environment() -> dict[str, str]:
    """That of a user who has heard of neither Airflow nor this project."""
    ours = ("AIRFLOW", "CUSTOMER_MATCH", "PYTHON", "VIRTUAL_ENV", "PYTEST")
    log_port = str(free_port())
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PATH": os.pathsep.join(
            folder for folder in os.environ["PATH"].split(os.pathsep) if not folder.startswith(str(PROJECT))
        ),
        "PYTHON": str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"),
        "BROWSER": f"{sys.executable} {Path(__file__).with_name('accept.py')} %s",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": log_port,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": log_port,
    }


class Reader:
    """Types the commands of the page into terminals, and compares what they show."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self._folder = folder
        self._logs = logs
        self._env = environment()
        self._ports = {port: str(free_port()) for port in PORTS}
        self._shell = Shell(folder, self._env, logs / "shell.log")
        self._terminals: list[Background] = []

    def follow(self, block: Block) -> None:
        """Run the commands of a block as the page says."""
        commands, wanted = self._with_ports(block.commands), self._with_ports(block.output or "…")
        match block.how:
            case "simulator":
                terminal = Background(commands, self._folder, self._env, self._logs / f"{block.how}.log")
                self._terminals.append(terminal)
                self._wait(terminal, wanted)
            case "until":
                self._repeat(commands, wanted)
            case "end":
                self.leave()
                self._shell.run(commands)
            case _:
                output = self._shell.run(commands)
                assert shows(wanted, output), f"{commands}\nprinted:\n{output}"

    def leave(self) -> None:
        """Press Ctrl-C in the other terminals, the newest first."""
        for terminal in reversed(self._terminals):
            terminal.interrupt()

    def close(self) -> None:
        """End what a failed test has left."""
        for terminal in (*self._terminals, self._shell):
            terminal.close()

    def _with_ports(self, text: str) -> str:
        for port, free in self._ports.items():
            text = text.replace(port, free)
        return text

    def _wait(self, terminal: Background, line: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not any(shows(line, shown) for shown in terminal.shown):
            tail = "\n".join(terminal.shown[-50:])
            assert terminal.is_running(), f"ended before it showed {line}:\n{tail}"
            assert time.monotonic() < deadline, f"did not show {line}:\n{tail}"
            time.sleep(0.5)

    def _repeat(self, commands: str, wanted: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not shows(wanted, output := self._shell.run(commands)):
            assert time.monotonic() < deadline, f"{commands}\nprints:\n{output}"
            time.sleep(5)


@contextmanager
def reading(folder: Path, logs: Path) -> Iterator[Reader]:
    with ExitStack() as cleaning:
        reader = Reader(folder, logs)
        cleaning.callback(reader.close)
        yield reader


def test_the_tutorial_works_as_it_is_written(copy: Path, tmp_path: Path) -> None:
    before = {path.relative_to(copy) for path in copy.rglob("*")}
    with reading(copy, tmp_path) as reader:
        for block in blocks(PROJECT / "docs" / "tutorial.md"):
            reader.follow(block)
    left = {path.relative_to(copy) for path in copy.rglob("*")} - before
    ours = {path for path in left if path.parts[0] != ".venv" and "__pycache__" not in path.parts}
    assert ours == set(), "what the tutorial wrote is gone"
