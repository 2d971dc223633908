"""From the report of a run to rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customer_match.history.model import HistoryRow
from customer_match.history.rows import rows_of
from customer_match.planning.sizes import Matched, size_of_audience
from customer_match.runs.decisions import Verdict
from customer_match.runs.report import Outcome, SegmentReport
from customer_match.runs.states import RunKind, RunState
from tests.customer_match.history.runs import DAY, report_on
from tests.customer_match.runs.decided import REMOVED, decision
from tests.customer_match.runs.reports import a_segment


def one(segment: SegmentReport, **changes: object) -> HistoryRow:
    [row] = rows_of(report_on(0, segment, **changes))
    return row


def test_a_delivered_segment() -> None:
    row = one(a_segment(sent=1_520, refused={"Invalid": 2}), kind=RunKind.BACKFILL)
    assert (row.export, row.run_id, row.kind, row.audience, row.audience_id) == (
        "e",
        "run 0",
        "backfill",
        "VIPs",
        "77",
    )
    assert (row.run_state, row.outcome, row.started, row.seconds) == ("success", "delivered", DAY, 8.0)
    assert row.ended - row.started == timedelta(minutes=3)
    assert (row.profiles, row.valid, row.members, row.added, row.removed) == (3_000, 2_500, 2_000, 1_500, 20)
    assert (row.rejected, row.rejected_missing, row.rejected_not_an_address, row.rejected_too_long) == (
        500,
        400,
        100,
        0,
    )
    assert (row.sent, row.refused, row.replaced) == (1_520, 2, False)


@pytest.mark.parametrize("erased", [None, 0, 3])
def test_who_was_erased_is_counted(erased: int | None) -> None:
    assert one(a_segment(erased=erased)).erased == erased


def test_what_is_unknown_is_not_zero() -> None:
    row = one(SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED, message="Why."))
    known = {name for name, value in row.model_dump().items() if value is not None}
    assert known == {
        "export", "run_id", "run_state", "dry_run", "full", "forced", "interval_end", "started", "ended", "segment",
        "audience", "outcome", "message", "seconds", "awaits_decision",
    }  # fmt: skip


def test_a_run_without_segments_has_a_row() -> None:
    [row] = rows_of(report_on(0, message="No table.").model_copy(update={"segments": ()}))
    assert (row.run_state, row.segment, row.outcome, row.message) == (
        RunState.FAILED,
        None,
        None,
        "No table.",
    )


def test_a_guard_is_named() -> None:
    row = one(a_segment(Outcome.FAILED, guards=("max_removed", "max_removed_members")))
    assert (row.run_state, row.guards) == (RunState.GUARD, "max_removed, max_removed_members")


def test_a_stopped_segment_awaits_a_decision_if_its_run_can_go_on() -> None:
    stopped = a_segment(Outcome.FAILED, guards=("max_removed",), findings=(REMOVED,))
    for changes, awaits in (({}, True), ({"dry_run": True}, False), ({"kind": RunKind.COMMAND_LINE}, False)):
        [row] = rows_of(report_on(0, stopped, **changes))
        assert row.awaits_decision is awaits
    refused = stopped.model_copy(update={"decisions": (decision(Verdict.REFUSED),)})
    row = one(refused)
    assert (row.awaits_decision, row.decisions) == (
        False,
        "Refused by anna on 2026-06-01 12:00 UTC: half of the table is missing.",
    )
    again = refused.model_copy(update={"findings": (REMOVED.model_copy(update={"words": "Even more."}),)})
    assert one(again).awaits_decision
    approved = a_segment(decisions=(decision(Verdict.APPROVED),))
    assert one(approved).awaits_decision is False
    assert "What was approved: 600 of 1,000 members" in str(one(approved).decisions)


@pytest.mark.parametrize(
    ("matched", "members", "rate"),
    [
        (Matched(600, 900), 1_000, 0.6),
        (Matched(None, 900), 1_000, 0.9),
        (Matched(0, 0), 1_000, 0.0),
        (Matched(1_200, None), 1_000, 1.2),
        (Matched(None, None), 1_000, None),
        (Matched(600, 600), 0, None),
        (None, 1_000, None),
    ],
)
def test_the_match_rate(matched: Matched | None, members: int, rate: float | None) -> None:
    sizes = size_of_audience(
        "VIPs", "77", matched, members=members, least=300, least_for_bids=1_000, hours=48
    )
    row = one(a_segment(sizes=sizes))
    assert row.match_rate == rate
    assert (row.search_size, row.network_size) == (matched or (None, None))


@pytest.mark.parametrize(("hours", "age"), [(30.5, 30.5), (-2, 0.0)])
def test_the_age_of_the_table_when_the_run_began(hours: float, age: float) -> None:
    row = one(a_segment(modified=DAY - timedelta(hours=hours)))
    assert (row.source_modified, row.source_age_hours) == (DAY - timedelta(hours=hours), age)


def test_reports_of_earlier_releases_have_no_start() -> None:
    row = one(a_segment(modified=DAY), started=None)
    assert (row.started, row.source_age_hours) == (row.ended, None)
