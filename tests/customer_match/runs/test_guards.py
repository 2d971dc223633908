"""Guards trip beyond their limit, let pass at it, and say what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.addresses.definition import Rejection
from customer_match.errors import ConfigurationError
from customer_match.export.limits import Guards
from customer_match.members.files import MembersFile
from customer_match.planning.known_tables import Changes
from customer_match.planning.plan import Plan
from customer_match.profiles.staging import Staged
from customer_match.profiles.suppression import ListRead
from customer_match.runs.decisions import Verdict
from customer_match.runs.findings import Finding, words_of
from customer_match.runs.guards import (
    PAGE,
    GuardTripped,
    check_age,
    check_emails_lost,
    check_members,
    check_profiles_lost,
    check_refused,
    check_removed,
    check_rows,
    check_suppression,
    check_vanished,
    judge,
)
from customer_match.runs.records import Delivered
from customer_match.table_facts import TableFacts
from tests.customer_match.runs.decided import decision

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PERCENT = st.integers(0, 100)
HUNDREDS = st.integers(101, 20_000)  # beyond what counts as few, even if it is one percent


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


def refused(number: int, *, sent: int) -> Delivered:
    reasons = {"EmailMustBeHashed": number} if number else {}
    return Delivered(seconds=1, audience_id="77", parts=1, sent=sent, refused=reasons)


def table(profiles: int, missing: int = 0) -> TableFacts:
    return TableFacts(profiles=profiles, missing=missing)


def tripped(finding: Finding | None, *, says: list[str], key: str) -> None:
    """A guard has found something, and stops a run with these words."""
    assert finding
    with pytest.raises(GuardTripped) as raised:
        judge(finding, ignore=False)
    message = str(raised.value)
    assert all(word in message for word in says), message
    assert f"`guards.{key}`" in message
    assert "run this segment once with `ignore_guards`" in message
    assert "  " not in message
    assert isinstance(raised.value, ConfigurationError)


# --- Judging -----------------------------------------------------------------------------------------------

ODD = Finding(words="This is odd.", keys=("max_removed",), figures={"max_removed": 0.6})
ODDER = Finding(
    words="That is odder.",
    keys=("max_rejected", "max_refused"),
    figures={"max_rejected": 0.7, "max_refused": 0.1},
)


def test_what_one_step_finds_is_told_at_once() -> None:
    """One word lets all of it pass: who says it must have seen all of it."""
    with pytest.raises(GuardTripped) as raised:
        judge(None, ODD, None, ODDER, ignore=False)
    assert str(raised.value) == (
        "This is odd. That is odder. If these figures are correct, run this segment once with `ignore_guards`, or "
        "change `guards.max_removed` and `guards.max_rejected` and `guards.max_refused` in the export file."
    )


def test_the_page_is_named_where_there_is_one() -> None:
    with pytest.raises(GuardTripped) as raised:
        judge(ODD, ignore=False, on_page=True)
    assert f"approve them on the export's page ({PAGE}), run this segment once" in str(raised.value)


def test_what_was_approved_passes_and_nothing_else() -> None:
    approved = decision(Verdict.APPROVED, ODD)
    assert judge(ODD, ignore=False, decisions=[approved]) == ()
    with pytest.raises(GuardTripped) as raised:
        judge(ODD, ODDER, ignore=False, decisions=[approved])
    assert raised.value.findings == (ODDER,)
    assert "This is odd" not in str(raised.value)
    assert judge(ODD, ODDER, ignore=False, decisions=[approved, decision(Verdict.APPROVED, ODDER)]) == ()


def test_what_was_refused_stops_again_and_says_by_whom() -> None:
    with pytest.raises(GuardTripped) as raised:
        judge(ODD, ignore=False, decisions=[decision(Verdict.REFUSED, ODD)])
    assert str(raised.value).startswith(
        "This is odd. Refused by anna on 2026-06-01 12:00 UTC: half of the table is missing. If these figures"
    )


def test_figures_that_are_worse_than_the_approved_ones_stop_again() -> None:
    worse = ODD.model_copy(update={"figures": {"max_removed": 0.61}})
    better = ODD.model_copy(update={"words": "Fewer.", "figures": {"max_removed": 0.59}})
    approved = [decision(Verdict.APPROVED, ODD)]
    assert judge(better, ignore=False, decisions=approved) == ()
    with pytest.raises(GuardTripped) as raised:
        judge(worse, ignore=False, decisions=approved)
    assert (
        "This is odd. These figures are worse than those that were approved by anna on 2026-06-01 12:00 UTC. If"
        in str(raised.value)
    )


@pytest.mark.parametrize(
    ("approved", "worse"),
    [
        pytest.param(
            check_age("VIPs", NOW - timedelta(hours=9), NOW, Guards(max_age_hours=2)),
            check_age("VIPs", NOW - timedelta(hours=9, seconds=1), NOW, Guards(max_age_hours=2)),
            id="max_age_hours",
        ),
        pytest.param(
            check_members("VIPs", staged(profiles=1_000, rejected=600), Guards()),
            check_members("VIPs", staged(profiles=1_000, rejected=601), Guards()),
            id="max_rejected",
        ),
        pytest.param(
            check_profiles_lost("VIPs", table(1_000), table(400), Guards()),
            check_profiles_lost("VIPs", table(1_000), table(399), Guards()),
            id="max_profiles_lost",
        ),
        pytest.param(
            check_emails_lost("VIPs", table(1_000), table(1_000, 600), Guards()),
            check_emails_lost("VIPs", table(1_000), table(1_000, 601), Guards()),
            id="max_emails_lost",
        ),
        pytest.param(
            check_vanished("VIPs", Changes(found=1, known=4, gone=3), Guards()),
            check_vanished("VIPs", Changes(found=1, known=4, gone=4), Guards()),
            id="max_vanished",
        ),
        pytest.param(
            check_removed("VIPs", plan(removed=600, unchanged=400), Guards()),
            check_removed("VIPs", plan(removed=601, unchanged=399), Guards()),
            id="max_removed",
        ),
        pytest.param(
            check_removed("VIPs", plan(removed=600, unchanged=4_000), Guards(max_removed_members=9)),
            check_removed("VIPs", plan(removed=601, unchanged=4_001), Guards(max_removed_members=9)),
            id="max_removed_members",
        ),
        pytest.param(
            check_refused("VIPs", refused(60, sent=100), 100, Guards()),
            check_refused("VIPs", refused(61, sent=100), 100, Guards()),
            id="max_refused",
        ),
    ],
)
def test_each_guard_measures_what_may_get_worse(approved: Finding, worse: Finding) -> None:
    decisions = [decision(Verdict.APPROVED, approved)]
    assert judge(approved, ignore=False, decisions=decisions) == ()
    with pytest.raises(GuardTripped):
        judge(worse, ignore=False, decisions=decisions)


def test_waiting_for_a_decision_makes_a_table_no_worse() -> None:
    written, guards = NOW - timedelta(hours=9), Guards(max_age_hours=2)
    approved = check_age("VIPs", written, NOW, guards)
    later = check_age("VIPs", written, NOW + timedelta(days=2), guards)
    assert approved
    assert later
    assert judge(later, ignore=False, decisions=[decision(Verdict.APPROVED, approved)]) == ()


def test_an_approved_list_lets_no_other_list_pass() -> None:
    def unusable(name: str) -> Finding:
        read = ListRead(name=name, rows=10, rejected={Rejection.MISSING: 5})
        finding = check_suppression([read], Guards())
        assert finding
        return finding

    approved = [decision(Verdict.APPROVED, unusable("bounced"))]
    assert judge(unusable("bounced"), ignore=False, decisions=approved) == ()
    with pytest.raises(GuardTripped, match="complaints"):
        judge(unusable("complaints"), ignore=False, decisions=approved)


def test_whoever_approved_an_empty_table_approved_a_segment_without_members() -> None:
    empty_table = check_rows("VIPs", "/lake/vips", 0, 1, Guards())
    no_members = check_members("VIPs", staged(profiles=0), Guards())
    assert empty_table
    assert judge(no_members, ignore=False, decisions=[decision(Verdict.APPROVED, empty_table)]) == ()


def test_what_is_ignored_is_told_too() -> None:
    assert judge(None, ODD, ODDER, ignore=True) == ("This is odd.", "That is odder.")
    assert words_of([ODD, None]) == ("This is odd.",)


@pytest.mark.parametrize("ignore", [False, True])
def test_where_nothing_was_found_nothing_stops(ignore: bool) -> None:
    assert judge(None, None, ignore=ignore) == ()


# --- Age ---------------------------------------------------------------------------------------------------


def test_a_table_that_is_too_old_trips_the_guard() -> None:
    guards = Guards(max_age_hours=48)
    assert check_age("VIPs", NOW - timedelta(hours=48), NOW, guards) is None
    too_old = NOW - timedelta(hours=48, minutes=6)
    tripped(
        check_age("VIPs", too_old, NOW, guards),
        says=["'VIPs'", "48.1 hours ago (2026-05-30 11:54 UTC)", "at most 48 "],
        key="max_age_hours",
    )


def test_age_is_not_judged_where_nobody_asks_or_knows() -> None:
    assert check_age("VIPs", NOW - timedelta(days=999), NOW, Guards()) is None
    assert check_age("VIPs", None, NOW, Guards(max_age_hours=1)) is None
    assert check_age("VIPs", NOW + timedelta(hours=1), NOW, Guards(max_age_hours=1)) is None


# --- Rows --------------------------------------------------------------------------------------------------


def test_a_table_without_rows() -> None:
    for rows in (1, None):
        assert check_rows("VIPs", "lake/vips", rows, 1, Guards()) is None
    for files, words in ((1, "0 profiles in 1 file."), (1_200, "0 profiles in 1,200 files.")):
        tripped(
            check_rows("VIPs", "lake/vips", 0, files, Guards()),
            says=["'VIPs' (lake/vips) is empty", words],
            key="allow_empty",
        )
    assert check_rows("VIPs", "lake/vips", 0, 1, Guards(allow_empty=True)) is None


# --- Members -----------------------------------------------------------------------------------------------


def test_a_segment_without_members() -> None:
    assert check_members("VIPs", staged(profiles=10, rejected=0, members=1), Guards()) is None
    for nobody, words in (
        (staged(profiles=0), "0 profiles read, 0 rejected."),
        (staged(profiles=10, rejected=10), "10 profiles read, 10 rejected (not an address 10)."),
    ):
        finding = check_members("VIPs", nobody, Guards(max_rejected=None))
        tripped(finding, says=["'VIPs' has no member", words], key="allow_empty")


def test_a_segment_without_members_may_be_allowed() -> None:
    assert check_members("VIPs", staged(profiles=0), Guards(allow_empty=True)) is None
    allowed = Guards(allow_empty=True, max_rejected=None)
    assert check_members("VIPs", staged(profiles=9, rejected=9), allowed) is None
    tripped(
        check_members("VIPs", staged(profiles=9, rejected=9), Guards(allow_empty=True)),
        says=["9 of 9"],
        key="max_rejected",
    )


def test_too_many_rejected_profiles_trip_the_guard() -> None:
    guards = Guards(max_rejected=0.2)
    assert check_members("VIPs", staged(profiles=10_000, rejected=2_000), guards) is None
    tripped(
        check_members("VIPs", staged(profiles=10_000, rejected=2_001), guards),
        says=[
            "2,001 of 10,000",
            "(not an address 2,001)",
            "at most 20%",
            "Check that `email` names the right column.",
        ],
        key="max_rejected",
    )
    assert check_members("VIPs", staged(profiles=10_000, rejected=9_999), Guards(max_rejected=None)) is None


def test_a_few_rows_without_an_address_are_no_mistake() -> None:
    """Of three profiles two may have none; of more than ten without one, all count."""

    def judged(missing: int, others: int, of: int) -> Finding | None:
        counts = {Rejection.MISSING: missing, Rejection.NOT_AN_ADDRESS: others}
        rejected = missing + others
        return check_members(
            "VIPs",
            staged(profiles=of, rejected=rejected).model_copy(update={"rejected": counts}),
            Guards(max_rejected=0.5),
        )

    assert judged(2, 0, of=3) is None
    assert judged(10, 0, of=11) is None
    assert judged(10, 10, of=21) is None
    tripped(judged(11, 0, of=12), says=["11 of 12", "missing 11"], key="max_rejected")
    tripped(judged(100, 0, of=150), says=["100 of 150"], key="max_rejected")
    tripped(judged(5, 10, of=16), says=["15 of 16", "missing 5, not an address 10"], key="max_rejected")


def test_limits_are_shown_as_they_were_written() -> None:
    for limit, words in ((0.005, "at most 0.5%"), (0.07, "at most 7%"), (1e-5, "at most 0.001%")):
        finding = check_members("VIPs", staged(profiles=10, rejected=9), Guards(max_rejected=limit))
        tripped(finding, says=[words], key="max_rejected")


# --- Suppression lists -------------------------------------------------------------------------------------


def listed(rows: int, missing: int, name: str = "Never") -> ListRead:
    return ListRead(name=name, rows=rows, rejected={Rejection.MISSING: missing} if missing else {})


def test_rows_of_a_list_that_keep_nobody_out() -> None:
    """However short the list is: each of its rows is somebody who must not be written to."""
    for good in ((), (listed(0, 0),), (listed(10, 1), listed(1_000, 100))):
        assert check_suppression(good, Guards()) is None
    assert check_suppression([listed(10, 10)], Guards(max_suppress_unusable=None)) is None
    tripped(
        check_suppression([listed(9, 1), listed(5, 0, "Clean"), listed(1_000, 101, "Objections")], Guards()),
        says=[
            "1 of 9 rows of the suppression list 'Never' cannot be used (missing 1). 101 of 1,000 rows of",
            "'Objections' cannot be used (missing 101). At most 10% may be",
        ],
        key="max_suppress_unusable",
    )


@given(percent=PERCENT, hundreds=HUNDREDS)
def test_the_share_of_a_list_is_exact(percent: int, hundreds: int) -> None:
    guards = Guards(max_suppress_unusable=percent / 100)
    whole, allowed = hundreds * 100, percent * hundreds
    assert check_suppression([listed(whole, allowed)], guards) is None
    if allowed < whole:
        assert check_suppression([listed(whole, allowed + 1)], guards)


# --- Profiles lost -----------------------------------------------------------------------------------------


def test_too_many_lost_profiles_trip_the_guard() -> None:
    guards = Guards(max_profiles_lost=0.25)
    assert check_profiles_lost("VIPs", table(10_000), table(7_500), guards) is None
    tripped(
        check_profiles_lost("VIPs", table(10_000), table(7_499), guards),
        says=["'VIPs' has 7,499 profiles", "it had 10,000", "at most 25% may be lost", "complete."],
        key="max_profiles_lost",
    )
    assert check_profiles_lost("VIPs", table(10_000), table(0), Guards(max_profiles_lost=None)) is None


def test_a_hundred_profiles_are_no_collapse() -> None:
    strict = Guards(max_profiles_lost=0)
    assert check_profiles_lost("VIPs", table(100), table(0), strict) is None
    assert check_profiles_lost("VIPs", table(101), table(0), strict)


def test_a_table_may_grow() -> None:
    assert check_profiles_lost("VIPs", table(10), table(10_000), Guards(max_profiles_lost=0)) is None


# --- E-mails lost ------------------------------------------------------------------------------------------


def test_an_email_column_that_is_suddenly_null() -> None:
    guards = Guards(max_emails_lost=0.25)
    before = table(10_000, missing=2_000)  # 80% filled: 60% may be left
    assert check_emails_lost("VIPs", before, table(10_000, missing=4_000), guards) is None
    tripped(
        check_emails_lost("VIPs", before, table(10_000, missing=4_001), guards),
        says=[
            "5,999 of 10,000 profiles",
            "8,000 of 10,000 had",
            "at most 25% of that share may be lost",
            "'VIPs'",
        ],
        key="max_emails_lost",
    )
    all_null = table(10_000, missing=10_000)
    assert check_emails_lost("VIPs", before, all_null, guards)
    assert check_emails_lost("VIPs", before, all_null, Guards(max_emails_lost=None)) is None


def test_a_column_that_was_hardly_filled_before_is_judged_by_what_it_was() -> None:
    before = table(10_000, missing=9_000)
    assert check_emails_lost("VIPs", before, table(10_000, missing=9_400), Guards()) is None
    assert check_emails_lost("VIPs", before, table(10_000, missing=9_501), Guards())


def test_a_table_that_shrinks_or_grows_has_not_lost_its_emails() -> None:
    strict = Guards(max_emails_lost=0)
    for rows in (1_000, 100_000):
        assert check_emails_lost("VIPs", table(10_000, 2_000), table(rows, rows // 5), strict) is None
    assert check_emails_lost("VIPs", table(10_000), table(0), strict) is None


def test_a_hundred_addresses_are_no_collapse() -> None:
    strict = Guards(max_emails_lost=0)
    assert check_emails_lost("VIPs", table(200), table(200, 100), strict) is None
    assert check_emails_lost("VIPs", table(200), table(200, 101), strict)


@pytest.mark.parametrize("check", [check_profiles_lost, check_emails_lost])
def test_without_a_table_before_nothing_is_compared(check: Any) -> None:
    strict = Guards(max_profiles_lost=0, max_emails_lost=0)
    assert check("VIPs", None, table(0), strict) is None
    assert check("VIPs", None, table(1_000, 1_000), strict) is None
    assert check("VIPs", table(0), table(1_000, 1_000), strict) is None
    assert check("VIPs", table(1_000, 1_000), table(1_000, 1_000), strict) is None


# --- Removed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "gone", "found", "trips"),
    [
        (10, 5, 5, False),
        (10, 6, 4, True),
        (1, 1, 3, False),  # one alone, where others are there
        (1, 1, 0, True),  # an empty lake
        (2, 2, 1, True),
        (0, 0, 0, False),
    ],
)
def test_too_many_vanished_tables_trip_the_guard(known: int, gone: int, found: int, trips: bool) -> None:
    changes = Changes(known=known, gone=gone, found=found)
    assert (check_vanished("Gold", changes, Guards()) is not None) == trips
    assert check_vanished("Gold", changes, Guards(max_vanished=None)) is None


def test_too_many_leavers_trip_the_guard() -> None:
    guards = Guards(max_removed=0.25)
    assert check_removed("VIP list", plan(removed=2_500, unchanged=7_500), guards) is None
    tripped(
        check_removed("VIP list", plan(removed=2_501, unchanged=7_499), guards),
        says=["2,501 of 10,000", "'VIP list'", "; at most 25% may be."],
        key="max_removed",
    )
    assert check_removed("VIP list", plan(removed=10_000, unchanged=0), Guards(max_removed=None)) is None


def test_removed_as_a_number() -> None:
    guards = Guards(max_removed_members=2_500)
    assert check_removed("VIP list", plan(removed=2_500, unchanged=97_500), guards) is None
    tripped(
        check_removed("VIP list", plan(removed=2_501, unchanged=97_499), guards),
        says=["2,501 of 100,000", "'VIP list'", "; at most 2,500 members may be."],
        key="max_removed_members",
    )
    strict = Guards(max_removed_members=0)
    assert check_removed("VIP list", plan(removed=1, unchanged=9), strict), "a number is meant as it stands"
    assert check_removed("VIP list", plan(removed=0, unchanged=9), strict) is None


def test_both_limits_are_told() -> None:
    finding = check_removed(
        "VIP list", plan(removed=300, unchanged=100), Guards(max_removed=0.5, max_removed_members=200)
    )
    tripped(
        finding,
        says=["300 of 400 members", "; at most 50% and at most 200 members may be."],
        key="max_removed` and `guards.max_removed_members",
    )


def test_a_hundred_leavers_are_no_mistake() -> None:
    assert check_removed("VIP list", plan(removed=100, unchanged=0), Guards(max_removed=0)) is None
    assert check_removed("VIP list", plan(removed=101, unchanged=0), Guards(max_removed=0))


def test_who_leaves_an_unknown_audience_is_not_judged() -> None:
    strict = Guards(max_removed=0, max_removed_members=0)
    assert check_removed("VIP list", plan(removed=None, unchanged=0), strict) is None


# --- Refused -----------------------------------------------------------------------------------------------


def test_too_many_refused_members_trip_the_guard() -> None:
    guards = Guards(max_refused=0.01)
    assert check_refused("VIP list", refused(50, sent=5_000), 5_000, guards) is None
    tripped(
        check_refused("VIP list", refused(51, sent=5_000), 5_000, guards),
        says=[
            "refused 51 of 5,000 members sent (EmailMustBeHashed 51) for the audience 'VIP list'",
            "at most 1% of its 5,000 members may be refused",
            "the next run sends the refused ones again",
        ],
        key="max_refused",
    )
    assert check_refused("VIP list", refused(5_000, sent=5_000), 5_000, Guards(max_refused=None)) is None


def test_a_handful_is_never_too_many() -> None:
    assert check_refused("VIP list", refused(10, sent=10), 10, Guards(max_refused=0)) is None
    assert check_refused("VIP list", refused(11, sent=11), 11, Guards(max_refused=0))


def test_who_is_refused_each_time_is_no_more_each_time() -> None:
    """The next run sends only the refused ones again, and all of these are refused again."""
    assert check_refused("VIP list", refused(900, sent=100_000), 100_000, Guards()) is None
    assert check_refused("VIP list", refused(900, sent=900), 100_000, Guards()) is None


def test_leavers_that_are_refused_count_against_all_that_were_sent() -> None:
    assert check_refused("VIP list", refused(100, sent=10_000), 50, Guards()) is None
    assert check_refused("VIP list", refused(101, sent=10_000), 50, Guards())


# --- At the limit, for any share and size --------------------------------------------------------------------


@given(percent=PERCENT, hundreds=HUNDREDS)
def test_a_share_is_exact(percent: int, hundreds: int) -> None:
    """Of any whole, exactly the allowed share passes, and one more does not; floats get that wrong."""
    share, whole, allowed = percent / 100, hundreds * 100, percent * hundreds
    limits = Guards.model_validate(
        dict.fromkeys(("max_rejected", "max_removed", "max_refused", "max_profiles_lost"), share)
        | {"max_emails_lost": share, "allow_empty": True}
    )
    for part, wrong in ((allowed, False), (allowed + 1, True)):
        if part > whole:
            continue
        if not percent:
            part += 100 * wrong  # noqa: PLW2901 (few pass in any case)
        findings = {
            "rejected": check_members("a", staged(profiles=whole, rejected=part), limits),
            "removed": check_removed("a", plan(removed=part, unchanged=whole - part), limits),
            "refused": check_refused("a", refused(part, sent=whole), whole, limits),
            "profiles": check_profiles_lost("a", table(whole), table(whole - part), limits),
            "emails": check_emails_lost("a", table(whole), table(whole, part), limits),
        }
        assert {name: finding is not None for name, finding in findings.items()} == dict.fromkeys(
            findings, wrong
        )


@given(
    before=st.integers(0, 10_000), missing=st.integers(0, 10_000), now=st.integers(0, 10_000), share=PERCENT
)
def test_emptier_is_never_better(before: int, missing: int, now: int, share: int) -> None:
    """Whatever trips a guard trips it too where still more is missing."""
    limits = Guards(max_emails_lost=share / 100, max_profiles_lost=share / 100)
    last = table(before, missing=min(missing, before))
    found = [
        check_emails_lost("a", last, table(now, missing=gap), limits) is not None
        for gap in range(0, now + 1, 97)
    ]
    assert found == sorted(found)
    shrunk = [check_profiles_lost("a", last, table(left), limits) is not None for left in range(now, -1, -97)]
    assert shrunk == sorted(shrunk)
