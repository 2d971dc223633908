"""Renewal: with a finite membership duration, members that stay are added again before they lapse.

Two things are assumed: that adding a member again restarts its duration (Microsoft's pages say how long a member stays,
but nothing about adding one twice), and that the duration counts from the addition, not from a user's activity. Members
that joined after the last renewal stay longer than calculated here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from customer_match.clocks import is_in_future
from customer_match.ledger.state import Renewal

__all__ = ["lapse_warning", "must_renew"]


def must_renew(
    last: Renewal | None, *, days: int, now: datetime, next_run_over: datetime | None = None
) -> bool:
    """Whether this run must add all members again.

    It must once half of the duration has passed, so that the other half is left for runs that fail, and earlier if the
    next run may end too late. It must immediately if the duration has changed, if the last renewal is unknown (then
    the duration that the service applied is unknown too), or if a clock that was ahead recorded it.

    Args:
        last: When all members were added last, and with which duration; None if unknown.
        days: The present duration; -1: members never lapse.
        now: The present time.
        next_run_over: The latest time at which the next run ends; None without a schedule.
    """
    if days < 0:
        return last is not None and last.days >= 0
    if last is None or last.days != days or is_in_future(last.at, now):
        return True
    lapse = last.at + timedelta(days=days)
    return now >= last.at + timedelta(days=days) / 2 or (next_run_over is not None and next_run_over >= lapse)


def lapse_warning(*, days: int, now: datetime, next_run_over: datetime | None) -> str | None:
    """A warning for users if members lapse before the next run can renew them, even if this run renews them."""
    if days < 0 or next_run_over is None or now + timedelta(days=days) > next_run_over:
        return None
    return (
        f"Members stay {days} days in the audience, but the next run may end as late as "
        f"{next_run_over:%Y-%m-%d %H:%M} UTC, so they may lapse before it. Raise `membership_duration` in the export "
        "file, or let the export run more often."
    )
