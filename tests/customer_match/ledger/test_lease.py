"""Leases: one run at a time, across machines, whatever crashes and however clocks go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import fsspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from customer_match.errors import ConfigurationError, TransientError
from customer_match.ledger.lease import AudienceBusy, Lease
from customer_match.workspace.workspace import Workspace
from tests.memory_storage import MemoryStorage

FOLDER = "ledgers/7/a"
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(storage: Any, holder: str, clock: Clock) -> Lease:
    return Lease(storage, FOLDER, audience="Gold", holder=holder, now=clock)


def test_a_second_run_waits_and_is_told_for_whom(storage: Any, clock: Clock) -> None:
    lease(storage, "first", clock).take(HOUR)
    with pytest.raises(AudienceBusy, match=r"first .* 'Gold'.* 2026-01-01 01:00:00 UTC") as raised:
        lease(storage, "second", clock).take(HOUR)
    assert isinstance(raised.value, TransientError)
    assert raised.value.retry_after == 30  # it may be given back much sooner than in an hour
    assert raised.value.holding.holder == "first"


def test_the_wait_is_no_longer_than_the_lease(storage: Any, clock: Clock) -> None:
    lease(storage, "first", clock).take(timedelta(seconds=20))
    with pytest.raises(AudienceBusy) as raised:
        lease(storage, "second", clock).take(HOUR)
    assert raised.value.retry_after == 20


def test_the_same_run_takes_it_again(storage: Any, clock: Clock) -> None:
    """A retry after a crash, or the return from the triggerer."""
    lease(storage, "first", clock).take(HOUR)
    clock.time += timedelta(minutes=50)
    lease(storage, "first", clock).take(HOUR)
    clock.time += timedelta(minutes=50)
    with pytest.raises(AudienceBusy):
        lease(storage, "second", clock).take(HOUR)


def test_a_lease_that_expired_or_was_given_back_is_free(storage: Any, clock: Clock) -> None:
    lease(storage, "first", clock).take(HOUR)
    clock.time += HOUR
    assert lease(storage, "second", clock).current() is None
    lease(storage, "second", clock).take(HOUR)
    lease(storage, "second", clock).release()
    lease(storage, "third", clock).take(HOUR)
    current = lease(storage, "anybody", clock).current()
    assert current is not None
    assert current.holder == "third"


def test_who_lost_it_gives_back_nothing(storage: Any, clock: Clock) -> None:
    lease(storage, "first", clock).take(HOUR)
    clock.time += 2 * HOUR
    lease(storage, "second", clock).take(HOUR)
    lease(storage, "first", clock).release()
    with pytest.raises(AudienceBusy, match="second"):
        lease(storage, "third", clock).take(HOUR)


def test_giving_back_twice_writes_once(storage: Any, clock: Clock) -> None:
    mine = lease(storage, "first", clock)
    mine.take(HOUR)
    mine.release()
    before = dict(storage.files)
    mine.release()
    assert storage.files == before


# --- Clocks that are ahead -----------------------------------------------------------------------------------


def test_a_lease_of_a_clock_that_was_ahead_ends_in_time(storage: Any, clock: Clock) -> None:
    """By the clock of whoever waits, from its first look on: whichever run looks next."""
    ahead = Clock()
    ahead.time += timedelta(days=3650)
    lease(storage, "first", ahead).take(HOUR)
    with pytest.raises(AudienceBusy, match=r"first .* 2026-01-01 01:00:00 UTC at the latest"):
        lease(storage, "second", clock).take(HOUR)
    clock.time += timedelta(minutes=59)
    with pytest.raises(AudienceBusy, match="first"):
        lease(storage, "third", clock).take(HOUR)
    clock.time += timedelta(minutes=1)
    lease(storage, "third", clock).take(HOUR)


def test_its_holder_keeps_it_while_it_lives(storage: Any, clock: Clock) -> None:
    ahead = Clock()
    ahead.time += timedelta(days=1)
    mine = lease(storage, "first", ahead)
    mine.take(HOUR)
    for _ in range(4):
        with pytest.raises(AudienceBusy, match="first"):
            lease(storage, "second", clock).take(HOUR)
        clock.time += timedelta(minutes=30)
        ahead.time += timedelta(minutes=30)
        mine.take(HOUR)
    mine.release()
    lease(storage, "second", clock).take(HOUR)


def test_clocks_that_differ_by_little_shorten_nothing(storage: Any, clock: Clock) -> None:
    ahead = Clock()
    ahead.time += timedelta(minutes=4)
    lease(storage, "first", ahead).take(HOUR)
    with pytest.raises(AudienceBusy, match="01:04:00 UTC"):
        lease(storage, "second", clock).take(HOUR)
    assert len(storage.list(f"{FOLDER}/leases")) == 1


def test_two_who_put_it_right_at_once(clock: Clock) -> None:
    """The slower one goes by what the faster one wrote."""
    ahead = Clock()
    ahead.time += timedelta(days=1)

    class Crowded(MemoryStorage):
        crowded = False

        def create(self, relative: str, data: bytes) -> None:
            if self.crowded:
                self.crowded = False
                with pytest.raises(AudienceBusy):
                    lease(self, "third", clock).take(HOUR)
            super().create(relative, data)

    storage = Crowded()
    lease(storage, "first", ahead).take(HOUR)
    storage.crowded = True
    with pytest.raises(AudienceBusy, match=r"first .* 01:00:00 UTC"):
        lease(storage, "second", clock).take(HOUR)
    assert len(storage.list(f"{FOLDER}/leases")) == 2


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"holder": "x"}', b'{"holder": "x", "until": "2026-01-01"}']
)
def test_a_damaged_record_is_nobodys(storage: Any, clock: Clock, content: bytes) -> None:
    storage.create(f"{FOLDER}/leases/0000000007.json", content)
    lease(storage, "first", clock).take(HOUR)
    assert storage.list(f"{FOLDER}/leases")[-1] == "0000000008.json"


@pytest.mark.faults
def test_on_a_full_disk_it_is_given_back_by_deleting(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every other run would wait for half an hour after the disk has room again."""
    storage = MemoryStorage()
    lease(storage, "before", clock).take(HOUR)
    lease(storage, "before", clock).release()
    lease(storage, "first", clock).take(HOUR)
    lease(storage, "first", clock).take(HOUR)  # kept for longer: two records
    with monkeypatch.context() as full:

        def no_room(*_: Any) -> None:
            raise ConfigurationError("The storage is full.")

        full.setattr(storage, "create", no_room)
        with pytest.raises(ConfigurationError, match="full"):
            lease(storage, "first", clock).release()
    assert lease(storage, "x", clock).current() is None
    lease(storage, "second", clock).take(HOUR)
    with pytest.raises(AudienceBusy, match="second"):
        lease(storage, "first", clock).take(HOUR)


def test_old_records_go(storage: Any, clock: Clock) -> None:
    for _ in range(30):
        lease(storage, "first", clock).take(HOUR)
    assert len(storage.list(f"{FOLDER}/leases")) == 10


def test_who_slept_through_the_pruning_does_not_hold_it(clock: Clock) -> None:
    """Its number was taken and pruned meanwhile: the gap that it fills does not count."""

    class Sleeping(MemoryStorage):
        asleep = True

        def create(self, relative: str, data: bytes) -> None:
            if self.asleep:
                self.asleep = False
                for number in range(1, 31):
                    super().create(f"{FOLDER}/leases/{number:010d}.json", rival)
                for number in range(1, 21):
                    self.delete(f"{FOLDER}/leases/{number:010d}.json")
            super().create(relative, data)

    until = (clock.time + HOUR).isoformat()
    rival = f'{{"holder": "rival", "until": "{until}"}}'.encode()
    with pytest.raises(AudienceBusy, match="rival"):
        lease(Sleeping(), "sleeper", clock).take(HOUR)


def test_many_takers_at_once_never_end_in_a_loop(clock: Clock) -> None:
    class Crowded(MemoryStorage):
        def create(self, relative: str, data: bytes) -> None:
            raise FileExistsError(relative)

    with pytest.raises(TransientError, match="at once"):
        lease(Crowded(), "first", clock).take(HOUR)


def test_of_many_threads_one_gets_it(tmp_path: Path, clock: Clock) -> None:
    workers = 6
    barrier = Barrier(workers)

    def work(worker: int) -> bool:
        workspace = Workspace(fsspec.filesystem("file"), str(tmp_path))
        barrier.wait(timeout=30)
        try:
            lease(workspace, str(worker), clock).take(HOUR)
        except AudienceBusy:
            return False
        return True

    with ThreadPoolExecutor(workers) as pool:
        assert sum(pool.map(work, range(workers))) == 1


class Machine(RuleBasedStateMachine):
    """Runs on machines whose clocks agree come, crash, return and leave: never two hold it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.storage = MemoryStorage()
        self.clock = Clock()
        self.holding: dict[str, datetime] = {}

    @rule(who=st.sampled_from("abc"), minutes=st.integers(1, 90))
    def take(self, who: str, minutes: int) -> None:
        others = [until for name, until in self.holding.items() if name != who and until > self.clock.time]
        try:
            lease(self.storage, who, self.clock).take(timedelta(minutes=minutes))
        except AudienceBusy:
            assert others
            self.shortened(timedelta(minutes=minutes))
        else:
            assert not others
            self.holding = {who: self.clock.time + timedelta(minutes=minutes)}

    def shortened(self, longest: timedelta) -> None:
        """Who takes it for less time at the most does not believe that anybody has it for so much longer."""
        for name, until in self.holding.items():
            if until - self.clock.time > longest + timedelta(minutes=5):
                self.holding[name] = self.clock.time + longest

    @rule(who=st.sampled_from("abc"))
    def release(self, who: str) -> None:
        lease(self.storage, who, self.clock).release()
        self.holding.pop(who, None)

    @rule(minutes=st.integers(1, 120))
    def time_passes(self, minutes: int) -> None:
        self.clock.time += timedelta(minutes=minutes)

    @invariant()
    def everybody_sees_the_holder(self) -> None:
        current = lease(self.storage, "anybody", self.clock).current()
        holders = [name for name, until in self.holding.items() if until > self.clock.time]
        assert ([current.holder] if current else []) == holders


def test_never_two_at_once() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=60))
