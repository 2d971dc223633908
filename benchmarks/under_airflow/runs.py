"""Exports under a real Airflow, measured from outside: its REST API, its processes, the simulator's audiences.

Nothing here knows how the DAG arranges its tasks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from benchmarks.under_airflow.process_tree import PeakMemory, adopt_orphans, cpu_seconds
from benchmarks.under_airflow.times import TaskTimes, task_times, time_of
from customer_match.project import PROJECT
from customer_match_demo.expected import expected
from customer_match_demo.show import audience_members
from customer_match_demo.stack import Stack
from customer_match_demo.tables import DemoTable, write_tables

__all__ = ["AirflowRuns", "Run"]

_ACCOUNT = {"cid": 190000001, "aid": 180000001}  # the simulator's
_LOOK_SECONDS = (
    1.0  # between two questions whether a run has ended; each costs the API server some milliseconds
)
_RUN_SECONDS = 3600.0
_PAGE = 100


@dataclass(frozen=True)
class Run:
    """One run of an export.

    Attributes:
        seconds: From the trigger (of a command: its start) to the end of the run.
        ledger_seconds: From the same time until the last ledger was committed.
        cpu_seconds: Of all processes of Airflow (of a command: its own), from the trigger to the end.
        peak_rss_mb: Of the same processes; what several share is counted once.
        simulator_cpu_seconds: Of the simulator, in the same time.
        work_seconds: What the run's report says that its steps worked, without starts and waits; of segments at
            the same time, the sum.
        tasks: Times of the DAG's tasks.
    """

    seconds: float
    ledger_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    simulator_cpu_seconds: float
    work_seconds: float
    tasks: Sequence[TaskTimes] = ()


class AirflowRuns:
    """A running Airflow with its exports; made by `AirflowRuns.open`.

    Args:
        folder: Folder of the lake, the exports and their workspaces.
        stack: The running installation.
        exports: The tables of each export, by its name.
    """

    def __init__(self, folder: Path, stack: Stack, exports: Mapping[str, Sequence[DemoTable]]) -> None:
        self._folder = folder
        self._stack = stack
        self._exports = exports
        self._api = stack.api()
        names = {table.table for tables in exports.values() for table in tables}
        self._members = {name: expected(str(folder / "lake" / name)).members for name in names}

    @classmethod
    @contextmanager
    def open(cls, exports: Mapping[str, Sequence[DemoTable]]) -> Iterator[AirflowRuns]:
        """Start the simulator and an Airflow (LocalExecutor, SQLite) with exports as its DAGs.

        Args:
            exports: The tables of each export, by its name; each makes audiences of its own.
        """
        adopt_orphans()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            tables = {table.table: table for tables in exports.values() for table in tables}
            write_tables(str(folder / "lake"), list(tables.values()))
            for name, of_export in exports.items():
                _write_export(folder, name, of_export)
            settings = {"CUSTOMER_MATCH_EXPORTS": str(folder / "exports")}
            with Stack(folder / "stack", settings=settings) as stack:
                yield cls(folder, stack, exports)

    def idle_cpu(self, seconds: float) -> float:
        """Return the CPU seconds that Airflow uses in a second while no run is going on."""
        began = self._airflow_cpu()
        time.sleep(seconds)
        return (self._airflow_cpu() - began) / seconds

    def dag(self, name: str) -> Run:
        """Trigger an export's DAG, wait for its end, and check its audiences.

        Raises:
            RuntimeError: The run failed, or an audience is not exact.
        """
        self._api.wait_for_dag(name)
        with PeakMemory(without=self._simulator) as memory:
            cpu, simulator, triggered = self._airflow_cpu(), self._simulator_cpu(), time.time()
            run_id = self._api.trigger(name)
            ended = self._wait(name, run_id)
            cpu, simulator = self._airflow_cpu() - cpu, self._simulator_cpu() - simulator
        run = Run(
            seconds=ended - triggered,
            ledger_seconds=self._committed(name) - triggered,
            cpu_seconds=cpu,
            peak_rss_mb=memory.mb,
            simulator_cpu_seconds=simulator,
            work_seconds=self._worked(name),
            tasks=task_times(
                self._api.instances(name, run_id), list(self._events(name, run_id)), triggered=triggered
            ),
        )
        self._check(name)
        return run

    def command(self, name: str) -> Run:
        """Run an export with `customer-match run` in a process of its own, and check its audiences.

        Raises:
            RuntimeError: The run failed, or an audience is not exact.
        """
        command = [str(Path(sys.executable).with_name("customer-match")), "run", name, "--json"]
        simulator, began = self._simulator_cpu(), time.time()
        with (self._folder / f"{name}.log").open("w+") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._stack.environment, cwd=PROJECT
            )
            others = {program.pid for program in self._stack.programs}
            with PeakMemory(without=others, seconds=0.5) as memory:
                _, status, usage = os.wait4(process.pid, 0)
            seconds = time.time() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                log.seek(0)
                raise RuntimeError(f"`customer-match run {name}` failed:\n{log.read()[-2000:]}")
        run = Run(
            seconds=seconds,
            ledger_seconds=self._committed(name) - began,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_rss_mb=memory.mb,
            simulator_cpu_seconds=self._simulator_cpu() - simulator,
            work_seconds=self._worked(name),
        )
        self._check(name)
        return run

    @property
    def _simulator(self) -> set[int]:
        return {program.pid for program in self._stack.programs if program.name == "simulator"}

    def _airflow_cpu(self) -> float:
        return cpu_seconds(without=self._simulator)

    def _simulator_cpu(self) -> float:
        return cpu_seconds(without={p.pid for p in self._stack.programs} - self._simulator)

    def _wait(self, name: str, run_id: str) -> float:
        """Wait for the end of a run; return the time of it, as Airflow keeps it."""
        deadline = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < deadline:
            run = self._api.get(f"/dags/{name}/dagRuns/{run_id}")
            if run["state"] == "success":
                return time_of(run["end_date"])
            if run["state"] == "failed":
                states = self._api.task_states(name, run_id)
                raise RuntimeError(f"the run of {name} failed: {states}")
            time.sleep(_LOOK_SECONDS)
        raise TimeoutError(f"the run of {name} did not end in {_RUN_SECONDS:.0f} s")

    def _events(self, name: str, run_id: str) -> Iterator[Mapping[str, Any]]:
        seen = 0
        while True:
            answer = self._api.get(
                "/eventLogs", dag_id=name, run_id=run_id, limit=_PAGE, offset=seen, order_by="id"
            )
            yield from answer["event_logs"]
            seen += len(answer["event_logs"])
            if seen >= answer["total_entries"] or not answer["event_logs"]:
                return

    def _committed(self, name: str) -> float:
        """When the last state of a ledger was written."""
        states = (self._folder / "workspaces" / name).glob("ledgers/**/states/*")
        return max(path.stat().st_mtime for path in states)

    def _worked(self, name: str) -> float:
        """Seconds in the only report of an export."""
        [path] = (self._folder / "workspaces" / name).glob("runs/*/*/report.json")
        segments = json.loads(path.read_text(encoding="utf-8"))["segments"]
        return float(sum(segment["seconds"] for segment in segments))

    def _check(self, name: str) -> None:
        """Compare all audiences of an export with the definition, hash by hash."""
        url = self._stack.account["base_url"]
        answer = httpx.get(f"{url}/simulator/audiences", timeout=60, trust_env=False).raise_for_status()
        audiences = {audience["name"]: audience["id"] for audience in answer.json()}
        wrong = [
            table.table
            for table in self._exports[name]
            if list(audience_members(url, audiences[_audience(name, table.table)]))
            != self._members[table.table]
        ]
        if wrong:
            raise RuntimeError(f"not exact after {name}: {', '.join(wrong)}")


def _audience(export: str, table: str) -> str:
    return f"{export} {table}"


def _write_export(folder: Path, name: str, tables: Sequence[DemoTable]) -> None:
    """Write an export of all tables to audiences of its own."""
    values = {
        **_ACCOUNT,
        "source": {"root": str(folder / "lake")},
        "segments": [{"table": table.table, "audience": _audience(name, table.table)} for table in tables],
        "email": "Email",
        "workspace": str(folder / "workspaces" / name),
    }
    exports = folder / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    (exports / f"{name}.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
