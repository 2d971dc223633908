"""Gives an audience a new generation before anything is sent to it, and looks at the end whether it still has it.

`include/customer_match/ledger/generation.py` says what that is for; docs/architecture.md ("Generations") goes through
each step and each crash.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from customer_match.errors import TransientError
from customer_match.ledger.generation import Generation, new_token, reason_to_distrust
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.state import State
from customer_match.ledger.store import Entry
from customer_match.ledger.view import is_known
from customer_match.redaction import logger
from customer_match_delivery.marks import described, generation_in
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.client import Client
from microsoft_advertising.faults import ServiceConfigurationError, ServiceTerminalError
from microsoft_advertising.models import Audience

__all__ = ["GONE", "GenerationKeeper", "distrust_of"]

log = logger(__name__)

_INVALID_AUDIENCE_ID = 4835
_INVALID_CUSTOMER_LIST_ID = 8000

GONE = frozenset({_INVALID_AUDIENCE_ID, _INVALID_CUSTOMER_LIST_ID})
"""Codes of an audience that is not there."""

_FRESH = 10.0  # seconds that a description counts as read just now: it cannot be written on a condition


def distrust_of(state: State, description: str, ledgers: Ledgers) -> str | None:
    """Why a ledger's state does not know all that was sent to its audience; None if it does, or believes nothing."""
    if not state.is_trusted or not (state.parts or is_known(state)):
        return None
    return reason_to_distrust(state.generation, generation_in(description), workspace=ledgers.workspace_id)


class _Noted(NamedTuple):
    """An audience as it was read.

    Attributes:
        audience: The audience.
        number: Of the ledger's newest entry then.
        at: When, by the monotonic clock.
    """

    audience: Audience
    number: int
    at: float

    def describes(self, audience_id: str, number: int) -> bool:
        """Whether it is what would be read now, as far as the clock and the ledger tell."""
        known = (self.audience.id, self.number) == (audience_id, number)
        return known and time.monotonic() - self.at < _FRESH


@dataclass
class GenerationKeeper:
    """The generations of one audience.

    Attributes:
        client: The service.
        ledgers: The ledgers of the account.
        spec: The audience.
    """

    client: Client
    ledgers: Ledgers
    spec: AudienceSpec
    _noted: _Noted | None = field(default=None, init=False)

    def note(self, audience: Audience, number: int) -> None:
        """The audience as it was read just now, and the number of the ledger's entry that it was compared with."""
        self._noted = _Noted(audience, number, time.monotonic())

    def claim(self, entry: Entry, state: State) -> Entry:
        """Write a state down together with a new generation, then give that to the audience.

        From here on no other copy of the ledger knows the audience's generation. Where the service does not take the
        description, that is written down too, and nothing is stopped by it.

        Args:
            entry: The ledger's newest entry.
            state: What follows it.

        Raises:
            LedgerConflict: Another run has written to the ledger.
            TransientError: The service cannot do it now, or somebody else has written to the audience.
        """
        audience = self._audience(str(state.audience_id), entry.number)
        self._refuse_if_written_by_others(entry, audience)
        return self._write_claim(entry, state, audience)

    def _write_claim(self, entry: Entry, state: State, audience: Audience) -> Entry:
        ledger, shown = self.ledgers.of(self.spec.name), generation_in(audience.description)
        token = new_token(self.ledgers.workspace_id)
        generation = Generation.claimed(token, shown=shown, after=state.generation)
        entry = ledger.write(entry, state.model_copy(update={"generation": generation}))
        ledger.check_newest(entry)
        self._noted = None
        try:
            self.client.update_audience(
                audience.id, description=described(audience.description, self.spec.own_mark, token)
            )
        except (ServiceConfigurationError, ServiceTerminalError) as error:
            if GONE.intersection(error.codes):
                raise
            generation = generation.refused(str(error))
            log.warning("Audience %r: %s", audience.name, generation.uncovered)
            return ledger.write(entry, entry.state.model_copy(update={"generation": generation}))
        return entry

    def confirm(self, entry: Entry) -> State:
        """The state once all was sent, with what the description tells now.

        Raises:
            LedgerConflict: Another run has written to the ledger.
            TransientError: Somebody else has written to the audience meanwhile; nothing is believed any more.
        """
        state = entry.state
        audience = self.client.get_audience(str(state.audience_id))
        if audience is None or state.generation is None:
            return state
        self._refuse_if_written_by_others(entry, audience)
        generation = state.generation.observed(generation_in(audience.description))
        return state.model_copy(update={"generation": generation})

    def _refuse_if_written_by_others(self, entry: Entry, audience: Audience) -> None:
        """Believe nothing any more, and let the others do likewise, where they have come in between."""
        reason = distrust_of(entry.state, audience.description, self.ledgers)
        if reason is None:
            return
        self._write_claim(entry, entry.state.distrusted(reason), audience)
        raise TransientError(
            f"While this run was at work on the audience {audience.name!r}: {reason} The next try replaces the whole "
            "audience."
        )

    def _audience(self, audience_id: str, number: int) -> Audience:
        """The audience as it is now: its description is written as a whole, and on no condition.

        One that was read before the ledger's newest entry was written tells nothing about that entry: a worker that
        slept in between would take the description from before another try's claim for one that was changed by hand.
        """
        noted = self._noted
        if noted and noted.describes(audience_id, number):
            return noted.audience
        found = self.client.get_audience(audience_id)
        if found is None:
            raise ServiceConfigurationError(
                f"There is no audience with the id {audience_id}.", codes=(_INVALID_AUDIENCE_ID,)
            )
        return found
