"""The ledger's place in the workspace: numbers, conflicts, pruning."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import fsspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customer_match.errors import TerminalError, TransientError
from customer_match.formats import NewerFormat
from customer_match.ledger.actions import Action
from customer_match.ledger.encoding import FORMAT, DamagedState, decode, encode
from customer_match.ledger.parts import Part, Progress, Request
from customer_match.ledger.state import Settled, State
from customer_match.ledger.store import (
    _STATES_KEPT,
    Entry,
    Ledger,
    LedgerConflict,
    audience_in,
    ledger_folder,
)
from customer_match.ledger.view import is_known, windows
from customer_match.members.files import read_members, write_members
from customer_match.workspace.workspace import Workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOLDER = "ledgers/7/a"


@pytest.fixture
def ledger(storage: Any) -> Ledger:
    return Ledger(storage, FOLDER, "a")


def write_often(ledger: Ledger, times: int) -> Entry:
    entry = ledger.load()
    for _ in range(times):
        entry = ledger.write(entry, entry.state)
    return entry


def settle_once(ledger: Ledger, storage: Any, person: int) -> Entry:
    """One run that adds a person and ends well."""
    members = write_members(storage, f"runs/{person}", [np.full((1, 32), person, dtype=np.uint8)])
    part = Part(action=Action.ADD, progress=Progress.CONFIRMED, members=members)
    entry = ledger.load()
    entry = ledger.write(entry, entry.state.planned(f"p{person}", (part,), NOW))
    return ledger.settle(entry, entry.state)


def people(storage: Any, state: State) -> set[int]:
    return {int(w[0]) for window in windows(storage, state) for w in window.digests[window.bounds.certain]}


# --- Numbers -------------------------------------------------------------------------------------------------


def test_a_ledger_begins_empty(ledger: Ledger, storage: Any) -> None:
    assert ledger.load() == Entry(0, State(audience="a"))
    assert storage.files == {}


def test_each_state_is_the_next_number(ledger: Ledger, storage: Any) -> None:
    first = ledger.write(ledger.load(), State(audience="a", audience_id="1"))
    second = ledger.write(first, first.state.model_copy(update={"plan_id": "p"}))
    assert (first.number, second.number) == (1, 2)
    assert ledger.load() == second
    assert storage.list(f"{FOLDER}/states") == ["0000000001.json", "0000000002.json"]
    assert second.state.updated_at is not None


def test_numbers_are_compared_as_numbers(ledger: Ledger, storage: Any) -> None:
    for number in (9, 10, 99_999_999_999):  # the last is wider than the names are padded
        state = State(audience="a", plan_id=str(number))
        storage.create(f"{FOLDER}/states/{number:010d}.json", state.model_dump_json().encode())
    assert ledger.load().number == 99_999_999_999


def test_other_files_in_the_folder_do_not_count(ledger: Ledger, storage: Any) -> None:
    entry = write_often(ledger, 1)
    storage.create(f"{FOLDER}/states/.0000000002.json.part", b"torn")
    assert ledger.load() == entry


def test_audiences_and_accounts_have_ledgers_of_their_own() -> None:
    folders = {
        ledger_folder(account, name) for account in ("1", "2") for name in ("A b", "a-b", "ab", "é", "e")
    }
    assert len(folders) == 10
    assert all(folder.startswith("ledgers/") for folder in folders)


# --- Conflicts -----------------------------------------------------------------------------------------------


def test_of_two_writers_one_wins_and_the_other_is_told(ledger: Ledger, storage: Any) -> None:
    rival = Ledger(storage, FOLDER, "a")
    mine, other = ledger.load(), rival.load()
    won = ledger.write(mine, State(audience="a", plan_id="mine"))
    with pytest.raises(LedgerConflict, match="audience 'a'") as raised:
        rival.write(other, State(audience="a", plan_id="other"))
    assert isinstance(raised.value, TransientError)
    assert rival.load() == won


def test_a_sender_can_ask_whether_it_is_still_its_turn(ledger: Ledger, storage: Any) -> None:
    mine = write_often(ledger, 2)
    ledger.check_newest(mine)
    write_often(Ledger(storage, FOLDER, "a"), 1)
    with pytest.raises(LedgerConflict, match="audience 'a'"):
        ledger.check_newest(mine)


def test_a_settling_that_comes_too_late_changes_nothing(ledger: Ledger, storage: Any) -> None:
    stale = settle_once(ledger, storage, 1)
    settle_once(ledger, storage, 2)
    with pytest.raises(LedgerConflict):
        ledger.settle(stale, stale.state)
    assert people(storage, ledger.load().state) == {1, 2}


@pytest.mark.parametrize("seen", [0, 3])
def test_a_writer_that_slept_past_the_pruning_is_told(ledger: Ledger, storage: Any, seen: int) -> None:
    sleeper = write_often(ledger, seen)
    write_often(ledger, _STATES_KEPT + 5)
    newest = settle_once(ledger, storage, 1)
    assert f"{FOLDER}/states/{seen + 1:010d}.json" not in storage.files  # there is a gap to fall into
    with pytest.raises(LedgerConflict):
        ledger.write(sleeper, sleeper.state)
    assert ledger.load() == newest


def test_conditional_writes_of_many_threads(tmp_path: Path) -> None:
    """Each number is won by one writer; every win is based on the state before it."""
    workers, rounds = 4, 6
    barrier = Barrier(workers)

    def work(worker: int) -> int:
        ledger = Ledger(Workspace(fsspec.filesystem("file"), str(tmp_path)), FOLDER, "a")
        won = 0
        for _ in range(rounds):
            entry = ledger.load()
            barrier.wait(timeout=30)
            count = entry.state.refused.get(str(worker), 0) + 1
            try:
                ledger.write(
                    entry,
                    entry.state.model_copy(update={"refused": {**entry.state.refused, str(worker): count}}),
                )
                won += 1
            except LedgerConflict:
                pass
            barrier.wait(timeout=30)
        return won

    with ThreadPoolExecutor(workers) as pool:
        wins = list(pool.map(work, range(workers)))
    newest = Ledger(Workspace(fsspec.filesystem("file"), str(tmp_path)), FOLDER, "a").load()
    assert sum(wins) == newest.number == rounds  # they all saw the same state, so one a round
    assert Counter(newest.state.refused) == Counter({str(w): n for w, n in enumerate(wins) if n})
    assert sorted(p.name for p in (tmp_path / FOLDER / "states").iterdir()) == [
        f"{number:010d}.json" for number in range(1, rounds + 1)
    ]


# --- States that cannot be read ------------------------------------------------------------------------------


DAMAGED = [b"", b"{", b"[]", b'{"audience": "a", "format": "two"}', b"\xff\x00", b'{"audience": 1}']


def in_flight(storage: Any) -> Part:
    members = write_members(storage, "runs/flying", [np.full((1, 32), 9, dtype=np.uint8)])
    request = Request(id="r1", upload_url="u", requested_at=NOW)
    return Part(action=Action.ADD, members=members, progress=Progress.SENT, request=request)


@pytest.mark.bad_input
@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_state_leaves_nothing_known_but_the_audience_and_what_is_in_flight(
    ledger: Ledger, storage: Any, content: bytes
) -> None:
    before = ledger.write(ledger.load(), State(audience="a").with_audience("1", created=True))
    flying = in_flight(storage)
    later = Part(action=Action.ADD, members=flying.members)
    ledger.write(before, before.state.planned("p", (flying, later), NOW))
    storage.create(f"{FOLDER}/states/0000000003.json", content)
    number, state = ledger.load()
    assert number == 3  # the next one is written behind it
    assert (state.audience_id, state.interval_end) == ("1", NOW)
    assert [part.request.id for part in state.parts if part.request] == ["r1"]
    assert len(state.parts) == 1
    assert not is_known(state)
    assert f"{FOLDER}/states/0000000003.json" in str(state.damage)


@pytest.mark.bad_input
def test_all_states_damaged_is_an_unknown_audience(ledger: Ledger, storage: Any) -> None:
    storage.create(f"{FOLDER}/states/0000000001.json", b"")
    entry = ledger.load()
    assert (entry.number, entry.state.audience_id, entry.state.settled.known) == (1, None, False)
    assert entry.state.damage


@pytest.mark.bad_input
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
@example(place=11, bit=0)  # format 3 becomes 2, which reads as the same state
def test_any_bit_that_flips_is_noticed_or_changes_nothing(place: int, bit: int) -> None:
    state = State(audience="a", audience_id="1", refused={"EmailMustBeHashed": 3})
    content = bytearray(encode(state, 1))
    content[place % len(content)] ^= 1 << bit
    with suppress(DamagedState, TerminalError):
        assert decode(bytes(content)) == state


@given(cut=st.integers(0, 10_000))
def test_a_torn_state_is_noticed(cut: int) -> None:
    content = encode(State(audience="a", audience_id="1"), 1)
    with pytest.raises(DamagedState):
        decode(content[: cut % len(content)])


def test_a_ledger_of_an_older_version_is_read_and_goes_on_in_the_newest(ledger: Ledger, storage: Any) -> None:
    state = State(audience="a", audience_id="1", settled=Settled(known=True))
    values = {"format": 1, **state.model_dump(mode="json", exclude={"damage"})}
    storage.create(f"{FOLDER}/states/0000000001.json", json.dumps(values, indent=1).encode())
    assert ledger.load() == Entry(1, state)
    written = ledger.write(ledger.load(), state)
    assert f'"format": {FORMAT}'.encode() in storage.files[f"{FOLDER}/states/0000000002.json"]
    assert ledger.load() == written


@pytest.mark.bad_input
def test_a_ledger_of_a_newer_version_stops(ledger: Ledger, storage: Any) -> None:
    content = encode(State(audience="a"), 1).replace(b'"format": ', b'"format": 1', 1)
    storage.create(f"{FOLDER}/states/0000000001.json", content)
    before = dict(storage.files)
    words = rf"The ledger {FOLDER}/states/0000000001.json of the workspace was written .* in format 1{FORMAT}, but"
    for use in (ledger.load, ledger.history, ledger.forget, lambda: audience_in(storage, FOLDER)):
        with pytest.raises(NewerFormat, match=words):
            use()
    assert storage.files == before


def test_damage_is_forgotten_once_the_audience_was_replaced(ledger: Ledger, storage: Any) -> None:
    storage.create(f"{FOLDER}/states/0000000001.json", b"")
    part = in_flight(storage).model_copy(
        update={"action": Action.ADD, "progress": Progress.CONFIRMED, "request": None}
    )
    entry = ledger.load()
    entry = ledger.settle(entry, entry.state.planned("p", (part,), NOW))
    assert entry.state.damage  # an Add does not help
    replaced = part.model_copy(update={"action": Action.REPLACE})
    entry = ledger.settle(entry, entry.state.planned("q", (replaced,), NOW))
    assert entry.state.damage is None
    assert is_known(entry.state)


# --- Looking after a ledger ------------------------------------------------------------------------------------


def test_verifying_reads_all_that_counts(ledger: Ledger, storage: Any) -> None:
    ledger.write(ledger.load(), State(audience="a").with_audience("1", created=True))
    entry = settle_once(ledger, storage, 1)
    assert ledger.verify(entry.state) is None
    certain = entry.state.settled.certain
    assert certain
    content = bytearray(storage.files[certain.path])
    content[len(content) // 2] ^= 1
    storage.files[certain.path] = bytes(content)
    assert certain.path in str(ledger.verify(entry.state))
    part = in_flight(storage)
    del storage.files[part.members.path]
    flying = entry.state.model_copy(update={"settled": Settled(), "parts": (part,)})
    assert part.members.path in str(ledger.verify(flying))


def test_forgetting_leaves_an_unknown_audience_and_the_history(ledger: Ledger, storage: Any) -> None:
    ledger.write(ledger.load(), State(audience="a").with_audience("1", created=True))
    settle_once(ledger, storage, 1)
    assert storage.list(f"{FOLDER}/bounds")
    ledger.forget()
    assert storage.list(f"{FOLDER}/bounds") == [], "nobody needs the members any more"
    entry = ledger.load()
    assert (entry.state.audience_id, is_known(entry.state), entry.state.interval_end) == (None, False, None)
    assert [state.audience_id for _, state in ledger.history() if state] == ["1", "1", "1", None]


@pytest.mark.bad_input
def test_the_history_shows_what_is_damaged(ledger: Ledger, storage: Any) -> None:
    write_often(ledger, 1)
    storage.create(f"{FOLDER}/states/0000000002.json", b"torn")
    assert [(number, state is None) for number, state in ledger.history()] == [(1, False), (2, True)]


# --- Settling and pruning ------------------------------------------------------------------------------------


def test_settling_keeps_the_bounds_and_ends_the_parts(ledger: Ledger, storage: Any) -> None:
    created = ledger.load()
    ledger.write(created, created.state.with_audience("1", created=True))
    entry = settle_once(ledger, storage, 1)
    assert ledger.load() == entry
    assert (entry.state.parts, entry.state.plan_id, entry.state.interval_end) == ((), "p1", NOW)
    assert people(storage, entry.state) == {1}


def test_pruning_keeps_what_the_newest_states_need(ledger: Ledger, storage: Any) -> None:
    ledger.write(ledger.load(), State(audience="a").with_audience("1", created=True))
    for person in range(1, 41):
        before = ledger.load()
        entry = settle_once(ledger, storage, person)
        assert people(storage, before.state) == set(range(1, person))  # somebody may still be reading it
        assert people(storage, entry.state) == set(range(1, person + 1))
    assert len(storage.list(f"{FOLDER}/states")) == _STATES_KEPT
    assert len(storage.list(f"{FOLDER}/bounds")) == 2


def test_bounds_of_long_ago_are_kept_while_they_count(ledger: Ledger, storage: Any) -> None:
    """A plan in flight rests on the last settling, however many states ago that was."""
    entry = settle_once(ledger, storage, 1)
    write_often(ledger, 3 * _STATES_KEPT)
    assert next(read_members(storage, entry.state.settled.certain)).tolist() == [[1] * 32]
    assert people(storage, settle_once(ledger, storage, 2).state) == {1, 2}


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        "0000000001 (conflicted copy).json",
        "0000000001.json~",
        "7.json",
        "x.json",
        "٣.json",
        "notes",
    ],
)
def test_a_foreign_file_among_the_states_is_named_and_passed_over(
    ledger: Ledger, storage: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    entry = ledger.write(ledger.load(), State(audience="a", audience_id="1"))
    storage.create(f"{FOLDER}/states/{name}", b"whatever")
    assert ledger.load() == entry
    assert f"{name!r} in {FOLDER}/states" in caplog.text
    assert ledger.foreign() == [name]
    assert ledger.write(entry, entry.state).number == 2
    assert [number for number, _ in ledger.history()] == [1, 2]


@pytest.mark.bad_input
def test_a_foreign_folder_among_the_bounds_is_left(ledger: Ledger, storage: Any) -> None:
    storage.create(f"{FOLDER}/bounds/zzz/notes", b"whatever")
    for person in range(1, 5):
        settle_once(ledger, storage, person)
        assert ledger.verify(ledger.load().state) is None
    assert f"{FOLDER}/bounds/zzz/notes" in storage.files


@pytest.mark.bad_input
def test_a_state_of_another_audience_is_damage(ledger: Ledger, storage: Any) -> None:
    """Somebody has mixed up the files of two ledgers."""
    other = Ledger(storage, "other", "b")
    other.write(other.load(), State(audience="b", audience_id="2", settled=Settled(known=True)))
    storage.create(f"{FOLDER}/states/0000000001.json", storage.files["other/states/0000000001.json"])
    state = ledger.load().state
    assert "belongs to another audience, 'b'" in str(state.damage)
    assert (state.audience_id, state.settled.known) == (None, False)


@pytest.mark.bad_input
def test_another_file_of_as_many_members_is_damage(ledger: Ledger, storage: Any) -> None:
    certain = settle_once(ledger, storage, 1).state.settled.certain
    assert certain
    write_members(storage, "other", [np.full((1, 32), 2, dtype=np.uint8)])
    storage.store(certain.path, storage.read_bytes("other"))
    assert (
        f"{certain.path} of the workspace is damaged or another file: it does not hold the 1 members"
        in str(ledger.verify(ledger.load().state))
    )
