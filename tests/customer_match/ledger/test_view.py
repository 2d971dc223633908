"""The bounds as streams, and their settling into files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part, Progress
from customer_match.ledger.state import Settled, State
from customer_match.ledger.view import is_known, settle, windows
from customer_match.members.files import DamagedMembers, MembersFile, read_members, write_members


class Files:
    """Sets of people as files of a workspace, and back."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.count = 0

    def write(self, people: set[int]) -> MembersFile:
        self.count += 1
        digests = np.array([[person] * 32 for person in sorted(people)], dtype=np.uint8).reshape(-1, 32)
        return write_members(self.storage, f"files/{self.count}", [digests])

    def read(self, reference: MembersFile | None) -> set[int]:
        return {int(row[0]) for array in read_members(self.storage, reference) for row in array}

    def part(
        self, action: Action, progress: Progress, members: set[int], refused: set[int] | None = None
    ) -> Part:
        reference = self.write(refused) if refused else None
        return Part(action=action, progress=progress, members=self.write(members), refused=reference)

    def state(self, certain: set[int], possible: set[int] | None, *parts: Part) -> State:
        settled = Settled(
            certain=self.write(certain),
            possible=None if possible is None else self.write(possible),
            known=possible is not None,
        )
        return State(audience="a", settled=settled, parts=parts)

    def bounds(self, state: State) -> tuple[set[int], set[int] | None]:
        certain: set[int] = set()
        possible: set[int] = set()
        for window in windows(self.storage, state):
            certain |= {int(d[0]) for d in window.digests[window.bounds.certain]}
            if window.bounds.possible is not None:
                possible |= {int(d[0]) for d in window.digests[window.bounds.possible]}
        return certain, possible if is_known(state) else None


@pytest.fixture
def files(storage: Any) -> Files:
    return Files(storage)


def test_bounds_at_rest(files: Files) -> None:
    assert files.bounds(files.state({1}, {1, 2})) == ({1}, {1, 2})
    assert files.bounds(files.state({1}, None)) == ({1}, None)
    assert files.bounds(State(audience="a")) == (set(), None)


def test_bounds_in_flight(files: Files) -> None:
    state = files.state(
        {1, 2, 3}, {1, 2, 3},
        files.part(Action.REMOVE, Progress.CONFIRMED, {1, 2}, refused={2}),
        files.part(Action.ADD, Progress.SENT, {4}),
        files.part(Action.ADD, Progress.PLANNED, {5}),
    )  # fmt: skip
    assert files.bounds(state) == ({3}, {2, 3, 4})


def test_newcomers_and_leavers(files: Files) -> None:
    state, target = files.state({1, 2}, {1, 2, 3}), files.write({2, 3, 4})
    walked = list(windows(files.storage, state, target))
    assert [int(d[0]) for w in walked for d in w.digests[w.newcomers]] == [3, 4]
    assert [int(d[0]) for w in walked for d in w.digests[w.leavers]] == [1]


def test_nobody_is_known_to_leave_an_unknown_audience(files: Files) -> None:
    walked = list(windows(files.storage, files.state({1, 2}, None), files.write({2})))
    assert sum(len(w.digests) for w in walked) == 2
    assert not any(w.leavers.any() for w in walked)


def test_a_file_that_is_named_twice_is_read_once(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    same = files.write({1, 2})
    state = State(audience="a", settled=Settled(certain=same, possible=same, known=True))
    opened: list[str] = []
    open_input = files.storage.open_input

    def noted(path: str) -> Any:
        opened.append(path)
        return open_input(path)

    monkeypatch.setattr(files.storage, "open_input", noted)
    assert sum(len(w.digests) for w in windows(files.storage, state, same)) == 2
    assert opened == [same.path]


def test_a_missing_file_is_noticed(files: Files) -> None:
    state = files.state({1}, {1})
    files.storage.delete("files/1")
    with pytest.raises(DamagedMembers):
        list(windows(files.storage, state))


# --- Settling ------------------------------------------------------------------------------------------------


def test_one_file_where_the_bounds_agree(files: Files) -> None:
    state = files.state({1, 2}, {1, 2}, files.part(Action.ADD, Progress.CONFIRMED, {3}))
    settled = settle(files.storage, state, "bounds/1")
    assert settled.known
    assert settled.certain == settled.possible
    assert files.read(settled.certain) == {1, 2, 3}
    assert files.storage.list("bounds/1") == ["certain.parquet"]


def test_two_files_where_they_differ(files: Files) -> None:
    state = files.state({1, 2}, {1, 2}, files.part(Action.REMOVE, Progress.SENT, {2}))
    settled = settle(files.storage, state, "bounds/1")
    assert (files.read(settled.certain), files.read(settled.possible)) == ({1}, {1, 2})
    assert files.storage.list("bounds/1") == ["certain.parquet", "possible.parquet"]


@pytest.mark.parametrize("progress", [Progress.PLANNED, Progress.SENT])
def test_unknown_stays_unknown_until_a_replace_is_confirmed(files: Files, progress: Progress) -> None:
    state = files.state(set(), None, files.part(Action.REPLACE, progress, {1, 2}))
    settled = settle(files.storage, state, "bounds/1")
    assert (settled.known, settled.possible) == (False, None)
    assert files.read(settled.certain) == set()


def test_a_confirmed_replace_makes_it_known(files: Files) -> None:
    state = files.state(
        set(), None,
        files.part(Action.REPLACE, Progress.CONFIRMED, {1, 2}, refused={2}),
        files.part(Action.ADD, Progress.CONFIRMED, {3}),
    )  # fmt: skip
    settled = settle(files.storage, state, "bounds/1")
    assert settled.known
    assert files.read(settled.certain) == files.read(settled.possible) == {1, 3}


def test_what_is_certain_of_an_unknown_audience_is_kept(files: Files) -> None:
    state = files.state(set(), None, files.part(Action.ADD, Progress.CONFIRMED, {7}))
    settled = settle(files.storage, state, "bounds/1")
    assert (files.read(settled.certain), settled.known) == ({7}, False)


def test_settling_changes_no_bound(files: Files) -> None:
    state = files.state(
        {1, 2, 3}, {1, 2, 3, 4},
        files.part(Action.REMOVE, Progress.CONFIRMED, {1, 4}, refused={4}),
        files.part(Action.REPLACE, Progress.SENT, {5, 6}),
        files.part(Action.ADD, Progress.CONFIRMED, {6}),
    )  # fmt: skip
    settled = settle(files.storage, state, "bounds/1")
    assert files.bounds(State(audience="a", settled=settled)) == files.bounds(state)
