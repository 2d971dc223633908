"""The totals that plots draw, and sparklines."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pandas as pd

from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.history.trends import TREND_COLUMNS, sparklines_of, trend_of
from customer_match.planning.sizes import Matched, size_of_audience
from customer_match.runs.report import Outcome, SegmentReport
from tests.customer_match.history.runs import DAY, report_on
from tests.customer_match.runs.reports import UNDELIVERED, a_segment
from tests.memory_storage import MemoryStorage


def history_of(*runs: list[SegmentReport], **changes: Any) -> Any:
    history = History(MemoryStorage(), "e")
    for day, segments in enumerate(runs):
        history.record(rows_of(report_on(day, *segments, interval_end=DAY + timedelta(days=day), **changes)))
    return history.read(columns=TREND_COLUMNS)


def gold(members: int | None, **changes: Any) -> SegmentReport:
    known = {"audience": "Gold", "members": members, "rejected": {"missing": 4}}
    return a_segment(**(known | changes))


def silver(members: int | None, **changes: Any) -> SegmentReport:
    return gold(members, **({"audience": "Silver"} | changes))


def test_members_of_audiences_that_a_run_leaves_out_still_count() -> None:
    failed = silver(None, **UNDELIVERED, valid=None)
    trend = trend_of(history_of([gold(10), silver(5)], [gold(12)], [gold(13), failed], [gold(14), silver(9)]))
    assert trend["members"].tolist() == [15, 17, 18, 23]
    assert trend["rejected_missing"].tolist() == [8, 4, 4, 8]
    assert trend["interval_end"].iloc[-1] == DAY + timedelta(days=3)
    assert list(trend.index) == ["run 0", "run 1", "run 2", "run 3"]


def test_the_members_of_a_failed_upload_are_not_those_of_the_audience() -> None:
    history = history_of([gold(10)], [gold(99, **UNDELIVERED)], [gold(12)])
    trend = trend_of(history)
    assert trend["members"].tolist() == [10, 10, 12]
    assert trend["added"].isna().tolist() == [False, True, False]
    assert sparklines_of(history) == {"Gold": "▁█"}
    assert trend["rejected_missing"].tolist() == [4, 4, 4], "the table was read"


def test_planned_numbers_in_rows_of_earlier_releases_do_not_count() -> None:
    planned = gold(99, outcome=Outcome.FAILED, sent=None, added=89, removed=3)
    history = history_of([planned], [gold(10)])
    trend = trend_of(history)
    assert trend["members"].isna().tolist() == [True, False]
    assert trend[["added", "removed"]].iloc[0].isna().all()
    assert sparklines_of(history) == {"Gold": "▄"}


def test_what_was_delivered_before_a_guard_stopped_the_run_counts() -> None:
    """The guard for refused members looks at a delivery that has ended."""
    trend = trend_of(history_of([gold(10)], [gold(12, outcome=Outcome.FAILED, guards=("max_refused",))]))
    assert trend["members"].tolist() == [10, 12]


def test_dry_runs_are_no_part_of_it() -> None:
    assert len(trend_of(history_of([gold(10)], dry_run=True))) == 0


def test_what_is_unknown_is_no_zero() -> None:
    trend = trend_of(history_of([gold(10, removed=None)], [gold(None, added=None, removed=None, valid=None)]))
    assert math.isnan(trend["removed"].iloc[0])
    assert math.isnan(trend["added"].iloc[1])
    assert trend["members"].tolist() == [10, 10]
    assert trend["match_rate"].isna().all()


def test_the_match_rate_of_all_audiences() -> None:
    def sized(matched: Matched, members: int) -> Any:
        return size_of_audience("x", "7", matched, members=members, least=300, least_for_bids=1_000, hours=48)

    trend = trend_of(
        history_of(
            [
                gold(10, sizes=sized(Matched(900, 0), 1_000)),
                silver(5, sizes=sized(Matched(None, 100), 1_000)),
            ],
            [gold(10, sizes=sized(Matched(500, 0), 0))],
        )
    )
    assert trend["match_rate"].iloc[0] == 0.5
    assert pd.isna(trend["match_rate"].iloc[1])


def test_a_run_without_segments() -> None:
    history = History(MemoryStorage(), "e")
    history.record(rows_of(report_on(0).model_copy(update={"segments": ()})))
    assert trend_of(history.read())["members"].isna().all()
    assert sparklines_of(history.read()) == {}


def test_a_sparkline_for_each_audience() -> None:
    history = history_of([gold(10), silver(5)], [gold(12)], [gold(14), silver(5)])
    assert sparklines_of(history) == {"Gold": "▁▅█", "Silver": "▄▄"}
