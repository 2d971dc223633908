"""The step `validate`: which tables stop a segment, and with which words."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.segments import Segment
from customer_match.runs.records import Step
from tests.airflow_microsoft_advertising.run.small_lake import (
    GOLD,
    PEOPLE,
    Lake,
    failure,
)


@pytest.mark.bad_input
def test_a_missing_table_names_a_near_one(lake: Lake) -> None:
    run, segment = lake.run(), Segment(table="Gald", audience="Gold customers")
    with pytest.raises(
        AirflowFailException, match=r"no table 'Gald'.*did you mean 'Gold'.*Correct the segment"
    ):
        validate_segment(run, segment)
    assert failure(run, segment).step is Step.VALIDATE


@pytest.mark.bad_input
def test_a_missing_column_names_a_near_one(lake: Lake) -> None:
    run = lake.run(email="Emial")
    with pytest.raises(AirflowFailException, match=r"(?s)Emial.*Email"):
        validate_segment(run, GOLD)


@pytest.mark.bad_input
def test_an_empty_table_stops_the_segment(lake: Lake) -> None:
    lake.write("Gold", [])
    run = lake.run()
    with pytest.raises(
        AirflowFailException,
        match=r"'Gold customers' \(.*Gold\) is empty: 0 profiles in 1 file\..*allow_empty",
    ):
        validate_segment(run, GOLD)
    validate_segment(lake.run(guards={"allow_empty": True}), GOLD)
    assert validate_segment(lake.run(ignore_guards=True), GOLD).overridden


@pytest.mark.bad_input
def test_a_truncated_table_stops_the_segment(lake: Lake) -> None:
    path = lake.write("Gold", PEOPLE * 100)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(AirflowFailException, match=r"part-0\.parquet"):
        validate_segment(lake.run(), GOLD)


@pytest.mark.bad_input
def test_an_old_table_stops_the_segment(lake: Lake) -> None:
    path = lake.write("Gold", PEOPLE)
    yesterday = datetime.now(UTC).timestamp() - 86_400
    os.utime(path, (yesterday, yesterday))
    guards: dict[str, Any] = {"guards": {"max_age_hours": 12}}
    with pytest.raises(AirflowFailException, match=r"24\.0 hours ago \(.* UTC\); at most 12 .*ignore_guards"):
        validate_segment(lake.run(**guards), GOLD)
    [words] = validate_segment(lake.run(**guards, ignore_guards=True), GOLD).overridden
    assert "24.0 hours ago" in words
    validate_segment(lake.run(guards={"max_age_hours": 25}), GOLD)
