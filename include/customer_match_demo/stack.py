"""A complete installation on this machine: the simulator of Microsoft Advertising, and Airflow.

Everything listens on ports of 127.0.0.1 and uses one folder. The settings are those of `airflow.env`, plus those that
depend on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from customer_match.data_privacy import current_text_id
from customer_match.project import IMPORT_PATH, PROJECT
from customer_match_demo.airflow_api import AirflowApi, is_healthy
from customer_match_demo.processes import Program, free_port, stop_all

__all__ = [
    "ACCOUNT_CONNECTION",
    "AIRFLOW_PROGRAMS",
    "Stack",
    "account_connection",
    "airflow_environment",
    "shared_settings",
]

ACCOUNT_CONNECTION = "microsoft_advertising_default"
AIRFLOW_PROGRAMS: Mapping[str, Sequence[str]] = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
"""Airflow's programs and their commands. Two of them would serve their logs on all interfaces (3.3 has no setting)."""

_START_SECONDS = 300  # a busy machine takes minutes


def shared_settings() -> dict[str, str]:
    """Return the settings of `airflow.env`."""
    lines = (PROJECT / "airflow.env").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}


@dataclass
class Stack:
    """A running installation; a context manager that stops everything it started.

    Args:
        folder: Folder for all its files.
        settings: Further environment variables for Airflow, such as connections.
        more_settings: Further variables that depend on the simulator's account.
        python: The Python of the environment where Airflow is installed.
        airflow_port: Preferred port of Airflow's pages; if it is in use, or 0, a free one is chosen.
        simulator_port: The same for the simulator.
        connection_in_environment: Whether Airflow gets the connection to the simulator from its environment.
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    more_settings: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    python: Path = Path(sys.executable)
    airflow_port: int = 0
    simulator_port: int = 0
    connection_in_environment: bool = True
    programs: list[Program] = field(default_factory=list, init=False)
    account: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    airflow_url: str = field(default="", init=False)
    password: str = field(default="", init=False, repr=False)

    def __enter__(self) -> Self:
        with ExitStack() as cleaning:
            cleaning.callback(self.stop)
            self._start()
            cleaning.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all programs."""
        stop_all(self.programs)
        self.programs.clear()

    def api(self) -> AirflowApi:
        """Return a client for Airflow's REST API, signed in."""
        return AirflowApi(self.airflow_url, self.password)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every Airflow process, and of commands that inspect this installation."""
        connection = {
            f"AIRFLOW_CONN_{ACCOUNT_CONNECTION.upper()}": json.dumps(account_connection(self.account))
        }
        return {
            **airflow_environment(self.folder / "airflow", self.python),
            **(connection if self.connection_in_environment else {}),
            **self.settings,
            **(self.more_settings(self.account) if self.more_settings else {}),
        }

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._start_simulator()
        self._start_airflow()

    def _start_simulator(self) -> None:
        data, port = self.folder / "simulator", free_port(self.simulator_port)
        command = [
            sys.executable,
            "-m",
            "microsoft_advertising_simulator",
            "--port",
            str(port),
            "--data",
            str(data),
        ]
        self.account = _read_account(self._start_program("simulator", command, _inherited_environment()))

    def _start_airflow(self) -> None:
        port, log_port = free_port(self.airflow_port), str(free_port())
        self.airflow_url = f"http://127.0.0.1:{port}"
        env = {
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "customer_match_demo.loopback.host",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": log_port,
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": log_port,
            **self.environment,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
        }
        airflow = str(self.python.with_name("airflow"))
        self._migrate(airflow, env)
        for name, command in AIRFLOW_PROGRAMS.items():
            self._start_program(name, [airflow, *command], env)
        self._start_program("log-server", _log_server(self.python, log_port), env)
        self._wait_for_airflow()
        passwords = self.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        self.password = json.loads(passwords.read_text())["admin"]

    def _migrate(self, airflow: str, env: Mapping[str, str]) -> None:
        """Create or update the metadata database; also writes Airflow's file of settings, with its keys."""
        done = subprocess.run(
            [airflow, "db", "migrate"],
            env=dict(env),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last_lines = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
            raise RuntimeError(f"Airflow's database could not be created:\n{last_lines}")

    def _start_program(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Program:
        log = self.folder / "logs" / f"{name}.log"
        log.unlink(missing_ok=True)
        self.programs.append(Program.start(name, command, log=log, env=env, cwd=PROJECT))
        return self.programs[-1]

    def _wait_for_airflow(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not is_healthy(self.airflow_url):
            ended = next((program for program in self.programs if not program.running), None)
            if ended or time.monotonic() > deadline:
                program = ended or self.programs[1]
                raise RuntimeError(f"Airflow did not start; the end of {program.log}:\n{program.tail()}")
            time.sleep(0.5)


def airflow_environment(home: Path, python: Path = Path(sys.executable)) -> dict[str, str]:
    """Return the environment of an Airflow on this machine: SQLite, LocalExecutor, 127.0.0.1.

    Args:
        home: Its folder.
        python: The Python of the environment where it is installed.
    """
    return {
        **_inherited_environment(),
        **shared_settings(),
        "PYTHONPATH": IMPORT_PATH,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1,localhost",
        "AIRFLOW_HOME": str(home),
        # Programs wait for each other's changes: `airflow backfill` that gives up after the usual 5 seconds deletes its
        # runs again, and the scheduler ends if it has begun with one of them (observed: Airflow 3.3.2).
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=20",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",  # on a busy machine, answers take their time
    }


def account_connection(account: Mapping[str, str]) -> dict[str, Any]:
    """Return the Airflow connection for an account of the simulator, as the simulator prints it."""
    extra = {key: account[key] for key in ("refresh_token", "developer_token", "customer_id", "account_id")}
    return {
        "conn_type": "microsoft_advertising",
        "login": account["client_id"],
        "password": account["client_secret"],
        "extra": {
            **extra,
            "environment": "other",
            "base_url": account["base_url"],
            # The simulator's people are made up, so that the demo may agree for them.
            "privacy_agreed_by": "The demo",
            "privacy_agreed_on": "2026-01-01",
            "privacy_text": current_text_id(),
        },
    }


def _log_server(python: Path, port: str) -> list[str]:
    """Return the command of the server from which the API server reads logs of running tasks and triggers."""
    app = ["--factory", "airflow.utils.serve_logs.log_server:get_app"]
    return [str(python), "-m", "uvicorn", *app, "--host", "127.0.0.1", "--port", port, "--no-access-log"]


def _inherited_environment() -> dict[str, str]:
    """Return our own environment without settings of another Airflow."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}


def _read_account(program: Program) -> dict[str, str]:
    """Read the simulator's account, which it prints when it is ready."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        for line in program.log.read_text().splitlines():
            if line.startswith("{") and line.endswith("}"):
                return {key: str(value) for key, value in json.loads(line).items()}
        if not program.running:
            break
        time.sleep(0.1)
    raise RuntimeError(f"The simulator did not start; the end of {program.log}:\n{program.tail()}")
