"""An Airflow whose programs run separately, so that each can be killed and restarted."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

from customer_match.project import PROJECT
from customer_match_demo.airflow_api import AirflowApi, is_healthy
from customer_match_demo.processes import Program, free_port
from customer_match_demo.stack import AIRFLOW_PROGRAMS, airflow_environment
from tests.faults.clock import CLOCK
from tests.faults.points import FOLDER

__all__ = ["PARTS", "AirflowParts"]

PARTS = tuple(AIRFLOW_PROGRAMS)
_START_SECONDS = 600
_QUICKLY_FOUND = {
    # Seconds without heartbeat until a job counts as dead. With much less, a busy machine's scheduler considers itself
    # dead and restarts its own tasks (observed with 20).
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__CORE__PARALLELISM": "12",  # more than the tasks held at the same time
}
_AIRFLOW = str(Path(sys.executable).with_name("airflow"))


@dataclass
class AirflowParts:
    """The four programs of an Airflow with SQLite and the LocalExecutor, on 127.0.0.1.

    Attributes:
        folder: Folder for all its files.
        exports: The folder of export files that it reads.
        holds: The folder of orders that hold tasks (see `points.py`).
        clock: The file with the shift of their clock (see `clock.py`).
        running: The programs by name.
    """

    folder: Path
    exports: Path
    holds: Path = field(init=False)
    clock: Path = field(init=False)
    running: dict[str, Program] = field(default_factory=dict, init=False)
    api: AirflowApi = field(init=False)

    def __post_init__(self) -> None:
        self.holds = self.folder / "holds"
        self.holds.mkdir(parents=True)
        self.clock = self.holds / "clock"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._secrets = {  # the same in all programs, also after a restart
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        }

    def start(self) -> None:
        """Migrate the database and start all programs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [_AIRFLOW, "db", "migrate"], env=self.environment, check=True, capture_output=True, cwd=PROJECT
        )
        for part in PARTS:
            self.start_part(part)
        self.wait_until_healthy()
        self.api = AirflowApi(self.url, self._password())

    def stop(self) -> None:
        """Stop all programs, the last one started first."""
        for part in reversed(list(self.running)):
            self.kill_part(part)

    def start_part(self, part: str) -> None:
        """Start one program."""
        log = self.folder / "logs" / f"{part}.log"
        command = [_AIRFLOW, *AIRFLOW_PROGRAMS[part]]
        self.running[part] = Program.start(part, command, log=log, env=self.environment, cwd=PROJECT)

    def kill_part(self, part: str) -> None:
        """kill -9 the program and its child processes, as if its machine died."""
        self.running.pop(part).kill()

    def wait_until_healthy(self) -> None:
        """Wait until all parts report that they are healthy.

        Raises:
            TimeoutError: They are not healthy in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not is_healthy(self.url):
            if time.monotonic() > deadline:
                tails = "\n".join(f"{name}: {program.tail(5)}" for name, program in self.running.items())
                raise TimeoutError(f"Airflow is not well:\n{tails}")
            time.sleep(0.5)

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float) -> str:
        """Wait for the end of a run, also while the api-server is down; return its state.

        Raises:
            TimeoutError: The run takes longer.
        """
        deadline = time.monotonic() + seconds
        state = "unknown"
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                state = self.api.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state in {"success", "failed"}:
                return state
            time.sleep(2)
        raise TimeoutError(f"{dag_id} {run_id} still is {state}: {self.api.task_states(dag_id, run_id)}")

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of every program."""
        usual = airflow_environment(self.folder / "airflow")
        return {
            **usual,
            **_QUICKLY_FOUND,
            "PYTHONPATH": f"{PROJECT / 'tests/faults/inside'}{os.pathsep}{usual['PYTHONPATH']}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "patient_database.CONNECT",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "patient_database.CONNECT",
            FOLDER: str(self.holds),
            CLOCK: str(self.clock),
            "CUSTOMER_MATCH_EXPORTS": str(self.exports),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            **self._secrets,
        }

    def _password(self) -> str:
        path = self.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        return str(json.loads(path.read_text())["admin"])
