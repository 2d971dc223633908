"""Reads the ledger's bounds as streams of members, and settles them into files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from customer_match.ledger.bounds import Bounds, Flags, Step, fold
from customer_match.ledger.parts import Progress
from customer_match.ledger.state import Settled, State
from customer_match.members.digests import Digests, Presence, merge
from customer_match.members.files import Files, MembersFile, read_members, write_members

__all__ = ["Window", "has_members", "is_known", "settle", "windows"]


class Window(NamedTuple):
    """A sorted batch of members, shape (n, 32), and the sets that each is in, shape (n,)."""

    digests: Digests
    in_target: Flags
    bounds: Bounds

    @property
    def newcomers(self) -> Flags:
        """Members of the target that may be missing: T − certain."""
        return self.in_target & ~self.bounds.certain

    @property
    def leavers(self) -> Flags:
        """Members that may be there and should not: possible − T; none if the possible members are unknown."""
        if self.bounds.possible is None:
            return np.zeros_like(self.in_target)
        return self.bounds.possible & ~self.in_target


def is_known(state: State) -> bool:
    """Whether the possible members are known after the parts; this does not depend on single members."""
    if not state.is_trusted:
        return False
    nobody = np.zeros(0, dtype=np.bool_)
    steps = [Step(action=p.action, progress=p.progress, members=nobody, refused=nobody) for p in state.parts]
    before = Bounds(certain=nobody, possible=nobody if state.settled.known else None)
    return fold(before, steps).possible is not None


def has_members(state: State) -> bool:
    """Whether the state names any members; otherwise the bounds need not be read."""
    return bool(state.settled.certain or state.settled.possible or state.parts)


def windows(files: Files, state: State, target: MembersFile | None = None) -> Iterator[Window]:
    """Iterate over the ledger's bounds together with a target, in constant memory.

    Raises:
        DamagedMembers: A file that the state names cannot be read.
    """
    sent = [part for part in state.parts if part.progress is not Progress.PLANNED]
    named = [target, state.settled.certain, state.settled.possible]
    named += [reference for part in sent for reference in (part.members, part.refused)]
    distinct = list(dict.fromkeys(reference for reference in named if reference))
    for digests, presence in merge([read_members(files, reference) for reference in distinct]):
        flags = _Flags(distinct, presence)
        steps = [
            Step(action=p.action, progress=p.progress, members=flags[p.members], refused=flags[p.refused])
            for p in sent
        ]
        if not state.is_trusted:
            nobody = Bounds(certain=np.zeros_like(flags[target]), possible=None)
            yield Window(digests, flags[target], nobody)
            continue
        possible = flags[state.settled.possible] if state.settled.known else None
        before = Bounds(certain=flags[state.settled.certain], possible=possible)
        yield Window(digests, flags[target], fold(before, steps))


def settle(files: Files, state: State, folder: str) -> Settled:
    """Write the bounds after all parts to new files in `folder`.

    The possible members get their own file only if they differ from the certain ones.
    """
    known = is_known(state)
    certain = write_members(
        files, f"{folder}/certain.parquet", (w.digests[w.bounds.certain] for w in windows(files, state))
    )
    if not known or not any(_differ(w.bounds) for w in windows(files, state)):
        return Settled(certain=certain, possible=certain if known else None, known=known)
    possible = write_members(
        files, f"{folder}/possible.parquet", (w.digests[_possible(w.bounds)] for w in windows(files, state))
    )
    return Settled(certain=certain, possible=possible, known=True)


class _Flags:
    """For each file, which rows of a window are its members."""

    def __init__(self, references: list[MembersFile], presence: Presence) -> None:
        self._rows = dict(zip(references, presence, strict=True))
        self._nobody = np.zeros(presence.shape[1], dtype=np.bool_)

    def __getitem__(self, reference: MembersFile | None) -> Flags:
        return self._rows[reference] if reference else self._nobody


def _possible(bounds: Bounds) -> Flags:
    assert bounds.possible is not None  # noqa: S101 (called only if it is known)
    return bounds.possible


def _differ(bounds: Bounds) -> bool:
    return bool((bounds.certain != _possible(bounds)).any())
