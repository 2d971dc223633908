"""Stores the ledger in the workspace as numbered, immutable states; the highest number counts.

Writing a state creates the next number, and fails if another writer has created it. Local disks (link) and Azure
(If-None-Match) both offer this conditional write. It needs no lock and keeps the history.

A state that cannot be read is ignored. The next run then replaces the whole audience, which is correct from any state.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from customer_match.errors import TransientError
from customer_match.ledger.encoding import DamagedState, decode, encode
from customer_match.ledger.numbered_files import Numbered, file_name, numbered
from customer_match.ledger.state import State
from customer_match.ledger.view import is_known, settle, windows
from customer_match.members.files import DamagedMembers, Files, MembersFile, read_members
from customer_match.redaction import logger
from customer_match.safe_names import slug

__all__ = ["Entry", "Ledger", "LedgerConflict", "Storage", "audience_in", "ledger_folder"]

log = logger(__name__)

_STATES_KEPT = 50


def ledger_folder(account_id: str, audience: str) -> str:
    """The folder of an audience's ledger in a workspace."""
    return f"ledgers/{account_id}/{slug(audience)}"


class Storage(Files, Protocol):
    """The part of a workspace that a ledger needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file or a folder."""


def audience_in(storage: Storage, folder: str) -> str | None:
    """The name of the audience whose ledger is in a folder, by its newest readable state; None if none is readable."""
    for number in reversed(numbered(storage.list(f"{folder}/states")).numbers):
        try:
            return _read(storage, f"{folder}/states/{file_name(number)}", number).audience
        except DamagedState:
            continue
    return None


def _read(storage: Storage, path: str, number: int) -> State:
    return decode(storage.read_bytes(path), number, where=f"The ledger {path} of the workspace")


class LedgerConflict(TransientError):
    """Another run has written to this audience's ledger in the meantime."""


class Entry(NamedTuple):
    """A state and its number; 0 before the first state was written."""

    number: int
    state: State


class Ledger:
    """The ledger of one audience.

    Args:
        storage: The workspace.
        folder: The audience's folder in the workspace; it holds nothing else.
        audience: The audience's name.
    """

    def __init__(self, storage: Storage, folder: str, audience: str) -> None:
        self._storage = storage
        self._folder = folder
        self._audience = audience

    @property
    def audience(self) -> str:
        """The audience's name."""
        return self._audience

    @property
    def folder(self) -> str:
        """The ledger's folder in the workspace."""
        return self._folder

    def load(self) -> Entry:
        """Load the newest state; an empty one if there is none.

        If the newest state is damaged, only its number is used. The audience's id, the data interval and the uploads
        in flight are taken from the newest state that can be read.

        Raises:
            NewerFormat: A newer release of this project wrote the state.
        """
        numbers, foreign = self._states()
        if foreign:
            log.warning("%s", self.foreign_files_warning(foreign))
        damage: str | None = None
        for number in reversed(numbers):
            try:
                state = self._decode(number)
            except DamagedState as error:
                damage = damage or f"{self._state_path(number)} of the workspace {error}"
                continue
            return Entry(numbers[-1], state.distrusted(damage) if damage else state)
        empty = State(audience=self._audience)
        return Entry(numbers[-1] if numbers else 0, empty.distrusted(damage) if damage else empty)

    def write(self, entry: Entry, state: State) -> Entry:
        """Write the state that follows an entry, durably.

        Raises:
            LedgerConflict: Another writer was faster.
        """
        number = entry.number + 1
        stamped = state.model_copy(update={"updated_at": datetime.now(UTC)})
        try:
            self._storage.create(self._state_path(number), encode(stamped, number))
        except FileExistsError as error:
            raise self._conflict() from error
        # A writer that was suspended while its number was used and pruned has filled a gap behind the newest states.
        if number not in self._numbers()[-_STATES_KEPT:]:
            raise self._conflict()
        return Entry(number, stamped)

    def check_newest(self, entry: Entry) -> None:
        """Check that nothing was written since this entry; needed before an action that is not a ledger write.

        Raises:
            LedgerConflict: Another run has written to the ledger.
        """
        if self._numbers()[-1:] != [entry.number]:
            raise self._conflict()

    def settle(self, entry: Entry, state: State) -> Entry:
        """Write the state with its parts settled into files, and delete the files that no recent state needs.

        Earlier files that are not encrypted as new ones are deleted at once.

        Raises:
            LedgerConflict: Another writer was faster.
        """
        folder = f"{self._folder}/bounds/{entry.number + 1:010d}"
        following = self.write(entry, state.at_rest(settle(self._storage, state, folder)))
        self._prune(following)
        if not self.is_encrypted_as_new(entry.state):
            self._delete_bounds_until(entry.number)
        return following

    def is_encrypted_as_new(self, state: State) -> bool:
        """Whether the bounds are encrypted as new files would be; True if new files are not encrypted."""
        files = (state.settled.certain, state.settled.possible)
        return all(self._storage.envelope.is_current(file.seal) for file in files if file)

    def distrust(self, entry: Entry) -> Entry | None:
        """Verify the files of a state, and write a distrusted state if one is damaged.

        Returns:
            The entry to continue from; None if nothing is damaged.

        Raises:
            LedgerConflict: Another writer was faster.
        """
        damage = self.verify(entry.state)
        if damage is None:
            return None
        log.error("%s The ledger is no longer trusted, so the whole audience is replaced.", damage)
        return self.write(entry, entry.state.distrusted(damage))

    def verify(self, state: State, more: Iterable[MembersFile] = ()) -> str | None:
        """Read every file of members that a state names, and more; returns the damage, or None if there is none."""
        named: list[MembersFile | None] = [*more, state.settled.certain, state.settled.possible]
        named += [reference for part in state.parts for reference in (part.members, part.refused)]
        for reference in dict.fromkeys(named):
            try:
                for _ in read_members(self._storage, reference):
                    pass
            except DamagedMembers as error:
                return str(error)
        return None

    def count(self, state: State) -> tuple[int, int | None]:
        """The numbers of certain and of possible members; None if the possible members are unknown.

        Raises:
            DamagedMembers: A file that the state names cannot be read.
        """
        certain = possible = 0
        for window in windows(self._storage, state):
            certain += int(window.bounds.certain.sum())
            possible += 0 if window.bounds.possible is None else int(window.bounds.possible.sum())
        return certain, possible if is_known(state) else None

    def foreign(self) -> list[str]:
        """Names of files among the states that are not states; they are ignored."""
        return self._states().foreign

    def foreign_files_warning(self, foreign: list[str]) -> str:
        """A warning for users about such files."""
        return (
            f"Ignoring files that are not states of the ledger of audience {self._audience!r}: "
            f"{', '.join(map(repr, foreign))} in {self._folder}/states of the workspace. States have names such as "
            f"{file_name(1)}; copies made by a user or a synchronisation program are ignored. Move these files away."
        )

    def history(self) -> list[tuple[int, State | None]]:
        """The stored states with their numbers, oldest first; None for a damaged one."""
        return [(number, self._readable(number)) for number in self._numbers()]

    def forget(self) -> None:
        """Write an empty state, and delete the members: the next run finds the audience by its name and replaces it.

        Only unanswered calls are kept.
        """
        entry = self.load()
        empty = State(audience=self._audience, late=entry.state.unanswered_calls())
        self.delete_earlier_bounds(self.write(entry, empty))

    def delete_bounds(self) -> None:
        """Delete all members of a ledger that was moved: they are in the ledger under the audience's new name."""
        self._storage.delete(f"{self._folder}/bounds", recursive=True)

    def delete_earlier_bounds(self, entry: Entry) -> None:
        """Delete all members that this state does not need.

        No earlier ones may be kept after an erasure, or if the audience was deleted.
        A run that is reading them plans to replace the audience, and then finds that the ledger has changed.
        """
        bounds, state = f"{self._folder}/bounds", entry.state
        needed = [state.settled.certain, state.settled.possible]
        needed += [file for part in state.parts for file in (part.members, part.refused)]
        current = {file.path for file in needed if file}
        for name in self._storage.list(bounds):
            folder = f"{bounds}/{name}"
            if not any(path.startswith(f"{folder}/") for path in current):
                self._storage.delete(folder, recursive=True)

    def _readable(self, number: int) -> State | None:
        try:
            return self._decode(number)
        except DamagedState:
            return None

    def _decode(self, number: int) -> State:
        state = _read(self._storage, self._state_path(number), number)
        if state.audience != self._audience:
            raise DamagedState(f"belongs to another audience, {state.audience!r}")
        return state

    def _prune(self, entry: Entry) -> None:
        for number in self._numbers()[:-_STATES_KEPT]:
            self._storage.delete(self._state_path(number))
        # Another task may still read the previous state; older states are history without members.
        bounds = f"{self._folder}/bounds"
        kept = [f"{bounds}/{name}" for name in self._storage.list(bounds) if name.isdigit()]
        current = {file.path for file in (entry.state.settled.certain, entry.state.settled.possible) if file}
        newest = sorted(kept)[-2:]
        for folder in kept:
            if folder not in newest and not any(path.startswith(f"{folder}/") for path in current):
                self._storage.delete(folder, recursive=True)

    def _delete_bounds_until(self, last: int) -> None:
        """Delete the bounds of states up to a number; later ones may be another run's, if the lease was lost."""
        bounds = f"{self._folder}/bounds"
        for name in self._storage.list(bounds):
            if name.isdigit() and int(name) <= last:
                self._storage.delete(f"{bounds}/{name}", recursive=True)

    def _numbers(self) -> list[int]:
        return self._states().numbers

    def _states(self) -> Numbered:
        return numbered(self._storage.list(f"{self._folder}/states"))

    def _state_path(self, number: int) -> str:
        return f"{self._folder}/states/{file_name(number)}"

    def _conflict(self) -> LedgerConflict:
        return LedgerConflict(
            f"Another run has written to the ledger of audience {self._audience!r} in the meantime. "
            "This task starts over from what that run recorded."
        )
