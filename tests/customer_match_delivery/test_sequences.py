"""Delivery and ledger against everything at once: certain ⊆ truth ⊆ possible after every step, and exact in the end.

Hypothesis makes up sequences of runs, tries that crash or lose answers before and after any step that others can
see, workers that fall asleep while others go on, what the service does with what it was sent, and what people and
disks do to files and audiences. After each sequence, one good run must make everything right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, get_args

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match.ledger.state import State
from customer_match.members.envelope import Envelope
from customer_match.members.files import DamagedMembers
from customer_match.planning.data_intervals import Force, Overtaken
from customer_match.planning.plan import Plan
from customer_match.routes import RouteChoice
from customer_match_delivery.call_tracking import UnansweredCallsPending
from microsoft_advertising.faults import ServiceConfigurationError, ServiceTerminalError
from microsoft_advertising.limits import CALL_LANDS_SECONDS
from microsoft_advertising.models import UploadState
from tests.customer_match_delivery.in_memory import (
    DAY,
    MARK,
    NAME,
    Crash,
    FakeCall,
    Place,
    World,
    kept_folders,
    small_calls,
)
from tests.plain_members import plain_members

SEQUENCES = 250
"""Of one test; there are eight."""

EVERYBODY = frozenset(range(8))
PEOPLE = st.sets(st.sampled_from(sorted(EVERYBODY)))
SOMEBODY = PEOPLE.filter(bool)
ROUTES: tuple[RouteChoice, ...] = get_args(RouteChoice)

HOW = ("before", "after", "lost", "asleep", "late", "left")
STEPS = (
    *("write", "create", "delete", "record"),
    *("get_audience", "list_audiences", "create_audience", "update_audience"),
    *("apply_members", "request_upload", "upload_file", "upload_status", "row_errors"),
)
KINDS = st.tuples(st.sampled_from(STEPS), st.sampled_from([1, 1, 2]))


class Trial(NamedTuple):
    """One try of a run.

    Attributes:
        strikes: Number of a step within it, or its kind and which of that kind → what happens there.
        others: What happens while its worker is asleep, and for how long.
        advances: How often it comes back from waiting before it is killed.
        then: What the service does with an upload that is left behind.
        lands: Whether calls that are on their way land while others wait for their end.
    """

    strikes: dict[Place, str]
    others: list[tuple[str, int]]
    advances: int
    then: str
    lands: bool = True


TRIALS = st.builds(
    Trial,
    strikes=st.just({})
    | st.dictionaries(
        st.one_of(st.integers(1, 12), KINDS, KINDS),
        st.sampled_from(HOW),
        min_size=1,
        max_size=3,
    ),
    others=st.lists(
        st.tuples(st.sampled_from(["same run", "other run", "service"]), st.integers(1, 3)),
        min_size=1,
        max_size=3,
    ),
    advances=st.sampled_from([99, 1, 2]),
    then=st.sampled_from(["nothing", "half", "all"]),
    lands=st.booleans(),
)


class Options(NamedTuple):
    """What a run is to do."""

    wanted: set[int]
    part_size: int
    full: bool
    renew: bool
    days: int
    force: bool


OPTIONS = st.builds(
    Options,
    wanted=SOMEBODY | PEOPLE,
    part_size=st.integers(1, 4),
    full=st.sampled_from([False, False, True]),
    renew=st.sampled_from([False, False, True]),
    days=st.sampled_from([1, 1, 1, 0, -1]),
    force=st.booleans(),
)

ENDS = (None, UploadState.FAILED, UploadState.ABORTED, UploadState.EXPIRED, UploadState.ROW_COUNT_EXCEEDED)


@dataclass
class Run:
    """One run of the segment, as its tasks know it, and whom the service may have refused since it was planned."""

    plan: Plan
    day: int
    force: Force | None = None
    refused: set[int] = field(default_factory=set)


@dataclass
class Watch:
    """Looks at ledger and service after every step, and remembers what must not happen."""

    world: World
    violations: list[str] = field(default_factory=list)
    tampered: bool = False
    unsure: bool = False
    backups: list[dict[str, bytes]] = field(default_factory=list)
    damages: set[str] = field(default_factory=set)
    state: State | None = None
    bounds: tuple[set[int], set[int] | None] = (set(), None)
    _content: bytes | None = None
    _folder: str = ""

    def __post_init__(self) -> None:
        self._folder = f"{self.world.ledger.folder}/states/"

    def look(self) -> None:
        """Certain ⊆ truth ⊆ possible; and whatever else holds at all times."""
        self._read()
        assert self.state is not None
        if self.world.service.update_error is None:
            self.backups.append(self.world.copied())
        if self.unsure:
            return
        audience = self.world.service.audiences.get(self.state.audience_id or "")
        if audience is None:
            return  # not made yet, or deleted by hand: nothing is said of the one that is made next
        certain, possible = self.bounds
        if not certain <= audience.people:
            self._note(f"{certain - audience.people} are certain and not there")
        if possible is not None and not audience.people <= possible:
            self._note(f"{audience.people - possible} are there and not possible")

    def forget(self) -> None:
        """Files were changed behind our back."""
        self.tampered, self._content = True, None

    def put_back(self) -> None:
        """The ledger may know less than was sent, until a run has ended well."""
        self.forget()
        self.unsure = True

    def _read(self) -> None:
        """The newest state and its bounds, unless they are what they were."""
        files = self.world.storage.files
        newest = max((path for path in files if path.startswith(self._folder)), default="")
        content = files.get(newest, b"")
        if content is self._content:
            return
        before, self.state, self._content = self.state, self.world.state, content
        try:
            self.bounds = self.world.bounds()
        except DamagedMembers:
            self.bounds = (set(), None)
            if not self.tampered:
                self._note("the ledger names a file that nobody can read")
        if self.state.damage and self.tampered:
            self.damages.add(self.state.damage)
        if (
            self.state.damage and self.state.damage not in self.damages
        ):  # plans remember what they went around
            self._note("the ledger is said to be damaged")
        if before and not self.tampered:
            self._compare(before, self.state)

    def _compare(self, before: State, after: State) -> None:
        if len(after.in_flight) > 1:
            self._note("two uploads are in flight")
        same = before.audience_id == after.audience_id
        older = same and before.interval_end and (after.interval_end or DAY) < before.interval_end
        if older and after.forced is None:
            self._note("older data took the place of newer")

    def _note(self, words: str) -> None:
        step = self.world.faults.steps[-1:] or ["the beginning"]
        self.violations.append(f"after {step[0]}: {words}")


class Sequence(RuleBasedStateMachine):
    """One audience, and everything that can happen to it."""

    executed: ClassVar[int] = 0
    struck: ClassVar[set[tuple[str, str]]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.watch = Watch(self.world)
        self.world.faults.after_each = self.watch.look
        self.service = self.world.service
        self.runs: list[Run] = []
        self.day = 0
        self.deleted = 0
        self.human_must_act = False
        self.gone_on = False
        self.copy: dict[str, bytes] | None = None
        self.keys = [b"\0" * 32]
        self.lands = True

    # --- Runs ------------------------------------------------------------------------------------------------

    @initialize(people=st.none() | PEOPLE)
    def begin(self, people: set[int] | None) -> None:
        """The audience is still to be made, or it is there and nobody knows who is in it."""
        if people is not None:
            self.service.put(NAME, MARK, people)

    # One rule for each route, and two for trying again: Hypothesis switches off some rules of each sequence.

    @rule(options=OPTIONS, trial=TRIALS)
    def new_run_by_bulk(self, options: Options, trial: Trial) -> None:
        self.new_run("bulk", options, trial)

    @rule(options=OPTIONS, trial=TRIALS)
    def new_run_by_calls(self, options: Options, trial: Trial) -> None:
        self.new_run("apply", options, trial)

    @rule(options=OPTIONS, trial=TRIALS)
    def new_run_by_either(self, options: Options, trial: Trial) -> None:
        self.new_run("auto", options, trial)

    def new_run(self, route: RouteChoice, options: Options, trial: Trial) -> None:
        """A run is planned, and tried once."""
        self.day += options.days
        if not self.plan(
            options.wanted,
            part_size=options.part_size,
            full=options.full,
            renew=options.renew,
            route=route,
            day=self.day,
        ):
            return
        if options.force:
            self.runs[-1].force = Force(run=self.runs[-1].plan.id, began=datetime.now(UTC))
        self.tried(self.runs[-1], trial)

    @rule(
        options=OPTIONS,
        route=st.sampled_from(["apply", "auto"]),
        nth=st.sampled_from([1, 1, 2]),
        how=st.sampled_from(["late", "left"]),
        ahead=st.sampled_from([0, 0, 1, 87_600]),
    )
    def leaves_a_call_behind(
        self, options: Options, route: RouteChoice, nth: int, how: str, ahead: int
    ) -> None:
        """A run of small changes is killed while a call of its is on its way, or makes the call again.

        Its clock may be hours ahead, as long as it has no other calls to wait for: a known limit.
        """
        self.calm()
        if not self.service.late:
            self.world.ahead = timedelta(hours=ahead)
        self.new_run(route, options, Trial({("apply_members", nth): how}, [], 99, "nothing"))
        self.world.ahead = timedelta(0)

    @rule(trial=TRIALS)
    @precondition(lambda self: self.runs)
    def newest_again(self, trial: Trial) -> None:
        """The newest run is tried again."""
        self.tried(self.runs[-1], trial)

    @rule(trial=TRIALS)
    @precondition(lambda self: len(self.runs) > 1)
    def other_again(self, trial: Trial) -> None:
        """The one before it is."""
        self.tried(self.runs[-2], trial)

    @rule(wanted=SOMEBODY, part_size=st.integers(2, 4), route=st.sampled_from(ROUTES))
    def good_run(self, wanted: set[int], part_size: int, route: RouteChoice) -> None:
        """Nothing goes wrong any more, and one run makes the audience right."""
        self.calm()
        damaged = self.watch.tampered
        self.day = max([run.day for run in self.runs], default=0) + 1
        before = self.world.service.audiences.get(self.world.state.audience_id or "")
        uploads, calls = set(self.service.uploads), len(self.service.calls)
        enough = self.changes(wanted)
        assert self.plan(wanted, part_size=part_size, full=False, route=route, day=self.day)
        tries = 1
        while not self.attempt(self.runs[-1], advances=99):
            tries += 1
            assert tries <= (4 if damaged else 1), "one good run needs no second try"
        self.human_must_act = False
        self.service.land(self.service.late)  # what is on its way now changes nothing any more
        assert self.world.people == wanted
        assert self.world.bounds() == (wanted, wanted)
        assert not self.world.state.in_flight
        assert self.world.state.damage is None
        new = [upload for upload in self.service.accepted if upload.id not in uploads]
        sent = sum(len(upload.people) for upload in new) + sum(
            len(c.people) for c in self.service.calls[calls:]
        )
        if before is None or before.id not in self.service.audiences:
            enough = len(wanted)
        if not damaged:
            assert sent <= enough, "no more is sent than what may be wrong"
        self.watch.tampered = self.watch.unsure = False
        self.check()

    def plan(self, target: set[int], *, day: int, route: RouteChoice, **options: Any) -> bool:
        """Whether a run has come as far as its upload."""
        self.world.route = route
        try:
            self.runs.append(Run(self.world.plan(target, **options), day, refused=set(self.service.refuse)))
        except TerminalError:
            assert not target, "only an audience of unknown members cannot be emptied"
            return False
        return True

    def changes(self, target: set[int]) -> int:
        """How many members are wrong at the most, by what the ledger knows."""
        try:
            certain, possible = self.world.bounds(as_taken_up=True)
        except DamagedMembers:
            possible = None
        return len(target) if possible is None else len(possible - target) + len(target - certain)

    def tried(self, run: Run, trial: Trial) -> None:
        """One try, struck at some of its steps."""
        faults = self.world.faults
        first = len(faults.steps)
        faults.strikes = {(p + first if isinstance(p, int) else p): how for p, how in trial.strikes.items()}
        faults.first = first
        self.gone_on, self.lands = False, trial.lands
        faults.meanwhile = lambda: self.meanwhile(run, trial.others)
        self.attempt(run, advances=trial.advances)
        faults.strikes = {}
        for upload in self.service.at_work if trial.then != "nothing" else []:
            (self.service.begin if trial.then == "half" else self.service.finish)(upload)
        self.check()

    def meanwhile(self, run: Run, others: list[tuple[str, int]]) -> None:
        """What others do while the worker of a run is asleep."""
        faults = self.world.faults
        strikes, faults.strikes = faults.strikes, {}
        for who, how_long in others:
            if who == "service":
                for upload in self.service.at_work[:how_long]:
                    self.service.finish(upload)
                self.service.land(self.service.late[:how_long])
                self.watch.look()
            else:
                other = next((r for r in reversed(self.runs) if r is not run), run)
                self.gone_on = self.gone_on or who == "other run"
                self.attempt(run if who == "same run" else other, advances=99 if how_long > 2 else how_long)
        faults.strikes = strikes

    def attempt(self, run: Run, *, advances: int) -> bool:
        """Whether a try came through: it may crash, and it may be killed while it waits."""

        def keep(plan: Plan) -> None:
            with self.world.faults.step("record"):
                run.plan = plan

        def delivery() -> Any:
            return self.world.delivery(run.plan, day=run.day, force=run.force, on_replan=keep)

        try:
            delivery().start()
            for _ in range(advances):
                try:
                    waits = delivery().advance()
                except UnansweredCallsPending as under_way:
                    self.wait(under_way)
                    delivery().start()
                    continue
                if waits is None:
                    self.watch.unsure = False
                    self.check_done(run)
                    return True
        except Overtaken:
            newest = self.world.state.interval_end
            assert newest
            assert newest > DAY + timedelta(days=run.day)
        except (Crash, TransientError):
            pass
        except (ConfigurationError, TerminalError):
            if not self.human_must_act and run.plan.target.count:
                raise
        return False

    def wait(self, under_way: UnansweredCallsPending) -> None:
        """Until no call can live any more; they land at the last moment, or never."""
        assert under_way.retry_after
        assert under_way.retry_after <= CALL_LANDS_SECONDS
        if self.lands:
            self.service.land(self.service.late)
            self.watch.look()
        self.world.passed += timedelta(seconds=under_way.retry_after)

    # --- The service -----------------------------------------------------------------------------------------

    @rule(backwards=st.booleans(), how_many=st.integers(1, 3))
    @precondition(lambda self: self.service.late)
    def calls_land(self, how_many: int, *, backwards: bool) -> None:
        """Calls whose caller is gone, or has made them again since."""
        late = self.service.late[::-1] if backwards else self.service.late
        self.service.land(late[:how_many])
        self.check()

    @rule(half=st.booleans())
    @precondition(lambda self: self.service.at_work)
    def service_works(self, half: bool) -> None:
        """It ends an upload, or gets half of it done, while nobody looks."""
        [upload, *_] = self.service.at_work
        (self.service.begin if half else self.service.finish)(upload)
        self.check()

    @rule(people=SOMEBODY, removals=st.booleans(), route=st.sampled_from(ROUTES), options=OPTIONS)
    def refusals(self, people: set[int], removals: bool, route: RouteChoice, options: Options) -> None:
        """From now on it refuses these members, and is well otherwise; a run learns of it."""
        self.calm()
        self.refuse(dict.fromkeys(people, 8004), removals=removals)
        self.new_run(route, options, Trial({}, [], 99, "nothing"))

    @rule(
        refuse=st.dictionaries(
            st.sampled_from(sorted(EVERYBODY)), st.sampled_from([8004, 8004, 0, 8003]), max_size=2
        ),
        removals=st.booleans(),
        ends=st.lists(st.sampled_from(ENDS), max_size=3),
        looks=st.integers(1, 3),
        urls=st.sampled_from([0, 0, 1, 9]),
        results=st.sampled_from([0, 0, 1, 9]),
        halves=st.sampled_from([0, 0, 1, 2]),
        no_calls=st.sampled_from([False, False, False, True]),
    )
    def troubles(
        self,
        *,
        refuse: dict[int, int],
        removals: bool,
        ends: list[UploadState | None],
        looks: int,
        urls: int,
        results: int,
        halves: int,
        no_calls: bool,
    ) -> None:
        """From now on it refuses members, fails, expires, and does not take calls."""
        service = self.service
        self.refuse(refuse, removals=removals)
        service.ends, service.looks_until_done = ends, looks
        service.urls_to_expire, service.results_to_expire, service.calls_by_half = urls, results, halves
        if no_calls:
            service.on_call = _not_offered
        known = {8003} & set(refuse.values()) or UploadState.ROW_COUNT_EXCEEDED in ends or no_calls
        self.human_must_act = self.human_must_act or bool(known)

    @rule(seals=st.booleans(), new_key=st.booleans())
    def encryption_changes(self, *, seals: bool, new_key: bool) -> None:
        """Files of members are encrypted from now on, or no longer; with another key, or the same."""
        if new_key:
            self.keys.insert(0, bytes([len(self.keys)] * 32))
        self.world.storage.envelope = Envelope(self.keys.copy, seals=seals)

    @rule(minutes=st.sampled_from([1, 5, 10, 15, 60]))
    def minutes_pass(self, minutes: int) -> None:
        """Calls that were on their way may be dead by now."""
        self.world.passed += timedelta(minutes=minutes)

    @rule(what=st.sampled_from(["results", "uploads", "urls"]))
    @precondition(lambda self: self.service.uploads)
    def time_passes(self, what: str) -> None:
        """Results are kept for minutes, uploads for days, unused URLs for a while."""
        ended = {upload.id for upload in self.service.uploads.values() if upload.state.final}
        match what:
            case "results":
                self.service.results_removed |= ended
            case "uploads":
                self.service.forgotten |= ended
            case _:
                for upload in self.service.uploads.values():
                    upload.url_expired = upload.url_expired or upload.state is UploadState.PENDING_FILE_UPLOAD

    def refuse(self, people: dict[int, int], *, removals: bool) -> None:
        """From now on these are refused, each with an error."""
        self.service.refuse = {person: (code,) for person, code in people.items()}
        self.service.refuses_removals = removals
        for run in self.runs:
            run.refused |= set(people)

    def calm(self) -> None:
        """The service is well again, and so are the account and the workers."""
        service, self.world.faults.strikes = self.service, {}
        service.update_error = None
        service.refuse, service.ends, service.looks_until_done = {}, [], 2
        service.urls_to_expire = service.results_to_expire = service.calls_by_half = 0
        service.on_call = self.world._check_call

    # --- People and disks ------------------------------------------------------------------------------------

    @rule(again=st.none() | PEOPLE)
    @precondition(lambda self: self.service.audiences)
    def deleted_by_hand(self, again: set[int] | None) -> None:
        """Somebody deletes the audience, and may put another of its name and mark in its place."""
        self.service.audiences.clear()
        self.deleted += 1
        if again is not None:
            self.service.put(NAME, MARK, again)

    @rule(choice=st.integers(0, 50), harm=st.sampled_from(["torn", "flipped", "gone"]))
    @precondition(lambda self: self.world.storage.list(f"{self.world.ledger.folder}/states"))
    def damaged(self, choice: int, harm: str) -> None:
        """A file of the ledger is torn, altered or lost, or one of members that its newest state names."""
        files, state = self.world.storage.files, self.world.state
        newest = max(path for path in files if path.startswith(f"{self.world.ledger.folder}/states/"))
        named = [state.settled.certain, state.settled.possible]
        named += [file for part in state.parts for file in (part.members, part.refused)]
        named += [calls.members for calls in state.late]
        paths = [newest, *sorted({file.path for file in named if file} & set(files))]
        path = paths[choice % len(paths)]
        if path == newest:
            self.nothing_is_under_way()
        content = files[path]
        if harm == "gone" and path != newest:  # a state that is lost without a trace leads nowhere safe
            del files[path]
        elif harm == "flipped" and content:
            place = len(content) // 2 if path == newest else min(40, len(content) - 1)  # among the members
            files[path] = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        else:
            files[path] = content[: len(content) // 2]
        self.watch.forget()

    @rule()
    @precondition(lambda self: self.world.storage.list("ledgers"))
    def ledger_lost(self) -> None:
        """All ledgers and pointers are gone."""
        self.nothing_is_under_way()
        for folder in ("ledgers", "segments"):
            for path in [path for path in self.world.storage.files if path.startswith(f"{folder}/")]:
                del self.world.storage.files[path]
        self.watch.forget()

    @rule(back=st.integers(1, 60))
    @precondition(lambda self: self.watch.backups)
    def restored(self, back: int) -> None:
        """The workspace is put back to what it was after any of the last steps."""
        self.nothing_is_under_way()
        self.world.put_back(self.watch.backups[-min(back, len(self.watch.backups))])
        self.watch.put_back()

    @rule(lost=st.integers(1, 12))
    @precondition(lambda self: self.watch.backups)
    def newest_states_lost(self, lost: int) -> None:
        """The newest states are gone without a trace."""
        self.nothing_is_under_way()
        files = self.world.storage.files
        states = sorted(path for path in files if path.startswith(f"{self.world.ledger.folder}/states/"))
        for path in states[-lost:]:
            del files[path]
        self.watch.put_back()

    @rule()
    @precondition(lambda self: self.watch.backups)
    def copied(self) -> None:
        """Somebody copies the workspace; where there is a copy, the two go on in turn."""
        self.nothing_is_under_way()
        now = self.world.copied()
        if self.copy is not None:
            self.world.put_back(self.copy)
            self.watch.put_back()
        self.copy = now

    @rule(wanted=SOMEBODY, elsewhere=st.booleans())
    @precondition(lambda self: self.world.state.audience_id in self.service.audiences)
    def second_export(self, wanted: set[int], elsewhere: bool) -> None:
        """Another export names the audience, in this workspace or in another: it is refused, and nothing happens."""
        self.calm()
        here, own = self.world.copied(), self.world.spec
        before = {one.id: (one.description, set(one.people)) for one in self.service.audiences.values()}
        if elsewhere:
            self.world.put_back({})
        self.world.spec = replace(own, mark="[customer-match:second]")
        try:
            plan = self.world.plan(wanted)
            with pytest.raises(ConfigurationError, match=r"adopt: true"):
                self.world.deliver_once(plan)
        finally:
            self.world.spec = own
            self.world.put_back(here)
        after = {one.id: (one.description, set(one.people)) for one in self.service.audiences.values()}
        assert after == before

    @rule()
    @precondition(lambda self: self.service.updates or self.service.claims)
    def descriptions_cannot_be_written(self) -> None:
        """From now on, until all is well again, nobody notices other copies: so there are none."""
        self.service.update_error = ServiceConfigurationError("not for customer lists", codes=(4859,))
        self.watch.backups.clear()
        self.copy = None

    def nothing_is_under_way(self) -> None:
        """What only a lost state names is a known limit (docs/architecture.md): it has ended by then."""
        self.service.land(self.service.late)
        for upload in self.service.at_work:
            self.service.finish(upload)
        self.time_passes("urls")

    # --- What must hold --------------------------------------------------------------------------------------

    def check_done(self, run: Run) -> None:
        """A run that ended well has made the audience what it was to be, but for whom the service refused."""
        if self.gone_on and self.world.state.plan_id != run.plan.id:
            return  # it fell asleep when all was done, and another run has gone on from there
        target = self.world._people_of(run.plan.target)
        assert self.world.people ^ target <= run.refused
        assert self.world.state.interval_end == DAY + timedelta(days=run.day)

    def check(self) -> None:
        self.watch.look()
        assert self.watch.violations == []
        assert self.world.violations == []
        assert self.service.created <= 1 + self.deleted, "one list for one segment"

    def teardown(self) -> None:
        """After everything that happened, one good run makes it right."""
        kind = type(self)
        kind.executed += 1
        kind.struck |= self.world.faults.struck
        self.good_run({1, 3, 5, 7}, part_size=3, route="bulk")


def _not_offered(_: FakeCall) -> None:
    raise ServiceTerminalError("OperationNotSupported (204)", codes=(204,))


@pytest.fixture(autouse=True, scope="module")
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # a message costs as much as the step that it is about
    with small_calls(), plain_members(), kept_folders(tmp_path_factory.mktemp("uploads")):
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1_800)  # 15 seconds of work, on machines that may have much else to do
@pytest.mark.parametrize("number", range(8))
def test_everything_at_once(number: int) -> None:
    """In these sequences most kinds of steps are struck, and in all ways.

    Seeded; yet Hypothesis also draws constants of the modules that are loaded, so that they differ with those. Each
    kind in each way is the matter of `test_a_crash_at_any_step`.
    """
    machine = seed(number)(type(f"Sequence{number}", (Sequence,), {"executed": 0, "struck": set()}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=12,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.executed >= SEQUENCES
    assert len({step for step, _ in machine.struck}) > len(STEPS) / 2
    assert {how for _, how in machine.struck} == set(HOW)
