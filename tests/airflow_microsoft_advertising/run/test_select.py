"""The step `select`: which segments a run exports."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.select import select_segments
from tests.airflow_microsoft_advertising.run.small_lake import (
    FUTURE,
    GOLD,
    SILVER,
    Lake,
)


def test_all_segments_in_the_files_order(lake: Lake) -> None:
    assert select_segments(lake.run()) == [GOLD, SILVER]


@pytest.mark.parametrize("names", [["Silver"], ["Gold customers"], ["Gold"]])
def test_some_segments_by_table_or_audience(lake: Lake, names: list[str]) -> None:
    [chosen] = select_segments(lake.run(), names)
    assert {chosen.table, chosen.audience} & set(names)


def test_every_table_that_is_found(lake: Lake) -> None:
    lake.write("Bronze", ["e@example.com"])
    chosen = select_segments(lake.run(segments="all"))
    assert [segment.audience for segment in chosen] == ["Bronze", "Gold", "Silver"]
    assert [s.table for s in select_segments(lake.run(segments="all"), ["Gold"])] == ["Gold"]


@pytest.mark.bad_input
@pytest.mark.parametrize("segments", ["all", [{"table": "Gold", "audience": "Gold customers"}, "Silver"]])
def test_an_unknown_segment_is_named_with_the_known_ones(lake: Lake, segments: Any) -> None:
    with pytest.raises(
        AirflowFailException, match=r"'autumn' has no segment Copper\. Its segments: .*Silver"
    ):
        select_segments(lake.run(segments=segments), ["Copper", "Silver"])


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["Golld", "gold customer"])
def test_a_misspelt_segment_is_told_with_the_one_that_was_probably_meant(lake: Lake, name: str) -> None:
    segments = [{"table": "Gold", "audience": "Gold customers"}, "Silver"]
    meant = "Gold" if name == "Golld" else "Gold customers"
    words = f"no segment {name}. Did you mean '{meant}'? Its segments: Gold customers, Silver."
    with pytest.raises(AirflowFailException, match=re.escape(words)):
        select_segments(lake.run(segments=segments), [name])


@pytest.mark.bad_input
def test_a_pattern_that_matches_no_table(lake: Lake) -> None:
    with pytest.raises(AirflowFailException, match=r"No table in .*lake matches .*\(Copper\*\)\. Correct"):
        select_segments(lake.run(segments="Copper*"))


def test_a_run_for_a_date_in_the_future_does_not_begin(lake: Lake) -> None:
    with pytest.raises(
        AirflowFailException, match=r"ends at 2136-01-01 00:00 UTC, but by this machine's clock"
    ):
        select_segments(lake.run(interval_end=FUTURE))
    soon = datetime.now(UTC) + timedelta(minutes=50)
    assert select_segments(lake.run(interval_end=soon)), "clocks may differ"
