"""The ledger's state machine: two bounds, certain ⊆ truth ⊆ possible, after every write and every send.

A state is a settled pair of sets plus the parts that were sent since, so that nothing large is rewritten while an
upload is in flight. `bounds.fold` applies the parts to the sets. Nothing here reads or writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from customer_match.ledger.generation import Generation
from customer_match.ledger.parts import Part, Progress, Request
from customer_match.ledger.unanswered_calls import UnansweredCalls, without_expired, without_repeats
from customer_match.members.files import MembersFile
from customer_match.routes import Route
from customer_match.table_facts import TableFacts

__all__ = [
    "Forced",
    "KnownSize",
    "Renewal",
    "Settled",
    "State",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Settled(_Model):
    """The two bounds while nothing is in flight. If both are equal, they share one file.

    Attributes:
        certain: Members that are certainly at the service; None means no members.
        possible: Members that may be there; None means no members.
        known: False if any member may be there (lost ledger, audience created by hand); only a Replace then helps.
    """

    certain: MembersFile | None = None
    possible: MembersFile | None = None
    known: bool = False


class Forced(_Model):
    """A record that a run was forced to apply an older data interval over a newer one.

    Attributes:
        by: The run.
        over: End of the newer data interval.
    """

    by: str
    over: datetime


class Renewal(_Model):
    """A record that all members were sent, which restarts the membership duration of each.

    Attributes:
        at: A time before the first of them was sent.
        days: The audience's membership duration at that time; -1 never expires.
    """

    at: datetime
    days: int


class KnownSize(_Model):
    """The size of the audience that the service reported at one time.

    Attributes:
        at: When the size was read.
        matched: Number of matched users.
        members: Number of certain members at that time, by the ledger.
    """

    at: datetime
    matched: int
    members: int


class State(_Model):
    """What the ledger knows about one audience.

    Attributes:
        audience: Its name.
        audience_id: Its id at the service; None until it is known to exist.
        segment: Key of the segment that owns the audience; None in old states that did not record it.
        moved_to: Name to which the ledger was moved after a rename; None normally.
        settled: The bounds before the parts below.
        plan_id: Id of the plan that the parts belong to.
        requests: Number of uploads and tries by calls since the audience is known, over all plans.
        request_ids: The service's ids of the plan's uploads, in order, with those that failed; calls have none.
        parts: Parts of the plan, in the order in which they are sent; empty once they are settled.
        refused: Number of the plan's members that the service refused, by the name of its error.
        interval_end: End of the data interval of the parts (or of the bounds, if there are no parts).
        table: Counts of the table that they were made from; None if unknown.
        planned_at: When that plan was recorded, before any of it was sent.
        forced: Set if that interval is older than the one that the audience held before.
        damage: Why the earlier content is not trusted (damaged files, an audience emptied by hand, …); None once
            the audience was replaced.
        renewed: When all members were sent last; None if unknown.
        renewing: The value of `renewed` once all parts are confirmed; None if the parts do not send all members.
        size: The size that later sizes are compared with; None until there is a usable one.
        generation: The token that the audience's description should show; None before the first plan.
        late: Unanswered calls of this plan and earlier ones.
        updated_at: When this state was written.
    """

    audience: str
    audience_id: str | None = None
    segment: str | None = None
    moved_to: str | None = None
    settled: Settled = Settled()
    plan_id: str | None = None
    requests: int = 0
    request_ids: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    refused: dict[str, int] = {}
    interval_end: datetime | None = None
    table: TableFacts | None = None
    planned_at: datetime | None = None
    forced: Forced | None = None
    damage: str | None = None
    renewed: Renewal | None = None
    renewing: Renewal | None = None
    size: KnownSize | None = None
    generation: Generation | None = None
    late: tuple[UnansweredCalls, ...] = ()
    updated_at: datetime | None = None

    def with_part(self, index: int, **changes: object) -> Self:
        """The state with changes to one part."""
        part = self.parts[index].model_copy(update=changes)
        return self.model_copy(update={"parts": (*self.parts[:index], part, *self.parts[index + 1 :])})

    def with_audience(self, audience_id: str, *, created: bool, segment: str | None = None) -> Self:
        """The state once the audience is known to exist; one that we just created is empty.

        Knowledge about another audience of this name is dropped, and so is the content of a ledger that was moved.
        """
        if audience_id == self.audience_id and self.moved_to is None:
            return self if segment is None else self.model_copy(update={"segment": segment})
        return type(self)(
            audience=self.audience,
            audience_id=audience_id,
            segment=segment,
            settled=Settled(known=created),
            late=tuple(call for call in self.unanswered_calls() if call.audience_id == audience_id),
        )

    def deleted(self, interval_end: datetime, *, segment: str, at: datetime) -> Self:
        """The state after the audience was deleted for a data interval; older intervals do not create it again.

        Args:
            interval_end: End of the data interval in which its table was missing.
            segment: Key of the segment.
            at: The present time.
        """
        return type(self)(audience=self.audience, segment=segment, interval_end=interval_end, planned_at=at)

    @property
    def was_deleted(self) -> bool:
        """Whether the audience was deleted for the data interval and not created again since."""
        return self.audience_id is None and self.moved_to is None and self.interval_end is not None

    def describes(self, audience_id: str) -> bool:
        """Whether the state describes this audience and was not moved."""
        return self.moved_to is None and self.audience_id == audience_id

    def distrusted(self, damage: str) -> Self:
        """The state with unknown bounds; only the uploads in flight, which must be awaited, are kept.

        Args:
            damage: The reason, for users.
        """
        return self.model_copy(
            update={
                "settled": Settled(),
                "plan_id": None,
                # Parts are dropped if the state was distrusted before: a part that cannot be read cannot be awaited.
                "parts": () if self.damage else tuple(part for part in self.parts if part.request),
                "late": self.unanswered_calls(),
                "damage": damage,
                "renewing": None,
                "size": None,
            }
        )

    def unknown(self, damage: str) -> Self:
        """The distrusted state without parts, to plan from: a Replace does not depend on uploads in flight.

        The damaged file may be the one that belongs to an upload in flight.
        """
        return self.distrusted(damage).model_copy(update={"parts": ()})

    def planned(
        self,
        plan_id: str,
        parts: tuple[Part, ...],
        interval_end: datetime | None,
        table: TableFacts | None = None,
        *,
        at: datetime | None = None,
        forced: Forced | None = None,
        renewing: Renewal | None = None,
    ) -> Self:
        """The state with a new plan; earlier parts must be settled.

        Args:
            plan_id: Id of the plan.
            parts: The parts to send.
            interval_end: End of the plan's data interval.
            table: Counts of its table.
            at: The present time.
            forced: Set if that interval is older than the one before.
            renewing: Set if the parts send all members.
        """
        return self.model_copy(
            update={
                "plan_id": plan_id,
                "parts": parts,
                "refused": {},
                "request_ids": (),
                "interval_end": interval_end,
                "table": table,
                "planned_at": at,
                "forced": forced,
                "renewing": renewing,
            }
        )

    def at_rest(self, settled: Settled) -> Self:
        """The state with its parts settled into these bounds.

        If some parts are not confirmed, the plan is dropped: a run that returns to it has to plan again.
        """
        is_over = self.next_part is None
        return self.model_copy(
            update={
                "settled": settled,
                "parts": (),
                "late": self.unanswered_calls(),
                "damage": None if settled.known else self.damage,
                "plan_id": self.plan_id if is_over else None,
                "renewed": self.renewing if self.renewing and is_over else self.renewed,
                "renewing": None,
            }
        )

    def resumed(self) -> Self:
        """The state from which another try resumes: all unfinished parts count as sent.

        If the state is a copy or was restored, an earlier try may have sent more than it says.
        """
        return self.model_copy(
            update={
                "parts": tuple(
                    part.model_copy(update={"progress": Progress.SENT})
                    if part.progress is Progress.PLANNED
                    else part
                    for part in self.parts
                )
            }
        )

    def requested(self, index: int, request: Request | None, *, lands_until: datetime | None = None) -> Self:
        """The state with the intent to send a part: from now on the service may have it.

        Args:
            index: Index of the part.
            request: The Bulk upload; None if the part is sent by calls.
            lands_until: The latest time at which the calls may take effect.
        """
        late = self.unanswered_calls(self.parts[index])
        sent = self.with_part(index, progress=Progress.SENT, request=request, lands_until=lands_until)
        ids = self.request_ids + ((request.id,) if request else ())
        return sent.model_copy(update={"requests": self.requests + 1, "request_ids": ids, "late": late})

    def upload_failed(self, index: int, *, lands_until: datetime | None = None) -> Self:
        """The state after a part's upload ended without a result; it may have had some effect.

        Args:
            index: Index of the part.
            lands_until: The latest time at which another worker's file may reach the service; None if it cannot.
        """
        ended = self.with_part(index, request=None, lands_until=lands_until)
        return ended.with_part(index, lands_until=None).model_copy(update={"late": ended.unanswered_calls()})

    def unanswered_calls(self, *parts: Part) -> tuple[UnansweredCalls, ...]:
        """All unanswered calls, including those of the given parts (of all parts if none are given)."""
        if self.audience_id is None:
            return self.late
        under_way = (
            UnansweredCalls(
                audience_id=self.audience_id, action=part.action, members=part.members, until=part.lands_until
            )
            for part in parts or self.parts
            if part.lands_until
        )
        return without_repeats((*self.late, *under_way))

    def with_unanswered_deletion(self, audience_id: str, *, until: datetime) -> Self:
        """The state with the intent to delete an audience."""
        call = UnansweredCalls(audience_id=audience_id, until=until)
        return self.model_copy(update={"late": without_repeats((*self.late, call))})

    def with_living_calls(self, now: datetime, life: timedelta) -> Self:
        """The state without the calls that can no longer take effect; see `without_expired`."""
        return self.model_copy(update={"late": without_expired(self.late, now, life)})

    def by_bulk(self) -> Self:
        """The state in which the unconfirmed parts use the Bulk route."""
        parts = (
            part if part.progress is Progress.CONFIRMED else part.model_copy(update={"route": Route.BULK})
            for part in self.parts
        )
        return self.model_copy(update={"parts": tuple(parts)})

    def confirmed(
        self,
        index: int,
        refused: MembersFile | None,
        reasons: Mapping[str, int],
        *,
        lands_until: datetime | None = None,
    ) -> Self:
        """The state after the service has finished a part.

        Args:
            index: Index of the part.
            refused: The members that it refused; None if there are none.
            reasons: Their number by reason.
            lands_until: The latest time at which repeated calls may take effect; None if all were answered.
        """
        state = self.with_part(
            index, progress=Progress.CONFIRMED, request=None, refused=refused, lands_until=lands_until
        )
        return state.model_copy(update={"refused": dict(Counter(self.refused) + Counter(reasons))})

    @property
    def is_trusted(self) -> bool:
        """Whether the bounds can be trusted.

        After damage they cannot, until a new plan is recorded. Uploads in flight are awaited, but what was sent after
        them is unknown.
        """
        return self.damage is None or self.plan_id is not None

    @property
    def basis(self) -> str | None:
        """Identifies the bounds that a difference is computed from; it changes with every upload.

        None while an upload is unfinished, and if the bounds are unknown or not trusted. It includes the plan because
        a lost ledger starts to count its uploads again.
        """
        if self.parts or self.damage or not self.settled.known:
            return None
        return f"{self.audience_id}/{self.requests}/{self.plan_id}"

    @property
    def in_flight(self) -> list[int]:
        """Indices of the parts with an upload that the service knows and whose end is not recorded."""
        return [index for index, part in enumerate(self.parts) if part.request]

    @property
    def next_part(self) -> int | None:
        """Index of the first part that is not confirmed; None if all are."""
        unconfirmed = (i for i, part in enumerate(self.parts) if part.progress is not Progress.CONFIRMED)
        return next(unconfirmed, None)
