"""Detects from its size at the service that an audience was emptied by hand.

The service cannot list members. It reports how many users it has matched, one or two days late (documented: up to 48
hours). The rule is therefore cautious. It needs an earlier size of at least 1,000 users and a present size of less than
a tenth of what our own members explain. For three days after all members were sent it does not apply, because the size
that the service reports while it matches them again is unknown. It can therefore apply once, but not again and again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from customer_match.clocks import is_in_future
from customer_match.ledger.state import KnownSize, State

__all__ = ["reason_emptied", "size_to_note"]

_SUBSTANTIAL: Final = 1_000  # matched users
_SHARE: Final = 0.1
_QUIET: Final = timedelta(hours=72)  # the documented 48 hours and one day more
_CHANGE: Final = 0.2  # smaller changes of a size are not recorded


def reason_emptied(state: State, matched: int | None, now: datetime) -> str | None:
    """Why an audience's size contradicts the ledger; None if it does not.

    Args:
        state: The ledger's state.
        matched: Matched users now; None if unknown.
        now: The present time.
    """
    if not _is_implausible(state, matched):
        return None
    sent = state.renewed.at if state.renewed else None
    if sent and not is_in_future(sent, now) and now - sent < _QUIET:
        return None
    size = state.size
    assert size is not None  # noqa: S101 (else nothing is implausible)
    return (
        f"The audience seems to have been emptied by hand: {matched:,} users are matched now, {size.matched:,} were "
        f"matched on {size.at:%Y-%m-%d}, and no run has removed that many members."
    )


def size_to_note(state: State, matched: int | None, now: datetime) -> KnownSize | None:
    """The size to record for later comparisons; None if the recorded one is still good."""
    members = _members(state)
    if matched is None or not members or _is_implausible(state, matched):
        return None
    if state.size is None:
        is_worth_recording = matched >= _SUBSTANTIAL
    else:
        is_worth_recording = abs(matched - state.size.matched) > _CHANGE * state.size.matched
    return KnownSize(at=now, matched=matched, members=members) if is_worth_recording else None


def _is_implausible(state: State, matched: int | None) -> bool:
    members, size = _members(state), state.size
    if matched is None or size is None or not members or not size.members:
        return False
    wanted = size.matched * min(1.0, members / size.members)
    return wanted >= _SUBSTANTIAL and matched < _SHARE * wanted


def _members(state: State) -> int:
    """Number of certain members; 0 if parts are unfinished or the bounds are unknown."""
    settled = state.settled
    return settled.certain.count if settled.known and settled.certain and not state.parts else 0
