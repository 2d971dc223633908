"""Whether the process that holds a lease has ended."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_microsoft_advertising.cli import process as local_process
from airflow_microsoft_advertising.cli.process import has_ended, holder_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can know")

ANOTHER = (
    "from airflow_microsoft_advertising.cli.process import holder_of; print(holder_of('run'), flush=True)"
)
FREE = 2**22 + 1  # above the largest number that Linux gives a process


def changed(holder: str, **parts: str) -> str:
    for name, value in parts.items():
        holder = re.sub(rf"{name} [^ ,)]+", f"{name} {value}", holder)
    return holder


def test_this_process_has_not_ended() -> None:
    assert not has_ended(holder_of("autumn / cli__now"))
    assert holder_of("autumn / cli__now").startswith("autumn / cli__now (process ")


def test_a_process_that_has_ended_even_if_its_status_was_not_read() -> None:
    command = [sys.executable, "-c", f"{ANOTHER}; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        holder = child.stdout.readline().strip()
        assert not has_ended(holder)
        child.kill()
        while local_process._fields(child.pid)[0] != "Z":  # type: ignore[index]
            time.sleep(0.01)
        assert has_ended(holder), "a zombie"
    assert has_ended(holder)


def test_the_id_of_an_ended_process_was_reused() -> None:
    assert has_ended(changed(holder_of("run"), of="1"))


@pytest.mark.parametrize("part", ["on", "boot", "namespace"])
def test_a_process_of_another_machine_or_container_is_unknown(part: str) -> None:
    """Although no process here has this id."""
    dead = changed(holder_of("run"), process=str(FREE))
    assert has_ended(dead)
    assert not has_ended(changed(dead, **{part: "7"}))


@pytest.mark.parametrize(
    "holder",
    [
        "autumn / scheduled__2026",
        "autumn / manual (process 1 of 2)",
        f"autumn / cli (process {FREE} of 1 on {os.uname().nodename})",
    ],
)
def test_other_holders_and_names_of_earlier_versions_are_unknown(holder: str) -> None:
    assert not has_ended(holder)


def test_a_process_hidden_in_proc_counts_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the option `hidepid`, /proc hides the processes of other users."""
    monkeypatch.setattr(local_process, "_fields", lambda _: None)
    mine = "run (process 1 of 1 on h, boot b, namespace 4)"
    monkeypatch.setattr(
        local_process._PidNamespace, "here", lambda: local_process._PidNamespace("h", "b", "4")
    )
    assert not has_ended(mine)

    def denied(pid: int, _: int) -> None:
        raise PermissionError(pid)

    monkeypatch.setattr(local_process.os, "kill", denied)
    assert not has_ended(mine)


@pytest.mark.parametrize("missing", ["self", "sys/kernel/random/boot_id"])
def test_a_process_is_unknown_if_the_system_does_not_identify_it(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = changed(holder_of("run"), process=str(FREE))
    proc = tmp_path / "proc"
    (proc / "sys/kernel/random").mkdir(parents=True)
    (proc / "sys/kernel/random/boot_id").write_text("b\n")
    (proc / str(os.getpid()) / "ns").mkdir(parents=True)
    (proc / "self").symlink_to(str(os.getpid()))
    (proc / "self/ns/pid").symlink_to("pid:[4]")
    (proc / missing).unlink()
    monkeypatch.setattr(local_process, "_PROC", proc)
    assert re.fullmatch(r"run \(process \d+ on [^()]+\)", holder_of("run"))
    assert not has_ended(dead)


def test_proc_of_another_namespace_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "self").symlink_to("1")
    monkeypatch.setattr(local_process, "_PROC", tmp_path)
    assert local_process._PidNamespace.here() is None


@pytest.mark.faults
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare(1)")
def test_a_running_process_of_another_pid_namespace_of_this_host() -> None:
    """Two containers with the same host name: process 1 of one is not process 1 of the other."""
    inside = ["unshare", "--user", "--map-root-user", "--pid", "--mount-proc", "--fork", "--kill-child"]
    command = [*inside, sys.executable, "-c", f"{ANOTHER}; input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        holder = child.stdout.readline().strip()
        if not holder:
            pytest.skip(f"no PID namespace can be made here: {child.communicate()[1]}")
        try:
            assert "(process 1 of" in holder
            assert not has_ended(holder)
            assert not has_ended(changed(holder, process=str(FREE))), "no such process here, either"
        finally:
            child.communicate("\n", timeout=30)
