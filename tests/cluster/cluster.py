"""Airflow with CeleryExecutor, PostgreSQL, Redis and any number of workers, as separate programs on 127.0.0.1."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet

from customer_match.project import PROJECT
from customer_match_demo.airflow_api import AirflowApi, is_healthy
from customer_match_demo.processes import Program, free_port
from customer_match_demo.stack import airflow_environment
from tests.cluster.servers import Server, postgresql, redis_server

__all__ = ["CONCURRENCY", "Cluster"]

CONCURRENCY = 2
"""Number of tasks that a worker runs at a time."""

_START_SECONDS = 300
_AIRFLOW = str(Path(sys.executable).with_name("airflow"))
_PROGRAMS = {  # without the log servers of workers and triggerer, which have fixed ports on all interfaces
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_DEAD_WORKERS_ARE_FOUND_SOON = {
    # A task of a dead worker is found and retried after so many seconds (airflow.env: 60).
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    # So is a task that a worker had taken from the queue, but not started (600 and 120).
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    # Longer than any task here: Redis delivers a message again that is not acknowledged in time (86,400).
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "600",
}


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        folder: Folder for logs and AIRFLOW_HOME.
        url: URL of the api-server.
        settings: Environment variables that this cluster adds, such as connections.
        database: PostgreSQL.
        queue: Redis.
        programs: Airflow's programs by name, without the workers.
        workers: The running workers by name.
    """

    folder: Path
    settings: Mapping[str, str] = field(repr=False)
    database: Server
    queue: Server
    programs: dict[str, Program] = field(default_factory=dict, init=False)
    workers: dict[str, Program] = field(default_factory=dict, init=False)
    _started: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._secrets = {
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        }

    @classmethod
    @contextmanager
    def running(cls, folder: Path, settings: Mapping[str, str]) -> Iterator[Self]:
        """Run a cluster without workers while the context is open; everything is ended afterwards.

        Args:
            folder: Folder for logs and AIRFLOW_HOME.
            settings: Further environment variables for Airflow.

        Raises:
            RuntimeError: A program did not start.
        """
        with ExitStack() as cleaning:
            database = cleaning.enter_context(postgresql())
            queue = cleaning.enter_context(redis_server())
            cluster = cls(folder, settings, database, queue)
            cleaning.callback(cluster._stop)
            cluster._start()
            yield cluster

    def api(self) -> AirflowApi:
        """Return a client for Airflow's REST API, signed in."""
        passwords = self.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        return AirflowApi(self.url, json.loads(passwords.read_text())["admin"])

    def scale(self, count: int) -> None:
        """Start or stop workers until so many run; the newest ones are stopped first."""
        while len(self.workers) > count:
            self.workers.popitem()[1].kill()
        started = [self._start_worker() for _ in range(count - len(self.workers))]
        for worker in started:
            self._wait(worker, lambda worker=worker: " ready." in worker.log.read_text(errors="replace"))

    def worker_of(self, pid: int) -> str | None:
        """Return the name of the worker that has this process; None if it is of no running worker."""
        for name, worker in self.workers.items():
            if pid in {process.pid for process in worker.processes()}:
                return name
        return None

    def kill_worker(self, name: str) -> None:
        """kill -9 a worker and its tasks, as if its machine died."""
        self.workers.pop(name).kill()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every program of Airflow."""
        return {
            **airflow_environment(self.folder / "airflow"),
            **_DEAD_WORKERS_ARE_FOUND_SOON,
            **self._secrets,
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "16",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{self.database.address}",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{self.database.address}",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://{self.queue.address}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(CONCURRENCY),
            "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps(
                {"imports": ["airflow_microsoft_advertising.preloaded"]}
            ),
            **self.settings,
        }

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        migrate = [_AIRFLOW, "db", "migrate"]
        subprocess.run(migrate, env=self.environment, check=True, capture_output=True, cwd=PROJECT)
        for name, arguments in _PROGRAMS.items():
            self.programs[name] = self._program(name, *arguments)
        self._wait(self.programs["api-server"], lambda: is_healthy(self.url))

    def _stop(self) -> None:
        """End all programs of Airflow, the last one started first: their descendants too."""
        for programs in (self.workers, self.programs):
            while programs:
                programs.popitem()[1].kill()

    def _start_worker(self) -> Program:
        """Start a worker; each has a new name, since Celery remembers the dead ones."""
        self._started += 1
        name = f"worker-{self._started}"
        options = ("--celery-hostname", f"{name}@%h", "--pid", str(self.folder / f"{name}.pid"))
        self.workers[name] = self._program(name, "celery", "worker", "--skip-serve-logs", *options)
        return self.workers[name]

    def _program(self, name: str, *arguments: str) -> Program:
        log = self.folder / "logs" / f"{name}.log"
        return Program.start(name, [_AIRFLOW, *arguments], log=log, env=self.environment, cwd=PROJECT)

    def _wait(self, program: Program, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if not program.running or time.monotonic() > deadline:
                raise RuntimeError(f"{program.name} did not start. The end of its log:\n{program.tail()}")
            time.sleep(0.5)
