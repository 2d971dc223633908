"""Looks up in which audiences a person is, by the ledgers; nothing is changed, sent or stored.

The service cannot be asked for the members of an audience. It is asked only which audiences it has, to find out whether
a ledger still describes its audience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from airflow_microsoft_advertising.erasure.key import read_key
from airflow_microsoft_advertising.erasure.places import unreadable_ledger
from customer_match.erasure.register import Register
from customer_match.errors import CustomerMatchError
from customer_match.ledger.presence import Presence, presence_in
from customer_match.members.digests import is_in_any
from customer_match.members.files import DamagedMembers
from customer_match.runs.staged_members import runs_with
from customer_match_delivery.call_tracking import LIFE
from customer_match_delivery.generation import distrust_of

if TYPE_CHECKING:
    from airflow_microsoft_advertising.erasure.places import Account, Place, Target
    from customer_match.ledger.bounds import Flags
    from customer_match.ledger.state import State
    from customer_match.members.digests import Digests
    from microsoft_advertising.models import Audience

__all__ = ["AudiencePresence", "PlacePresence", "look_up"]

_TRIES: Final = 3
_NO_AUDIENCE: Final = "The audience does not exist at Microsoft Advertising."
_NO_LEDGER: Final = (
    "The workspace does not know the members of this audience. The next run of its export replaces them all."
)
_NOT_KNOWN: Final = "The ledger does not know the members of this audience: no run has replaced them yet."


class AudiencePresence(BaseModel):
    """What is known of the person in one audience.

    Attributes:
        account: The account.
        export: The export that fills the audience.
        audience: Its name.
        audience_id: Its id at the service; None if it is not known.
        presence: Whether it has them.
        reason: Why that is not known, or why there is nobody; None normally.
    """

    model_config = ConfigDict(frozen=True)

    account: str
    export: str
    audience: str
    audience_id: str | None = None
    presence: Presence
    reason: str | None = None


class PlacePresence(BaseModel):
    """What is known of the person in one workspace and its accounts.

    Attributes:
        workspace: Location of the workspace.
        audiences: All audiences.
        staged: Folders of runs whose staged files hold a digest of theirs, or cannot be read.
        is_erased: Whether runs keep them out, because they asked for erasure before.
        unreached: What could not be looked at, and what to do.
    """

    model_config = ConfigDict(frozen=True)

    workspace: str
    audiences: tuple[AudiencePresence, ...]
    staged: tuple[str, ...]
    is_erased: bool
    unreached: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it is known of every audience."""
        return not self.unreached and all(one.presence is not Presence.UNKNOWN for one in self.audiences)


def look_up(place: Place, digests: Digests) -> PlacePresence:
    """Look up a person in all audiences of a workspace.

    Args:
        place: The workspace and its accounts.
        digests: All digests of theirs, sorted: shape (n, 32).

    Raises:
        CustomerMatchError: The workspace cannot be read, or a key is missing.
    """
    unreached = list(place.unreached)
    found = [one for account in place.accounts for one in _in_account(account, digests, unreached)]

    def theirs(members: Digests, /) -> Flags:
        return is_in_any(members, [digests])

    erased = Register(place.workspace).read(read_key)
    return PlacePresence(
        workspace=place.location,
        audiences=tuple(found),
        staged=runs_with(place.workspace, theirs),
        is_erased=erased is not None and bool(erased.among(digests).any()),
        unreached=tuple(unreached),
    )


def _in_account(account: Account, digests: Digests, unreached: list[str]) -> Iterator[AudiencePresence]:
    audiences: dict[str, Audience] | None
    try:
        audiences = {one.id: one for one in account.reach()[1]}
    except CustomerMatchError as error:
        audiences = None
        unreached.append(
            f"Account {account.id}: the ledgers could not be compared with Microsoft Advertising. {error}"
        )
    targets = account.targets(audiences.values() if audiences else ())
    unreached += map(unreadable_ledger, targets.unknown)
    without_ledger = {one.name for one in targets.found if one.audience_id}
    for target in targets.found:
        found = _Look(account, target, digests, audiences).answer()
        if found.audience_id or target.name not in without_ledger:  # an emptied ledger says nothing
            yield found


@dataclass(frozen=True)
class _Look:
    """A look at one audience; `audiences` are those at the service by their ids, None if it could not be asked."""

    account: Account
    target: Target
    digests: Digests
    audiences: Mapping[str, Audience] | None

    def answer(self) -> AudiencePresence:
        state, presence, reason = self._settled()
        return AudiencePresence(
            account=self.account.id,
            export=self.target.owner.export,
            audience=self.target.name,
            audience_id=self._id(state),
            presence=presence,
            reason=reason,
        )

    def _settled(self) -> _Finding:
        """What the newest state says; a run that ends meanwhile may delete the files that were about to be read."""
        for left in reversed(range(_TRIES)):
            state = self.account.ledgers.of(self.target.name).load().state
            try:
                return self._look(state)
            except DamagedMembers as error:
                if not left:
                    return _Finding(state, Presence.UNKNOWN, str(error))
        raise AssertionError("unreachable")

    def _look(self, state: State) -> _Finding:
        audience_id = self._id(state)
        if self.audiences is None:
            if state.was_deleted:
                return _Finding(state, Presence.ABSENT, None)
        elif audience_id is None or audience_id not in self.audiences:
            return _Finding(state, Presence.ABSENT, _NO_AUDIENCE)
        elif not state.describes(audience_id):
            return _Finding(state, Presence.UNKNOWN, _NO_LEDGER)
        elif reason := distrust_of(state, self.audiences[audience_id].description, self.account.ledgers):
            return _Finding(state, Presence.UNKNOWN, reason)
        late = state.with_living_calls(datetime.now(UTC), LIFE).late
        own = [call for call in late if call.audience_id == audience_id]
        presence = presence_in(self.account.workspace, state, self.digests, own)
        unknown = presence is Presence.UNKNOWN
        return _Finding(state, presence, (state.damage or _NOT_KNOWN) if unknown else None)

    def _id(self, state: State) -> str | None:
        return self.target.audience_id or state.audience_id


class _Finding(NamedTuple):
    state: State
    presence: Presence
    reason: str | None
