"""Which ledger belongs to a segment: the one under its audience's name, or the previous one after a rename.

Ledgers are stored under the names of audiences, so that an export or a table can be renamed without losing them. If
the export gives a segment's audience another name, the ledger is carried over in steps that a crash may interrupt
anywhere:

1. the ledger under the old name is closed (`moved_to`), which stops every writer that still uses it;
2. its state and its bounds are copied under the new name;
3. the segment's pointer is set to the new name.

Until step 3 the pointer leads to the old ledger, which is then carried over again. For all other segments a closed
ledger counts as empty. Each ledger holds the id of its audience and is never used for another audience.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Protocol

from customer_match.export.segments import export_of
from customer_match.ledger.state import Settled, State
from customer_match.ledger.store import Entry, Ledger, Storage, audience_in, ledger_folder
from customer_match.members.files import DamagedMembers, MembersFile, read_members, write_members
from customer_match.safe_names import slug
from customer_match.workspace.identity import workspace_id

__all__ = ["Ledgers", "is_usable", "owner_of"]


class LedgerStorage(Storage, Protocol):
    """The part of a workspace that the ledgers of an account need."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""


class Ledgers:
    """The ledgers of one account's audiences, and the pointers that say which of them each segment uses.

    Args:
        storage: The workspace.
        account_id: The account at the service.
    """

    def __init__(self, storage: LedgerStorage, account_id: str) -> None:
        self._storage = storage
        self._account_id = account_id

    @property
    def workspace_id(self) -> str:
        """The workspace's id; copies of a workspace have the same id."""
        return workspace_id(self._storage)

    def of(self, audience: str) -> Ledger:
        """The ledger under an audience's name."""
        return Ledger(self._storage, ledger_folder(self._account_id, audience), audience)

    def names(self, known: Collection[str] = ()) -> tuple[list[str], list[str]]:
        """Find the names of all audiences that have a ledger.

        Args:
            known: Names of audiences: a ledger without any readable state is recognised by its folder.

        Returns:
            The names, and the folders whose audience cannot be found out.
        """
        parent, named = f"ledgers/{self._account_id}", {slug(name): name for name in known}
        names, unknown = [], []
        for folder in self._storage.list(parent):
            name = audience_in(self._storage, f"{parent}/{folder}") or named.get(folder)
            names += [name] if name is not None else []
            unknown += [f"{parent}/{folder}"] if name is None else []
        return names, unknown

    def before(self, segment: str, audience: str) -> Ledger | None:
        """The ledger that a segment used last, if it is under another name than the audience's present one.

        Args:
            segment: The segment's key.
            audience: The present name of its audience.
        """
        last = self._pointer(segment)
        return None if last in {None, audience} else self.of(str(last))

    def state_of(self, segment: str, audience: str, *, others: Collection[str] = ()) -> State:
        """The state of a segment's audience, under its present or previous name; an empty state if there is none.

        Args:
            segment: The segment's key.
            audience: The name of its audience.
            others: Keys of the export's other segments: their ledgers are not used, even if one of them is under the
                name that this segment's audience gets.

        Raises:
            NewerFormat: A newer release of this project wrote a state.
        """
        state = self.of(audience).load().state
        if is_usable(state, others):
            return state
        before = self.before(segment, audience)
        if before:
            old = before.load().state
            if is_usable(old, others) or (old.moved_to == audience and old.segment == segment):
                return old
        return state if state.was_deleted and state.segment == segment else State(audience=audience)

    def owner(self, segment: str, audience: str) -> str | None:
        """The other export that owns an audience, by its ledger; None if it is the segment's own export, or none.

        Args:
            segment: The segment's key.
            audience: The name of its audience.
        """
        return owner_of(self.of(audience).load().state, segment)

    def was_last_used(self, segment: str, audience: str) -> bool:
        """Whether the segment's last delivery used this ledger."""
        return self._pointer(segment) == audience

    def forget(self, audience: str) -> None:
        """Forget an audience's members and owner: the next run finds it by its name and replaces it."""
        self.of(audience).forget()
        folder = f"segments/{self._account_id}"
        for name in self._storage.list(folder):
            if self._read_pointer(f"{folder}/{name}") == audience:
                self._storage.delete(f"{folder}/{name}")

    def remember(self, segment: str, audience: str) -> None:
        """Record that a segment uses the ledger of this name."""
        if self._pointer(segment) != audience:
            content = json.dumps({"audience": audience}, ensure_ascii=False)
            self._storage.write_bytes(self._pointer_path(segment), content.encode())

    def carry_over(self, source: Ledger, target: Ledger, segment: str) -> Entry:
        """Move a ledger's state to another name.

        Uploads in flight move along unsettled; they still have to be awaited.

        Args:
            source: The present ledger; it is closed.
            target: The new ledger; its present content is replaced.
            segment: Key of the segment that owns the audience.

        Returns:
            The target's newest entry.

        Raises:
            LedgerConflict: Another run has written to one of the two in the meantime.
        """
        entry = source.load()
        if entry.state.moved_to != target.audience:
            closed = entry.state.model_copy(update={"moved_to": target.audience, "segment": segment})
            entry = source.write(entry, closed)
        there = target.load()
        folder = f"{target.folder}/bounds/{there.number + 1:010d}"
        carried = entry.state.model_copy(
            update={
                "audience": target.audience,
                "segment": segment,
                "moved_to": None,
            }
        )
        try:
            carried = carried.model_copy(update={"settled": self._copy_bounds(entry.state.settled, folder)})
        except DamagedMembers as error:
            carried = carried.distrusted(str(error))
        return target.write(there, carried)

    def _copy_bounds(self, settled: Settled, folder: str) -> Settled:
        """Copy the bounds to new files: the source may be written to again, and would then prune its files."""
        files: dict[MembersFile, MembersFile] = {}
        for name, file in (("certain", settled.certain), ("possible", settled.possible)):
            if file and file not in files:
                files[file] = write_members(
                    self._storage, f"{folder}/{name}.parquet", read_members(self._storage, file)
                )
        return settled.model_copy(
            update={
                "certain": settled.certain and files[settled.certain],
                "possible": settled.possible and files[settled.possible],
            }
        )

    def _pointer(self, segment: str) -> str | None:
        return self._read_pointer(self._pointer_path(segment))

    def _read_pointer(self, path: str) -> str | None:
        try:
            return str(json.loads(self._storage.read_bytes(path))["audience"])
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return None  # a pointer only avoids sending everything again, so a damaged one counts as missing

    def _pointer_path(self, segment: str) -> str:
        return f"segments/{self._account_id}/{slug(segment)}.json"


def owner_of(state: State, segment: str) -> str | None:
    """The other export that owns a state's audience; None if it is the segment's own export, or none."""
    if state.audience_id is None or state.moved_to is not None or state.segment is None:
        return None
    owner = export_of(state.segment)
    return None if owner == export_of(segment) else owner


def is_usable(state: State, others: Collection[str]) -> bool:
    """Whether a state describes an audience, was not moved, and belongs to none of these other segments."""
    return state.audience_id is not None and state.moved_to is None and state.segment not in others
