"""Which guards stopped segments, and which segments are stopped now."""

from __future__ import annotations

from typing import Any

from customer_match.history.guarded import fired_guards, newest_runs, still_stopped
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.runs.decisions import Verdict
from customer_match.runs.report import Outcome, SegmentReport
from tests.customer_match.history.runs import report_on
from tests.customer_match.runs.decided import REMOVED, decision
from tests.customer_match.runs.reports import a_segment
from tests.memory_storage import MemoryStorage


def stopped(audience: str = "VIPs", **changes: Any) -> SegmentReport:
    values = {"guards": ("max_removed",), "findings": (REMOVED,), "message": "chunk: Too many."} | changes
    return a_segment(Outcome.FAILED, audience=audience, **values)


def history(*reports: Any) -> Any:
    storage = MemoryStorage()
    for report in reports:
        History(storage, "e").record(rows_of(report))
    return History(storage, "e").read(runs=30)


def test_a_segment_is_stopped_until_a_newer_run_works_on_it() -> None:
    first = report_on(0, stopped(), stopped("Gold"))
    found = history(first, report_on(1, a_segment(audience="Gold")))
    assert [(one.audience, one.run_id) for one in still_stopped(found)] == [("VIPs", "run 0")]
    assert newest_runs(found) == {"VIPs": "run 0", "Gold": "run 1"}
    assert still_stopped(history(first, report_on(1, stopped())))[0].run_id == "run 1"


def test_other_failures_and_dry_runs_stop_nothing() -> None:
    failed = report_on(0, a_segment(Outcome.FAILED, message="No table."))
    assert still_stopped(history(failed, report_on(1, stopped("Gold"), dry_run=True))) == []
    dry = report_on(1, stopped(), dry_run=True)
    assert [one.run_id for one in still_stopped(history(report_on(0, stopped()), dry))] == ["run 0"]
    assert [one.dry_run for one in fired_guards(history(dry))] == [True]


def test_guards_come_newest_first_with_what_was_decided() -> None:
    approved = report_on(1, a_segment(decisions=(decision(Verdict.APPROVED),)))
    newest, oldest = fired_guards(history(report_on(0, stopped()), approved, report_on(2)))
    assert (oldest.run_id, oldest.guards, oldest.message, oldest.decisions) == (
        "run 0", "max_removed", "chunk: Too many.", (),
    )  # fmt: skip
    assert (newest.run_id, newest.guards) == ("run 1", "")
    assert newest.decisions == (decision(Verdict.APPROVED).words,)


def test_a_run_without_segments_is_no_audience() -> None:
    nothing = report_on(0, message="No table.").model_copy(update={"segments": ()})
    assert newest_runs(history(nothing)) == {}
