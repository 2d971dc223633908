"""Members that lapse: with a finite membership duration, those who stay are added again before it is over.

That a member who is added again stays for the whole duration anew is assumed: Microsoft's pages say how long a
member stays and nothing of adding one twice. So is that the duration counts from the adding, not from what a user
does. Whoever joined after the last renewal only stays longer than is reckoned here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from customer_match.clocks import is_in_future
from customer_match.ledger.state import Renewal

__all__ = ["lapse_warning", "must_renew"]


def must_renew(
    last: Renewal | None, *, days: int, now: datetime, next_run_over: datetime | None = None
) -> bool:
    """Whether this run is to add all members again.

    It is once half of the duration has passed, so that the other half is left for runs that fail; earlier where
    the next run may be over too late. And at once where the duration has changed since, or where nobody knows
    when all were added last: what the service reckoned with until then is not known either.
    And at once where a clock that was ahead wrote the time down.

    Args:
        last: When all members were added last, and with which duration; None if that is not known.
        days: The duration now; -1: they never lapse.
        now: The present time.
        next_run_over: When the next run will be over at the latest; None where there is no schedule.
    """
    if days < 0:
        return last is not None and last.days >= 0
    if last is None or last.days != days or is_in_future(last.at, now):
        return True
    lapse = last.at + timedelta(days=days)
    return now >= last.at + timedelta(days=days) / 2 or (next_run_over is not None and next_run_over >= lapse)


def lapse_warning(*, days: int, now: datetime, next_run_over: datetime | None) -> str | None:
    """What to tell people where members lapse before the next run can renew them, even if this one has."""
    if days < 0 or next_run_over is None or now + timedelta(days=days) > next_run_over:
        return None
    return (
        f"Members stay {days} days, and the next run may be over as late as {next_run_over:%Y-%m-%d %H:%M} UTC: they "
        "may lapse before it. Raise `membership_duration` in the export file, or let the export run more often."
    )
