"""Whether somebody has emptied an audience by hand, told by its size at the service.

The service cannot list members; it says how many users it has matched, a day or two late (documented: up to 48
hours). So the rule is a cautious one: it needs an earlier reading of at least a thousand users, and a present one of
less than a tenth of what our own members explain. It is silent for three days after all members were sent, because
nobody knows what the service says while it matches them anew; so it can strike once, never again and again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from customer_match.clocks import is_in_future
from customer_match.ledger.state import KnownSize, State

__all__ = ["reason_emptied", "size_to_note"]

_SUBSTANTIAL: Final = 1_000  # matched users
_SHARE: Final = 0.1
_QUIET: Final = timedelta(hours=72)  # the documented 48, and a day more
_CHANGE: Final = 0.2  # smaller changes of a size are not worth a write


def reason_emptied(state: State, matched: int | None, now: datetime) -> str | None:
    """Why an audience's members cannot be what the ledger says; None if they can.

    Args:
        state: What the ledger says.
        matched: Matched users now; None while they are not known.
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
        f"The audience seems to have been emptied by hand: {matched:,} users are matched now, {size.matched:,} were on "
        f"{size.at:%Y-%m-%d}, and no run has taken that many out."
    )


def size_to_note(state: State, matched: int | None, now: datetime) -> KnownSize | None:
    """The reading that later ones are compared with, where it is to be written down; None if not."""
    members = _members(state)
    if matched is None or not members or _is_implausible(state, matched):
        return None
    if state.size is None:
        is_news = matched >= _SUBSTANTIAL
    else:
        is_news = abs(matched - state.size.matched) > _CHANGE * state.size.matched
    return KnownSize(at=now, matched=matched, members=members) if is_news else None


def _is_implausible(state: State, matched: int | None) -> bool:
    members, size = _members(state), state.size
    if matched is None or size is None or not members or not size.members:
        return False
    wanted = size.matched * min(1.0, members / size.members)
    return wanted >= _SUBSTANTIAL and matched < _SHARE * wanted


def _members(state: State) -> int:
    """Members that are surely there, where nothing is under way and all is known; else 0."""
    settled = state.settled
    return settled.certain.count if settled.known and settled.certain and not state.parts else 0
