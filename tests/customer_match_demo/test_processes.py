"""Programs are stopped with all processes that they started, even if those ignore signals."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from customer_match_demo import processes
from customer_match_demo.processes import Program, free_port

pytestmark = pytest.mark.system  # processes of their own

# A program with a child and a grandchild; each writes its pid when it is ready.
_FAMILY = """
import os, signal, sys, time
def stubborn():
    if sys.argv[2] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
stubborn()
def ready(who):
    with open(os.path.join(sys.argv[1], who + ".new"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(os.path.join(sys.argv[1], who + ".new"), os.path.join(sys.argv[1], who))
if os.fork() == 0:
    if os.fork() == 0:
        ready("grandchild")
        time.sleep(120)
        os._exit(0)
    ready("child")
    time.sleep(120)
    os._exit(0)
ready("leader")
if sys.argv[2] == "leaves":
    while not os.path.exists(os.path.join(sys.argv[1], "grandchild")):
        time.sleep(0.01)
    sys.exit(0)
time.sleep(120)
"""

Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []

    def start(*command: str, env: dict[str, str] | None = None) -> Program:
        program = Program.start("test", command, log=tmp_path / "logs" / "log", env=env or {}, cwd=tmp_path)
        started.append(program)
        return program

    yield start
    for program in started:
        program.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


def family(start: Start, folder: Path, kind: str) -> tuple[Program, list[int]]:
    program = start(sys.executable, "-c", _FAMILY, str(folder), kind)
    members = [folder / name for name in ("leader", "child", "grandchild")]
    wait_until(lambda: all(path.exists() for path in members))
    return program, [int(path.read_text()) for path in members]


def test_stop_ends_all_processes_of_a_group(start: Start, tmp_path: Path) -> None:
    program, pids = family(start, tmp_path, "polite")
    assert program.running
    assert all(map(alive, pids))
    program.stop()
    assert not any(map(alive, pids))
    assert not program.running


def test_stop_ends_processes_that_ignore_sigterm(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GRACE_SECONDS", 0.5)
    program, pids = family(start, tmp_path, "stubborn")
    program.stop()
    assert not any(map(alive, pids))


def test_kill_ends_descendants_in_groups_of_their_own(start: Start, tmp_path: Path) -> None:
    code = "import os, pathlib, time\nif not (child := os.fork()):\n    os.setsid()\n    time.sleep(120)\n"
    code += "pathlib.Path('new').write_text(str(child))\nos.rename('new', 'child')\ntime.sleep(120)"
    program = start(sys.executable, "-c", code)
    wait_until((tmp_path / "child").exists)
    child = int((tmp_path / "child").read_text())
    assert {process.pid for process in program.processes()} == {program.pid, child}
    program.kill()
    wait_until(lambda: not alive(child))
    assert not program.running
    assert program.processes() == []


def test_a_group_runs_while_any_child_runs(start: Start, tmp_path: Path) -> None:
    program, [leader, child, grandchild] = family(start, tmp_path, "leaves")
    wait_until(lambda: not program.running or not alive(leader))
    assert program.running
    program.stop()
    assert not alive(child)
    assert not alive(grandchild)


def test_a_program_of_an_earlier_process_ends_as_well(start: Start, tmp_path: Path) -> None:
    """`make down` knows only what was recorded."""
    program, pids = family(start, tmp_path, "polite")
    replace(program).stop()
    assert not any(map(alive, pids))


def test_a_program_that_has_ended_is_not_running(start: Start) -> None:
    program = start(sys.executable, "-c", "print('hello')")
    wait_until(lambda: not program.running)
    program.stop()
    assert program.tail() == "hello"


def test_other_programs_are_not_stopped(start: Start) -> None:
    program = start(sys.executable, "-c", "import time; time.sleep(60)")
    neighbour = start(sys.executable, "-c", "import time; time.sleep(60)")
    program.stop()
    assert neighbour.running
    assert os.getpgid(neighbour.pid) == neighbour.pid != os.getpgrp()


def test_output_goes_to_the_log_and_is_kept(start: Start) -> None:
    for text in ("first", "second"):
        program = start(sys.executable, "-c", f"for i in range(30): print(i)\nprint('{text}')")
        wait_until(lambda p=program: not p.running)  # type: ignore[misc]  # bound while it is used
    assert program.tail(1) == "second"
    assert "first" in program.log.read_text()
    assert len(program.tail().splitlines()) == 20


def test_programs_get_only_the_given_environment(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_SECRET", "x")
    program = start(sys.executable, "-c", "import os; print(sorted(os.environ))", env={"ONE": "1"})
    wait_until(lambda: not program.running)
    assert "'ONE'" in program.tail()
    assert "ONE_SECRET" not in program.tail()


def test_a_missing_program_raises(start: Start) -> None:
    with pytest.raises(FileNotFoundError):
        start("no-such-program")


def test_a_free_port_can_be_taken() -> None:
    port = free_port()
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_a_preferred_port_is_chosen_if_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port


def test_stop_sends_sigterm_first(start: Start, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time, pathlib\n"
        "def end(*_):\n    print('tidied up', flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\npathlib.Path('ready').touch()\ntime.sleep(60)"
    )
    program = start(sys.executable, "-c", code)
    wait_until((tmp_path / "ready").exists)
    program.stop()
    assert program.tail() == "tidied up"
