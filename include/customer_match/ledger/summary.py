"""Summarises a ledger: as text, and as values for JSON and pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.state import State
from customer_match.ledger.store import Ledger
from customer_match.members.files import DamagedMembers
from customer_match.wording import counted

__all__ = ["Summary", "summarise"]


@dataclass(frozen=True)
class Summary:
    """Summary of a ledger's newest state.

    Attributes:
        export: The export whose ledger it is.
        audience: Name of the audience.
        audience_id: Id at the service; None if it is not known.
        members: Number of certain members.
        possible: Number of possible members; None if they are unknown.
        interval_end: End of the data interval that was delivered last, ISO 8601.
        updated_at: When the newest state was written, ISO 8601.
        unfinished: Number of parts of a plan that is not settled yet.
        in_flight: Request ids of uploads in progress.
        late_until: Until when unanswered calls may take effect, ISO 8601; None if there are none.
        busy: The run that holds the audience's lease now.
        forced: The run that applied this interval over a newer one, and the end of the newer one; None normally.
        renewed_at: When all members were last sent, ISO 8601; None if this is unknown.
        damage: Why the ledger is not trusted; None normally.
        states: Number of states that are kept.
        deleted: Whether the audience was deleted because its table vanished.
        workspace: Id of the workspace.
        generation: The generation that the audience's description must hold; None before it was set.
        uncovered: Why other writers would not be noticed; None normally.
    """

    export: str
    audience: str
    audience_id: str | None
    members: int
    possible: int | None
    interval_end: str | None
    updated_at: str | None
    unfinished: int
    in_flight: list[str]
    late_until: str | None
    busy: str | None
    forced: str | None
    renewed_at: str | None
    damage: str | None
    states: int
    deleted: bool
    workspace: str
    generation: str | None
    uncovered: str | None

    def __str__(self) -> str:
        return "\n".join(f"{name:<12} {value}" for name, value in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        identity = (
            "deleted because its table vanished" if self.deleted else f"id {self.audience_id or 'unknown'}"
        )
        yield "audience", f"{self.audience} ({identity}; export {self.export})"
        if not self.deleted:
            yield "members", "unknown" if self.possible is None else self._members
        yield "data until", self.interval_end or "nothing sent yet"
        if self.forced:
            yield "forced", self.forced
        yield "last full", self.renewed_at or "unknown"
        yield "written", self.updated_at or "never"
        if self.unfinished:
            yield (
                "unfinished",
                f"{counted(self.unfinished, 'part')}; uploads in progress: {', '.join(self.in_flight) or 'none'}",
            )
        yield "generation", f"{self.generation or 'none yet'} (of workspace {self.workspace})"
        if self.uncovered:
            yield "unprotected", self.uncovered
        if self.late_until:
            yield "unanswered", f"API calls without an answer, which may take effect until {self.late_until}"
        if self.busy:
            yield "held by", self.busy
        if self.damage:
            yield "not trusted", f"{self.damage} The next run replaces the whole audience."

    @property
    def _members(self) -> str:
        if self.members == self.possible:
            return f"{self.members:,}"
        return f"{self.members:,} certain, {self.possible:,} possible"


def summarise(
    ledgers: Ledgers, audience: str, *, export: str, busy: str | None, now: datetime, read_members: bool
) -> Summary:
    """Summarise the newest state of a ledger.

    Args:
        ledgers: The ledgers of the account.
        audience: Name of the audience.
        export: The export whose ledger it is.
        busy: The run that holds the audience's lease now.
        now: The present time.
        read_members: Whether to read the files of members, which takes time. Otherwise the numbers are those that were
            recorded: damaged files are not noticed, and parts of an unfinished plan do not count.
    """
    ledger = ledgers.of(audience)
    state = ledger.load().state
    certain, possible = _counts(ledger, state) if read_members else _recorded(state)
    return Summary(
        export=export,
        audience=audience,
        audience_id=state.audience_id,
        members=certain,
        possible=possible,
        interval_end=state.interval_end.isoformat() if state.interval_end else None,
        forced=f"by the run {state.forced.by}, over data up to {state.forced.over.isoformat()}"
        if state.forced
        else None,
        renewed_at=state.renewed.at.isoformat(timespec="seconds") if state.renewed else None,
        updated_at=state.updated_at.isoformat(timespec="seconds") if state.updated_at else None,
        unfinished=len(state.parts),
        in_flight=[part.request.id for part in state.parts if part.request],
        late_until=_late_until(state, now),
        busy=busy,
        damage=state.damage,
        states=len(ledger.history()),
        deleted=state.was_deleted,
        workspace=ledgers.workspace_id,
        generation=state.generation.token if state.generation else None,
        uncovered=state.generation.uncovered if state.generation else None,
    )


def _late_until(state: State, now: datetime) -> str | None:
    times = [call.until for call in state.unanswered_calls() if call.until > now]
    return max(times).isoformat(timespec="seconds") if times else None


def _counts(ledger: Ledger, state: State) -> tuple[int, int | None]:
    """Numbers of certain and possible members; None if they are unknown, or if files are damaged."""
    try:
        return ledger.count(state)
    except DamagedMembers:
        return 0, None


def _recorded(state: State) -> tuple[int, int | None]:
    """The numbers in the last settlement; None if the possible members are unknown."""
    certain, possible = state.settled.certain, state.settled.possible
    known = (possible.count if possible else 0) if state.settled.known and state.is_trusted else None
    return certain.count if certain else 0, known
