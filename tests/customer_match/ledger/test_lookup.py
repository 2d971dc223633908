"""Where a segment's ledger lies, and how it is carried over to another name, whatever crashes on the way."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from customer_match.ledger.actions import Action
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.parts import Part, Progress, Request
from customer_match.ledger.state import Settled, State
from customer_match.ledger.store import Entry, Ledger, LedgerConflict
from customer_match.ledger.view import windows
from customer_match.members.digests import Digests
from customer_match.members.files import MembersFile, read_members, write_members
from tests.memory_storage import MemoryStorage

KEY, OTHER = "autumn/gold-1a2b3c4d5e6f", "autumn/silver-1a2b3c4d5e6f"
OLD, NEW = "Gold", "Gold customers"


class Dies(Exception):
    """The worker dies here."""


class Storage(MemoryStorage):
    """Dies after a number of writes."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 10**6

    def _written(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Dies

    def store(self, relative: str, content: bytes) -> None:
        super().store(relative, content)
        self._written()

    def create(self, relative: str, data: bytes) -> None:
        super().create(relative, data)
        self._written()


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def ledgers(storage: Storage) -> Ledgers:
    return Ledgers(storage, "180000001")


def people(*numbers: int) -> Digests:
    return np.array([[number] * 32 for number in numbers], dtype=np.uint8)


def delivered(ledger: Ledger, storage: Storage, *numbers: int, segment: str | None = KEY) -> Entry:
    """A ledger whose audience holds these people, and perhaps one more."""
    entry = ledger.load()
    entry = ledger.write(entry, entry.state.with_audience("77", created=True, segment=segment))
    members = write_members(storage, "runs/1/parts/1", [people(*numbers)])
    part = Part(action=Action.ADD, members=members)
    entry = ledger.write(entry, entry.state.planned("p1", (part,), datetime(2026, 1, 1, tzinfo=UTC)))
    refused = write_members(storage, "runs/1/refused", [people(numbers[-1])])
    entry = ledger.write(entry, entry.state.confirmed(0, refused, {"X": 1}))
    return ledger.settle(entry, entry.state)


def bounds(storage: Storage, state: State) -> tuple[set[int], set[int]]:
    found = list(windows(storage, state))
    certain = {int(d[0]) for w in found for d in w.digests[w.bounds.certain]}
    possible = {
        int(d[0]) for w in found if w.bounds.possible is not None for d in w.digests[w.bounds.possible]
    }
    return certain, possible


def test_a_segment_stands_on_the_ledger_of_its_audience(ledgers: Ledgers, storage: Storage) -> None:
    assert ledgers.state_of(KEY, OLD) == State(audience=OLD)
    entry = delivered(ledgers.of(OLD), storage, 1, 2)
    assert ledgers.state_of(KEY, OLD) == entry.state
    assert ledgers.before(KEY, OLD) is None


def test_after_a_renaming_it_stands_on_the_one_before(ledgers: Ledgers, storage: Storage) -> None:
    entry = delivered(ledgers.of(OLD), storage, 1, 2)
    assert ledgers.state_of(KEY, NEW) == State(audience=NEW), "nobody noted where it stood"
    ledgers.remember(KEY, OLD)
    assert ledgers.state_of(KEY, NEW) == entry.state
    assert ledgers.state_of(OTHER, NEW) == State(audience=NEW)
    assert Ledgers(storage, "2").state_of(KEY, NEW) == State(audience=NEW), "another account"


def test_what_is_kept_for_another_segment_is_not_taken(ledgers: Ledgers, storage: Storage) -> None:
    """Gold's audience is to be renamed, and another segment is to get its old name."""
    entry = delivered(ledgers.of(OLD), storage, 1, 2)
    assert ledgers.state_of(OTHER, OLD, others={KEY}) == State(audience=OLD)
    assert ledgers.state_of(OTHER, OLD) == entry.state, "of a segment that is no more: its table was changed"


def test_a_ledger_from_before_segments_were_noted_counts(ledgers: Ledgers, storage: Storage) -> None:
    entry = delivered(ledgers.of(OLD), storage, 1, 2, segment=None)
    assert ledgers.state_of(OTHER, OLD, others={KEY}) == entry.state


@pytest.mark.bad_input
def test_the_day_for_which_an_audience_was_deleted_counts_for_its_segment(ledgers: Ledgers) -> None:
    """Older days are not to make it anew; another segment of that name begins from nothing."""
    ledger, day = ledgers.of(OLD), datetime(2026, 5, 3, tzinfo=UTC)
    entry = ledger.load()
    ledger.write(entry, entry.state.deleted(day, segment=KEY, at=day))
    assert ledgers.state_of(KEY, OLD).interval_end == day
    assert ledgers.state_of(OTHER, OLD) == State(audience=OLD)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"x"', b"\xff"])
def test_a_damaged_pointer_is_as_good_as_none(ledgers: Ledgers, storage: Storage, content: bytes) -> None:
    delivered(ledgers.of(OLD), storage, 1, 2)
    ledgers.remember(KEY, OLD)
    [pointer] = [path for path in storage.files if path.startswith("segments/")]
    storage.files[pointer] = content
    assert ledgers.state_of(KEY, NEW) == State(audience=NEW)
    ledgers.remember(KEY, NEW)
    assert ledgers.before(KEY, NEW) is None


def test_it_is_carried_over_with_files_of_its_own(ledgers: Ledgers, storage: Storage) -> None:
    before = delivered(ledgers.of(OLD), storage, 1, 2, 3)
    assert bounds(storage, before.state) == ({1, 2}, {1, 2, 3})
    after = ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
    assert (after.state.audience, after.state.audience_id, after.state.segment) == (NEW, "77", KEY)
    assert after.state.basis == before.state.basis, (
        "a difference that was planned from the old one still fits"
    )
    assert after.state.interval_end == before.state.interval_end
    for path in [path for path in storage.files if path.startswith(f"{ledgers.of(OLD).folder}/bounds/")]:
        del storage.files[path]
    assert bounds(storage, ledgers.state_of(KEY, NEW)) == ({1, 2}, {1, 2, 3})


@pytest.mark.bad_input
def test_damaged_bounds_are_not_carried_over_and_the_audience_is_replaced(
    ledgers: Ledgers, storage: Storage
) -> None:
    before = delivered(ledgers.of(OLD), storage, 1, 2, 3)
    certain = before.state.settled.certain
    assert certain
    storage.files[certain.path] = b"torn"
    after = ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
    assert certain.path in str(after.state.damage)
    assert (after.state.audience_id, after.state.settled) == ("77", Settled())
    assert ledgers.of(NEW).load() == after


def test_both_bounds_are_copied_where_they_differ(ledgers: Ledgers, storage: Storage) -> None:
    ledger = ledgers.of(OLD)
    certain, possible = (
        write_members(storage, f"{ledger.folder}/bounds/{name}", [people(*who)])
        for name, who in (("c", (1,)), ("p", (1, 2)))
    )
    settled = Settled(certain=certain, possible=possible, known=True)
    ledger.write(ledger.load(), State(audience=OLD, audience_id="77", settled=settled))
    after = ledgers.carry_over(ledger, ledgers.of(NEW), KEY)
    assert bounds(storage, after.state) == ({1}, {1, 2})
    for file in (after.state.settled.certain, after.state.settled.possible):
        assert isinstance(file, MembersFile)
        assert file.path.startswith(f"{ledgers.of(NEW).folder}/bounds/")
        assert list(read_members(storage, file))


def test_an_upload_in_flight_is_carried_along(ledgers: Ledgers, storage: Storage) -> None:
    ledger = ledgers.of(OLD)
    entry = delivered(ledger, storage, 1, 2)
    part = Part(action=Action.ADD, members=write_members(storage, "runs/2/parts/1", [people(5)]))
    entry = ledger.write(entry, entry.state.planned("p2", (part,), None))
    request = Request(id="r1", upload_url="secret", requested_at=datetime.now(UTC))
    ledger.write(entry, entry.state.requested(0, request))
    after = ledgers.carry_over(ledger, ledgers.of(NEW), KEY).state
    assert after.in_flight == [0]
    assert after.parts[0].request == request
    assert after.parts[0].progress is Progress.SENT


def test_the_old_name_is_free_and_empty(ledgers: Ledgers, storage: Storage) -> None:
    delivered(ledgers.of(OLD), storage, 1, 2)
    ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
    assert ledgers.state_of(OTHER, OLD) == State(audience=OLD)
    closed = ledgers.of(OLD).load().state
    fresh = closed.with_audience("77", created=False, segment=OTHER)
    assert fresh == State(audience=OLD, audience_id="77", segment=OTHER), "even for the same audience"


def test_whoever_still_holds_the_old_one_learns_of_it(ledgers: Ledgers, storage: Storage) -> None:
    entry = delivered(ledgers.of(OLD), storage, 1, 2)
    ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
    with pytest.raises(LedgerConflict):
        ledgers.of(OLD).write(entry, entry.state.planned("p2", (), None))


def test_there_and_back_again(ledgers: Ledgers, storage: Storage) -> None:
    delivered(ledgers.of(OLD), storage, 1, 2, 3)
    ledgers.remember(KEY, OLD)
    ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
    ledgers.remember(KEY, NEW)
    assert bounds(storage, ledgers.state_of(KEY, OLD)) == ({1, 2}, {1, 2, 3})
    ledgers.carry_over(ledgers.of(NEW), ledgers.of(OLD), KEY)
    ledgers.remember(KEY, OLD)
    assert bounds(storage, ledgers.state_of(KEY, OLD)) == ({1, 2}, {1, 2, 3})
    assert not ledgers.of(OLD).load().state.moved_to


@pytest.mark.faults
def test_a_crash_after_any_write(storage: Storage, ledgers: Ledgers) -> None:
    """Until the pointer is set the segment stands on the old ledger or on the copy: never on a half."""
    for writes in range(1, 20):
        storage = Storage()
        ledgers = Ledgers(storage, "180000001")
        delivered(ledgers.of(OLD), storage, 1, 2, 3)
        ledgers.remember(KEY, OLD)
        storage.left = writes
        try:
            ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
            ledgers.remember(KEY, NEW)
        except Dies:
            assert bounds(storage, ledgers.state_of(KEY, NEW)) == ({1, 2}, {1, 2, 3}), writes
            assert ledgers.state_of(OTHER, OLD, others={KEY}).audience_id is None, writes
            storage.left = 10**6
            if ledgers.of(NEW).load().state.audience_id is None:
                ledgers.carry_over(ledgers.of(OLD), ledgers.of(NEW), KEY)
            ledgers.remember(KEY, NEW)
            assert bounds(storage, ledgers.state_of(KEY, NEW)) == ({1, 2}, {1, 2, 3}), writes
        else:
            break
    assert writes == 6, "closed, two files of members, copied, pointer: that is five"


def test_all_audiences_with_a_ledger_are_found_even_by_a_damaged_one(
    storage: Storage, ledgers: Ledgers
) -> None:
    """An erasure looks at every audience: a name comes from any readable state, or from the folder."""
    for name in (OLD, NEW, "Lost", "Forgotten"):
        delivered(ledgers.of(name), storage, 1)
    states = {name: f"{ledgers.of(name).folder}/states/" for name in (NEW, "Lost", "Forgotten")}
    for path in list(storage.files):
        if path.startswith((states["Lost"], states["Forgotten"])):
            storage.files[path] = b"damaged"
    newest = max(path for path in storage.files if path.startswith(states[NEW]))
    storage.files[newest] = b"damaged"
    names, unknown = ledgers.names(["Lost", "Never delivered"])
    assert sorted(names) == sorted([OLD, NEW, "Lost"])
    assert unknown == [ledgers.of("Forgotten").folder]
    assert Ledgers(storage, "9").names() == ([], [])
