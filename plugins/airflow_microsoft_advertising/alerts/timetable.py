"""The timetable of the DAG that checks deadlines: a run at each deadline of each export, and at no other time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from pendulum import instance

from customer_match.export.alerts.deadline import Deadline, next_due
from customer_match.export.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

    from customer_match.export.model import Export

__all__ = ["DeadlineTimetable"]


_JUST_PASSED: Final = timedelta(minutes=10)
_LOOKS_BACK: Final = tuple(timedelta(minutes=one) for one in (2, 120, 2_880, 43_200))


class _Rule(NamedTuple):
    """The deadlines of some exports."""

    time: str | None
    minutes: int | None
    cron: str | None
    timezone: str


class DeadlineTimetable(Timetable):
    """Runs at each deadline. The data interval of a run begins at the deadline before.

    Args:
        rules: For each different deadline its time or minutes, the cron schedule that it belongs to, and the time zone.
    """

    def __init__(self, rules: Iterable[Iterable[Any]]) -> None:
        self._rules = tuple(sorted({_Rule(*rule) for rule in rules}, key=str))
        self.description = "At the deadlines of the exports"

    @classmethod
    def of(cls, exports: Iterable[Export]) -> DeadlineTimetable:
        """The timetable for exports with deadlines."""
        return cls(
            _Rule(
                one.deadline.time,
                one.deadline.minutes,
                one.schedule.cron if one.schedule else None,
                one.timezone,
            )
            for one in exports
            if one.deadline
        )

    @property
    def summary(self) -> str:
        """The name on Airflow's pages."""
        return "Deadlines"

    def serialize(self) -> dict[str, Any]:
        """As JSON, for Airflow's metadata database."""
        return {"rules": [list(rule) for rule in self._rules]}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DeadlineTimetable:
        """As `serialize` has written it."""
        return cls(data["rules"])

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """A run by hand is for the moment at which it is due."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The first deadline after the last run. Those that have passed meanwhile are of one run: that of the last."""
        if restriction.earliest is None:
            return None
        now = datetime.now(UTC)
        # Without a run, Airflow asks again at each parsing: a deadline that has just passed must still be the next one.
        first = max(restriction.earliest, now - _JUST_PASSED)
        last = last_automated_data_interval.end if last_automated_data_interval else first
        moment = self._last_until(now, last) or self._next(last)
        if moment is None or (restriction.latest is not None and moment > restriction.latest):
            return None
        end = instance(moment)
        return DagRunInfo(run_after=end, data_interval=DataInterval(start=instance(last), end=end))

    def _last_until(self, now: datetime, after: datetime) -> datetime | None:
        """The last deadline after a time and not after now; None if there is none."""
        found = None
        for back in _LOOKS_BACK:  # not from the beginning: a schedule may have one in each minute
            following = self._next(max(after, now - back))
            while following is not None and following <= now:
                found = following
                following = self._next(found)
            if found:
                return found
        return None

    def _next(self, after: datetime) -> datetime | None:
        found = (
            next_due(
                Deadline(time=rule.time, minutes=rule.minutes),
                Schedule(cron=rule.cron) if rule.cron else None,
                rule.timezone,
                after,
            )
            for rule in self._rules
        )
        return min((due.moment for due in found if due), default=None)
