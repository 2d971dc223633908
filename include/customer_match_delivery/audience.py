"""Makes sure that a segment's audience exists, is ours, and has the name and settings that the export asks for.

An audience is found by the id in the export file, otherwise by the ledger's id, otherwise by its mark and name. It is
created only if none is found. When it is renamed, its ledger is carried over. When its size shows that it was emptied
by hand, the ledger is no longer trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from customer_match.errors import ConfigurationError, TerminalError
from customer_match.ledger.generation import reason_to_distrust, workspace_of
from customer_match.ledger.lookup import Ledgers, is_usable, owner_of
from customer_match.ledger.state import State
from customer_match.ledger.store import Entry, Ledger
from customer_match.planning.emptied import reason_emptied, size_to_note
from customer_match.redaction import logger
from customer_match_delivery.generation import distrust_of
from customer_match_delivery.marks import (
    generation_in,
    mark_in,
    with_mark,
)
from customer_match_delivery.ownership import (
    Ownership,
    check_ours,
    owner_by_mark_or_ledger,
    ownership_of,
    refuse_other_owner,
)
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.client import Client
from microsoft_advertising.faults import OutcomeUnknown, ServiceConfigurationError
from microsoft_advertising.models import Audience

__all__ = ["AudienceKeeper"]

log = logger(__name__)

_DUPLICATE_NAME = 4853


class EnsuredAudience(NamedTuple):
    """An audience as read from the service, and the number of the ledger entry that it was compared with."""

    audience: Audience
    number: int


class AudienceKeeper:
    """Finds, creates and updates the audience of one segment.

    Args:
        client: The client of the service.
        ledgers: The ledgers of the account.
        spec: The audience that the export asks for.
        now: The present time.
    """

    def __init__(
        self, *, client: Client, ledgers: Ledgers, spec: AudienceSpec, now: datetime | None = None
    ) -> None:
        self._client = client
        self._ledgers = ledgers
        self._spec = spec
        self._now = now or datetime.now(UTC)

    def ensure(self) -> EnsuredAudience:
        """Find or create the audience, update its settings, and record its id in the ledger.

        Returns:
            The audience, read after the ledger.

        Raises:
            ConfigurationError: The audience is not ours, is ambiguous, or cannot be changed as the export asks.
            TransientError: Another segment must release the audience first, or the service cannot answer now.
            LedgerConflict: Another run is writing to the same audience.
        """
        ledger = self._ledgers.of(self._spec.name)
        entry = ledger.load()
        found = self._find(entry.state)
        if found is None:
            found, created = self._create()
            state = entry.state.with_audience(found.id, created=created, segment=self._spec.key)
            entry = ledger.write(entry, state)
        else:
            self._refuse_other_owner(found, entry.state)
            found = self._update(found, renamed_by_hand=entry.state.describes(found.id))
            entry = self._record(ledger, entry, found)
        self._ledgers.remember(self._spec.key, self._spec.name)
        return EnsuredAudience(found, entry.number)

    def _find(self, state: State) -> Audience | None:
        if self._spec.audience_id:
            return self._find_by_id(self._spec.audience_id, state)
        return (
            self._find_by_ledger(state)
            or self._find_renamed()
            or choose(self._client.list_audiences(), self._spec)
        )

    def _refuse_other_owner(self, found: Audience, state: State) -> None:
        owner = owner_by_mark_or_ledger(found, state, self._spec)
        what = f"The audience {found.name!r} (id {found.id})"
        refuse_other_owner(self._ledgers, self._spec, owner, what=what)

    def _find_by_id(self, audience_id: str, state: State) -> Audience:
        """The audience whose id the export file gives."""
        found = self._client.get_audience(audience_id)
        if found is None:
            raise ConfigurationError(
                f"The account has no audience with the id {audience_id}. Correct the `audience_id` of segment "
                f"{self._spec.name!r} in the export file (`customer-match audiences` lists all audiences), or remove "
                "it to have the audience created."
            )
        if not state.describes(audience_id):
            check_ours(found, self._spec)
        return found

    def _find_by_ledger(self, state: State) -> Audience | None:
        """The audience that the ledger records, if it still exists and belongs to this segment."""
        if not is_usable(state, self._spec.siblings):
            return None
        found = self._client.get_audience(str(state.audience_id))
        return None if found is None or ownership_of(found, self._spec) is Ownership.SIBLING else found

    def _find_renamed(self) -> Audience | None:
        """The audience that the segment had under its previous name."""
        before = self._ledgers.before(self._spec.key, self._spec.name)
        state = before.load().state if before else None
        if state is None or state.audience_id is None or not self._may_take(state):
            return None
        found = self._client.get_audience(state.audience_id)
        return None if found is None or ownership_of(found, self._spec) is Ownership.SIBLING else found

    def _may_take(self, state: State) -> bool:
        ours = state.moved_to == self._spec.name and state.segment == self._spec.key
        return ours or (is_usable(state, self._spec.siblings) and owner_of(state, self._spec.key) is None)

    def _create(self) -> tuple[Audience, bool]:
        """Create the audience; also returns whether we surely created it just now."""
        spec, description = self._spec, with_mark("", self._spec.own_mark)
        log.info("Creating the audience %r", spec.name)
        try:
            audience_id = self._client.create_audience(
                spec.name,
                description=description,
                scope=spec.scope,
                membership_duration=spec.membership_duration,
            )
        except (OutcomeUnknown, ServiceConfigurationError) as error:
            if isinstance(error, ServiceConfigurationError) and _DUPLICATE_NAME not in error.codes:
                raise
            # It may have been created although the answer was lost, or another run created it at the same time.
            found = choose(self._client.list_audiences(), spec)
            if found is None:
                raise
            return found, False
        return Audience(audience_id, spec.name, description), True

    def _update(self, found: Audience, *, renamed_by_hand: bool) -> Audience:
        spec, mark = self._spec, mark_in(found.description)
        if mark and mark.export != spec.own_mark.export:
            log.warning("The audience %r belonged to the export %r until now", found.name, mark.export)
        wanted = changes(found, spec)
        if not wanted:
            return found
        log.info("Changing %s of the audience %r (id %s)", ", ".join(wanted), found.name, found.id)
        try:
            self._client.update_audience(found.id, **wanted)
        except (ConfigurationError, TerminalError) as error:
            if "name" in wanted and not renamed_by_hand:
                raise ConfigurationError(
                    f"The audience {found.name!r} (id {found.id}) cannot be renamed to {spec.name!r}: {error} "
                    "Otherwise, rename it by hand at Microsoft Advertising and run this again, or give the segment "
                    "its old audience name in the export file."
                ) from error
            # The documentation contradicts itself: one page says that customer lists cannot be updated, another how.
            log.warning(
                "Microsoft Advertising did not change %s of the audience %r: %s Its members are still kept up to "
                "date. If the setting matters, change it by hand at Microsoft Advertising.",
                ", ".join(wanted),
                found.name,
                error,
            )
            return found
        return replace(found, **wanted)

    def _record(self, ledger: Ledger, entry: Entry, found: Audience) -> Entry:
        key = self._spec.key
        source = None if entry.state.describes(found.id) else self._previous_ledger(found)
        if source:
            log.info("Carrying the ledger of audience %r over to %r", source.audience, self._spec.name)
            entry = self._ledgers.carry_over(source, ledger, key)
        state = entry.state.with_audience(found.id, created=False, segment=key)
        before, state = entry.state.damage, self._compare(state, found)
        if state == entry.state:
            return entry
        # Written before it is logged: the write fails if another try has claimed the audience in between.
        entry = ledger.write(entry, state)
        if state.damage and state.damage != before:
            log.warning(
                "Audience %r: %s The ledger is no longer trusted, so the whole audience is replaced.",
                found.name,
                state.damage,
            )
        return entry

    def _compare(self, state: State, found: Audience) -> State:
        """Compare the state with the audience's generation and size; returns the state that follows."""
        generation = state.generation and state.generation.observed(generation_in(found.description))
        state = state.model_copy(update={"generation": generation})
        reason = (
            distrust_of(state, found.description, self._ledgers)
            or reason_emptied(state, found.matched, self._now)
            or self._reason_of_another_workspace(state, found)
        )
        if reason:
            return state.distrusted(reason)
        size = size_to_note(state, found.matched, self._now)
        return state.model_copy(update={"size": size}) if size else state

    def _reason_of_another_workspace(self, state: State, found: Audience) -> str | None:
        """Why an audience that this ledger knows nothing about belongs to another workspace; None if it does not."""
        shown = generation_in(found.description)
        if (
            shown is None
            or state.damage
            or state.settled.known
            or workspace_of(shown) == self._ledgers.workspace_id
        ):
            return None
        return reason_to_distrust(None, shown, workspace=self._ledgers.workspace_id)

    def _previous_ledger(self, found: Audience) -> Ledger | None:
        """The ledger under another name that describes this audience."""
        before = self._ledgers.before(self._spec.key, self._spec.name)
        if before:
            state = before.load().state
            if state.audience_id == found.id and self._may_take(state):
                return before
        named = self._ledgers.of(found.name)
        elsewhere = found.name != self._spec.name and named.load().state.describes(found.id)
        return named if elsewhere else None


def choose(audiences: Sequence[Audience], spec: AudienceSpec) -> Audience | None:
    """Choose the segment's audience among all audiences of the account: by its mark, otherwise by its name.

    Raises:
        ConfigurationError: Several audiences match, or the audience of this name is not ours.
        TransientError: The audience of this name belongs to another segment, which has to rename it first.
    """
    own = [audience for audience in audiences if ownership_of(audience, spec) is Ownership.OWN]
    named = [audience for audience in audiences if audience.name == spec.name]
    fitting = [audience for audience in own if audience.name == spec.name] or own or named
    if len(fitting) > 1:
        listed = ", ".join(f"{audience.id} ({audience.name!r})" for audience in fitting)
        raise ConfigurationError(
            f"Several audiences match the segment {spec.name!r}: ids {listed}. Set the segment's `audience_id` to the "
            "right one in the export file, or delete the others (`customer-match audiences --delete ID`)."
        )
    if not fitting:
        return None
    check_ours(fitting[0], spec)
    return fitting[0]


def changes(found: Audience, spec: AudienceSpec) -> dict[str, Any]:
    """The settings that differ from what the export asks for, as arguments of `Client.update_audience`.

    If the mark is missing it is added to the description; text that users wrote there is kept.

    Raises:
        ConfigurationError: The export asks for a narrower scope, which the service refuses (code 4855).
    """
    wanted: dict[str, Any] = {}
    if spec.audience_id is None and found.name != spec.name:
        wanted["name"] = spec.name
    if mark_in(found.description) != spec.own_mark:
        wanted["description"] = with_mark(found.description, spec.own_mark)
    if found.membership_duration not in {None, spec.membership_duration}:
        wanted["membership_duration"] = spec.membership_duration
    if spec.scope_stated and found.scope != spec.scope:
        if spec.scope == "Account":
            raise ConfigurationError(
                f"The audience {found.name!r} (id {found.id}) is shared by all accounts of the customer, and "
                "Microsoft Advertising cannot narrow that scope (code 4855). Set `scope: Customer` in the export "
                f"file, or delete the audience (`customer-match audiences --delete {found.id}`); the next run then "
                "creates it for this account only."
            )
        wanted["scope"] = spec.scope
    return wanted
