"""Calls that nobody has the answer of: they may still be on their way, and do their work when nobody expects it.

A worker that is killed leaves up to four calls behind. A worker that loses an answer leaves one, though it makes the
call again. Within their own plan such calls do no harm, whenever they land: a plan never removes what it adds. They do
no harm to a later plan either, if what they add belongs to its target and what they remove does not. Any other plan
begins only when no such call can live any more. So the ledger's bounds hold whether the calls land or not: they are the
bounds of a part that was sent and is not confirmed, or of one that is confirmed anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from customer_match.ledger.actions import Action
from customer_match.members.digests import merge
from customer_match.members.files import DamagedMembers, Files, MembersFile, read_members

__all__ = ["UnansweredCalls", "conflicting_calls", "without_expired", "without_repeats"]


class UnansweredCalls(BaseModel):
    """Calls of one part, or the call that deletes the audience.

    Attributes:
        audience_id: Of which audience.
        action: What they do to its members; None: the audience is deleted.
        members: Which members; None likewise.
        until: When none of them can live any more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audience_id: str
    action: Action | None = None
    members: MembersFile | None = None
    until: datetime


def without_repeats(calls: Iterable[UnansweredCalls]) -> tuple[UnansweredCalls, ...]:
    """Without those that do the same as later ones."""
    latest: dict[tuple[object, ...], UnansweredCalls] = {}
    for call in calls:
        key = (call.audience_id, call.action, call.members)
        if key not in latest or latest[key].until < call.until:
            latest[key] = call
    return tuple(latest.values())


def without_expired(
    calls: Iterable[UnansweredCalls], now: datetime, life: timedelta
) -> tuple[UnansweredCalls, ...]:
    """Those that may still land.

    Args:
        calls: All that are known.
        now: The present time.
        life: How long a call can live: what seems to live longer was written down by a clock that is ahead, and lives
            for so long from now on.
    """
    living = (call for call in calls if call.until > now)
    return tuple(call.model_copy(update={"until": min(call.until, now + life)}) for call in living)


def conflicting_calls(
    files: Files, calls: Iterable[UnansweredCalls], target: MembersFile
) -> Sequence[UnansweredCalls]:
    """The calls that would undo a part of a plan with this target; also those whose members nobody knows."""
    return [call for call in calls if call.members is None or _undoes(files, call, call.members, target)]


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
    except DamagedMembers:  # nobody knows
        return True
    return False
