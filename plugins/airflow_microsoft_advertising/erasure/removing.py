"""Removes the members of one request from one audience: the lease, the waits, and errors as evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_microsoft_advertising.run.polling import poll_until_end
from customer_match.erasure.evidence import AudienceEvidence, Outcome, Removal
from customer_match.errors import CustomerMatchError, TransientError
from customer_match.ledger.lease import LEASE_DURATION, AudienceBusy, Lease
from customer_match.ledger.store import ledger_folder
from customer_match.redaction import logger
from customer_match_delivery.removal import MemberRemoval
from microsoft_advertising.polling import PollSchedule

if TYPE_CHECKING:
    from airflow_microsoft_advertising.erasure.places import Account, Target
    from customer_match.erasure.register import Erased
    from customer_match.members.digests import Digests
    from customer_match_delivery.bulk import Waiting
    from microsoft_advertising.client import Client

__all__ = ["Attempt", "Holder", "Remover"]

log = logger(__name__)

_LATER: Final = "The request stays pending: run `customer-match forget --pending` later."
_RETRY_SECONDS: Final = 5.0
_POLLING: Final = PollSchedule(first=1.0)


class Holder(NamedTuple):
    """Who holds leases.

    Attributes:
        name: Name of this process.
        has_ended: Whether another holder certainly runs no more.
    """

    name: str
    has_ended: Callable[[str], bool] = lambda _: False


class Attempt(NamedTuple):
    """Result of one try.

    Attributes:
        evidence: What became of the audience.
        retry_after: Seconds until another try may succeed; None if none will.
    """

    evidence: AudienceEvidence
    retry_after: float | None = None


@dataclass(frozen=True)
class Remover:
    """Removes members from the audiences of one account.

    Attributes:
        account: The account.
        client: Its client.
        accept_terms: Whether files and calls accept the Customer Match terms.
        request: Id of the request.
        erased: The members of the request, by their keyed ids.
        given: Their digests, sorted; empty if only the ids are known.
        holder: Who holds the leases.
        seconds: How long to wait for an upload.
        sleep: Waits for a number of seconds.
    """

    account: Account
    client: Client
    accept_terms: bool
    request: str
    erased: Erased
    given: Digests
    holder: Holder
    seconds: float
    sleep: Callable[[float], None] = time.sleep

    def remove_from(self, target: Target) -> Attempt:
        """Try once; errors become evidence."""
        try:
            with self._lease(target) as lease:
                removal = self._removal(target, lease)
                removal.start()
                return Attempt(self._evidence(target, self._finish(removal)))
        except TransientError as error:
            evidence = self._unfinished(target, Outcome.PENDING, f"{error} {_LATER}")
            return Attempt(evidence, error.retry_after or _RETRY_SECONDS)
        except CustomerMatchError as error:
            return Attempt(self._unfinished(target, Outcome.FAILED, f"{error} {_LATER}"))

    def _removal(self, target: Target, lease: Lease) -> MemberRemoval:
        return MemberRemoval(
            client=self.client,
            ledgers=self.account.ledgers,
            storage=self.account.workspace,
            audience=target.name,
            audience_id=target.audience_id,
            erased=self.erased,
            given=self.given,
            owner=target.owner,
            plan_id=f"erasure-{self.request}",
            route=target.route,
            accept_terms=self.accept_terms,
            before_sending=lambda: lease.take(LEASE_DURATION),
        )

    def _finish(self, removal: MemberRemoval) -> Removal:
        while True:
            outcome = removal.advance()
            if isinstance(outcome, Removal):
                return outcome
            self._await_upload(outcome)

    def _await_upload(self, waiting: Waiting) -> None:
        """Wait for an upload, which may be another run's.

        Raises:
            TransientError: It does not end in time.
        """
        polls = poll_until_end(lambda: self.client, waiting, _POLLING, timeout=self.seconds)
        while True:
            try:
                self.sleep(next(polls))
            except StopIteration as end:
                if end.value:
                    return
                raise TransientError(
                    f"The upload {waiting.request_id} is still in progress at Microsoft Advertising."
                ) from None

    @contextmanager
    def _lease(self, target: Target) -> Iterator[Lease]:
        lease = self._lease_of(target, self.holder.name)
        try:
            lease.take(LEASE_DURATION)
        except AudienceBusy as busy:
            if not self.holder.has_ended(busy.holding.holder):
                raise
            self._lease_of(target, busy.holding.holder).release()
            lease.take(LEASE_DURATION)
        try:
            yield lease
        finally:
            try:
                lease.release()
            except CustomerMatchError as error:  # it expires, and the result of the work matters more
                log.warning(
                    "The lease was not released, and runs wait for up to %s: %s", LEASE_DURATION, error
                )

    def _lease_of(self, target: Target, holder: str) -> Lease:
        folder = ledger_folder(self.account.id, target.name)
        return Lease(self.account.workspace, folder, audience=target.name, holder=holder)

    def _evidence(self, target: Target, removal: Removal) -> AudienceEvidence:
        reasons = {
            Outcome.REFUSED: f"The service refused to remove {removal.refused} of the digests. {_LATER}",
            Outcome.UNKNOWN: "The ledger does not know the members of this audience. The next run of its export "
            "replaces them all, and leaves out who is erased; then run `customer-match forget --pending`. To remove "
            "them now, repeat the request with the address or hash.",
        }
        return AudienceEvidence(
            account=self.account.id,
            audience=target.name,
            reason=reasons.get(removal.outcome),
            **removal.model_dump(),
        )

    def _unfinished(self, target: Target, outcome: Outcome, reason: str) -> AudienceEvidence:
        return AudienceEvidence(
            account=self.account.id,
            audience=target.name,
            audience_id=target.audience_id,
            outcome=outcome,
            reason=reason,
            at=datetime.now(UTC),
        )
