"""Members lapse when the duration of their list has passed since they were added last (assumed).

A list that never expires costs nothing. For the others each adding is kept as a file of its own beside the members,
until it is over; a member stays while one of the addings that named it does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from microsoft_advertising_simulator.audiences.members import Digests, MemberFiles
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.model import Action, Audience
from microsoft_advertising_simulator.storage import Storage

__all__ = ["Lapsing"]

_DAY: Final = 86_400.0


class Lapsing:
    """Who was added when.

    Args:
        storage: Keeps the addings.
        files: Keeps their members.
        clock: Tells when they are over.
    """

    def __init__(self, storage: Storage, files: MemberFiles, clock: Clock) -> None:
        self._storage = storage
        self._files = files
        self._clock = clock

    def note(self, audience: Audience, action: Action, digests: Digests) -> None:
        """Note what a change adds; within the transaction of that change, before the list is saved.

        Args:
            audience: Before the change.
            action: What it does.
            digests: Sorted, distinct.
        """
        if action is Action.REPLACE:
            self.forget(audience.id)
        if action is not Action.REMOVE and audience.membership_duration > 0 and len(digests):
            self._storage.add_addition(audience.id, self._clock.now(), self._files.keep(digests))

    def duration_changed(self, before: Audience, after: Audience) -> None:
        """Members of a list that never expired begin their duration now; those of one that does so from now on stay."""
        if after.membership_duration < 0:
            self.forget(after.id)
        elif before.membership_duration < 0 and before.members_file:
            name, _ = self._files.only_those_of(before.members_file, [before.members_file])
            self._storage.add_addition(after.id, self._clock.now(), name)

    def forget(self, audience_id: int) -> None:
        """Nobody of a list was ever added; the files go when the simulator starts next."""
        for _, file in self._storage.additions(audience_id):
            self._storage.drop_addition(file)

    def lapsed(self, audience: Audience) -> Audience:
        """A list without the members whose duration is over; save it in the same transaction."""
        since = self._clock.now() - _DAY * audience.membership_duration
        additions = self._storage.additions(audience.id)
        staying = [file for added_at, file in additions if added_at > since]
        for added_at, file in additions:
            if added_at <= since:
                self._storage.drop_addition(file)
        name, count = self._files.only_those_of(audience.members_file, staying)
        return replace(audience, members_file=name, members=count)
