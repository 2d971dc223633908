"""Whether the process that holds an audience still lives."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from airflow_microsoft_advertising import local_process
from airflow_microsoft_advertising.local_process import holder_of, is_over


def test_this_process_lives() -> None:
    assert not is_over(holder_of("autumn / cli__now"))
    assert holder_of("autumn / cli__now").startswith("autumn / cli__now (process ")


def test_a_process_that_has_ended_even_if_nobody_has_asked_how(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        monkeypatch.setattr(local_process.os, "getpid", lambda: child.pid)
        holder = holder_of("run")
        monkeypatch.undo()
        assert not is_over(holder)
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert is_over(holder)
    assert is_over(holder)


def test_the_number_of_an_ended_process_belongs_to_another_by_now() -> None:
    holder = holder_of("run")
    assert is_over(holder.replace(" of ", " of 1", 1))


@pytest.mark.parametrize(
    "holder",
    [
        "autumn / scheduled__2026",
        "autumn / manual (process 1 of 2)",
        "autumn / cli (process 99999999 of 1 on some-other-machine)",
    ],
)
def test_of_others_nobody_knows(holder: str) -> None:
    assert not is_over(holder)


def test_who_may_not_be_looked_at_is_taken_for_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    holder = holder_of("run")

    def denied(pid: int) -> psutil.Process:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(local_process.psutil, "Process", denied)
    assert not is_over(holder)
