"""A service and a workspace in memory that fail where a test says so, and check what reaches them.

Members are people: the person 7 is the digest of 32 bytes 7.
"""

from __future__ import annotations

import csv
import io
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from customer_match import routes
from customer_match.erasure.register import Erased, Register
from customer_match.errors import TransientError
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.parts import Progress
from customer_match.ledger.state import State
from customer_match.ledger.store import Ledger
from customer_match.ledger.view import is_known, windows
from customer_match.members.digests import Digests
from customer_match.members.files import DamagedMembers, MembersFile, read_members, write_members
from customer_match.planning.data_intervals import Force
from customer_match.planning.plan import Plan, plan_parts
from customer_match.routes import RouteChoice
from customer_match_delivery import bulk, delivery
from customer_match_delivery import calls as applying
from customer_match_delivery.call_tracking import UnansweredCallsPending
from customer_match_delivery.delivery import Delivery, Waiting
from customer_match_delivery.marks import mark_in
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.client import Client
from microsoft_advertising.faults import (
    OutcomeUnknown,
    ResultsExpired,
    ServiceConfigurationError,
    ServiceError,
    ServiceTerminalError,
    UploadUrlExpired,
)
from microsoft_advertising.limits import CALL_BEGINS_SECONDS, CALL_LANDS_SECONDS
from microsoft_advertising.models import (
    Action,
    Audience,
    ItemError,
    RowError,
    UploadState,
    UploadStatus,
    UploadTicket,
)
from microsoft_advertising.transport.observer import NOBODY, Observer
from tests.memory_storage import MemoryStorage

__all__ = [
    "Crash",
    "FakeService",
    "Faults",
    "FaultyStorage",
    "Place",
    "World",
    "digests_of",
    "kept_folders",
    "small_calls",
]

MARK = "[customer-match:test]"
NAME = "Gold customers"
KEY = b"k" * 32  # of the register of erased members
DAY = datetime(2026, 1, 1, tzinfo=UTC)

Place = int | tuple[str, int]
"""Where a strike comes: at the step of this number, or at the n-th of a kind."""


_BLIND = {"update_audience"}
"""Calls that the service takes on no condition."""


class Crash(Exception):
    """The worker dies here."""


@dataclass
class Faults:
    """Counts every step that others can see (calls, writes), and strikes at some of them.

    Attributes:
        strikes: Number of a step, or its kind and which of that kind → how it fails: `before` it does anything,
            `after` it did its work, or `lost`: likewise, but the caller learns that it failed; `asleep`: the worker
            stops before the step, and takes it when `meanwhile` has happened; `late` and `left`: a call that brings
            members is on its way for a while (see `FakeService.late`), and the caller learns that it failed, or dies;
            at any other step it fails without having done anything.
            A call that writes a description has been made when the worker falls asleep: one that is still on its way
            when a later run has ended is a known limit (docs/architecture.md).
        steps: The steps so far, by name.
        first: How many of them came before the first that is counted by its kind.
        struck: Where the strikes came: names of steps, and how.
        meanwhile: What others do while a worker is asleep.
        after_each: Called when a step has done its work, before anybody learns of it.
    """

    strikes: Mapping[Place, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    first: int = 0
    struck: set[tuple[str, str]] = field(default_factory=set)
    meanwhile: Callable[[], None] = lambda: None
    after_each: Callable[[], None] = lambda: None
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def step(self, name: str) -> Iterator[str | None]:
        """One step; gives what strikes it."""
        with self._counting:  # calls come from several threads
            self.steps.append(name)
            of_its_kind = self.steps[self.first :].count(name)
            strike = self.strikes.get(len(self.steps)) or self.strikes.get((name, of_its_kind))
        if strike:
            self.struck.add((name, strike))
        if strike == "before" or (strike in {"late", "left"} and name != "apply_members"):
            raise Crash(name)
        if strike == "asleep" and name not in _BLIND:
            self.meanwhile()
        yield strike
        self.after_each()
        if strike == "asleep" and name in _BLIND:
            self.meanwhile()
        if strike in {"after", "left"}:
            raise Crash(name)
        if strike in {"lost", "late"}:
            raise OutcomeUnknown(name) if name == "create_audience" else TransientError(name)


class FaultyStorage(MemoryStorage):
    """A workspace in memory whose writes are steps."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    def store(self, relative: str, content: bytes) -> None:
        with self._faults.step("write"):
            super().store(relative, content)

    def create(self, relative: str, data: bytes) -> None:
        with self._faults.step("create"):
            super().create(relative, data)

    def delete(self, relative: str, *, recursive: bool = False) -> None:
        with self._faults.step("delete"):
            super().delete(relative, recursive=recursive)


@dataclass
class FakeAudience:
    """An audience and who is in it."""

    id: str
    name: str
    description: str
    people: set[int] = field(default_factory=set)
    scope: str = "Customer"
    membership_duration: int = -1
    size: int | None = None


@dataclass
class FakeUpload:
    """An upload: its file once it was sent, its end once it was looked at often enough."""

    id: str
    action: str = ""
    audience_id: str = ""
    people: list[int] = field(default_factory=list)
    looks: int = 0
    state: UploadState = UploadState.PENDING_FILE_UPLOAD
    errors: tuple[ServiceError, ...] = ()
    rows: list[RowError] = field(default_factory=list)
    url_expired: bool = False


@dataclass(frozen=True)
class FakeCall:
    """Members that came by a call, and when it was made."""

    audience_id: str
    action: str
    people: tuple[int, ...]
    made: datetime = DAY


CALL_LIVES = timedelta(seconds=CALL_LANDS_SECONDS - CALL_BEGINS_SECONDS)
"""How long a call may be on its way."""


@dataclass
class FakeService:
    """What a delivery needs of `Client`.

    Attributes:
        faults: Where it crashes.
        on_file: Called with each file before it is accepted.
        on_call: Called with each call that brings members, before it is carried out.
        call_errors: What the next such calls raise in place of doing anything; None lets one through.
        calls_by_half: How many such calls do half of their work and answer what nobody understands.
        refuse: People whom it refuses to add, each with the errors of their rows.
        refuses_removals: Whether it refuses to remove them too.
        ends: How the next uploads end in place of success (None: they succeed); `FAILED` does half of the work,
            `ABORTED` all of it, any other none.
        end_errors: The errors of an upload that fails.
        list_errors: Errors of the next upload that concern the list as a whole.
        urls_to_expire: How many upload URLs cannot be used.
        results_to_expire: How many downloads of results find the URL expired.
        results_removed: Uploads whose results are not kept any more.
        forgotten: Uploads that it does not know any more.
        looks_until_done: Status calls until an upload ends.
        late: Calls that are on their way.
        now: Tells the time.
        update_error: What changing an audience ends with; None: it is changed.
        updates: What was changed, in order, without new generations alone.
        claims: How often an audience got a new generation, and nothing else.
        observer: Gets told of waits.
    """

    faults: Faults
    observer: Observer = NOBODY
    on_file: Callable[[FakeUpload], None] = lambda _: None
    on_call: Callable[[FakeCall], None] = lambda _: None
    call_errors: list[Exception | None] = field(default_factory=list)
    calls_by_half: int = 0
    calls: list[FakeCall] = field(default_factory=list)
    refuse: dict[int, tuple[int, ...]] = field(default_factory=dict)
    refuses_removals: bool = False
    ends: list[UploadState | None] = field(default_factory=list)
    end_errors: tuple[ServiceError, ...] = ()
    list_errors: list[int] = field(default_factory=list)
    urls_to_expire: int = 0
    results_to_expire: int = 0
    results_removed: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    looks_until_done: int = 2
    audiences: dict[str, FakeAudience] = field(default_factory=dict)
    uploads: dict[str, FakeUpload] = field(default_factory=dict)
    accepted: list[FakeUpload] = field(default_factory=list)
    created: int = 0
    late: list[FakeCall] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    update_error: Exception | None = None
    updates: list[dict[str, Any]] = field(default_factory=list)
    claims: int = 0
    last_id: int = 1000

    def get_audience(self, audience_id: str) -> Audience | None:
        with self.faults.step("get_audience"):
            found = self.audiences.get(audience_id)
            return self._shown(found) if found else None

    def list_audiences(self) -> list[Audience]:
        with self.faults.step("list_audiences"):
            return [self._shown(audience) for audience in self.audiences.values()]

    def create_audience(self, name: str, *, description: str, **settings: Any) -> str:
        with self.faults.step("create_audience"):
            if any(audience.name == name for audience in self.audiences.values()):
                raise ServiceConfigurationError("the name is taken", codes=(4853,))
            self.created += 1
            return self.put(name, description, **settings).id

    def update_audience(self, audience_id: str, **changes: Any) -> None:
        with self.faults.step("update_audience"):
            if self.update_error:
                raise self.update_error
            named = [a for a in self.audiences.values() if a.name == changes.get("name")]
            if named:
                raise ServiceConfigurationError("the name is taken", codes=(4853,))
            if audience_id not in self.audiences:
                raise ServiceConfigurationError("there is no audience with this id", codes=(4835,))
            before = self.audiences[audience_id].description
            for key, value in changes.items():
                setattr(self.audiences[audience_id], key, value)
            if [*changes] == ["description"] and mark_in(before) == mark_in(changes["description"]):
                self.claims += 1
            else:
                self.updates.append(changes)

    def delete_audience(self, audience_id: str) -> None:
        with self.faults.step("delete_audience"):
            self.audiences.pop(audience_id, None)

    def apply_members(
        self,
        audience_id: str,
        action: Action,
        digests: Digests,
        *,
        accept_terms: bool | None = None,
        each_try: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> list[ItemError]:
        made = self.now()
        call = FakeCall(audience_id, str(action), tuple(int(digest[0]) for digest in digests), made)
        with each_try():
            self.on_call(call)  # as it leaves: its worker may fall asleep before it arrives
            return self._arrived(call)

    def _arrived(self, call: FakeCall) -> list[ItemError]:
        with self.faults.step("apply_members") as strike:
            if self.call_errors and (error := self.call_errors.pop(0)):
                raise error
            if self.now() - call.made > CALL_LIVES:
                raise TransientError("the caller slept for so long that its connection is gone")
            if strike in {"late", "left"}:
                self.late.append(call)
                return []
            self.calls.append(call)
            audience = self.audiences.get(call.audience_id)
            if audience is None:
                raise ServiceConfigurationError("there is no audience with this id", codes=(8000,))
            if self.calls_by_half:
                self.calls_by_half -= 1
                _apply(audience, call.action, set(call.people[::2]))
                raise OutcomeUnknown("not the documented shape")
            refused = self._refused(call.action)
            _apply(audience, call.action, set(call.people) - refused)
            return [
                ItemError(index, code, "")
                for index, person in enumerate(call.people)
                for code in (self.refuse.get(person, ()) if person in refused else ())
            ]

    def request_upload(self) -> UploadTicket:
        with self.faults.step("request_upload"):
            upload = FakeUpload(id=f"r{len(self.uploads) + 1}")
            self.uploads[upload.id] = upload
            return UploadTicket(upload.id, f"url-{upload.id}")

    def upload_file(self, ticket: UploadTicket, path: Path) -> None:
        with self.faults.step("upload_file"):
            upload = self.uploads[ticket.request_id]
            if self.urls_to_expire:
                self.urls_to_expire -= 1
                upload.url_expired = True
            if upload.url_expired:
                raise UploadUrlExpired("expired")
            if upload.state is not UploadState.PENDING_FILE_UPLOAD:
                return  # 3224, which the client takes as sent
            _read_file(path, upload)
            self.on_file(upload)
            upload.state = UploadState.FILE_UPLOADED
            self.accepted.append(upload)

    def upload_status(self, request_id: str) -> UploadStatus:
        with self.faults.step("upload_status"):
            upload = self.uploads.get(request_id)
            if upload is None or request_id in self.forgotten:
                raise ServiceTerminalError("unknown", codes=(4201,))
            if upload.state is UploadState.FILE_UPLOADED:
                upload.looks += 1
                if upload.looks >= self.looks_until_done:
                    self.finish(upload)
            url = f"results-{upload.id}" if upload.state.succeeded else None
            if upload.id in self.results_removed:
                url = None
            return UploadStatus(upload.state, result_url=url, errors=upload.errors)

    def row_errors(self, result_url: str) -> Iterator[RowError]:
        with self.faults.step("row_errors"):
            if self.results_to_expire:
                self.results_to_expire -= 1
                raise ResultsExpired("expired")
        yield from self.uploads[result_url.removeprefix("results-")].rows

    def put(self, name: str, description: str, people: Iterable[int] = (), **settings: Any) -> FakeAudience:
        """An audience that comes from somewhere."""
        self.last_id += 1
        audience = FakeAudience(str(self.last_id), name, description, set(people), **settings)
        self.audiences[audience.id] = audience
        return audience

    def _refused(self, action: str) -> set[int]:
        return set(self.refuse) if self.refuses_removals or action != "Remove" else set()

    def _shown(self, audience: FakeAudience) -> Audience:
        return Audience(
            audience.id,
            audience.name,
            audience.description,
            audience.scope,
            audience.membership_duration,
            audience.size,
            audience.size,
        )

    def land(self, calls: Iterable[FakeCall]) -> None:
        """Let calls arrive that are on their way, unless they are dead by now."""
        for call in list(calls):
            self.late.remove(call)
            audience = self.audiences.get(call.audience_id)
            if audience and self.now() - call.made <= CALL_LIVES:
                _apply(audience, call.action, set(call.people) - self._refused(call.action))

    @property
    def at_work(self) -> list[FakeUpload]:
        """Uploads that it has and has not ended."""
        return [upload for upload in self.accepted if upload.state is UploadState.FILE_UPLOADED]

    def begin(self, upload: FakeUpload) -> None:
        """Do half of an upload's work."""
        if audience := self.audiences.get(upload.audience_id):
            _apply(audience, upload.action, set(upload.people[::2]) - self._refused(upload.action))

    def finish(self, upload: FakeUpload) -> None:
        """End an upload, in the way that is due."""
        audience = self.audiences.get(upload.audience_id)
        if self.list_errors or audience is None:
            codes = self.list_errors or [4835]
            self.list_errors = []
            upload.rows = [RowError("Customer List", "", code, "") for code in codes]
            upload.state = UploadState.COMPLETED_WITH_ERRORS
            return
        if self.ends and (end := self.ends.pop(0)):
            upload.state, upload.errors = end, self.end_errors
            step = {UploadState.FAILED: 2, UploadState.ABORTED: 1}.get(end)
            if step:
                _apply(audience, upload.action, set(upload.people[::step]))
            return
        refused = self._refused(upload.action)
        for index, person in enumerate(upload.people):
            for code in self.refuse.get(person, ()) if person in refused else ():
                upload.rows.append(RowError("Customer List Item", f"{index:06d}", code, ""))
        _apply(audience, upload.action, set(upload.people) - refused)
        upload.state = UploadState.COMPLETED_WITH_ERRORS if upload.rows else UploadState.COMPLETED


def _apply(audience: FakeAudience, action: str, people: set[int]) -> None:
    match action:
        case "Add":
            audience.people |= people
        case "Remove":
            audience.people -= people
        case "Replace":
            audience.people = people
        case _:
            raise AssertionError(action)


def _read_file(path: Path, upload: FakeUpload) -> None:
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    [listed] = [row for row in rows if row["Type"] == "Customer List"]
    items = [row for row in rows if row["Type"] == "Customer List Item"]
    upload.audience_id, upload.action = listed["Id"], listed["Action Type"]
    assert {row["Parent Id"] for row in items} <= {upload.audience_id}
    upload.people = [bytes.fromhex(row["Text"])[0] for row in items]


def digests_of(people: Iterable[int]) -> Digests:
    """Shape (n, 32), sorted."""
    return np.array([[person] * 32 for person in sorted(people)], dtype=np.uint8).reshape(-1, 32)


@contextmanager
def kept_folders(root: Path) -> Iterator[None]:
    """Uploads are written into folders that are used again: making and removing them costs more than a try."""
    free: list[Path] = []

    @contextmanager
    def one() -> Iterator[Path]:  # a worker that is asleep has its own
        folder = free.pop() if free else Path(tempfile.mkdtemp(dir=root))
        try:
            yield folder
        finally:
            free.append(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "private_folder", one)
        yield


@contextmanager
def small_calls() -> Iterator[None]:
    """Two members a call, and one call after the other, so that steps have an order; `auto` for four at most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "MAX_ITEMS_PER_CALL", 2)
        patch.setattr(applying, "MAX_PARALLEL_CALLS", 1)
        patch.setattr(routes, "APPLY_REPLACE_MEMBERS", 2)
        patch.setattr(routes, "AUTO_APPLY_MEMBERS", 4)
        yield


class World:
    """One audience, its ledger, and runs that are tried again until they come through."""

    def __init__(self, strikes: Mapping[Place, str] | None = None, *, route: RouteChoice = "bulk") -> None:
        self.faults = Faults(strikes or {})
        self.storage = FaultyStorage(self.faults)
        self.service = FakeService(
            self.faults, on_file=self._check_file, on_call=self._check_call, now=self.real_now
        )
        self.passed = self.ahead = timedelta(0)
        self.route: RouteChoice = route
        self.spec = AudienceSpec(NAME, MARK)
        self.runs = 0
        self.violations: list[str] = []

    def real_now(self) -> datetime:
        """The present time."""
        return delivery._now() + self.passed

    def now(self) -> datetime:
        """The same by the workers' clock, which may be ahead."""
        return self.real_now() + self.ahead

    @property
    def ledger(self) -> Ledger:
        return self.ledgers.of(self.spec.name)

    @property
    def ledgers(self) -> Ledgers:
        return Ledgers(self.storage, "1")

    @property
    def state(self) -> State:
        return self.ledger.load().state

    @property
    def people(self) -> set[int]:
        """Who is in the one audience of our name."""
        [audience] = [a for a in self.service.audiences.values() if a.name == NAME]
        return audience.people

    def plan(
        self, target: Iterable[int], *, part_size: int = 3, full: bool = False, renew: bool = False
    ) -> Plan:
        """What the step `chunk` leaves behind: from nothing, if what the ledger rests on is damaged."""
        members = self.stage(target)

        def planned(state: State) -> Plan:
            return plan_parts(
                self.storage,
                state,
                members,
                plan_id=f"plan-{self.runs}",
                folder=f"runs/{self.runs}/parts",
                part_size=part_size,
                full=full,
                renew=renew,
                route=self.route,
            )

        with self._undisturbed():
            state = self.ledgers.state_of(self.spec.key, self.spec.name, others=self.spec.siblings)
            try:
                return planned(state)
            except DamagedMembers:
                damage = self.ledger.verify(state)
                assert damage
                return planned(state.unknown(damage))

    def stage(self, target: Iterable[int]) -> MembersFile:
        """What the step `normalise` leaves behind."""
        self.runs += 1
        with self._undisturbed():
            return write_members(self.storage, f"runs/{self.runs}/members", [digests_of(target)])

    def delivery(
        self,
        plan: Plan,
        *,
        day: int | None = None,
        force: Force | None = None,
        on_replan: Callable[[Plan], None] = lambda _: None,
    ) -> Delivery:
        """What a new process has in hand: everything that it knows lies in the workspace."""
        return Delivery(
            client=cast("Client", self.service),
            ledgers=self.ledgers,
            storage=self.storage,
            plan=plan,
            audience=self.spec,
            folder=f"runs/{plan.id}",
            interval_end=DAY + timedelta(days=self.runs if day is None else day),
            force=force,
            on_replan=on_replan,
            erased_since=self.erased_since,
            now=self.now,
        )

    def erased_since(self, number: int) -> Erased | None:
        """Whom the register names, if it has grown; nobody in most worlds."""
        register = Register(self.storage)
        return register.read(lambda: KEY) if register.number > number else None

    def run(self, target: Iterable[int], **options: Any) -> None:
        """Plan and deliver, in as many tries as it takes."""
        self.deliver(self.plan(target, **options))

    def deliver(self, plan: Plan, *, tries: int = 40) -> None:
        """A task with retries: each try begins with `start`, as Airflow's do."""
        for _ in range(tries):
            try:
                self.deliver_once(plan)
            except UnansweredCallsPending as error:
                self.passed += timedelta(seconds=error.retry_after or 0.0)
                continue
            except (Crash, TransientError):
                continue
            return
        raise AssertionError("never came through")

    def deliver_once(
        self, plan: Plan, *, day: int | None = None, force: Force | None = None
    ) -> list[Waiting]:
        """One try, with all its returns from the triggerer; what it waited for."""
        self.delivery(plan, day=day, force=force).start()
        waited = []
        while waiting := self.delivery(plan, day=day, force=force).advance():
            waited.append(waiting)
            assert len(waited) < 100
        return waited

    def copied(self) -> dict[str, bytes]:
        """The workspace as it is now, but for what runs have staged."""
        return {path: data for path, data in self.storage.files.items() if not path.startswith("runs/")}

    def put_back(self, files: Mapping[str, bytes]) -> None:
        """Put a copy of the workspace in its place; what runs have staged stays, as a test goes on with them."""
        for path in self.copied():
            del self.storage.files[path]
        self.storage.files.update(files)

    def bounds(self, *, as_taken_up: bool = False) -> tuple[set[int], set[int] | None]:
        """Who is certainly, and who is possibly, in the audience, by the ledger; or as another try understands it."""
        certain: set[int] = set()
        possible: set[int] = set()
        with self._undisturbed():
            state = self.state.resumed() if as_taken_up else self.state
            for window in windows(self.storage, state):
                certain |= {int(row[0]) for row in window.digests[window.bounds.certain]}
                if window.bounds.possible is not None:
                    possible |= {int(row[0]) for row in window.digests[window.bounds.possible]}
        return certain, possible if is_known(state) else None

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Looks and preparations of the test itself are no steps."""
        before = len(self.faults.steps)
        strikes, self.faults.strikes = self.faults.strikes, {}
        try:
            yield
        finally:
            self.faults.strikes = strikes
            del self.faults.steps[before:]

    def _people_of(self, reference: MembersFile) -> set[int]:
        return {int(row[0]) for array in read_members(self.storage, reference) for row in array}

    def _check_file(self, upload: FakeUpload) -> None:
        """What must hold whenever a file reaches the service."""
        state = self.state
        named = {part.request.id for part in state.parts if part.request}
        if upload.id not in named:
            self.violations.append(f"the file of {upload.id} came before the ledger named it")
        self._check_new(upload.id, upload.action, upload.people)
        # Another try marks all parts as sent, because whoever had this ledger before may have done so.
        sent_adds = [
            part
            for part in state.parts
            if part.action == "add" and (part.request or part.progress is Progress.CONFIRMED)
        ]
        if upload.action == "Replace" and sent_adds:
            self.violations.append(f"{upload.id} replaces after an Add of the same plan")

    def _check_call(self, call: FakeCall) -> None:
        """What must hold whenever members reach the service by a call."""
        sent = [part for part in self.state.parts if part.progress is Progress.SENT]
        name = f"a call with {call.people}"
        if not any(
            part.route == "apply"
            and part.action == call.action.lower()
            and set(call.people) <= self._people_of(part.members)
            for part in sent
        ):
            self.violations.append(f"{name} came before the ledger named them")
        if any(part.request for part in sent):
            self.violations.append(f"{name} came while an upload was in flight")
        self._check_new(name, call.action, call.people)

    def _check_new(self, name: str, action: str, people: Iterable[int]) -> None:
        for part in self.state.parts:
            done = part.progress is Progress.CONFIRMED and part.action == action.lower()
            if done and self._people_of(part.members) & set(people):
                self.violations.append(f"{name} repeats what was confirmed")
