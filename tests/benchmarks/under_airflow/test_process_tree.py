"""CPU time of a whole tree of processes: also of those that ended, were forked twice, or are left out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.under_airflow.process_tree import PeakMemory, adopt_orphans, cpu_seconds, processes

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's accounts"),
]

# Uses SECONDS of CPU in the process that HOW names, says so, and waits to be ended.
PROGRAM = """
import os, sys, time
how, seconds = sys.argv[1], float(sys.argv[2])
def burn():
    while time.process_time() < seconds:
        pass
if how == "itself":
    burn()
elif how == "ended child":
    if not (child := os.fork()):
        burn()
        os._exit(0)
    os.waitpid(child, 0)
else:  # a grandchild whose parent ends at once
    reading, writing = os.pipe()
    if not (child := os.fork()):
        if not os.fork():
            burn()
            os.write(writing, b".")
        os._exit(0)
    os.waitpid(child, 0)
    os.read(reading, 1)
print("ready", flush=True)
time.sleep(120)
"""


@contextmanager
def burning(how: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, how, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def _no_zombies() -> Iterator[None]:
    yield
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(child.pid, 0)


@pytest.mark.parametrize("how", ["itself", "ended child", "orphan"])
def test_all_that_was_used_is_counted(how: str) -> None:
    adopt_orphans()
    before = cpu_seconds()
    with burning(how, 0.5):
        assert cpu_seconds() - before >= 0.45


def test_a_program_can_be_left_out() -> None:
    before = cpu_seconds()
    with burning("ended child", 0.3) as one, burning("itself", 0.1) as other:
        assert cpu_seconds(without={one.pid}) - before < cpu_seconds() - before - 0.25
        found = {process.pid for process in processes(without={one.pid})}
        assert other.pid in found
        assert one.pid not in found


def test_the_peak_of_memory_is_seen_though_it_is_given_back(tmp_path: Path) -> None:
    program = "import time; x = bytearray(b'x') * 200_000_000; time.sleep(1); del x; print(); time.sleep(120)"
    command = [sys.executable, "-c", program]
    with (
        PeakMemory(seconds=0.1) as memory,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.3)
        process.kill()
    assert 190 < memory.mb < 1_000
