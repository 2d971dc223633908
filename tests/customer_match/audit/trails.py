"""Audit trails for tests: runs of one export, in a workspace in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from customer_match.audit.chain import Head
from customer_match.audit.events import Event, RunEnded, RunStarted, SegmentEnded
from customer_match.audit.trail import Trail
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind, RunState
from tests.memory_storage import MemoryStorage

EXPORT = "Spring sale"
THEN = datetime(2026, 3, 1, 5, tzinfo=UTC)


class Heads:
    """The last entry, as Airflow would keep it."""

    def __init__(self, head: Head | None = None) -> None:
        self.head = head

    def load(self) -> Head | None:
        return self.head

    def store(self, head: Head) -> None:
        if self.head is None or self.head.sequence < head.sequence:
            self.head = head


def started(run: str) -> Event:
    return RunStarted(
        run_id=run,
        kind=RunKind.MANUAL,
        user="maria",
        release="1.0",
        configuration="c",
        cid="1",
        aid="2",
        interval_end=THEN,
    )


def segment(run: str, audience: str, members: int = 3) -> Event:
    return SegmentEnded(
        run_id=run,
        segment=audience.lower(),
        audience=audience,
        audience_id="81",
        outcome=Outcome.DELIVERED,
        members=members,
        rejected={"missing": 1},
    )


def ended(run: str, segments: int) -> Event:
    return RunEnded(run_id=run, state=RunState.SUCCESS, segments=segments, failed=0)


def new_trail(storage: MemoryStorage | None = None, heads: Heads | None = None) -> Trail:
    return Trail(storage or MemoryStorage(), EXPORT, heads or Heads())


def run_through(trail: Trail, run: str, *audiences: str, at: datetime = THEN) -> Head:
    """Write what one run writes."""
    trail.append([started(run)], at)
    return trail.append(
        [*(segment(run, one) for one in audiences), ended(run, len(audiences))], at + timedelta(minutes=1)
    )
