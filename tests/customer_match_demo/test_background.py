"""`make up` and `make down`: what they start, stop and say."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from customer_match_demo import background
from customer_match_demo.background import down, up
from customer_match_demo.processes import Program, free_port, stop_all
from customer_match_demo.stack import Stack
from tests.customer_match_demo.test_stack import ACCOUNT, start


class Started:
    """A stack of idle programs; no tables are written, and no Airflow is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[Program] = []
        self.saved: list[str] = []
        self.is_ours = True
        (folder / "lake").mkdir()
        (folder / "airflow").mkdir()
        passwords = folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        passwords.write_text('{"admin": "the-password"}')

    def start(self, stack: Stack) -> None:
        stack.account = ACCOUNT | {"base_url": f"http://127.0.0.1:{free_port(stack.simulator_port)}"}
        stack.airflow_url = f"http://127.0.0.1:{free_port(stack.airflow_port)}"
        for name in ("simulator", "scheduler"):
            code = "import time; time.sleep(60)"
            program = replace(start(self.folder, code, f"{name}{len(self.programs)}"), name=name)
            stack.programs.append(program)
            self.programs.append(program)

    @property
    def running(self) -> list[bool]:
        return [program.running for program in self.programs]


class NoApi:
    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    fake = Started(tmp_path)

    def starts(stack: Stack) -> None:
        fake.start(stack)

    def saves(_: object, account: dict[str, str]) -> bool:
        fake.saved.append(account["base_url"])
        return fake.is_ours

    monkeypatch.setattr(Stack, "_start", starts)
    monkeypatch.setattr(Stack, "api", lambda _: NoApi())
    monkeypatch.setattr(background, "save_connection", saves)
    ports = free_port(), free_port()
    monkeypatch.setattr(background, "AIRFLOW_PORT", ports[0])
    monkeypatch.setattr(background, "SIMULATOR_PORT", ports[1])
    yield fake
    stop_all(fake.programs)


Read = pytest.CaptureFixture[str]


def test_up_leaves_it_running_and_down_says_what_it_stopped(started: Started, capsys: Read) -> None:
    up(started.folder)
    assert started.running == [True, True]
    told = capsys.readouterr().out
    airflow = f"http://127.0.0.1:{background.AIRFLOW_PORT}"
    simulator = f"http://127.0.0.1:{background.SIMULATOR_PORT}"
    assert f"Airflow:    {airflow} (user admin, password the-password)" in told
    assert f"Simulator:  {simulator}" in told
    assert "Admin > Connections" in told
    assert started.saved == [simulator]
    assert "-secret" not in told + (started.folder / "stack.json").read_text()
    down(started.folder)
    assert started.running == [False, False]
    assert capsys.readouterr().out == f"Stopped Airflow ({airflow}) and the simulator ({simulator}).\n"
    down(started.folder)
    assert capsys.readouterr().out == "Nothing that `make up` started is running.\n"


def test_a_second_up_says_that_it_runs_and_where(started: Started, capsys: Read) -> None:
    up(started.folder)
    first = capsys.readouterr().out
    up(started.folder)
    second = capsys.readouterr().out
    assert started.running == [True, True]
    assert second.startswith("Already running.\nAirflow:    http://127.0.0.1:")
    assert second.splitlines()[1:] == first.splitlines()[-4:]


def test_the_ports_are_the_same_each_time(started: Started, capsys: Read) -> None:
    urls = []
    for _ in range(2):
        up(started.folder)
        urls.append(re.findall(r"http://\S+", capsys.readouterr().out))
        down(started.folder)
        capsys.readouterr()
    assert urls[0] == urls[1]


def test_a_port_that_is_taken_is_told(started: Started, capsys: Read) -> None:
    with socket.create_server(("127.0.0.1", background.AIRFLOW_PORT)):
        up(started.folder)
    told = capsys.readouterr().out
    assert f"Port {background.AIRFLOW_PORT} is in use by another program, so Airflow has another one." in told
    assert f":{background.AIRFLOW_PORT} " not in told.replace("Port", "")
    assert "so the simulator" not in told


def test_what_ended_by_itself_is_told_and_started_again(started: Started, capsys: Read) -> None:
    up(started.folder)
    started.programs[1].stop()
    capsys.readouterr()
    up(started.folder)
    assert "No longer running: scheduler. Everything is started again." in capsys.readouterr().out
    assert started.running == [False, False, True, True]


def test_a_connection_that_a_user_changed_is_told(started: Started, capsys: Read) -> None:
    started.is_ours = False
    up(started.folder)
    assert "does not lead to the simulator" in capsys.readouterr().out


def test_down_does_not_stop_another_program_with_a_reused_pid(started: Started) -> None:
    """After a restart of the machine, a recorded pid may belong to another program."""
    stranger = start(started.folder, "import time; time.sleep(60)", "stranger")
    up(started.folder)
    state = started.folder / "stack.json"
    recorded = json.loads(state.read_text())
    for one in recorded["programs"]:
        one |= {"pid": stranger.pid, "started": one["started"] - 3600}
    state.write_text(json.dumps(recorded))
    down(started.folder)
    try:
        assert stranger.running
    finally:
        stranger.stop()
