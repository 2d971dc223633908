"""What becomes of an audience whose table has vanished, where the export does not keep it: who it is, and its end.

A deleted audience cannot be had back, so it must be surely ours: the one that our ledger tells of, unless another
export's or segment's mark is on it by now, or the one that has our own mark. A name alone tells nothing here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_microsoft_advertising.audience_marks import AudienceSpec, Standing, mark_in, standing
from include.customer_match.ledger.places import Ledgers, is_usable
from include.customer_match.ledger.state import State
from include.customer_match.order import in_order
from include.errors import ConfigurationError
from include.microsoft_advertising.client import Client
from include.microsoft_advertising.models import Audience

__all__ = ["AudienceEnding"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AudienceEnding:
    """The end of one audience.

    Attributes:
        client: The service.
        ledgers: The ledgers of the account.
        spec: The audience.
    """

    client: Client
    ledgers: Ledgers
    spec: AudienceSpec

    def find(self) -> Audience | None:
        """The audience, if there is one that surely is ours.

        Raises:
            ConfigurationError: Several have our mark.
        """
        state = self.ledgers.of(self.spec.name).load().state
        if is_usable(state, self.spec.siblings):
            found = self.client.get_audience(str(state.audience_id))
            if found and self._is_ours(found, state):
                return found
        own = [one for one in self.client.list_audiences() if standing(one, self.spec) is Standing.OWN]
        if len(own) > 1:
            listed = ", ".join(f"{audience.id} ({audience.name!r})" for audience in own)
            raise ConfigurationError(
                f"Several audiences are kept for the segment {self.spec.name!r}, whose table has vanished: ids "
                f"{listed}. Delete those that are not needed (`customer-match audiences --delete ID`)."
            )
        return own[0] if own else None

    def delete(self, found: Audience | None, interval_end: datetime) -> None:
        """Delete the audience, and note for which data interval: older ones are not to make it anew.

        The ledger is written last. Where a crash comes in between, it tells of an audience that is not there, which
        the next try, or whoever delivers the table that has come back, finds out.

        Args:
            found: The audience; None if there is none any more.
            interval_end: End of the data interval in which its table was gone.

        Raises:
            Overtaken: The audience holds newer data.
        """
        ledger = self.ledgers.of(self.spec.name)
        entry = ledger.load()
        in_order(entry.state, interval_end, None)
        if found:
            self.client.delete_audience(found.id)
            log.info("Deleted the audience %r (id %s): its table has vanished", found.name, found.id)
        ledger.write(entry, entry.state.ended(interval_end, segment=self.spec.key, at=datetime.now(UTC)))

    def _is_ours(self, found: Audience, state: State) -> bool:
        mark, own = mark_in(found.description), self.spec.own_mark
        if mark is None:  # somebody wrote another description
            return state.segment == self.spec.key
        return mark.export == own.export and mark.key in {None, own.key}
