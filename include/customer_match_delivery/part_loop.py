"""Sends the parts that a ledger names, one at a time: awaits what is in flight, then sends the next part by its route.

Who sends them (a delivery, an erasure) says what to plan, and what happens once all parts are confirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from propcache.api import cached_property

from customer_match.errors import TransientError
from customer_match.ledger.parts import Progress
from customer_match.ledger.store import Entry, Ledger, Storage
from customer_match.routes import Route
from customer_match_delivery.bulk import BulkUploads, Waiting
from customer_match_delivery.calls import CallsNotSupported, CallUploads
from customer_match_delivery.refusals import Refusals
from microsoft_advertising.client import Client

__all__ = ["PartLoop", "Sender"]

_TRIES = 3  # new upload URLs per call of `advance`; after that, the task's own retries wait longer


class Sender(Protocol):
    """Who sends parts."""

    def ensure_planned(self, entry: Entry) -> Entry:
        """Record the sender's own plan in the ledger if it is not there yet; nothing is in flight."""

    def before_sending(self) -> None:
        """Called before each part is sent; an exception stops the sender."""

    def without_calls(self, error: CallsNotSupported) -> Entry:
        """Change the plan to Bulk uploads, because the service does not support calls."""

    def finish(self, entry: Entry) -> None:
        """Called once all parts are confirmed."""


@dataclass(frozen=True)
class PartLoop:
    """The parts of one audience.

    Attributes:
        client: The client of the service.
        ledger: The ledger of the audience.
        storage: The workspace.
        plan_id: Id of the sender's plan.
        folder: Folder in the workspace for the refused members.
        accept_terms: Whether files and calls accept the Customer Match terms.
        now: Returns the present time.
    """

    client: Client
    ledger: Ledger
    storage: Storage
    plan_id: str
    folder: str
    accept_terms: bool
    now: Callable[[], datetime]

    def advance(self, sender: Sender) -> Waiting | None:
        """Do everything that is possible without waiting.

        Returns:
            The upload to wait for before the next call; None once the sender has finished.

        Raises:
            CustomerMatchError: The service refuses, or cannot answer now.
        """
        entry, unconfirmed = self.ledger.load(), 0
        while unconfirmed <= _TRIES:
            if entry.state.in_flight:
                index = entry.state.in_flight[0]
                entry, waiting = self._uploads.poll(entry, index)
            else:
                entry = sender.ensure_planned(entry)
                following = entry.state.next_part
                if following is None:
                    sender.finish(entry)
                    return None
                index = following
                entry, waiting = self._send(sender, entry, index)
            if waiting:
                return waiting
            unconfirmed += entry.state.parts[index].progress is not Progress.CONFIRMED
        raise TransientError(
            "Microsoft Advertising returned upload URLs that had already expired. Trying again later."
        )

    def _send(self, sender: Sender, entry: Entry, index: int) -> tuple[Entry, Waiting | None]:
        """Send a part by its route."""
        sender.before_sending()
        if entry.state.parts[index].route is Route.BULK:
            return self._uploads.send(entry, index)
        try:
            return self._calls.send(entry, index), None
        except CallsNotSupported as error:
            return sender.without_calls(error), None

    @cached_property
    def _uploads(self) -> BulkUploads:
        return BulkUploads(
            client=self.client,
            ledger=self.ledger,
            files=self.storage,
            audience=self.ledger.audience,
            plan_id=self.plan_id,
            accept_terms=self.accept_terms,
            now=self.now,
            confirm=self._confirm,
        )

    @cached_property
    def _calls(self) -> CallUploads:
        return CallUploads(
            client=self.client,
            ledger=self.ledger,
            files=self.storage,
            audience=self.ledger.audience,
            accept_terms=self.accept_terms,
            now=self.now,
            confirm=self._confirm,
        )

    def _confirm(
        self,
        entry: Entry,
        index: int,
        refusals: Refusals,
        name: str,
        lands_until: datetime | None = None,
    ) -> Entry:
        refused = refusals.write(self.storage, f"{self.folder}/refused-{name}.parquet")
        confirmed = entry.state.confirmed(index, refused, refusals.reasons, lands_until=lands_until)
        return self.ledger.write(entry, confirmed)
