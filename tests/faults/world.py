"""The world of one row of the fault matrix: a service, a lake, an export of four segments, and a reference."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
import httpx
import psutil
import yaml

from customer_match.ledger.parts import Progress
from customer_match.ledger.state import State
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.routes import Route
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

__all__ = ["CUSTOMER", "SEGMENTS", "NotStruck", "Sent", "World"]

SEGMENTS = ("Alpha", "Beta", "Gamma", "Delta")
_PROFILES = 1_500
_PART = 800
_NO_CALLS = {"ProcessUpload", "ProcessDownload", "JudgeItems"}  # the service's own work: not in its log
_PATIENCE = 600.0  # seconds that a run may take, retries and heartbeats included
CUSTOMER, _AID = "190000001", "180000001"


class NotStruck(AssertionError):
    """The fault did not strike where it was meant to: the row says nothing."""


@dataclass(frozen=True)
class Sent:
    """Requests that changed members.

    Attributes:
        uploads: Bulk files that the service accepted.
        calls: Calls that it answered.
        confirmed: How many of both the confirmed parts took.
    """

    uploads: int
    calls: int
    confirmed: int


@dataclass
class World:
    """One export against one simulator, under the shared Airflow.

    Attributes:
        airflow: Shared with other worlds.
        folder: Everything of this world.
        name: Of the export and its DAG.
        keys: Further keys of the export file.
        rendezvous: Where the rows meet that strike the same program; None for those that strike none.
        deleted_by_hand: Lists that a person has deleted.
    """

    airflow: AirflowParts
    folder: Path
    name: str
    keys: dict[str, Any] = field(default_factory=dict)
    service: Simulator = field(init=False)
    deleted_by_hand: int = 0
    rendezvous: Rendezvous | None = None
    asked: list[str] = field(default_factory=list, init=False)
    has_struck: bool = field(default=False, init=False)
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
        """End the service."""
        for path in self.airflow.exports.glob(f"{self.name}*.yaml"):
            if path.stem in {self.name, f"{self.name}-too"}:
                path.unlink()  # else all tasks would parse it
        self.set_clock_right()
        if hasattr(self, "service"):
            self.service.api.http.close()
            self.service.process.kill()  # it may be about to answer a call that hangs
            self.service.process.communicate()

    def write_tables(self, generation: int, *, file_format: Format = "parquet") -> None:
        """Write the tables; with each generation a tenth of the profiles leave, and as many come."""
        for segment in SEGMENTS:
            self.write_table(segment, generation, file_format=file_format)

    def write_table(self, segment: str, generation: int, *, file_format: Format = "parquet") -> None:
        """Write one of them."""
        start = 10_000 * SEGMENTS.index(segment) + generation * _PROFILES // 10
        table = DemoTable(segment, Profiles.first(_PROFILES, start=start), format=file_format)
        write_table(f"{self.lake}/{segment}", table, self.filesystem)

    def keep_reference(self, segment: str) -> None:
        """Whatever becomes of a table, its audience must hold what the table holds now."""
        self._references[segment] = f"{self.lake}-references/{segment}"
        self.filesystem.copy(f"{self.lake}/{segment}", self._references[segment], recursive=True)

    def change_export(self, **keys: Any) -> None:
        """Write the export file with other values for some keys; tasks read it anew."""
        self.keys = {**self.keys, **keys}
        self._write_export(self.airflow.exports / f"{self.name}.yaml", self.name)

    def another_export(self, name: str) -> None:
        """A second export of the same segments into the same audiences."""
        self._write_export(self.airflow.exports / f"{name}.yaml", name)

    def _write_export(self, path: Path, name: str) -> None:
        values = {
            "cid": CUSTOMER,
            "aid": _AID,
            "connection": self.name,
            **self.places,
            "segments": list(SEGMENTS),
            "email": "Email",
            "profiles_per_part": _PART,
            "route": "bulk",
            "retries": 3,
            "retry_delay_seconds": 1,
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
        """Where lake and workspace are, as the matrix itself reaches them: past all faults."""
        return fsspec.filesystem("file")

    @property
    def lake(self) -> str:
        """Folder of the tables in the file system."""
        return str(self.folder / "lake")

    @property
    def places(self) -> dict[str, Any]:
        """Where the export finds lake and workspace: keys of the export file."""
        return {"source": self.lake, "workspace": str(self.workspace_folder)}

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.filesystem, str(self.workspace_folder))

    # --- Runs ------------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str | None = None, **conf: Any) -> str:
        """Start a run; its id."""
        self.airflow.api.wait_for_dag(dag_id or self.name)
        return self.airflow.api.trigger(dag_id or self.name, **conf)

    def wait(self, run_id: str, dag_id: str | None = None, *, seconds: float = _PATIENCE) -> str:
        """Wait for a run's end; its state."""
        return self.airflow.wait_for_run(dag_id or self.name, run_id, seconds=seconds)

    def trigger_due(self, due: datetime) -> str:
        """A whole run that was due at another time than now; its id."""
        run_id = self.trigger(due=due)
        ended = self.wait(run_id)
        assert ended == "success", ended
        return run_id

    def expect_skips(self, run_id: str) -> None:
        """Make sure that a run has left all audiences alone, and says why."""
        segments = self.report(run_id).segments
        told = {segment.audience: (segment.outcome, segment.message or "") for segment in segments}
        late = [(o, m) for o, m in told.values() if o is Outcome.SKIPPED and "newer data" in m]
        assert len(late) == len(SEGMENTS), told

    def set_clock_back(self, seconds: float) -> None:
        """Set the clock of tasks and triggers back (see `clock.py`)."""
        clock.set_back(self.airflow.clock, seconds)

    def set_clock_right(self) -> None:
        """Set it right."""
        self.airflow.clock.unlink(missing_ok=True)

    def run(self, **conf: Any) -> str:
        """A whole run; its state."""
        return self.wait(self.trigger(**conf))

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
        """Wait for a moment of a run; what the condition gave then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.05)
        raise TimeoutError(f"{self.name}: {what} did not come")

    # --- Holding a task at a point of its work ---------------------------------------------------------------

    def hold(self, point: str, task_id: str, *, nth: int = 1, segment: str | None = SEGMENTS[0]) -> None:
        """Let the first that comes to a point wait there; see `tests/faults/points.py`."""
        index = -1 if segment is None else SEGMENTS.index(segment)
        task = {"dag_id": self.name, "task_id": task_id, "map_index": index}
        self._order = order(self.airflow.holds, task, point, nth)

    def held(self) -> psutil.Process:
        """The task's process once it has come to its point, where it waits."""
        path = self._order.with_suffix(".held")
        self.until(path.exists, f"the point {self._order.name}", seconds=_PATIENCE)
        self._process = psutil.Process(json.loads(path.read_text())["pid"])
        return self._process

    def kill_held(self) -> None:
        """kill -9 the process that is held; nothing else can have ended it.

        Raises:
            NotStruck: It was gone already.
        """
        process = self.held()
        try:
            process.kill()
        except psutil.NoSuchProcess:
            raise NotStruck("the task had ended before it was killed") from None
        self.until(lambda: not _lives(process), "the end of the killed process")

    def must_be_dead(self) -> None:
        """Make sure that the process that was held died with the program that it belongs to.

        Raises:
            NotStruck: It lives.
        """
        if self._process and _lives(self._process):
            raise NotStruck("the task outlived its program")

    def strike(self) -> None:
        """Meet the other rows of the program; once all are at their moments, it is killed and started again."""
        assert self.rendezvous
        self.has_struck = True
        self.rendezvous.arrive()

    def let_go(self) -> None:
        """Let the process that is held go on."""
        self._order.with_suffix(".go").touch()

    def run_folder(self, run_id: str) -> Path:
        """A run's folder in the workspace."""
        return self.workspace_folder / "runs" / slug(self.name) / slug(run_id)

    def files(self, run_id: str, pattern: str, segment: str = SEGMENTS[0]) -> list[Path]:
        """Files of a segment's folder of a run, hidden ones in the making too."""
        return list((self.run_folder(run_id) / slug(segment)).glob(pattern))

    def state(self, segment: str = SEGMENTS[0]) -> State:
        """What the ledger of an audience says now."""
        return self.ledger(segment).load().state

    def ledger(self, segment: str) -> Ledger:
        return Ledger(self.workspace, ledger_folder(_AID, segment), segment)

    def is_(self, state: str, task_id: str, run_id: str) -> bool:
        """Whether a task of a run, of any segment, is in a state."""
        return state in self.airflow.api.task_states(self.name, run_id).get(task_id, {}).values()

    def state_of(self, run_id: str, task_id: str, segment: str) -> str:
        """The state of a segment's task in a run; empty while there is none."""
        states = self.airflow.api.task_states(self.name, run_id).get(task_id, {})
        return states.get(segment, states.get(str(SEGMENTS.index(segment)), ""))

    # --- The service -----------------------------------------------------------------------------------------

    def fault(self, operation: str, kind: str, **values: Any) -> None:
        """Inject a fault into the service."""
        self.service.api.fault(operation, kind, **values)
        if (
            values.get("times", 1) is None and operation not in _NO_CALLS
        ):  # it stays in force; that it struck, only the log tells
            self.asked.append(kind)

    def unstruck(self) -> list[str]:
        """Faults of the service that were injected and have struck nothing (enough)."""
        left = self.service.api.control("faults")
        kinds = {call["fault"] for call in self.service.api.control("requests")}
        waiting = [f"{rule['operation']} {rule['kind']}" for rule in left if rule["times"] is not None]
        return [f"{what} did not strike" for what in (*waiting, *(set(self.asked) - kinds))]

    def heal_service(self) -> None:
        """Take back all injected faults."""
        self.service.api.control("faults", method="DELETE")

    def kill_service(self) -> None:
        """kill -9 the service.

        Raises:
            NotStruck: It had ended already.
        """
        self.service.process.kill()
        if self.service.process.wait() != -signal.SIGKILL:
            raise NotStruck("the service had ended before it was killed")
        self.asked.clear()  # its rules died with it
        self.service.api.http.close()

    def restart_service(self) -> None:
        """Start the service again, at the same address and with what it has kept."""
        port = str(httpx.URL(self.service.ready["base_url"]).port)
        self.service = Simulator(self.folder / "service", "--port", port)

    def audience_id(self, segment: str = SEGMENTS[0]) -> str:
        """The living list of a segment's name."""
        [found] = [a for a in self.lists() if a["name"] == segment and not a["deleted"]]
        return str(found["id"])

    def lists(self) -> list[dict[str, Any]]:
        """All lists, deleted ones too."""
        found: list[dict[str, Any]] = self.service.api.control("audiences")
        return found

    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [call["operation"] for call in self.service.api.control("requests")]

    # --- What must hold at the end ---------------------------------------------------------------------------

    def wrong(self) -> list[str]:
        """What is not as it must be after a good run; empty if all is right."""
        return [fault for segment in SEGMENTS for fault in self._wrong_of(segment)]

    def right_members(self) -> int:
        """Members of all audiences that are there and belong there."""
        living = {a["name"]: str(a["id"]) for a in self.lists() if not a["deleted"]}
        return sum(
            len(set(self.expected(name)) & set(self.service.api.members(living[name])))
            for name in SEGMENTS
            if name in living
        )

    def expected(self, segment: str) -> list[str]:
        """The hashes that an audience must hold: made apart from the code that is tested."""
        table = self._references.get(segment, f"{self.lake}/{segment}")
        found: list[str] = expected(table, filesystem=self.filesystem).members
        return found

    def _wrong_of(self, segment: str) -> Iterator[str]:
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
        """What the service has taken in all, and what of it the ledgers know to be done."""
        uploads = sum(1 for upload in self.service.api.control("uploads") if upload["accepted"])
        calls = sum(
            call["operation"] == "ApplyCustomerListUserData" and call["status"] == httpx.codes.OK
            for call in self.service.api.control("requests")
        )
        confirmed = {
            (segment, state.plan_id, index): part
            for segment in SEGMENTS
            for _, state in self.ledger(segment).history()
            if state
            for index, part in enumerate(state.parts)
            if part.progress is Progress.CONFIRMED
        }
        by_calls = [part for part in confirmed.values() if part.route is Route.APPLY]
        return Sent(uploads, calls, confirmed=len(confirmed) - len(by_calls) + calls_of(by_calls))

    def tried_again(self, run_id: str) -> list[str]:
        """The tasks of a run that were tried more than once."""
        tasks = self.airflow.api.instances(self.name, run_id)
        return sorted(f"{task['task_id']}[{task['map_index']}]" for task in tasks if task["try_number"] > 1)

    def wrong_in_report(self, run_id: str) -> list[str]:
        """What the report of a good run does not say."""
        report = self.report(run_id)
        said = {segment.segment: (segment.outcome.good, segment.members) for segment in report.segments}
        wanted = {segment: (True, len(self.expected(segment))) for segment in SEGMENTS}
        return [] if said == wanted else [f"the report says {said}, not {wanted}"]

    def report(self, run_id: str, dag_id: str | None = None) -> RunReport:
        """The report of a run."""
        path = f"runs/{slug(dag_id or self.name)}/{slug(run_id)}/report.json"
        return RunReport.model_validate_json(self.workspace.read_bytes(path))

    def said(self, run_id: str) -> str:
        """What people were told about a run that failed."""
        segments = self.report(run_id).segments
        return " ".join(f"{s.message or ''} {s.damage or ''} {s.refused or ''}" for s in segments)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
