"""Deletes an audience: its table no longer exists and the export asks for that, or whoever started the run did.

A deletion cannot be undone, so the audience must certainly be ours. It is either the audience that our ledger records,
unless it now carries the mark of another export or segment, or the audience that carries our own mark. A matching name
is not enough.
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
from customer_match_delivery.call_tracking import may_land_until
from customer_match_delivery.marks import mark_in
from customer_match_delivery.ownership import Ownership, ownership_of
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.client import Client
from microsoft_advertising.models import Audience

__all__ = ["AudienceDeletion"]

log = logger(__name__)


@dataclass(frozen=True)
class AudienceDeletion:
    """Finds and deletes one audience.

    Attributes:
        client: The client of the service.
        ledgers: The ledgers of the account.
        spec: The audience.
        spared: Ids of audiences that belong to others and are never deleted, whatever the ledger says.
    """

    client: Client
    ledgers: Ledgers
    spec: AudienceSpec
    spared: Collection[str] = ()

    def find(self) -> Audience | None:
        """Find the audience; None if there is none that is certainly ours.

        Raises:
            ConfigurationError: Several audiences carry our mark.
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
                f"Several audiences belong to the segment {self.spec.name!r}, which is to be emptied or deleted: ids "
                f"{listed}. Delete those that you do not need (`customer-match audiences --delete ID`)."
            )
        return own[0] if own else None

    def delete(
        self, found: Audience | None, interval_end: datetime, force: Force | None = None
    ) -> str | None:
        """Delete the audience, and record the data interval so that runs for older ones do not create it again.

        The ledger is written last. After a crash in between, it describes an audience that no longer exists. The next
        try detects that, as does the next delivery if the table comes back.

        Args:
            found: The audience; None if it no longer exists.
            interval_end: End of the run's data interval.
            force: Permission to go back to an older data interval than the ledger records.

        Returns:
            Id of the audience that this try or an earlier one deleted; None if none was ours.

        Raises:
            Overtaken: The audience holds newer data.
            StillToCome: The ledger records a data interval that lies in the future.
        """
        ledger = self.ledgers.of(self.spec.name)
        entry = ledger.load()
        state = entry.state
        now = datetime.now(UTC)
        in_order(state, interval_end, force, now=now)
        if found:
            # If the answer is lost and the table comes back, nothing is sent until the call can no longer take effect.
            entry = ledger.write(entry, state.with_unanswered_deletion(found.id, until=may_land_until(now)))
            self.client.delete_audience(found.id)
            log.info("Deleted the audience %r (id %s)", found.name, found.id)
        elif state.audience_id is None or state.moved_to is not None or not self._is_gone(state):
            return None  # the ledger describes another audience, or none
        ledger.delete_earlier_bounds(
            ledger.write(entry, state.deleted(interval_end, segment=self.spec.key, at=now))
        )
        return found.id if found else state.audience_id

    def _is_gone(self, state: State) -> bool:
        """Whether the segment's own audience, as the ledger records it, no longer exists at the service."""
        ours = state.segment in {None, self.spec.key} and state.audience_id not in self.spared
        return ours and self.client.get_audience(str(state.audience_id)) is None

    def _is_ours(self, found: Audience, state: State) -> bool:
        mark, own = mark_in(found.description), self.spec.own_mark
        if mark is None:  # somebody wrote another description
            return state.segment == self.spec.key
        return mark.export == own.export and (mark.key or state.segment) in {None, own.key}
