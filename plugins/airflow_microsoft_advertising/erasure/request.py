"""Carries out requests for erasure in all workspaces, and completes those that are pending.

First, every register gets the people, so that no run sends them any more. Then they are removed from one audience after
the other; the evidence is written after each. An audience that another run holds is tried again after the others.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_microsoft_advertising.audit.recording import trail_of
from airflow_microsoft_advertising.erasure.places import unreadable_ledger
from airflow_microsoft_advertising.erasure.removing import Remover
from customer_match.audit.events import MembersErased, name_of_user
from customer_match.erasure.evidence import AudienceEvidence, Evidence, Requests
from customer_match.erasure.register import Erased, Register
from customer_match.errors import CustomerMatchError
from customer_match.members.digests import empty, is_in_any
from customer_match.runs.staged_members import delete_staged

if TYPE_CHECKING:
    from airflow_microsoft_advertising.erasure.places import Account, Place, Target
    from airflow_microsoft_advertising.erasure.removing import Holder
    from customer_match.erasure.people import People
    from customer_match.ledger.bounds import Flags
    from customer_match.members.digests import Digests

__all__ = ["Erasing", "Finished"]

_THEN: Final = "Then run `customer-match forget --pending`."


class Finished(NamedTuple):
    """The evidence of a request in one workspace."""

    place: Place
    evidence: Evidence


class _Sought(NamedTuple):
    """The members of a request: by their keyed ids, and by their digests, if these are known."""

    erased: Erased
    given: Digests

    def among(self, digests: Digests) -> Flags:
        """Which of n digests are theirs: shape (n,)."""
        return is_in_any(digests, [self.given]) if len(self.given) else self.erased.among(digests)


@dataclass(frozen=True)
class Erasing:
    """Carries out requests.

    Attributes:
        places: All workspaces.
        key: The key of the registers.
        holder: Who holds leases.
        seconds: How long to wait for other runs, and for one upload.
        user: Who carries them out, for the audit trail; None if unknown.
        notify: Gets a line about each audience.
        sleep: Waits for a number of seconds; replaced in tests.
    """

    places: Sequence[Place]
    key: bytes = field(repr=False)
    holder: Holder
    seconds: float
    user: str | None = None
    notify: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep

    def request(self, people: People) -> list[Finished]:
        """Carry out a new request.

        Returns:
            The evidence of each workspace.

        Raises:
            CustomerMatchError: A register cannot be written. Then nobody was removed.
        """
        now = datetime.now(UTC)
        number = f"{now:%Y%m%d}-{secrets.token_hex(4)}"
        received = [(place, self._receive(place, people, number, now)) for place in self.places]
        return [self._carry_out(place, evidence, people.digests) for place, evidence in received]

    def complete(self) -> list[Finished]:
        """Complete all pending requests, without the addresses: members are recognised by their keyed ids.

        Raises:
            CustomerMatchError: A register or the evidence cannot be read.
        """
        return [
            self._carry_out(place, evidence, empty())
            for place in self.places
            for evidence in Requests(place.workspace).all()
            if not evidence.is_complete
        ]

    def _receive(self, place: Place, people: People, number: str, now: datetime) -> Evidence:
        register = Register(place.workspace).add(self.key, people.digests)
        evidence = Evidence(
            request=number,
            received=now.date(),
            people=people.people,
            hashes=people.hashes,
            ids=tuple(sorted(one.hex() for one in register.ids_of(people.digests))),
            register_number=register.number,
            unreached=("The request was received, and nothing was done yet.",),
            checked_at=now,
        )
        Requests(place.workspace).write(evidence)
        return evidence

    def _carry_out(self, place: Place, evidence: Evidence, given: Digests) -> Finished:
        erased = Erased(evidence.register_number, self.key, map(bytes.fromhex, evidence.ids))
        sought, unreached = _Sought(erased, given), [f"{one} {_THEN}" for one in place.unreached]
        for account in place.accounts:
            try:
                for target, one in self._remove(account, evidence, sought, unreached):
                    evidence = evidence.with_audience(one)
                    Requests(place.workspace).write(evidence)
                    unreached += self._audit(account, target, one, evidence.request)
            except CustomerMatchError as error:
                unreached.append(f"Account {account.id}: {error}")
        staged = delete_staged(place.workspace, sought.among, needed=_needed(place))
        evidence = evidence.model_copy(
            update={
                "staged_deleted": evidence.staged_deleted + staged.deleted,
                "runs_not_ended": staged.not_ended,
                "unreached": tuple(unreached),
                "checked_at": datetime.now(UTC),
            }
        )
        Requests(place.workspace).write(evidence)
        return Finished(place, evidence)

    def _remove(
        self, account: Account, evidence: Evidence, sought: _Sought, unreached: list[str]
    ) -> Iterator[tuple[Target, AudienceEvidence]]:
        """Remove the members from all audiences of an account where that is not done yet."""
        hook, audiences = account.reach()
        with hook.get_conn() as client:
            targets = account.targets(audiences)
            unreached += [f"{unreadable_ledger(folder)} {_THEN}" for folder in targets.unknown]
            for name in targets.moved:
                account.ledgers.of(name).delete_bounds()
            remover = Remover(
                account=account,
                client=client,
                accept_terms=hook.terms() is not None,
                request=evidence.request,
                erased=sought.erased,
                given=sought.given,
                holder=self.holder,
                seconds=self.seconds,
                sleep=self.sleep,
            )
            waiting = deque(one for one in targets.found if not _is_done(evidence, account, one))
            yield from self._in_turns(remover, waiting)

    def _audit(self, account: Account, target: Target, evidence: AudienceEvidence, request: str) -> list[str]:
        """Record in the audit trail of the audience's export that members were removed; returns why it could not."""
        export = next((one for one in account.exports if one.name == target.owner.export), None)
        if export is None or not (evidence.removed or evidence.refused):
            return []
        event = MembersErased(
            request=request,
            user=name_of_user(self.user),
            audience=evidence.audience,
            audience_id=evidence.audience_id,
            outcome=str(evidence.outcome),
            removed=evidence.removed,
            not_removed=evidence.refused,
            calls=evidence.calls,
            requests=evidence.uploads,
        )
        try:
            trail_of(export, account.workspace).append([event], datetime.now(UTC))
        except CustomerMatchError as error:
            return [f"{evidence.audience}: the removal is not in the audit trail of {export.name}. {error}"]
        return []

    def _in_turns(
        self, remover: Remover, waiting: deque[Target]
    ) -> Iterator[tuple[Target, AudienceEvidence]]:
        """Try each audience, and again those that other runs hold, as long as there is time."""
        deadline, failed = time.monotonic() + self.seconds, 0
        while waiting:
            target = waiting.popleft()
            evidence, retry_after = remover.remove_from(target)
            self.notify(_line(evidence))
            left = deadline - time.monotonic()
            if retry_after is None or left <= 0:
                yield target, evidence
                continue
            waiting.append(target)
            failed += 1
            if failed >= len(waiting):  # all that are left are held
                self.sleep(min(retry_after, left))
                failed = 0


def _is_done(evidence: Evidence, account: Account, target: Target) -> bool:
    known = evidence.of(account.id, target.name)
    return known is not None and known.outcome.is_final


def _needed(place: Place) -> set[str]:
    """The paths of members that the ledgers of a workspace name."""
    needed = set()
    for account in place.accounts:
        for name in account.ledgers.names()[0]:
            state = account.ledgers.of(name).load().state
            files = [file for part in state.parts for file in (part.members, part.refused)]
            files += [call.members for call in state.late]
            needed |= {file.path for file in files if file}
    return needed


def _line(evidence: AudienceEvidence) -> str:
    reason = f": {evidence.reason}" if evidence.reason else ""
    return f"{evidence.account} {evidence.audience}: {evidence.outcome}{reason}"
