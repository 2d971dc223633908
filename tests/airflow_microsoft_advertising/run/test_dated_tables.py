"""Runs for past days read the tables of those days. If there is none, the error lists the existing days."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.segments import Segment
from customer_match.runs.records import Normalised
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import changes_of, summary_of
from customer_match_sample_lake.delta import DeltaSample
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import Lake, prepare

DAY = datetime(2026, 5, 1, 5, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    connect()
    lake = Lake(tmp_path)
    for day, people in (("2026-04-29", 1), ("2026-05-01", 2), ("2026-05-03", 3)):
        lake.write(f"Dated/{day}", [f"person{number}@example.com" for number in range(people)])
    return lake


def dated(path: str | None = "Dated/{{ ds }}") -> Segment:
    return Segment(table="Dated", audience="Dated", path=path)


def members(lake: Lake, segment: Segment, day: datetime, **options: object) -> int:
    run = lake.run(name=f"{day:%d}", interval_end=day, segments=["Dated"], **options)
    validate_segment(run, segment)
    normalise_segment(run, segment)
    record = run.records(segment).read(Normalised)
    assert record
    return record.staged.members.count


def test_names_with_accents_in_one_piece_or_in_two_are_one(lake: Lake) -> None:
    lake.write("Ma\u0308nner", ["adam@example.com"])
    for name in ("Männer", "Ma\u0308nner"):
        run = lake.run(name="one", segments=[name])
        (segment,) = select_segments(run)
        validate_segment(run, segment)
        normalise_segment(run, segment)
        record = run.records(segment).read(Normalised)
        assert record
        assert record.staged.members.count == 1


def test_each_run_reads_the_table_of_its_day(lake: Lake) -> None:
    assert members(lake, dated(), DAY) == 2
    assert members(lake, dated(), DAY - timedelta(days=2)) == 1


def test_the_root_may_hold_dates(lake: Lake, tmp_path: Path) -> None:
    lake.write("2026-05-01/Dated", ["a@example.com"])
    root = str(tmp_path / "lake" / "{{ ds }}")
    assert members(lake, dated(None), DAY, source=root) == 1
    run = lake.run(interval_end=DAY, segments="all", source=root)
    assert [segment.table for segment in select_segments(run)] == ["Dated"]
    late = lake.run(interval_end=DAY + timedelta(days=1), segments="all", source=root)
    with pytest.raises(
        AirflowFailException, match=r"2026-05-02 is not|There is no folder.*nearest earlier one"
    ):
        select_segments(late)


def test_latest_is_the_newest_up_to_the_interval(lake: Lake, tmp_path: Path) -> None:
    segment = dated("Dated/{{ latest }}")
    assert members(lake, segment, DAY + timedelta(days=1)) == 2
    assert members(lake, segment, DAY + timedelta(days=30)) == 3
    lake.write("roots/2026-05-01/Dated", ["a@example.com"])
    assert members(lake, dated(None), DAY, source=str(tmp_path / "lake/roots/{{ latest }}")) == 1
    with pytest.raises(AirflowFailException, match="the first one is '2026-04-29'"):
        members(lake, segment, DAY - timedelta(days=9))


def test_a_path_may_be_a_hole_alone(lake: Lake, tmp_path: Path) -> None:
    assert members(lake, dated("{{ latest }}"), DAY, source=str(tmp_path / "lake/Dated")) == 2


@pytest.mark.slow
@pytest.mark.bad_input
def test_a_day_without_a_table_is_reported_with_its_neighbours(lake: Lake) -> None:
    with pytest.raises(AirflowFailException) as told:
        members(lake, dated(), DAY + timedelta(days=1))
    words = str(told.value)
    assert "run of 2026-05-02 05:00 UTC" in words
    assert f"nearest earlier one is {lake.folder}/lake/Dated/2026-05-01" in words
    assert f"nearest later one is {lake.folder}/lake/Dated/2026-05-03" in words
    assert "{{ latest }}" in words


@pytest.mark.slow
@pytest.mark.bad_input
def test_no_day_has_a_table(lake: Lake) -> None:
    with pytest.raises(AirflowFailException, match="No other day within a year has one"):
        members(lake, dated("Nowhere/{{ ds }}"), DAY)


def test_days_are_those_of_the_logical_date(lake: Lake) -> None:
    run = lake.run(interval_end=DAY, segments=["Dated"])
    day = timedelta(days=1)
    object.__setattr__(run, "interval_start", DAY - 2 * day)
    object.__setattr__(run, "logical_date", DAY - 2 * day)
    assert validate_segment(run, dated()).location == f"{lake.folder}/lake/Dated/2026-04-29"
    end = dated("Dated/{{ data_interval_end | ds }}")
    assert validate_segment(run, end).location == f"{lake.folder}/lake/Dated/2026-05-01"


def test_the_report_says_which_table_was_read(lake: Lake) -> None:
    run = lake.run(interval_end=DAY, segments=["Dated"])
    validate_segment(run, dated())
    report = write_report(run, [dated()])
    assert report.segments[0].location == f"{lake.folder}/lake/Dated/2026-05-01"
    assert "Dated/2026-05-01" in html_of(report)


def test_runs_of_an_export_up_to_the_interval(lake: Lake) -> None:
    """Folders yyyy/MM/dd/HHmm, as Customer Insights writes them."""
    lake.write("Insights/2026/04/30/0500", ["a@example.com"])
    lake.write("Insights/2026/05/01/0501", ["a@example.com", "b@example.com"])
    segment = dated("Insights")
    assert members(lake, segment, DAY) == 1
    assert members(lake, segment, DAY + timedelta(minutes=1)) == 2
    with pytest.raises(AirflowFailException, match="first one is 2026/04/30/0500"):
        members(lake, segment, DAY - timedelta(days=2))


def test_a_run_that_follows_the_data_reads_what_is_there(lake: Lake) -> None:
    """Events that come while a run is under way start one run together, which is due at the first of them."""
    due, later = DAY, DAY + timedelta(days=2)
    hour = timedelta(hours=1)
    moments = (due - hour, due - hour, due + hour, later + timedelta(seconds=30))
    sample = DeltaSample(
        LocalFileSystem(),
        str(lake.folder / "lake" / "Delta"),
        {"Email": pa.string()},
        times=lambda version: moments[version],
    )
    for number in range(3):
        sample.append([{"Email": f"person{number}@example.com"}])
    assert members(lake, dated("Delta"), due) == 1
    assert members(lake, dated("Delta"), due, follows_data=True, began=later) == 3
    assert members(lake, dated(), due) == 2
    assert members(lake, dated(), due, follows_data=True, began=later) == 3


class TestAge:
    """`max_age_hours`: now for what is there now, the end of the interval for what is of its day."""

    @staticmethod
    def written(lake: Lake, path: str, moment: datetime) -> None:
        file = lake.folder / "lake" / path / "part-0.parquet"
        os.utime(file, (moment.timestamp(), moment.timestamp()))

    def test_a_table_of_its_day_is_compared_with_the_interval(self, lake: Lake) -> None:
        self.written(lake, "Dated/2026-05-01", DAY - timedelta(hours=1))
        assert members(lake, dated(), DAY, guards={"max_age_hours": 2}) == 2
        self.written(lake, "Dated/2026-05-01", DAY - timedelta(hours=3))
        with pytest.raises(AirflowFailException, match=r"3\.0 hours before the end of the data interval"):
            members(lake, dated(), DAY, guards={"max_age_hours": 2})

    def test_what_is_there_now_is_compared_with_now(self, lake: Lake) -> None:
        self.written(lake, "Dated/2026-05-01", DAY - timedelta(hours=1))
        with pytest.raises(AirflowFailException, match="hours ago"):
            members(lake, dated("Dated/2026-05-01"), DAY, guards={"max_age_hours": 2})

    def test_folders_of_runs_and_delta_are_of_their_day(self, lake: Lake) -> None:
        lake.write("Insights/2026/05/01/0400", ["a@example.com"])
        self.written(lake, "Insights/2026/05/01/0400", DAY - timedelta(hours=1))
        assert members(lake, dated("Insights"), DAY, guards={"max_age_hours": 2}) == 1
        sample = DeltaSample(
            LocalFileSystem(),
            str(lake.folder / "lake" / "Delta"),
            {"Email": pa.string()},
            times=lambda _: DAY - timedelta(hours=1),
        )
        sample.append([{"Email": "a@example.com"}])
        assert members(lake, dated("Delta"), DAY + timedelta(days=3), guards={"max_age_hours": 90}) == 1


def test_suppression_lists_are_todays(lake: Lake) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    lake.write(f"Out/{today}", ["person0@example.com"])
    lake.write("Out/2026-05-01", ["person1@example.com", "person0@example.com"])
    assert members(lake, dated(), DAY, suppress="Out/{{ ds }}") == 1
    assert members(lake, dated(), DAY, suppress="Out/{{ latest }}") == 1


class TestDiscovery:
    """Tables of patterns that vanish or appear between runs."""

    @staticmethod
    def run(lake: Lake, name: str, *chosen: str, dry_run: bool = False, deliver: bool = True) -> str:
        run = lake.run(name=name, segments="*l*", dry_run=dry_run, interval_end=DAY)
        segments = select_segments(run, chosen)
        for segment in segments:
            if deliver:
                prepare(run, segment)
        report = write_report(run, segments)
        assert all(words in html_of(report) for words in changes_of(report))
        assert all(words in summary_of(report) for words in changes_of(report))
        return " ".join(changes_of(report))

    @pytest.mark.slow
    def test_a_table_is_missed_once_it_was_delivered(self, lake: Lake) -> None:
        assert self.run(lake, "1") == ""
        lake.write("Platinum", ["a@example.com"])
        shutil.rmtree(lake.folder / "lake" / "Gold")
        told = self.run(lake, "2", dry_run=True)
        assert told.startswith("Gold: the audience is kept unchanged; its table Gold no longer exists.")
        assert told.endswith("Platinum: no earlier run has delivered this table.")
        assert self.run(lake, "3", deliver=False) == told, (
            "a run that failed before it planned, or a dry one, remembers nothing"
        )
        assert self.run(lake, "4", "Silver") == "", "a run of chosen segments cannot tell"
        assert self.run(lake, "5") == told
        assert self.run(lake, "6") == "Gold: the audience is kept unchanged; its table Gold no longer exists."
        lake.write("Gold", ["a@example.com"])
        assert self.run(lake, "7") == ""
