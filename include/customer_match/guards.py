"""Guards: what looks wrong is not sent. Each failure names the figures and how to let it pass.

Pure functions; the limits stand in the export file (`guards`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from include.customer_match.chunk import Plan
from include.customer_match.export import Guards
from include.customer_match.normalise import Staged
from include.errors import ConfigurationError

__all__ = ["GuardTripped", "check_age", "check_members", "check_removed"]

_FEW = 100  # leavers that are too few to be a mistake, whatever their share
_REMEDY = "If that is right, run once with `ignore_guards`, or change `guards.{key}` in the export file."


class GuardTripped(ConfigurationError):
    """Something looks wrong: a human must look before anything is sent."""


def check_age(segment: str, modified: datetime | None, now: datetime, guards: Guards) -> None:
    """The table was written recently enough."""
    if guards.max_age_hours is None or modified is None:
        return
    age = now - modified
    if age > timedelta(hours=guards.max_age_hours):
        raise GuardTripped(
            f"The table of segment {segment!r} was last written {age.total_seconds() / 3600:.1f} hours ago; "
            f"at most {guards.max_age_hours:g} are allowed. " + _REMEDY.format(key="max_age_hours")
        )


def check_members(segment: str, staged: Staged, guards: Guards) -> None:
    """The segment has members, and not too many of its profiles were rejected."""
    rejected = staged.profiles - staged.valid
    if not guards.allow_empty and not staged.members.count:
        raise GuardTripped(
            f"Segment {segment!r} has no member: {staged.profiles:,} profiles read, {rejected:,} rejected. "
            + _REMEDY.format(key="allow_empty")
        )
    if (
        staged.profiles
        and guards.max_rejected is not None
        and rejected > guards.max_rejected * staged.profiles
    ):
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {count:,}" for reason, count in staged.rejected.items()
        )
        raise GuardTripped(
            f"{rejected:,} of {staged.profiles:,} profiles of segment {segment!r} were rejected ({reasons}); "
            f"at most {guards.max_rejected:.0%} are allowed. Is `email` the right column? "
            + _REMEDY.format(key="max_rejected")
        )


def check_removed(audience: str, plan: Plan, guards: Guards) -> None:
    """Not too many members leave at once."""
    if plan.removed is None or guards.max_removed is None or plan.removed <= _FEW:
        return
    before = plan.removed + plan.unchanged
    if plan.removed > guards.max_removed * before:
        raise GuardTripped(
            f"{plan.removed:,} of {before:,} members would leave the audience {audience!r}; "
            f"at most {guards.max_removed:.0%} may. " + _REMEDY.format(key="max_removed")
        )
