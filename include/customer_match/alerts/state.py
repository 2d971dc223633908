"""When an alert is due: pure rules on what was announced last and what a run shows.

An alert is about a change. A problem is announced when it begins or becomes one of another kind, and once more when all
problems have ended. A run that shows what was already announced, or the same run again, announces nothing. A missed
deadline is announced once, and once more when a run has delivered late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from customer_match.alerts.conditions import Findings
from customer_match.alerts.message import (
    Alert,
    RunFacts,
    alert_of_deadline,
    alert_of_problems,
    alert_of_recovery,
)
from customer_match.export.alerts.deadline import Due
from customer_match.export.alerts.section import Kind

__all__ = ["CLAIM", "AlertState", "Delivery"]

CLAIM: Final = timedelta(minutes=10)
"""How long a run has for sending what it has claimed; then another run may send it."""

_GIVEN_UP_AFTER: Final = timedelta(days=3)
_MOST_OWED: Final = (
    20  # so that the file stays small if a server is away while an export changes all the time
)

_MOST_MISSED: Final = 10  # of an export that is never delivered, likewise


class Delivery(BaseModel):
    """An alert that a target has not received yet.

    Attributes:
        alert: The alert.
        target: Key of the target.
        made: When the alert was made, UTC.
        claimed_by: The try of a run that sends it; None: none does.
        claimed_until: Until when no other run sends it.
    """

    model_config = ConfigDict(frozen=True)

    alert: Alert
    target: str
    made: datetime
    claimed_by: str | None = None
    claimed_until: datetime | None = None

    def is_free(self, claimant: str, now: datetime) -> bool:
        """Whether a claimant may send it."""
        return self.claimed_by in (None, claimant) or self.claimed_until is None or self.claimed_until <= now


class AlertState(BaseModel):
    """What was announced about an export.

    Attributes:
        open: The announced problems that have not ended: their kinds by place.
        owed: Alerts that were not delivered yet, the oldest first.
        missed: The announced deadlines whose data no run has delivered, the oldest first.
    """

    model_config = ConfigDict(frozen=True)

    open: dict[str, Kind] = {}
    owed: tuple[Delivery, ...] = ()
    missed: tuple[Due, ...] = ()

    def after(
        self, run: RunFacts, findings: Findings, when: Collection[Kind], targets: Iterable[str], now: datetime
    ) -> AlertState:
        """Return the state after a run. If the run changed something that is to be announced, an alert is owed.

        Args:
            run: The run.
            findings: What it shows.
            when: The kinds to announce; others count as no problem.
            targets: Keys of the targets.
            now: The present time.
        """
        conditions = [one for one in findings.conditions if one.kind in when]
        kept = {place: kind for place, kind in self.open.items() if not findings.has_ended(place)}
        after = kept | {one.place: one.kind for one in conditions}
        news = [one for one in conditions if self.open.get(one.place) != one.kind]
        late = [one for one in self.missed if findings.up_to is not None and one.since <= findings.up_to]
        missed = tuple(one for one in self.missed if one not in late)
        has_recovered = bool(self.open) and not after and not missed
        alert: Alert | None = None
        if news:
            known = [one for one in conditions if one not in news]
            alert = alert_of_problems(run, [*news, *known], len(news), findings.segments)
        elif Kind.RECOVERY in when and (has_recovered or late):
            ended = [place for place in self.open if place not in after]
            alert = alert_of_recovery(
                run,
                ended,
                findings.decisions,
                late=[one.moment for one in late],
                is_all=not (after or missed),
            )
        return AlertState(open=after, owed=self._owed(alert, targets, now), missed=missed)

    def after_deadline(
        self, run: RunFacts, due: Due, words: str, targets: Iterable[str], now: datetime
    ) -> AlertState:
        """Return the state after a missed deadline. If it was not announced before, an alert is owed.

        Args:
            run: The run that has found it.
            due: The deadline.
            words: What was missed.
            targets: Keys of the targets.
            now: The present time.
        """
        if any(one.moment >= due.moment for one in self.missed):
            return self
        alert = alert_of_deadline(run, words)
        missed = (*self.missed, due)[-_MOST_MISSED:]
        return self.model_copy(update={"owed": self._owed(alert, targets, now), "missed": missed})

    def _owed(self, alert: Alert | None, targets: Iterable[str], now: datetime) -> tuple[Delivery, ...]:
        new = [Delivery(alert=alert, target=target, made=now) for target in targets] if alert else []
        return (*self.owed, *new)[-_MOST_OWED:]

    def claimed(self, claimant: str, targets: Collection[str], now: datetime) -> AlertState:
        """Return the state in which a claimant has claimed all alerts that it may send.

        Alerts that are too old, and those of targets that the export no longer has, are dropped.
        """
        wanted = [one for one in self.owed if one.target in targets and now - one.made < _GIVEN_UP_AFTER]
        claim = {"claimed_by": claimant, "claimed_until": now + CLAIM}
        return self.model_copy(
            update={
                "owed": tuple(
                    one.model_copy(update=claim) if one.is_free(claimant, now) else one for one in wanted
                )
            }
        )

    def claims_of(self, claimant: str) -> list[Delivery]:
        """The alerts that a claimant has claimed."""
        return [one for one in self.owed if one.claimed_by == claimant]

    def settled(self, claimant: str, delivered: Collection[Delivery]) -> AlertState:
        """Return the state after a claimant has sent what it had claimed: what was not delivered is free again."""
        owed = [one for one in self.owed if one not in delivered]
        free = {"claimed_by": None, "claimed_until": None}
        return self.model_copy(
            update={
                "owed": tuple(
                    one.model_copy(update=free) if one.claimed_by == claimant else one for one in owed
                )
            }
        )
