"""What becomes of an audience whose table has vanished, where the export does not keep it: who it is, and its end.

A deleted audience cannot be had back, so it must be surely ours: the one that our ledger tells of, unless another
export's or segment's mark is on it by now, or the one that has our own mark. A name alone tells nothing here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from customer_match.errors import ConfigurationError
from customer_match.ledger.lookup import Ledgers, is_usable
from customer_match.ledger.state import State
from customer_match.planning.data_intervals import Force, in_order
from customer_match.redaction import logger
from customer_match_delivery.call_tracking import lives_until
from customer_match_delivery.marks import mark_in
from customer_match_delivery.ownership import Ownership, ownership_of
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.client import Client
from microsoft_advertising.models import Audience

__all__ = ["AudienceDeletion"]

log = logger(__name__)


@dataclass(frozen=True)
class AudienceDeletion:
    """The end of one audience.

    Attributes:
        client: The service.
        ledgers: The ledgers of the account.
        spec: The audience.
        spared: Ids of audiences that are others', whatever the ledger says.
    """

    client: Client
    ledgers: Ledgers
    spec: AudienceSpec
    spared: Collection[str] = ()

    def find(self) -> Audience | None:
        """The audience, if there is one that surely is ours.

        Raises:
            ConfigurationError: Several have our mark.
        """
        state = self.ledgers.of(self.spec.name).load().state
        if is_usable(state, self.spec.siblings) and state.audience_id not in self.spared:
            found = self.client.get_audience(str(state.audience_id))
            if found and self._is_ours(found, state):
                return found
        own = [
            one
            for one in self.client.list_audiences()
            if ownership_of(one, self.spec) is Ownership.OWN and one.id not in self.spared
        ]
        if len(own) > 1:
            listed = ", ".join(f"{audience.id} ({audience.name!r})" for audience in own)
            raise ConfigurationError(
                f"Several audiences are kept for the segment {self.spec.name!r}, whose table has vanished: ids "
                f"{listed}. Delete those that are not needed (`customer-match audiences --delete ID`)."
            )
        return own[0] if own else None

    def delete(
        self, found: Audience | None, interval_end: datetime, force: Force | None = None
    ) -> str | None:
        """Delete the audience, and note for which data interval: older ones are not to make it anew.

        The ledger is written last. Where a crash comes in between, it tells of an audience that is not there, which
        the next try, or whoever delivers the table that has come back, finds out.

        Args:
            found: The audience; None if there is none any more.
            interval_end: End of the data interval in which its table was gone.
            force: Leave to go before what the audience holds, by the ledger.

        Returns:
            The id of the audience that is deleted now, by this try or an earlier one; None if there was none of ours.

        Raises:
            Overtaken: The audience holds newer data.
            StillToCome: It cannot hold what the ledger says.
        """
        ledger = self.ledgers.of(self.spec.name)
        entry = ledger.load()
        state = entry.state
        now = datetime.now(UTC)
        in_order(state, interval_end, force, now=now)
        if found:
            # The answer may be lost, and the table come back: nothing is then sent before the call is dead.
            entry = ledger.write(entry, state.with_unanswered_deletion(found.id, until=lives_until(now)))
            self.client.delete_audience(found.id)
            log.info("Deleted the audience %r (id %s): its table has vanished", found.name, found.id)
        elif state.audience_id is None or state.moved_to is not None or not self._is_gone(state):
            return None  # what the ledger says is of another audience, or of none
        ledger.write(entry, state.deleted(interval_end, segment=self.spec.key, at=now))
        return found.id if found else state.audience_id

    def _is_gone(self, state: State) -> bool:
        """Whether the segment's own audience, as the ledger tells of it, is not at the service any more."""
        ours = state.segment in {None, self.spec.key} and state.audience_id not in self.spared
        return ours and self.client.get_audience(str(state.audience_id)) is None

    def _is_ours(self, found: Audience, state: State) -> bool:
        mark, own = mark_in(found.description), self.spec.own_mark
        if mark is None:  # somebody wrote another description
            return state.segment == self.spec.key
        return mark.export == own.export and (mark.key or state.segment) in {None, own.key}
