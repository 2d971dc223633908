"""One cluster for all tests here, with Azure storage (Azurite) and the simulator; and its figures at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import psutil
import psycopg2
import pytest
import yaml

from customer_match.project import PROJECT
from customer_match.runs.report import RunReport
from customer_match.safe_names import slug
from customer_match_demo.airflow_api import AirflowApi
from customer_match_demo.expected import Expected, expected
from customer_match_demo.lakes import DEMO_EXPORT, DemoLake
from customer_match_demo.show import audience_members, differences
from customer_match_demo.stack import ACCOUNT_CONNECTION, account_connection
from customer_match_demo.tables import DemoTable
from customer_match_sample_lake.people import Profiles
from tests.cluster.cluster import Cluster
from tests.cluster.usage import RunFigures, cpu_seconds, descendants, memory, save, table
from tests.microsoft_advertising_simulator.api import Simulator

SEGMENTS = 6
PROFILES = 300_000  # of each segment: more than half a minute of work for one worker
FIGURES = pytest.StashKey[tuple[list[RunFigures], dict[str, float]]]()
RUN_SECONDS = 900
ROUNDS = int(os.environ.get("ROUNDS") or 1)  # how often the runs for the figures are repeated


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    figures, idle = config.stash.get(FIGURES, ([], {}))
    if figures:
        terminalreporter.section("one worker and two workers")
        terminalreporter.write_line(table(figures, idle))
        save(PROJECT / ".cluster" / "figures.json", figures, idle)


@dataclass
class Installation:
    """The cluster and what it works with.

    Attributes:
        cluster: Airflow.
        lake: The storage of tables and workspace.
        simulator: The service.
        names: Export names that were made.
        wanted: Expected members by table.
    """

    cluster: Cluster
    api: AirflowApi
    lake: DemoLake
    simulator: Simulator
    azurite: int
    pool: ProcessPoolExecutor
    tables: Sequence[DemoTable] = ()
    wanted: Mapping[str, Future[Expected]] = field(default_factory=dict)

    def write(self, tables: Sequence[DemoTable]) -> None:
        """Write the tables, and begin to compute what their audiences must hold."""
        self.tables = tables
        self.lake.write(tables)
        self.wanted = {
            one.table: self.pool.submit(expected, self.lake.path(one), filesystem=self.lake.filesystem)
            for one in tables
        }

    def trigger(self, name: str) -> str:
        """Trigger a run of an export; return its id."""
        return self.api.trigger(name)

    def wait(self, name: str, run_id: str) -> str:
        """Wait for a run; return its state."""
        return self.api.wait_for_run(name, run_id, seconds=RUN_SECONDS)

    def measure(self, name: str, workers: int) -> RunFigures:
        """Run an export and return what it took.

        Raises:
            RuntimeError: The run failed.
        """
        cpu, database, workspace = self.cpu_seconds(), self._database_mb(), self._workspace_mb()
        connections: list[int] = []
        run_id = self.trigger(name)
        with self._database() as cursor:
            state = self.api.wait_for_run(
                name, run_id, seconds=RUN_SECONDS, progress=lambda _: connections.append(_connections(cursor))
            )
        if state != "success":
            raise RuntimeError(f"{name} {state}: {self.api.task_states(name, run_id)}")
        if faults := self.faults(name, run_id):
            raise RuntimeError(f"{name} is not exact: {faults}")
        used = {part: after - cpu[part] for part, after in self.cpu_seconds().items()}
        growth = (self._database_mb() - database, self._workspace_mb() - workspace)
        return RunFigures(workers, self.seconds(name, run_id), used, max(connections), *growth)

    @contextmanager
    def _database(self) -> Iterator[Any]:
        with closing(psycopg2.connect(f"postgresql://{self.cluster.database.address}")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def _database_mb(self) -> float:
        with self._database() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return float(cursor.fetchone()[0]) / 1e6

    def _workspace_mb(self) -> float:
        self.lake.filesystem.invalidate_cache()
        if not self.lake.filesystem.exists(self.lake.workspace):
            return 0.0
        return float(self.lake.filesystem.du(self.lake.workspace)) / 1e6

    def seconds(self, name: str, run_id: str) -> float:
        """Return how long a run took, from the moment that it was triggered."""
        run = self.api.get(f"/dags/{name}/dagRuns/{run_id}")
        ended, queued = (datetime.fromisoformat(run[key]) for key in ("end_date", "queued_at"))
        return (ended - queued).total_seconds()

    def faults(self, name: str, run_id: str) -> list[str]:
        """Compare the audiences of a run with the expected members, hash by hash; return what is wrong."""
        path = f"runs/{slug(name)}/{slug(run_id)}/report.json"
        report = RunReport.model_validate_json(self.lake.read(path)).model_dump(mode="json")
        reports = {segment["segment"]: segment for segment in report["segments"]}
        answer = httpx.get(f"{self.simulator.ready['base_url']}/simulator/audiences", trust_env=False)
        ids = {audience["name"]: audience["id"] for audience in answer.raise_for_status().json()}
        found = []
        for one, wanted in self.wanted.items():
            members = list(audience_members(self.simulator.ready["base_url"], ids[f"{name} {one}"]))
            found += [f"{one}: {fault}" for fault in differences(reports[one], wanted.result(), members)]
        return found

    def programs(self) -> dict[str, list[psutil.Process]]:
        """Return the processes of every program; the workers are one of them."""
        airflow = {name: program.processes() for name, program in self.cluster.programs.items()}
        return {
            "workers": [one for worker in self.cluster.workers.values() for one in worker.processes()],
            **airflow,
            "PostgreSQL": self.cluster.database.program.processes(),
            "Redis": self.cluster.queue.program.processes(),
            "Azurite": descendants(self.azurite),
            "simulator": descendants(self.simulator.process.pid),
        }

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time so far, by program."""
        return {name: cpu_seconds(processes) for name, processes in self.programs().items()}

    def memory(self) -> dict[str, float]:
        """Return the memory in MB, by program."""
        return {name: memory(processes) for name, processes in self.programs().items()}


def _connections(cursor: Any) -> int:
    cursor.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")
    return int(cursor.fetchone()[0])


def segment_tables() -> tuple[DemoTable, ...]:
    """Segments of one size that overlap by half."""
    return tuple(
        DemoTable(f"Segment{number}", Profiles.first(PROFILES, start=number * PROFILES // 2), files=2)
        for number in range(SEGMENTS)
    )


def export_names() -> list[str]:
    """An export for each run that starts with new audiences, so that all of them do the same."""
    return [
        *(f"{workers}-{number}" for number in range(ROUNDS) for workers in ("one", "two")),
        "killed-normalise",
        "killed-upload",
    ]


def _write_exports(lake: DemoLake, names: Sequence[str]) -> None:
    """Write one export file for each name, after the demo's, which is removed."""
    demo = lake.exports / DEMO_EXPORT.name
    values = yaml.safe_load(demo.read_text(encoding="utf-8"))
    for name in names:
        segments = [{"table": one.table, "audience": f"{name} {one.table}"} for one in segment_tables()]
        changes = {"name": name, "title": name, "segments": segments, "retry_delay_seconds": 5}
        (lake.exports / f"{name}.yaml").write_text(yaml.safe_dump(values | changes), encoding="utf-8")
    demo.unlink()


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("cluster")
    with DemoLake.open("azurite", folder) as lake, ProcessPoolExecutor(1) as pool:
        [emulator] = [one for one in psutil.Process().children() if "azurite" in " ".join(one.cmdline())]
        _write_exports(lake, export_names())
        simulator = Simulator(folder / "simulator")
        try:
            connection = json.dumps(account_connection(simulator.ready))
            settings = {**lake.settings, f"AIRFLOW_CONN_{ACCOUNT_CONNECTION.upper()}": connection}
            with Cluster.running(folder, settings) as cluster:
                api = cluster.api()
                made = Installation(cluster, api, lake, simulator, emulator.pid, pool)
                made.write(segment_tables())
                for name in export_names():
                    api.wait_for_dag(name)
                yield made
                api.close()
        finally:
            simulator.end()
