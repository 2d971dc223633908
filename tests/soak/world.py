"""The environment of a soak: a service, a lake, a workspace, one export; and the conditions that must hold."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import fsspec
import httpx
import numpy as np
import pyarrow.parquet as pq
import yaml

from customer_match.ledger.state import State
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.ledger.view import is_known, windows
from customer_match.members.digests import Digests
from customer_match.members.files import DamagedMembers
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.marks import generation_in
from customer_match_demo import azurite
from customer_match_demo.expected import expected
from customer_match_demo.stack import account_connection
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import Profiles
from tests.microsoft_advertising_simulator.api import Simulator
from tests.soak.plan import Mischief, Round, Shape, Trick
from tests.synapse_log import synapse_log

__all__ = ["EXPORT", "World"]

EXPORT = "soak"
_CID, _AID = "190000001", "180000001"
_PROFILES = (900, 1_600, 300, 2_200)
_OVER = frozenset({"Completed", "CompletedWithErrors", "Failed", "Expired", "Aborted", "PendingFileUpload"})
_QUIET_SECONDS = 60.0


@dataclass
class World:
    """One export against one simulator.

    Attributes:
        folder: Folder for all files of this world.
        segments: Names of the tables and audiences.
        storage: Storage of the workspace: `local` or `azurite`.
    """

    folder: Path
    segments: tuple[str, ...]
    storage: str = "local"
    tables: dict[str, DemoTable] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    service: Simulator = field(init=False)
    workspace: Workspace = field(init=False)
    requests: int = 0
    _copies: dict[str, dict[str, bytes]] = field(default_factory=dict)
    _cleaning: ExitStack = field(default_factory=ExitStack)
    _lake_connection: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        with ExitStack() as cleaning:
            self.workspace = self._workspace(cleaning)
            self.service = Simulator(self.folder / "service")
            cleaning.callback(self._end_service)
            self._cleaning = cleaning.pop_all()
        for place, name in enumerate(self.segments):
            profiles = Profiles.first(_PROFILES[place], start=700 * place)  # they overlap
            self.tables[name] = DemoTable(name, profiles, files=1 + place % 2)
            self._write(name, Shape.PARQUET, before=profiles)
        return self

    def __exit__(self, *_: object) -> None:
        self._cleaning.close()

    def _workspace(self, cleaning: ExitStack) -> Workspace:
        if self.storage == "local":
            return Workspace(fsspec.filesystem("file"), str(self.folder / "workspace"))
        endpoint = cleaning.enter_context(azurite.running(self.folder / "azurite"))
        self._lake_connection = {
            "conn_type": "wasb",
            "login": endpoint.account_name,
            "extra": {"connection_string": endpoint.connection_string},
        }
        import adlfs

        lake = adlfs.AzureBlobFileSystem(
            connection_string=endpoint.connection_string, use_listings_cache=False
        )
        lake.mkdir("soak")
        return Workspace(lake, "soak/workspace")

    # --- Changes ----------------------------------------------------------------------------------------

    def change_tables(self, one: Round) -> None:
        """Change the profiles and the formats of the tables."""
        for name in self.segments:
            before = self.tables[name]
            profiles = before.profiles.churn(one.churn[name])
            profiles = _resize(profiles, one.sizes[name], usual=self._usual(name))
            self.tables[name] = replace(before, profiles=profiles)
            self._write(name, one.shapes[name], before=before.profiles)

    def _usual(self, name: str) -> int:
        return _PROFILES[self.segments.index(name)]

    def _write(self, name: str, shape: Shape, *, before: Profiles) -> None:
        table, folder = self.tables[name], str(self.folder / "lake" / name)
        write_table(self._reference(name), table)
        if shape is not Shape.LOG:
            write_table(folder, replace(table, format=shape.value))
            return
        write_table(folder, replace(table, profiles=before, format="parquet"))
        log = synapse_log(pq.read_table(folder), pq.read_table(self._reference(name)))
        shutil.rmtree(folder)
        Path(folder).mkdir()
        pq.write_table(log, Path(folder, "part-00000.parquet"))

    def _reference(self, name: str) -> str:
        """Return the path of the table's content as the reference reads it."""
        return str(self.folder / "references" / name)

    def export(self, keys: Mapping[str, Any]) -> None:
        """Write the export file."""
        place: dict[str, Any] | str = str(self.folder / "workspace")
        if self._lake_connection:
            place = {"connection": "lake", "root": "abfs://soak/workspace"}
        values = {
            "name": EXPORT,
            "cid": _CID,
            "aid": _AID,
            "source": str(self.folder / "lake"),
            "workspace": place,
            "segments": list(self.segments),
            "email": "Email",
            "retries": 3,
            "retry_delay_seconds": 1,
            **keys,
        }
        folder = self.folder / "exports"
        folder.mkdir(exist_ok=True)
        (folder / f"{EXPORT}.yaml").write_text(yaml.safe_dump(values))

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables of a run."""
        connection = json.dumps(account_connection(self.service.ready))
        settings = {
            "CUSTOMER_MATCH_EXPORTS": str(self.folder / "exports"),
            "AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": connection,
        }
        if self._lake_connection:
            settings["AIRFLOW_CONN_LAKE"] = json.dumps(self._lake_connection)
        return settings

    def apply(self, trick: Trick) -> bool:
        """Apply a mischief; return False if there is nothing to change yet."""
        found = self._current_lists(trick.segment)
        folder = self._ledger(trick.segment).folder
        states = sorted(self.workspace.list(f"{folder}/states"))
        if not found or not states:
            return False
        match trick.kind:
            case Mischief.DELETE_AUDIENCE:
                self.service.api.control(f"audiences/{found[0]['id']}", {"deleted": True})
                self.deleted[trick.segment] = self.deleted.get(trick.segment, 0) + 1
            case Mischief.DAMAGE_STATE:
                path = f"{folder}/states/{states[-1]}"
                self.workspace.write_bytes(path, self.workspace.read_bytes(path)[:-40])
            case Mischief.DAMAGE_BOUNDS:
                certain = self._ledger(trick.segment).load().state.settled.certain
                if certain is None:
                    return False
                self.workspace.write_bytes(certain.path, self.workspace.read_bytes(certain.path)[:-9])
            case Mischief.LOSE_LEDGER:
                self.workspace.delete(folder, recursive=True)
            case Mischief.LOSE_STATES:
                for name in states[-4:]:
                    self.workspace.delete(f"{folder}/states/{name}")
            case Mischief.RESTORE:
                return self._restore(folder)
        return True

    def keep_copies(self) -> None:
        """Copy the ledgers, so that they can be restored later."""
        for segment in self.segments:
            folder = self._ledger(segment).folder
            states = [f"{folder}/states/{name}" for name in self.workspace.list(f"{folder}/states")]
            bounds = [
                f"{folder}/bounds/{number}/{name}"
                for number in self.workspace.list(f"{folder}/bounds")
                for name in self.workspace.list(f"{folder}/bounds/{number}")
            ]
            self._copies[folder] = {path: self.workspace.read_bytes(path) for path in states + bounds}

    def _restore(self, folder: str) -> bool:
        if not (copy := self._copies.get(folder)):
            return False
        self.workspace.delete(folder, recursive=True)
        for path, content in copy.items():
            self.workspace.write_bytes(path, content)
        return True

    # --- The service -----------------------------------------------------------------------------------------

    def kill_service(self) -> None:
        """kill -9 the service, and restart it at the same address with its data."""
        self._count_requests()
        port = str(httpx.URL(self.service.ready["base_url"]).port)
        self._end_service(kill=True)
        self.service = Simulator(self.folder / "service", "--port", port)

    def _end_service(self, *, kill: bool = False) -> None:
        process = self.service.process
        if process.poll() is None:
            (process.kill if kill else process.terminate)()
        process.wait(timeout=20)
        self.service.api.http.close()

    def fault(self, rule: Mapping[str, Any], seed: int) -> None:
        """Add a fault to the service; the seed distinguishes it from others."""
        self.service.api.control("faults", {**rule, "seed": seed})

    def faults_left(self) -> list[dict[str, Any]]:
        """Return the faults that may still occur."""
        found: list[dict[str, Any]] = self.service.api.control("faults")
        return found

    def wait_until_quiet(self) -> None:
        """Remove all faults, and wait until the service has processed all uploads."""
        self.service.api.control("faults", method="DELETE")
        self._count_requests()
        deadline = time.monotonic() + _QUIET_SECONDS
        while any(upload["state"] not in _OVER for upload in self.service.api.control("uploads")):
            if time.monotonic() > deadline:
                raise TimeoutError("the service does not finish its uploads")
            time.sleep(0.05)

    def _count_requests(self) -> None:
        self.requests += len(self.service.api.control("requests"))
        self.service.api.control("requests", method="DELETE")

    def _current_lists(self, segment: str) -> list[dict[str, Any]]:
        return [a for a in self._all_lists(segment) if not a["deleted"]]

    def _all_lists(self, segment: str) -> list[dict[str, Any]]:
        return [a for a in self.service.api.control("audiences") if a["name"] == segment]

    def _ledger(self, segment: str) -> Ledger:
        return Ledger(self.workspace, ledger_folder(_AID, segment), segment)

    # --- Conditions --------------------------------------------------------------------------------------

    def bound_violations(self) -> list[str]:
        """Return violations of certain ⊆ truth ⊆ possible and of one list a segment, while nothing is in flight."""
        return [fault for name in self.segments for fault in self._bound_violations(name)]

    def _bound_violations(self, segment: str) -> Iterator[str]:
        living, ever = self._current_lists(segment), self._all_lists(segment)
        if len(living) > 1 or len(ever) > 1 + self.deleted.get(segment, 0):
            yield f"{segment}: {len(living)} lists, {len(ever)} ever"
            return
        state = self._ledger(segment).load().state
        if not living or state.audience_id != living[0]["id"]:
            return  # its audience no longer exists
        known = state.generation
        if generation_in(living[0]["description"]) not in (
            (known.token, *known.before) if known else (None,)
        ):
            return  # it was restored, for example: no run trusts it
        truth = set(self.service.api.members(living[0]["id"]))
        try:
            certain, possible = self._bounds(state.resumed())
        except DamagedMembers:
            return  # it cannot be read any more
        if missing := certain - truth:
            yield f"{segment}: {len(missing)} of {len(certain)} certain members are not in the audience"
        if possible is not None and (foreign := truth - possible):
            yield f"{segment}: {len(foreign)} members of the audience are not among the possible ones"

    def _bounds(self, state: State) -> tuple[set[str], set[str] | None]:
        certain: set[str] = set()
        possible: set[str] = set()
        for window in windows(self.workspace, state):
            certain |= _hexes(window.digests[window.bounds.certain])
            if window.bounds.possible is not None:
                possible |= _hexes(window.digests[window.bounds.possible])
        return certain, possible if is_known(state) else None

    def audience_errors(self, segment: str) -> list[str]:
        """Return the errors of an audience that must hold exactly its segment's members."""
        return list(self._audience_errors(segment))

    def _audience_errors(self, segment: str) -> Iterator[str]:
        living = self._current_lists(segment)
        if len(living) != 1:
            yield f"{segment}: {len(living)} lists"
            return
        wanted = expected(self._reference(segment)).members
        held = self.service.api.members(living[0]["id"])
        if held != wanted:
            missing, left = len(set(wanted) - set(held)), len(set(held) - set(wanted))
            yield f"{segment}: {missing} members are missing, {left} should have left"
        state = self._ledger(segment).load().state
        if state.parts or self._bounds(state) != (set(wanted), set(wanted)):
            yield f"{segment}: the ledger does not know it"


def _resize(profiles: Profiles, share: float, *, usual: int) -> Profiles:
    """Return fewer or more profiles, always between half and twice the usual number."""
    wanted = min(max(round(len(profiles) * share), usual // 2), usual * 2)
    if wanted <= len(profiles):
        return replace(profiles, numbers=profiles.numbers[:wanted])
    more = wanted - len(profiles)
    newcomers = np.arange(profiles.next_number, profiles.next_number + more, dtype=np.uint64)
    numbers = np.concatenate([profiles.numbers, newcomers])
    return replace(profiles, numbers=numbers, next_number=profiles.next_number + more)


def _hexes(digests: Digests) -> set[str]:
    return {digest.tobytes().hex() for digest in digests}
