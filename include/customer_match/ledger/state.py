"""The ledger's state machine: two bounds, certain ⊆ truth ⊆ possible, after every write and every send.

A state is a settled pair of sets plus the parts that were sent since, so that nothing large is rewritten
while an upload is in flight. What they make of the sets is told by `bounds.fold`. Nothing here reads or writes.
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
    """The two bounds at rest. The file is the same where both are equal.

    Attributes:
        certain: Members that are surely at the service; None means nobody.
        possible: Members that may be there; None means nobody.
        known: False if anybody may be there (ledger lost, list made by hand); then only a Replace helps.
    """

    certain: MembersFile | None = None
    possible: MembersFile | None = None
    known: bool = False


class Forced(_Model):
    """That an older data interval was applied over a newer one, because a run was told to.

    Attributes:
        by: The run.
        over: End of the newer data interval.
    """

    by: str
    over: datetime


class Renewal(_Model):
    """That all members were sent, so that the duration of each begins anew.

    Attributes:
        at: Before the first of them was sent.
        days: The membership duration that the audience had then; -1: never expires.
    """

    at: datetime
    days: int


class KnownSize(_Model):
    """How large the service found the audience once.

    Attributes:
        at: When it was asked.
        matched: Users that it had matched.
        members: Members that were surely there then, by the ledger.
    """

    at: datetime
    matched: int
    members: int


class State(_Model):
    """What the ledger knows of one audience.

    Attributes:
        audience: Its name.
        audience_id: Its id at the service; None until it is known to exist.
        segment: Key of the segment that the audience is kept for; None in states from before it was noted.
        moved_to: Name under which the audience's ledger goes on since it was renamed; None normally.
        settled: The bounds before the parts below.
        plan_id: The plan whose parts these are.
        requests: Uploads and tries by calls since the audience is known, of this plan and all before it.
        parts: Parts of the plan, in the order in which they are sent; none once they are settled.
        refused: Members of the plan that the service refused, by the name of its error.
        interval_end: End of the data interval that the parts (or, with none, the bounds) stand for.
        table: Counts of the table that they stand for; None where that is not known.
        planned_at: When that interval's plan was written down, before any of it was sent.
        forced: Set where that interval is older than what the audience held before.
        damage: Why nothing before it is trusted (damaged files, members that left by another hand); None once the
            audience was replaced.
        renewed: When all members were sent last; None if that is not known.
        renewing: What `renewed` becomes once all parts are confirmed; None if they are not all members.
        size: The size that later ones are compared with; None before there was one worth it.
        generation: What the audience's description tells if nobody else has sent to it; None before the first plan.
        late: Calls, of this plan and those before it, that nobody has the answer of.
        updated_at: When this state was written.
    """

    audience: str
    audience_id: str | None = None
    segment: str | None = None
    moved_to: str | None = None
    settled: Settled = Settled()
    plan_id: str | None = None
    requests: int = 0
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
        """The state after one part changed."""
        part = self.parts[index].model_copy(update=changes)
        return self.model_copy(update={"parts": (*self.parts[:index], part, *self.parts[index + 1 :])})

    def with_audience(self, audience_id: str, *, created: bool, segment: str | None = None) -> Self:
        """The state once the audience is known to exist; one that we just created holds nobody.

        Nothing that was known of another audience of this name counts any more, nor what goes on elsewhere.
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
        """The state once the audience was deleted for a data interval: older ones are not to make it anew.

        Args:
            interval_end: End of the data interval in which its table was gone.
            segment: Key of the segment.
            at: The present time.
        """
        return type(self)(audience=self.audience, segment=segment, interval_end=interval_end, planned_at=at)

    @property
    def was_deleted(self) -> bool:
        """Whether the audience was deleted for the data interval, and not made anew since."""
        return self.audience_id is None and self.moved_to is None and self.interval_end is not None

    def describes(self, audience_id: str) -> bool:
        """Whether it is what is known of this audience."""
        return self.moved_to is None and self.audience_id == audience_id

    def distrusted(self, damage: str) -> Self:
        """The state where only the uploads in flight count, which must be awaited: anybody may be in the audience.

        Args:
            damage: Why, for people.
        """
        return self.model_copy(
            update={
                "settled": Settled(),
                "plan_id": None,
                # A part that cannot be read any more cannot be waited for either: found again, it goes.
                "parts": () if self.damage else tuple(part for part in self.parts if part.request),
                "late": self.unanswered_calls(),
                "damage": damage,
                "renewing": None,
                "size": None,
            }
        )

    def unknown(self, damage: str) -> Self:
        """The distrusted state as a plan is made from it: a Replace does not ask what is under way.

        The file of what is under way may be the very one that is damaged.
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
        """The state with a new plan; the parts before it must be settled.

        Args:
            plan_id: Names the plan.
            parts: What is to be sent.
            interval_end: End of the data interval that it stands for.
            table: Counts of its table.
            at: The present time.
            forced: Set where that interval is older than the one before.
            renewing: Set where the parts are all members.
        """
        return self.model_copy(
            update={
                "plan_id": plan_id,
                "parts": parts,
                "refused": {},
                "interval_end": interval_end,
                "table": table,
                "planned_at": at,
                "forced": forced,
                "renewing": renewing,
            }
        )

    def at_rest(self, settled: Settled) -> Self:
        """The state with its parts settled into these bounds.

        A plan of which parts are left out by that is forgotten: whoever comes back to it has to plan again.
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
        """The state with its unfinished parts, as another try goes on from it: all of them may have been sent.

        Whoever had this state before may have sent more than it says, if this is a copy or was restored.
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
        """The intent: from here on the service may have this part, by an upload or (None) by calls.

        Args:
            index: Of the part.
            request: The upload.
            lands_until: When none of the calls can live any more.
        """
        late = self.unanswered_calls(self.parts[index])
        sent = self.with_part(index, progress=Progress.SENT, request=request, lands_until=lands_until)
        return sent.model_copy(update={"requests": self.requests + 1, "late": late})

    def upload_failed(self, index: int, *, lands_until: datetime | None = None) -> Self:
        """The part's upload ended without a result; it may have done some of its work.

        Args:
            index: Of the part.
            lands_until: Until when another worker's file may still reach the service; None if it cannot.
        """
        ended = self.with_part(index, request=None, lands_until=lands_until)
        return ended.with_part(index, lands_until=None).model_copy(update={"late": ended.unanswered_calls()})

    def unanswered_calls(self, *parts: Part) -> tuple[UnansweredCalls, ...]:
        """All calls that nobody has the answer of, those of these parts (none given: of all) too."""
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
        """The intent to delete an audience."""
        call = UnansweredCalls(audience_id=audience_id, until=until)
        return self.model_copy(update={"late": without_repeats((*self.late, call))})

    def with_living_calls(self, now: datetime, life: timedelta) -> Self:
        """The state without the calls that are dead by now; see `without_expired`."""
        return self.model_copy(update={"late": without_expired(self.late, now, life)})

    def by_bulk(self) -> Self:
        """The state where the parts that are not confirmed travel by Bulk."""
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
        """The service has done this part.

        Args:
            index: Of the part.
            refused: But for these members.
            reasons: Counts of them.
            lands_until: Until when calls may land that were made again because their answers were lost; None if all
                were answered.
        """
        state = self.with_part(
            index, progress=Progress.CONFIRMED, request=None, refused=refused, lands_until=lands_until
        )
        return state.model_copy(update={"refused": dict(Counter(self.refused) + Counter(reasons))})

    @property
    def is_trusted(self) -> bool:
        """Whether anything that it says of members counts.

        Not after damage, until a plan was made since: what was in flight then is awaited, but nobody knows what was
        sent after it.
        """
        return self.damage is None or self.plan_id is not None

    @property
    def basis(self) -> str | None:
        """What a difference that is taken now rests on: changes with every upload.

        None while an upload is not over, and where nothing is known or trusted: no difference rests on that. The
        plan is a part of it because a ledger that was lost counts its uploads anew.
        """
        if self.parts or self.damage or not self.settled.known:
            return None
        return f"{self.audience_id}/{self.requests}/{self.plan_id}"

    @property
    def in_flight(self) -> list[int]:
        """Indices of the parts whose upload the service knows and has not been seen to end."""
        return [index for index, part in enumerate(self.parts) if part.request]

    @property
    def next_part(self) -> int | None:
        """Index of the first part that is not confirmed; None if all are."""
        unconfirmed = (i for i, part in enumerate(self.parts) if part.progress is not Progress.CONFIRMED)
        return next(unconfirmed, None)
