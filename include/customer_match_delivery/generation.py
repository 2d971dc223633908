"""Gives an audience a new generation before anything is sent to it, and checks at the end that it still has it.

`include/customer_match/ledger/generation.py` explains the purpose; docs/architecture.md ("Generations") covers each
step and each crash.
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
from customer_match_delivery.marks import Mark, generation_in, with_mark
from microsoft_advertising.client import Client
from microsoft_advertising.faults import ServiceConfigurationError, ServiceTerminalError
from microsoft_advertising.models import Audience

__all__ = ["GONE", "GenerationKeeper", "distrust_of"]

log = logger(__name__)

_INVALID_AUDIENCE_ID = 4835
_INVALID_CUSTOMER_LIST_ID = 8000

GONE = frozenset({_INVALID_AUDIENCE_ID, _INVALID_CUSTOMER_LIST_ID})
"""Error codes of the service for an audience that does not exist."""

_FRESH = 10.0  # seconds for which a description counts as just read: the service offers no conditional write


def distrust_of(state: State, description: str, ledgers: Ledgers) -> str | None:
    """Why a state may miss something that was sent to its audience; None if it does not, or is not trusted anyway."""
    if not state.is_trusted or not (state.parts or is_known(state)):
        return None
    return reason_to_distrust(state.generation, generation_in(description), workspace=ledgers.workspace_id)


class _Noted(NamedTuple):
    """An audience and when it was read.

    Attributes:
        audience: The audience.
        number: Number of the ledger's newest entry at that time.
        at: Time of reading, by the monotonic clock.
    """

    audience: Audience
    number: int
    at: float

    def describes(self, audience_id: str, number: int) -> bool:
        """Whether reading the audience again would give the same, judging by the clock and the ledger."""
        known = (self.audience.id, self.number) == (audience_id, number)
        return known and time.monotonic() - self.at < _FRESH


@dataclass
class GenerationKeeper:
    """Claims and confirms the generations of one audience.

    Attributes:
        client: The client of the service.
        ledgers: The ledgers of the account.
        name: Name of the audience, as its ledger has it.
        mark: The owner of the audience.
    """

    client: Client
    ledgers: Ledgers
    name: str
    mark: Mark
    _noted: _Noted | None = field(default=None, init=False)

    def note(self, audience: Audience, number: int) -> None:
        """Remember the audience as just read, and the number of the ledger entry that it was compared with."""
        self._noted = _Noted(audience, number, time.monotonic())

    def claim(self, entry: Entry, state: State) -> Entry:
        """Write a state with a new generation to the ledger, then set that generation on the audience.

        From then on no other copy of the ledger knows the audience's generation. If the service refuses the new
        description, that is recorded too, and the run continues.

        Args:
            entry: The ledger's newest entry.
            state: The state to write.

        Raises:
            LedgerConflict: Another run has written to the ledger.
            TransientError: The service cannot do it now, or another workspace has written to the audience.
        """
        audience = self._audience(str(state.audience_id), entry.number)
        self._refuse_if_written_by_others(entry, audience)
        return self._write_claim(entry, state, audience)

    def _write_claim(self, entry: Entry, state: State, audience: Audience) -> Entry:
        ledger, shown = self.ledgers.of(self.name), generation_in(audience.description)
        token = new_token(self.ledgers.workspace_id)
        generation = Generation.claimed(token, shown=shown, after=state.generation)
        entry = ledger.write(entry, state.model_copy(update={"generation": generation}))
        ledger.check_newest(entry)
        self._noted = None
        try:
            self.client.update_audience(
                audience.id, description=with_mark(audience.description, self.mark, token)
            )
        except (ServiceConfigurationError, ServiceTerminalError) as error:
            if GONE.intersection(error.codes):
                raise
            generation = generation.refused(str(error))
            log.warning("Audience %r: %s", audience.name, generation.uncovered)
            return ledger.write(entry, entry.state.model_copy(update={"generation": generation}))
        return entry

    def confirm(self, entry: Entry) -> State:
        """Compare the generation with the description once everything was sent; returns the state that follows.

        Raises:
            LedgerConflict: Another run has written to the ledger.
            TransientError: Another workspace has written to the audience; the ledger is no longer trusted.
        """
        state = entry.state
        audience = self.client.get_audience(str(state.audience_id))
        if audience is None or state.generation is None:
            return state
        self._refuse_if_written_by_others(entry, audience)
        generation = state.generation.observed(generation_in(audience.description))
        return state.model_copy(update={"generation": generation})

    def _refuse_if_written_by_others(self, entry: Entry, audience: Audience) -> None:
        """Distrust the ledger if others have written to the audience; the new generation makes them do the same."""
        reason = distrust_of(entry.state, audience.description, self.ledgers)
        if reason is None:
            return
        self._write_claim(entry, entry.state.distrusted(reason), audience)
        raise TransientError(
            f"The audience {audience.name!r} changed while this run was writing to it. {reason} The next try replaces "
            "the whole audience."
        )

    def _audience(self, audience_id: str, number: int) -> Audience:
        """The audience as it is now; needed because its description is written as a whole and unconditionally.

        An audience that was read before the ledger's newest entry was written says nothing about that entry. A worker
        that was suspended in between would mistake the description from before another try's claim for a change by
        hand.
        """
        noted = self._noted
        if noted and noted.describes(audience_id, number):
            return noted.audience
        found = self.client.get_audience(audience_id)
        if found is None:
            raise ServiceConfigurationError(
                f"No audience has the id {audience_id}.", codes=(_INVALID_AUDIENCE_ID,)
            )
        return found
