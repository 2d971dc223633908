"""Expiry of members: a member leaves when the list's duration has passed since it was last added (assumed).

Lists without expiry have no overhead. For the others, each addition is stored as a separate file beside the members
until it expires; a member stays while at least one addition that contains it has not expired.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from microsoft_advertising_simulator.audiences.members import Digests, MemberFiles
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.model import Action, Audience
from microsoft_advertising_simulator.storage import Storage

__all__ = ["MemberExpiry"]

_DAY: Final = 86_400.0


class MemberExpiry:
    """Records when members were added, and removes the expired ones.

    Args:
        storage: Stores the additions.
        files: Stores their members.
        clock: For their times.
    """

    def __init__(self, storage: Storage, files: MemberFiles, clock: Clock) -> None:
        self._storage = storage
        self._files = files
        self._clock = clock

    def record(self, audience: Audience, action: Action, digests: Digests) -> None:
        """Record the members that a change adds, within its transaction and before the list is saved.

        Args:
            audience: The list before the change.
            action: Action of the change.
            digests: Sorted, distinct.
        """
        if action is Action.REPLACE:
            self.forget(audience.id)
        if action is not Action.REMOVE and audience.membership_duration > 0 and len(digests):
            self._storage.add_addition(audience.id, self._clock.now(), self._files.store(digests))

    def change_duration(self, before: Audience, after: Audience) -> None:
        """Adapt to a new duration: present members start theirs now if they had none; -1 ends all durations."""
        if after.membership_duration < 0:
            self.forget(after.id)
        elif before.membership_duration < 0 and before.members_file:
            name, _ = self._files.intersect(before.members_file, [before.members_file])
            self._storage.add_addition(after.id, self._clock.now(), name)

    def forget(self, audience_id: int) -> None:
        """Delete the additions of a list; their files are removed at the simulator's next start."""
        for _, file in self._storage.additions(audience_id):
            self._storage.drop_addition(file)

    def without_expired(self, audience: Audience) -> Audience:
        """The list without the members whose duration is over; save it in the same transaction."""
        since = self._clock.now() - _DAY * audience.membership_duration
        additions = self._storage.additions(audience.id)
        staying = [file for added_at, file in additions if added_at > since]
        for added_at, file in additions:
            if added_at <= since:
                self._storage.drop_addition(file)
        name, count = self._files.intersect(audience.members_file, staying)
        return replace(audience, members_file=name, members=count)
