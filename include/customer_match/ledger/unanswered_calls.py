"""Unanswered calls: calls whose answer was lost, which may still take effect later.

A worker that is killed leaves up to four such calls. A worker that loses an answer leaves one, though it repeats the
call. Within their own plan these calls are harmless at any time, because a plan never removes what it adds. They are
also harmless to a later plan if its target contains what they add and does not contain what they remove. Any other
plan starts only when none of them can take effect any more. The ledger's bounds therefore hold whether the calls take
effect or not: they are the bounds of a part that was sent and is not confirmed, or of one that is confirmed anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from customer_match.ledger.actions import Action
from customer_match.members.digests import Digests, merge
from customer_match.members.files import DamagedMembers, Files, MembersFile, read_members

__all__ = ["UnansweredCalls", "calls_that_bring", "conflicting_calls", "without_expired", "without_repeats"]


class UnansweredCalls(BaseModel):
    """Calls of one part, or the call that deletes the audience.

    Attributes:
        audience_id: Id of the audience.
        action: The action on its members; None: the audience is deleted.
        members: The members; None: the audience is deleted.
        until: The latest time at which they may take effect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audience_id: str
    action: Action | None = None
    members: MembersFile | None = None
    until: datetime


def without_repeats(calls: Iterable[UnansweredCalls]) -> tuple[UnansweredCalls, ...]:
    """Drop the calls that do the same as later ones."""
    latest: dict[tuple[object, ...], UnansweredCalls] = {}
    for call in calls:
        key = (call.audience_id, call.action, call.members)
        if key not in latest or latest[key].until < call.until:
            latest[key] = call
    return tuple(latest.values())


def without_expired(
    calls: Iterable[UnansweredCalls], now: datetime, life: timedelta
) -> tuple[UnansweredCalls, ...]:
    """The calls that may still take effect.

    Args:
        calls: All known calls.
        now: The present time.
        life: How long after it was made a call may take effect. A later time was written by a clock that is ahead,
            and is replaced by this time from now on.
    """
    living = (call for call in calls if call.until > now)
    return tuple(call.model_copy(update={"until": min(call.until, now + life)}) for call in living)


def conflicting_calls(
    files: Files, calls: Iterable[UnansweredCalls], target: MembersFile
) -> Sequence[UnansweredCalls]:
    """The calls that would undo part of a plan with this target, and those whose members cannot be read."""
    return [call for call in calls if call.members is None or _undoes(files, call, call.members, target)]


def calls_that_bring(
    files: Files, calls: Iterable[UnansweredCalls], members: Digests
) -> Sequence[UnansweredCalls]:
    """The calls that would put any of these members (sorted) into the audience, and those that cannot be read."""
    return [call for call in calls if call.members and _brings(files, call, call.members, members)]


def _brings(files: Files, call: UnansweredCalls, brought: MembersFile, members: Digests) -> bool:
    if call.action is Action.REMOVE:
        return False
    try:
        return any(
            presence.all(axis=0).any() for _, presence in merge([read_members(files, brought), [members]])
        )
    except DamagedMembers:  # unknown members: assume the worst
        return True


def _undoes(files: Files, call: UnansweredCalls, members: MembersFile, target: MembersFile) -> bool:
    try:
        for _, (brought, wanted) in merge([read_members(files, members), read_members(files, target)]):
            wrong = {
                Action.ADD: brought & ~wanted,
                Action.REMOVE: brought & wanted,
                Action.REPLACE: brought ^ wanted,
            }
            if call.action is None or wrong[call.action].any():
                return True
    except DamagedMembers:  # unknown members: assume the worst
        return True
    return False
