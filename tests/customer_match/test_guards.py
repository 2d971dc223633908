"""Guards trip beyond their limit, let pass at it, and say what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.customer_match.chunk import Plan
from include.customer_match.export import Guards
from include.customer_match.guards import GuardTripped, check_age, check_members, check_removed
from include.customer_match.members import MembersFile
from include.customer_match.normalise import Staged
from include.customer_match.reference import Rejection
from include.errors import ConfigurationError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def staged(*, profiles: int, rejected: int = 0, members: int | None = None) -> Staged:
    count = profiles - rejected if members is None else members
    return Staged(
        members=MembersFile(path="m", count=count),
        profiles=profiles,
        valid=profiles - rejected,
        rejected={Rejection.NOT_AN_ADDRESS: rejected} if rejected else {},
        duplicates=0,
    )


def plan(*, removed: int | None, unchanged: int) -> Plan:
    return Plan(
        id="p",
        based_on=None,
        target=MembersFile(path="m", count=unchanged),
        parts=(),
        added=0,
        removed=removed,
        unchanged=unchanged,
        replaces=False,
        part_size=1,
        full=False,
    )


def assert_tripped(check: Any, *arguments: Any, says: list[str], key: str) -> None:
    with pytest.raises(GuardTripped) as raised:
        check(*arguments)
    message = str(raised.value)
    assert all(word in message for word in says), message
    assert f"guards.{key}" in message
    assert "ignore_guards" in message
    assert isinstance(raised.value, ConfigurationError)


# --- Age -----------------------------------------------------------------------------------------------------


def test_age() -> None:
    guards = Guards(max_age_hours=48)
    check_age("VIPs", NOW - timedelta(hours=48), NOW, guards)
    too_old = NOW - timedelta(hours=48, minutes=6)
    assert_tripped(
        check_age,
        "VIPs",
        too_old,
        NOW,
        guards,
        says=["'VIPs'", "48.1 hours", "at most 48"],
        key="max_age_hours",
    )


def test_age_is_not_judged_where_nobody_asks_or_knows() -> None:
    check_age("VIPs", NOW - timedelta(days=999), NOW, Guards())
    check_age("VIPs", None, NOW, Guards(max_age_hours=1))


# --- Members -------------------------------------------------------------------------------------------------


def test_a_segment_without_members() -> None:
    one = staged(profiles=10, rejected=0, members=1)
    check_members("VIPs", one, Guards())
    for nobody in (staged(profiles=0), staged(profiles=10, rejected=10)):
        assert_tripped(
            check_members, "VIPs", nobody, Guards(max_rejected=None),
            says=["'VIPs' has no member", f"{nobody.profiles} profiles read"], key="allow_empty",
        )  # fmt: skip


def test_a_segment_without_members_may_be_allowed() -> None:
    check_members("VIPs", staged(profiles=0), Guards(allow_empty=True))
    check_members("VIPs", staged(profiles=9, rejected=9), Guards(allow_empty=True, max_rejected=None))


def test_rejected() -> None:
    guards = Guards(max_rejected=0.2)
    check_members("VIPs", staged(profiles=10_000, rejected=2_000), guards)
    assert_tripped(
        check_members, "VIPs", staged(profiles=10_000, rejected=2_001), guards,
        says=["2,001 of 10,000", "not an address 2,001", "at most 20%", "Is `email` the right column?"],
        key="max_rejected",
    )  # fmt: skip
    check_members("VIPs", staged(profiles=10_000, rejected=9_999), Guards(max_rejected=None))


# --- Removed -------------------------------------------------------------------------------------------------


def test_removed() -> None:
    guards = Guards(max_removed=0.25)
    check_removed("VIP list", plan(removed=2_500, unchanged=7_500), guards)
    assert_tripped(
        check_removed, "VIP list", plan(removed=2_501, unchanged=7_499), guards,
        says=["2,501 of 10,000", "'VIP list'", "at most 25% may"], key="max_removed",
    )  # fmt: skip
    check_removed("VIP list", plan(removed=10_000, unchanged=0), Guards(max_removed=None))


def test_a_hundred_leavers_are_no_mistake() -> None:
    check_removed("VIP list", plan(removed=100, unchanged=0), Guards(max_removed=0))
    with pytest.raises(GuardTripped):
        check_removed("VIP list", plan(removed=101, unchanged=0), Guards(max_removed=0))


def test_who_leaves_an_unknown_audience_is_not_judged() -> None:
    check_removed("VIP list", plan(removed=None, unchanged=0), Guards(max_removed=0))
