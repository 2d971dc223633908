"""Whether somebody is in an audience, by its ledger; nothing is changed, and nothing is stored."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from customer_match.ledger.state import State
from customer_match.ledger.unanswered_calls import UnansweredCalls, calls_that_bring
from customer_match.ledger.view import is_known, windows
from customer_match.members.digests import Digests, is_in_any
from customer_match.members.files import Files

__all__ = ["Presence", "presence_in"]


class Presence(StrEnum):
    """What a ledger says about somebody."""

    CERTAIN = "certain"
    """The audience has a digest of theirs: the service confirmed it."""
    POSSIBLE = "possible"
    """The audience may have one: an upload has not ended, or the service refused to remove it."""
    UNKNOWN = "unknown"
    """The members of the audience are not known."""
    ABSENT = "not a member"
    """The audience has none of their digests."""


def presence_in(
    files: Files, state: State, digests: Digests, late: Collection[UnansweredCalls] = ()
) -> Presence:
    """Whether any of somebody's digests is in an audience.

    Args:
        files: The workspace.
        state: The ledger's state.
        digests: All digests of theirs, sorted: shape (n, 32).
        late: Unanswered calls to this audience that may still take effect.

    Raises:
        DamagedMembers: A file that the state names cannot be read, or was deleted since the state was read.
    """
    may_be = bool(calls_that_bring(files, late, digests))
    for window in windows(files, state):
        theirs = is_in_any(window.digests, [digests])
        if (theirs & window.bounds.certain).any():
            return Presence.CERTAIN
        possible = window.bounds.possible
        may_be = may_be or (possible is not None and bool((theirs & possible).any()))
    if not is_known(state):
        return Presence.UNKNOWN
    return Presence.POSSIBLE if may_be else Presence.ABSENT
