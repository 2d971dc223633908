"""The environment of one row of the fault matrix: a service, a lake, an export of some segments, and a reference."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import httpx
import psutil
import yaml

from customer_match.ledger.parts import Progress
from customer_match.ledger.state import State
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.routes import Route
from customer_match.runs.folders import staged_folder
from customer_match.runs.report import Outcome, RunReport
from customer_match.safe_names import slug
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.calls import calls_of
from customer_match_demo.expected import expected
from customer_match_demo.stack import account_connection
from customer_match_demo.tables import DemoTable, Format, write_table
from customer_match_sample_lake.people import Profiles
from tests.faults import clock
from tests.faults.airflow_parts import AirflowParts
from tests.faults.points import order
from tests.faults.rendezvous import Rendezvous
from tests.microsoft_advertising_simulator.api import Simulator

__all__ = ["CUSTOMER", "SEGMENTS", "BatchWorld", "FaultNotInjected", "Sent", "World"]

SEGMENTS = ("Alpha", "Beta", "Gamma", "Delta")
_PROFILES = 1_500
_PART = 800
_NO_CALLS = {
    "ProcessUpload",
    "ProcessDownload",
    "JudgeItems",
}  # internal work of the service, which is not in its log
_PATIENCE = 600.0  # seconds that a run may take, including retries and heartbeats
CUSTOMER, _AID = "190000001", "180000001"


class FaultNotInjected(AssertionError):
    """The fault was not injected at the intended moment, so the row proves nothing."""


@dataclass(frozen=True)
class Sent:
    """Requests that changed members.

    Attributes:
        uploads: Bulk files that the service accepted.
        calls: Calls that it answered.
        confirmed: How many of both the confirmed parts needed.
    """

    uploads: int
    calls: int
    confirmed: int


@dataclass
class World:
    """One export against one simulator, under the shared Airflow. Each segment has tasks of its own.

    Attributes:
        segments: Names of the tables and audiences.
        segments_per_task: How many of them share a task.
        airflow: The Airflow, shared with other worlds.
        folder: Folder for all files of this world.
        name: Name of the export and its DAG.
        keys: Further keys of the export file.
        rendezvous: Meeting point of the rows that kill the same program; None for rows that kill none.
        deleted_by_hand: Number of lists that a user has deleted.
    """

    segments: ClassVar[tuple[str, ...]] = SEGMENTS
    segments_per_task: ClassVar[int] = 1

    airflow: AirflowParts
    folder: Path
    name: str
    keys: dict[str, Any] = field(default_factory=dict)
    service: Simulator = field(init=False)
    deleted_by_hand: int = 0
    rendezvous: Rendezvous | None = None
    asked: list[str] = field(default_factory=list, init=False)
    has_killed: bool = field(default=False, init=False)
    _order: Path = field(init=False)
    _references: dict[str, str] = field(default_factory=dict, init=False)
    _process: psutil.Process | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the service, write the tables, the connection and the export file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.service = Simulator(self.folder / "service")
        self.write_tables(generation=0)
        connection = account_connection(self.service.ready)
        self.airflow.api.post(
            "/connections",
            {
                "connection_id": self.name,
                "conn_type": connection["conn_type"],
                "login": connection["login"],
                "password": connection["password"],
                "extra": json.dumps(connection["extra"]),
            },
        )
        self._write_export(self.airflow.exports / f"{self.name}.yaml", self.name)

    def stop(self) -> None:
        """Stop the service."""
        for path in self.airflow.exports.glob(f"{self.name}*.yaml"):
            if path.stem in {self.name, f"{self.name}-too"}:
                path.unlink()  # otherwise all tasks would parse it
        self.set_clock_right()
        if hasattr(self, "service"):
            self.service.api.http.close()
            self.service.process.kill()  # it may still wait in a hanging call
            self.service.process.communicate()

    def write_tables(self, generation: int, *, file_format: Format = "parquet") -> None:
        """Write the tables; in each generation a tenth of the profiles leave, and as many join."""
        for segment in self.segments:
            self.write_table(segment, generation, file_format=file_format)

    def write_table(self, segment: str, generation: int, *, file_format: Format = "parquet") -> None:
        """Write one table."""
        start = 10_000 * self.segments.index(segment) + generation * _PROFILES // 10
        table = DemoTable(segment, Profiles.first(_PROFILES, start=start), format=file_format)
        write_table(f"{self.lake}/{segment}", table, self.filesystem)

    def keep_reference(self, segment: str) -> None:
        """Keep the table's current members as the expected ones, even if the table changes."""
        self._references[segment] = f"{self.lake}-references/{segment}"
        self.filesystem.copy(f"{self.lake}/{segment}", self._references[segment], recursive=True)

    def change_export(self, **keys: Any) -> None:
        """Write the export file with other values for some keys; tasks read it again."""
        self.keys = {**self.keys, **keys}
        self._write_export(self.airflow.exports / f"{self.name}.yaml", self.name)

    def another_export(self, name: str) -> None:
        """Write a second export of the same segments to the same audiences."""
        self._write_export(self.airflow.exports / f"{name}.yaml", name)

    def _write_export(self, path: Path, name: str) -> None:
        values = {
            "cid": CUSTOMER,
            "aid": _AID,
            "connection": self.name,
            **self.locations,
            "segments": list(self.segments),
            "email": "Email",
            "profiles_per_part": _PART,
            "route": "bulk",
            "retries": 3,
            "retry_delay_seconds": 1,
            "segments_per_task": self.segments_per_task,
            **self.keys,
        }
        temporary = path.with_suffix(".new")
        temporary.write_text(yaml.safe_dump({"name": name, **values}))
        temporary.rename(path)

    @property
    def workspace_folder(self) -> Path:
        return self.folder / "workspace"

    @property
    def filesystem(self) -> fsspec.AbstractFileSystem:
        """The file system of lake and workspace, without any faults, for the matrix itself."""
        return fsspec.filesystem("file")

    @property
    def lake(self) -> str:
        """Folder of the tables in the file system."""
        return str(self.folder / "lake")

    @property
    def locations(self) -> dict[str, Any]:
        """The locations of lake and workspace, as keys of the export file."""
        return {"source": self.lake, "workspace": str(self.workspace_folder)}

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.filesystem, str(self.workspace_folder))

    # --- Runs ------------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str | None = None, **conf: Any) -> str:
        """Start a run; return its id."""
        self.airflow.api.wait_for_dag(dag_id or self.name)
        return self.airflow.api.trigger(dag_id or self.name, **conf)

    def wait(self, run_id: str, dag_id: str | None = None, *, seconds: float = _PATIENCE) -> str:
        """Wait for the end of a run; return its state."""
        return self.airflow.wait_for_run(dag_id or self.name, run_id, seconds=seconds)

    def trigger_due(self, due: datetime) -> str:
        """Run the export as if it were due at another time; return the run's id."""
        run_id = self.trigger(due=due)
        ended = self.wait(run_id)
        assert ended == "success", ended
        return run_id

    def expect_skips(self, run_id: str) -> None:
        """Check that a run changed no audience, and gives the reason."""
        segments = self.report(run_id).segments
        outcomes = {segment.audience: (segment.outcome, segment.message or "") for segment in segments}
        late = [(o, m) for o, m in outcomes.values() if o is Outcome.SKIPPED and "newer data" in m]
        assert len(late) == len(self.segments), outcomes

    def set_clock_back(self, seconds: float) -> None:
        """Set the clock of tasks and triggers back (see `clock.py`)."""
        clock.set_back(self.airflow.clock, seconds)

    def set_clock_right(self) -> None:
        """Set the clock right again."""
        self.airflow.clock.unlink(missing_ok=True)

    def run(self, **conf: Any) -> str:
        """Run the export; return the run's state."""
        return self.wait(self.trigger(**conf))

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
        """Wait until a condition holds; return its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.05)
        raise TimeoutError(f"{self.name}: {what} did not come")

    # --- Holding a task at a point of its work ---------------------------------------------------------------

    def hold(self, point: str, task_id: str, *, nth: int = 1, segment: str | None = SEGMENTS[0]) -> None:
        """Hold the first process that reaches a point; see `tests/faults/points.py`."""
        index = -1 if segment is None else self.map_index(segment)
        task = {"dag_id": self.name, "task_id": task_id, "map_index": index}
        self._order = order(self.airflow.holds, task, point, nth)

    def map_index(self, segment: str) -> int:
        """Return the index of the mapped tasks that work on a segment."""
        return self.segments.index(segment)

    def held(self) -> psutil.Process:
        """Wait until the task's process is held at its point; return the process."""
        path = self._order.with_suffix(".held")
        self.until(path.exists, f"the point {self._order.name}", seconds=_PATIENCE)
        self._process = psutil.Process(json.loads(path.read_text())["pid"])
        return self._process

    def kill_held(self) -> None:
        """kill -9 the process that is held; nothing else may have ended it.

        Raises:
            NotStruck: It had already ended.
        """
        process = self.held()
        try:
            process.kill()
        except psutil.NoSuchProcess:
            raise FaultNotInjected("the task had ended before it was killed") from None
        self.until(lambda: not _is_alive(process), "the end of the killed process")

    def must_be_dead(self) -> None:
        """Check that the held process died with its program.

        Raises:
            NotStruck: It is still running.
        """
        if self._process and _is_alive(self._process):
            raise FaultNotInjected("the task outlived its program")

    def must_be_alive(self) -> None:
        """Check that the held process is still running.

        Raises:
            AssertionError: It was ended.
        """
        if not (self._process and _is_alive(self._process)):
            raise AssertionError("the task was ended while it was held")

    def kill_program(self) -> None:
        """Wait for the other rows of the program; once all are at their moments, it is killed and restarted."""
        assert self.rendezvous
        self.has_killed = True
        self.rendezvous.arrive()

    def release(self) -> None:
        """Let the held process continue."""
        self._order.with_suffix(".go").touch()

    def run_folder(self, run_id: str) -> Path:
        """Return a run's folder in the workspace."""
        return self.workspace_folder / "runs" / slug(self.name) / slug(run_id)

    def files(self, run_id: str, pattern: str, segment: str = SEGMENTS[0]) -> list[Path]:
        """Return files of a segment's folders of a run, including hidden unfinished ones."""
        staged = self.workspace_folder / staged_folder(self.name, run_id, segment)
        folders = (self.run_folder(run_id) / slug(segment), staged)
        return [path for folder in folders for path in folder.glob(pattern)]

    def state(self, segment: str = SEGMENTS[0]) -> State:
        """Return the current ledger state of an audience."""
        return self.ledger(segment).load().state

    def ledger(self, segment: str) -> Ledger:
        return Ledger(self.workspace, ledger_folder(_AID, segment), segment)

    def has_state(self, state: str, task_id: str, run_id: str) -> bool:
        """Return whether a task of a run, of any segment, is in a state."""
        return state in self.airflow.api.task_states(self.name, run_id).get(task_id, {}).values()

    def state_of(self, run_id: str, task_id: str, segment: str) -> str:
        """Return the state of a segment's task in a run; empty while it has none."""
        states = self.airflow.api.task_states(self.name, run_id).get(task_id, {})
        return states.get(segment, states.get(str(self.map_index(segment)), ""))

    # --- The service -----------------------------------------------------------------------------------------

    def fault(self, operation: str, kind: str, **values: Any) -> None:
        """Inject a fault into the service."""
        self.service.api.fault(operation, kind, **values)
        if (
            values.get("times", 1) is None and operation not in _NO_CALLS
        ):  # it stays in force, so only the log shows that it occurred
            self.asked.append(kind)

    def unused_faults(self) -> list[str]:
        """Return faults of the service that were set up but occurred less often than intended."""
        left = self.service.api.control("faults")
        kinds = {call["fault"] for call in self.service.api.control("requests")}
        waiting = [f"{rule['operation']} {rule['kind']}" for rule in left if rule["times"] is not None]
        return [f"{what} did not occur" for what in (*waiting, *(set(self.asked) - kinds))]

    def remove_faults(self) -> None:
        """Remove all faults of the service."""
        self.service.api.control("faults", method="DELETE")

    def kill_service(self) -> None:
        """kill -9 the service.

        Raises:
            NotStruck: It had already ended.
        """
        self.service.process.kill()
        if self.service.process.wait() != -signal.SIGKILL:
            raise FaultNotInjected("the service had ended before it was killed")
        self.asked.clear()  # its rules ended with it
        self.service.api.http.close()

    def restart_service(self) -> None:
        """Restart the service, at the same address and with its data."""
        port = str(httpx.URL(self.service.ready["base_url"]).port)
        self.service = Simulator(self.folder / "service", "--port", port)

    def audience_id(self, segment: str = SEGMENTS[0]) -> str:
        """Return the id of the segment's list that is not deleted."""
        [found] = [a for a in self.lists() if a["name"] == segment and not a["deleted"]]
        return str(found["id"])

    def lists(self) -> list[dict[str, Any]]:
        """Return all lists, including deleted ones."""
        found: list[dict[str, Any]] = self.service.api.control("audiences")
        return found

    def operations(self) -> list[str]:
        """Return the operations that were called, in order."""
        return [call["operation"] for call in self.service.api.control("requests")]

    # --- Checks at the end ---------------------------------------------------------------------------

    def wrong(self, *, besides: str = "") -> list[str]:
        """Return the errors after a successful run, of all segments but one; empty if everything is correct."""
        checked = [segment for segment in self.segments if segment != besides]
        return [fault for segment in checked for fault in self._find_errors(segment)]

    def right_members(self) -> int:
        """Return the number of correct members in all audiences."""
        living = {a["name"]: str(a["id"]) for a in self.lists() if not a["deleted"]}
        return sum(
            len(set(self.expected(name)) & set(self.service.api.members(living[name])))
            for name in self.segments
            if name in living
        )

    def expected(self, segment: str) -> list[str]:
        """Return the hashes that an audience must hold, computed independently of the code under test."""
        table = self._references.get(segment, f"{self.lake}/{segment}")
        found: list[str] = expected(table, filesystem=self.filesystem).members
        return found

    def _find_errors(self, segment: str) -> Iterator[str]:
        lists = [a for a in self.lists() if a["name"] == segment]
        living = [a for a in lists if not a["deleted"]]
        if len(living) != 1 or len(lists) > 1 + self.deleted_by_hand:
            yield f"{segment}: {len(living)} lists, {len(lists)} ever"
            return
        wanted = self.expected(segment)
        held = self.service.api.members(str(living[0]["id"]))
        if held != wanted:
            missing, left = len(set(wanted) - set(held)), len(set(held) - set(wanted))
            yield f"{segment}: {missing} members missing, {left} should have left"
        state = self.state(segment)
        if state.in_flight or state.parts or self.ledger(segment).count(state) != (len(wanted), len(wanted)):
            yield f"{segment}: the ledger does not know it"

    def sent(self) -> Sent:
        """Count what the service accepted, and what of it the ledgers record as done."""
        uploads = sum(1 for upload in self.service.api.control("uploads") if upload["accepted"])
        calls = sum(
            call["operation"] == "ApplyCustomerListUserData" and call["status"] == httpx.codes.OK
            for call in self.service.api.control("requests")
        )
        confirmed = {
            (segment, state.plan_id, index): part
            for segment in self.segments
            for _, state in self.ledger(segment).history()
            if state
            for index, part in enumerate(state.parts)
            if part.progress is Progress.CONFIRMED
        }
        by_calls = [part for part in confirmed.values() if part.route is Route.APPLY]
        return Sent(uploads, calls, confirmed=len(confirmed) - len(by_calls) + calls_of(by_calls))

    def retried_tasks(self, run_id: str) -> list[str]:
        """Return the tasks of a run that were retried."""
        tasks = self.airflow.api.instances(self.name, run_id)
        return sorted(f"{task['task_id']}[{task['map_index']}]" for task in tasks if task["try_number"] > 1)

    def wrong_in_report(self, run_id: str) -> list[str]:
        """Return the errors in the report of a successful run."""
        report = self.report(run_id)
        messages = {segment.segment: (segment.outcome.good, segment.members) for segment in report.segments}
        wanted = {segment: (True, len(self.expected(segment))) for segment in self.segments}
        return [] if messages == wanted else [f"the report says {messages}, not {wanted}"]

    def report(self, run_id: str, dag_id: str | None = None) -> RunReport:
        """Read the report of a run."""
        path = f"runs/{slug(dag_id or self.name)}/{slug(run_id)}/report.json"
        return RunReport.model_validate_json(self.workspace.read_bytes(path))

    def messages(self, run_id: str) -> str:
        """Return the messages for users about a failed run."""
        segments = self.report(run_id).segments
        return " ".join(f"{s.message or ''} {s.damage or ''} {s.refused or ''}" for s in segments)


class BatchWorld(World):
    """An export of eight segments that share their tasks: more than may be uploaded at the same time."""

    segments = (*SEGMENTS, "Epsilon", "Zeta", "Eta", "Theta")
    segments_per_task = 50

    def map_index(self, segment: str) -> int:
        """Return the index of the mapped tasks: all segments are in the first ones."""
        assert segment in self.segments
        return 0


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
