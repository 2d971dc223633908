"""Carries out a plan: sends its parts and keeps the ledger in step with the service.

`Delivery.advance` does what can be done now and returns what to wait for. All of its state is in the ledger, so a
first try, a retry after a crash and the return from the triggerer make the same call:

1. Uploads that the ledger names come first: they are awaited, or posted again to the same single-use URL.
2. The intent is recorded before anything is sent: the service's request id before the file. Calls of the synchronous
   API have no id, so a part that was sent by calls and is not confirmed is sent again.
3. One part is in flight at a time, so that Replace, Remove and Add never overtake one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from customer_match.erasure.register import Erased
from customer_match.errors import ConfigurationError, TransientError
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.state import Forced, Renewal, Settled, State
from customer_match.ledger.store import Entry, LedgerConflict, Storage
from customer_match.members.files import DamagedMembers, read_members, write_members
from customer_match.planning.data_intervals import Force, Overtaken, in_order
from customer_match.planning.plan import Plan, plan_again
from customer_match.redaction import logger
from customer_match.routes import Route
from customer_match_delivery.audience import AudienceKeeper
from customer_match_delivery.bulk import Waiting
from customer_match_delivery.call_tracking import await_unanswered_calls
from customer_match_delivery.calls import CallsNotSupported, calls_of
from customer_match_delivery.generation import GONE, GenerationKeeper
from customer_match_delivery.part_loop import PartLoop
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.client import Client
from microsoft_advertising.faults import ServiceConfigurationError

__all__ = ["Delivery", "Overtaken", "Waiting"]

log = logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Delivery:
    """Brings one audience to the target of a plan.

    Args:
        client: The client of the service.
        ledgers: The ledgers of the account; the one under the audience's name is used.
        storage: The workspace.
        plan: The plan to carry out.
        audience: The audience that receives it.
        folder: Folder in the workspace for files that the delivery writes.
        interval_end: End of the plan's data interval.
        force: Permission to apply an older data interval than the audience holds; None normally.
        accept_terms: Whether files and calls accept the Customer Match terms.
        before_sending: Called before each part is sent; an exception stops the delivery.
        erased_since: Returns the erased members if the register of them has grown since this number; otherwise None.
        on_replan: Receives the plan that replaces `plan` when the ledger has changed since, before any of it is sent;
            an exception stops the delivery.
        now: Returns the present time; None uses the clock.
    """

    def __init__(
        self,
        *,
        client: Client,
        ledgers: Ledgers,
        storage: Storage,
        plan: Plan,
        audience: AudienceSpec,
        folder: str,
        interval_end: datetime,
        force: Force | None = None,
        accept_terms: bool = False,
        before_sending: Callable[[], None] = lambda: None,
        erased_since: Callable[[int], Erased | None] = lambda _: None,
        on_replan: Callable[[Plan], None] = lambda _: None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._client = client
        self._ledgers = ledgers
        self._ledger = ledgers.of(audience.name)
        self._storage = storage
        self._plan = plan
        self._audience = audience
        self._folder = folder
        self._interval_end = interval_end
        self._force = force
        self.before_sending = before_sending
        self._erased_since = erased_since
        self._on_replan = on_replan
        self._now = now or _now
        self._generations = GenerationKeeper(client, ledgers, audience.name, audience.own_mark)
        self._loop = PartLoop(
            client=client,
            ledger=self._ledger,
            storage=storage,
            plan_id=plan.id,
            folder=folder,
            accept_terms=accept_terms,
            now=self._now,
        )

    def start(self) -> None:
        """Make sure that the audience exists and that the ledger describes it.

        Raises:
            CustomerMatchError: As in `AudienceKeeper.ensure`.
            Overtaken: The audience was deleted for a newer data interval.
        """
        state = self._ledger.load().state
        if state.was_deleted and state.segment == self._audience.key:
            in_order(state, self._interval_end, self._force, now=self._now())
        keeper = AudienceKeeper(
            client=self._client, ledgers=self._ledgers, spec=self._audience, now=self._now()
        )
        self._generations.note(*keeper.ensure())
        entry = self._ledger.load()
        if entry.state.plan_id == self._plan.id and entry.state.next_part is not None:
            with self._deletion_is_transient():
                self._generations.claim(entry, entry.state.resumed())

    def advance(self) -> Waiting | None:
        """Do everything that is possible without waiting.

        Returns:
            The upload to wait for before the next call; None once the audience is at the target.

        Raises:
            ConfigurationError: A user must act first.
            TransientError: A later call may succeed.
            TerminalError: The service refuses permanently.
            Overtaken: Another run has sent newer data in the meantime.
        """
        try:
            with self._deletion_is_transient():
                return self._loop.advance(self)
        except DamagedMembers as error:
            entry = self._ledger.load()
            if self._ledger.distrust(entry):
                raise TransientError(f"{error} The next try replaces the whole audience.") from error
            if self._ledger.verify(entry.state, self._plan.files):
                raise  # the damaged file belongs to the plan, not to the ledger
            raise LedgerConflict(
                f"Another run has written to the audience {self._audience.name!r} and deleted a file that this run was "
                "reading. This run starts over from what that run recorded."
            ) from error

    @contextmanager
    def _deletion_is_transient(self) -> Iterator[None]:
        try:
            yield
        except ServiceConfigurationError as error:
            if self._audience.audience_id or not GONE.intersection(error.codes):
                raise
            raise TransientError(
                f"Microsoft Advertising no longer finds the audience {self._audience.name!r} (code "
                f"{', '.join(map(str, error.codes))}). It may have been deleted by hand during this run. The next try "
                "creates it again with all members."
            ) from error

    @property
    def parts(self) -> int:
        """Number of parts of the plan."""
        return len(self._plan.parts)

    @property
    def sent(self) -> int:
        """Number of members in those parts."""
        return self._plan.sent

    @property
    def members(self) -> int:
        """Number of members in the plan's target."""
        return self._plan.target.count

    @property
    def route(self) -> Route | None:
        """The route of the parts; None if there are none."""
        return self._plan.route

    @property
    def calls(self) -> int:
        """Number of calls of the synchronous API that the parts need; 0 for Bulk."""
        return calls_of(self._plan.parts) if self._plan.route is Route.APPLY else 0

    @property
    def refused(self) -> dict[str, int]:
        """Number of the plan's members that the service refused, by the name of its error."""
        return self._ledger.load().state.refused

    @property
    def requests(self) -> tuple[str, ...]:
        """Ids that the service gave to the plan's uploads."""
        return self._ledger.load().state.request_ids

    @property
    def forced(self) -> Forced | None:
        """Set if the audience's data was applied over a newer data interval."""
        return self._ledger.load().state.forced

    @property
    def uncovered(self) -> str | None:
        """Why a write by another workspace would not be detected; None normally."""
        generation = self._ledger.load().state.generation
        return generation.uncovered if generation else None

    @property
    def audience_id(self) -> str:
        """The audience's id at the service; available after `start`."""
        audience_id = self._ledger.load().state.audience_id
        assert audience_id is not None  # noqa: S101 (start wrote it)
        return audience_id

    def ensure_planned(self, entry: Entry) -> Entry:
        """Record our plan in the ledger if it is not there yet; settle an unfinished plan first."""
        state = entry.state
        if state.plan_id == self._plan.id:
            return entry
        forced = in_order(state, self._interval_end, self._force, now=self._now())
        if self._plan.damage and not state.damage:
            entry = self._ledger.write(entry, state.distrusted(self._plan.damage))
        if entry.state.parts:
            entry = self._ledger.settle(entry, entry.state.resumed())
        self._leave_out_erased(entry.state)
        self._adapt_plan(entry.state)
        entry = await_unanswered_calls(self._ledger, self._storage, entry, self._plan, now=self._now())
        return self._record_plan(entry, forced)

    def _leave_out_erased(self, state: State) -> None:
        """Plan again without members who asked for erasure after the segment was read.

        The register is read under the lease. A request writes to it before it takes the lease, so either this run sees
        the request, or the request sees what this run has sent.
        """
        erased = self._erased_since(self._plan.register_number)
        if erased is None:
            return
        target = write_members(
            self._storage,
            f"{self._folder}/again/members-{erased.number}.parquet",
            erased.left_of(read_members(self._storage, self._plan.target)),
        )
        checked = {"register_number": erased.number}
        if target.count == self._plan.target.count:
            self._plan = self._plan.model_copy(update=checked)
            return
        log.info("Members asked for erasure since the segment was read: planning again without them")
        left_out = self._plan.erased + self._plan.target.count - target.count
        plan = self._plan.model_copy(update={**checked, "target": target, "erased": left_out})
        self._replan(plan_again(self._storage, state, plan, folder=f"{self._folder}/again"))

    def _adapt_plan(self, state: State) -> None:
        """Plan again, or correct the plan's figures, if the ledger has changed since the plan was made."""
        is_new = self._plan.removed is None and state.settled == Settled(known=True)
        if not self._plan.fits(state) or (is_new and self._plan.uses_calls_from_empty):
            if is_new:
                log.info("The audience is new and empty: its members are added by calls, without a file")
            else:
                log.info("The ledger has changed since the plan was made: planning again")
            self._replan(plan_again(self._storage, state, self._plan, folder=f"{self._folder}/again"))
        elif is_new:
            self._replan(self._plan.model_copy(update={"removed": 0}))  # nobody leaves
        elif state.damage != self._plan.damage:
            self._replan(self._plan.model_copy(update={"damage": state.damage}))  # for the report

    def _record_plan(self, entry: Entry, forced: Forced | None) -> Entry:
        """Write the plan to the ledger before any of it is sent."""
        plan, now = self._plan, self._now()
        renewing = Renewal(at=now, days=self._audience.membership_duration) if plan.sends_all else None
        state = entry.state.planned(
            plan.id, plan.parts, self._interval_end, plan.table, at=now, forced=forced, renewing=renewing
        )
        if forced:
            log.warning(
                "Audience %r: data up to %s is applied over newer data (up to %s), because the run %s forces it",
                self._audience.name,
                self._interval_end,
                forced.over,
                forced.by,
            )
        if plan.parts or state.generation is None:
            return self._generations.claim(entry, state)
        return self._ledger.write(entry, state)

    def _replan(self, plan: Plan) -> None:
        self._plan = plan
        self._on_replan(plan)

    def without_calls(self, error: CallsNotSupported) -> Entry:
        """Change to Bulk uploads if the service does not support calls; the whole part is sent again."""
        if self._plan.wanted_route != "auto":
            raise ConfigurationError(
                f"Microsoft Advertising does not support the synchronous API for audience {self._audience.name!r} "
                f"(code {error.code}, operation not supported). Set `route: bulk` in the export file, "
                "and clear the task `chunk` of this segment."
            ) from error.__cause__
        log.warning(
            "Microsoft Advertising does not support the synchronous API here (%s): using Bulk", error.code
        )
        self._replan(self._plan.by_bulk())
        return self._ledger.write(error.entry, error.entry.state.by_bulk())

    def finish(self, entry: Entry) -> None:
        """Settle the ledger, and encrypt its files anew if they are not encrypted as new ones are."""
        if entry.state.parts:
            self._ledger.settle(entry, self._generations.confirm(entry))
        elif not self._ledger.is_encrypted_as_new(entry.state):
            self._ledger.settle(entry, entry.state)
