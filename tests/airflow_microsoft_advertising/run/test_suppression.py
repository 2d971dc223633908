"""Suppression lists, consent, conditions and row keys: which rows are left out, their counts, and what stops a run."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.segments import Segment
from customer_match.runs.report_text import summary_of
from tests.airflow_microsoft_advertising.run.small_lake import (
    Lake,
    digest,
    hexes,
)

pytestmark = pytest.mark.slow

CUSTOMERS = {
    "CustomerId": ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "who@example.com", "c9"],
    "Country": ["DE", "de", "FR", None, "DE", "DE", "DE", "DE", "DE"],
    "AdsConsent": ["Yes", "yes ", "yes", "yes", "no", None, "yes", "yes", "yes"],
    "Email": [
        *("anna@example.com;Ann@example.com", "bob@example.com", "fay@example.com", "gus@example.com"),
        *("hal@example.com", "ida@example.com", "n/a", "who@", "kim@example.com"),
    ],
}


KEPT_OUT: dict[str, Any] = {
    "segments": "all",
    "email": {"columns": "email", "take": "all", "separator": ";"},
    "where": "LOWER(country) = 'de'",
    "consent": {"column": "adsconsent", "allow": "YES"},
    "suppress": ["Never", {"path": "lists/never.csv", "email": "Hash"}],
    "row_key": "customerid",
}


CUSTOMER_SEGMENT = Segment(table="Customers", audience="Customers")


@pytest.fixture
def messy(lake: Lake) -> Lake:
    """Everything that leaves rows out: a condition, consent, and two lists."""
    folder = lake.folder / "lake"
    (folder / "Customers").mkdir()
    pq.write_table(pa.table(CUSTOMERS), folder / "Customers" / "part-0.parquet")
    lake.write("Never", ["Bob@example.com", *(f"nobody{n}@example.com" for n in range(9)), None])
    (folder / "lists").mkdir()
    (folder / "lists" / "never.csv").write_text(f"Id;Hash\n1;{digest('kim@example.com').upper()}\n")
    return lake


def test_everybody_who_is_kept_out_is_counted_apart(messy: Lake) -> None:
    run = messy.run(**KEPT_OUT)
    assert validate_segment(run, CUSTOMER_SEGMENT).columns == ("Email",)
    staged = normalise_segment(run, CUSTOMER_SEGMENT).staged
    assert (staged.profiles, staged.filtered, staged.without_consent) == (9, 2, 2)
    assert (staged.valid, staged.rejected, staged.suppressed) == (3, {"not_an_address": 2}, 2)
    assert staged.profiles == staged.filtered + staged.without_consent + staged.valid + 2
    assert hexes(run, staged.members) == {digest("anna@example.com"), digest("ann@example.com")}
    chunk_segment(run, CUSTOMER_SEGMENT)
    [segment] = write_report(run, [CUSTOMER_SEGMENT]).segments
    assert segment.kept_out == {"left out by where": 2, "without consent": 2, "members suppressed": 2}


def test_rejected_rows_are_found_again_by_their_keys(messy: Lake) -> None:
    run = messy.run(**KEPT_OUT)
    rejects = normalise_segment(run, CUSTOMER_SEGMENT).staged.rejects
    assert rejects
    assert rejects.path == f"{run.segment_folder(CUSTOMER_SEGMENT)}/rejects.parquet"
    assert (rejects.rows, rejects.withheld) == (2, 1)
    with run.workspace.open_input(rejects.path) as file:
        told = pq.ParquetFile(file).read().to_pydict()
    assert told == {"key": ["c7", None], "reason": ["not_an_address"] * 2}
    without = messy.run(**KEPT_OUT | {"row_key": None})
    assert normalise_segment(without, CUSTOMER_SEGMENT).staged.rejects is None
    assert not run.workspace.exists(rejects.path), "the list of the earlier try is gone"


def test_a_suppression_list_becomes_no_audience(messy: Lake) -> None:
    names = {segment.table for segment in select_segments(messy.run(**KEPT_OUT))}
    assert names == {"Customers", "Gold", "Silver"}


def test_a_list_in_a_source_of_its_own(messy: Lake) -> None:
    other = messy.folder / "other"
    other.mkdir()
    (messy.folder / "lake" / "Never").rename(other / "Never")
    own = {"table": "Never", "source": str(other)}
    run = messy.run(**KEPT_OUT | {"suppress": own, "where": None, "consent": None})
    assert normalise_segment(run, CUSTOMER_SEGMENT).staged.suppressed == 1


def test_the_guards_judge_those_who_are_considered(messy: Lake) -> None:
    few = KEPT_OUT | {"guards": {"max_rejected": 0.3}}  # 2 of 5, not of 9
    with pytest.raises(AirflowFailException, match="2 of 5 profiles of segment 'Customers' were rejected"):
        normalise_segment(messy.run(**few), CUSTOMER_SEGMENT)
    nobody = KEPT_OUT | {"where": "Country = 'XX'"}
    with pytest.raises(
        AirflowFailException, match="no members: 9 profiles read, 0 rejected, 9 left out by `where`"
    ):
        normalise_segment(messy.run(**nobody), CUSTOMER_SEGMENT)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"suppress": "Nevr"},
            r"Suppression list 'Nevr': There is no table 'Nevr'.*did you mean 'Never'.*`suppress`",
        ),
        ({"suppress": "lists/gone.csv"}, r"Suppression list 'lists/gone\.csv': There is no file"),
        ({"suppress": {"table": "Never", "email": "Mail"}}, "Suppression list 'Never'.*no column 'Mail'"),
        ({"suppress": {"table": "Never", "email": "Id"}}, "Suppression list 'Never'.*holds int64, not text"),
        ({"where": "Cuontry = 'DE'"}, "Did you mean 'Country'"),
        ({"where": "AdsConsent > 1"}, "types that do not fit"),
        ({"consent": {"column": "Consent", "allow": True}}, "Did you mean 'AdsConsent'"),
        ({"row_key": "CustomerID2"}, "Did you mean 'CustomerId'"),
    ],
)
def test_what_the_export_names_and_the_lake_lacks_fails_the_segment(
    messy: Lake, keys: dict[str, Any], message: str
) -> None:
    run = messy.run(**KEPT_OUT | keys)
    for step in (validate_segment, normalise_segment):
        with pytest.raises(AirflowFailException, match=rf"(?s){message}"):
            step(run, CUSTOMER_SEGMENT)
    assert not run.workspace.exists(f"{run.staged_folder(CUSTOMER_SEGMENT)}/members.parquet")


@pytest.mark.bad_input
def test_a_list_with_too_many_unusable_rows_stops_the_segment(messy: Lake) -> None:
    messy.write("Never", ["bob@example.com", "n/a", digest(""), digest("null")])
    run = messy.run(**KEPT_OUT)
    validate_segment(run, CUSTOMER_SEGMENT)
    told = r"3 of 4 rows of the suppression list 'Never' cannot be used \(missing 2, not an address 1\)"
    with pytest.raises(AirflowFailException, match=rf"{told}\. At most 10%.*guards\.max_suppress_unusable"):
        normalise_segment(run, CUSTOMER_SEGMENT)
    passed = messy.run(**KEPT_OUT, ignore_guards=True)
    [words] = normalise_segment(passed, CUSTOMER_SEGMENT).overridden
    assert re.search(told, words)
    chunk_segment(passed, CUSTOMER_SEGMENT)
    report = write_report(passed, [CUSTOMER_SEGMENT])
    assert [one.rows for one in report.segments[0].suppression_lists] == [4, 1]
    assert re.search(rf"(?m)^- {told}\.$", summary_of(report))
    allowed = messy.run(**KEPT_OUT | {"guards": {"max_suppress_unusable": 0.75}})
    assert normalise_segment(allowed, CUSTOMER_SEGMENT).overridden == ()


@pytest.mark.bad_input
def test_a_list_of_digests_of_nothing_is_empty_also_where_guards_are_ignored(messy: Lake) -> None:
    messy.write("Never", [digest(""), digest("NULL"), "0" * 64])
    run = messy.run(**KEPT_OUT, ignore_guards=True)
    with pytest.raises(AirflowFailException, match=r"'Never' holds no e-mail address.*\(3 rows\)"):
        normalise_segment(run, CUSTOMER_SEGMENT)


@pytest.mark.bad_input
def test_digests_on_both_sides_stop_the_segment_also_where_guards_are_ignored(messy: Lake) -> None:
    messy.write("Hashed", [digest("who@example.com"), "bob@example.com"])
    hashed = Segment(table="Hashed", audience="Hashed")
    keys: dict[str, Any] = {
        "segments": ["Hashed"],
        "suppress": {"path": "lists/never.csv", "email": "Hash"},
    }
    run = messy.run(**keys, normalisation="enhanced", ignore_guards=True)
    with pytest.raises(AirflowFailException, match=r"'lists/never\.csv': the segment.*segment 1, list 1"):
        normalise_segment(run, hashed)
    assert not run.workspace.exists(f"{run.staged_folder(hashed)}/members.parquet")
    assert normalise_segment(messy.run(**keys), hashed).staged.members.count == 2


@pytest.mark.bad_input
def test_a_list_that_is_empty_or_goes_stops_the_segment(messy: Lake) -> None:
    run = messy.run(**KEPT_OUT)
    validate_segment(run, CUSTOMER_SEGMENT)
    path = messy.write("Never", [None, "n/a"])
    with pytest.raises(AirflowFailException, match="'Never' holds no e-mail address"):
        normalise_segment(run, CUSTOMER_SEGMENT)
    path.unlink()
    with pytest.raises(AirflowFailException, match="Suppression list 'Never'"):
        normalise_segment(messy.run(**KEPT_OUT, ignore_guards=True), CUSTOMER_SEGMENT)


@pytest.mark.bad_input
def test_no_value_of_the_table_is_in_any_output(messy: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Also where a value cannot be converted, and a list or a table is broken."""
    caplog.set_level("DEBUG")
    run = messy.run(**KEPT_OUT)
    validate_segment(run, CUSTOMER_SEGMENT)
    normalise_segment(run, CUSTOMER_SEGMENT)
    chunk_segment(run, CUSTOMER_SEGMENT)
    write_report(run, [CUSTOMER_SEGMENT])
    told = []
    messy.write("Places", ["bob", "kim"])
    for keys in (
        {"where": "CAST(Email AS INTEGER) > 1"},
        {"where": "CAST(CustomerId AS DATE) > DATE '2026-01-01'"},
        {"suppress": {"table": "Places", "email": "Email"}},
        {"suppress": {"path": "lists/ragged.csv", "email": "Hash"}},
    ):
        (messy.folder / "lake" / "lists" / "ragged.csv").write_text("Id;Hash\n1;2;kim@example.com\n")
        with pytest.raises(AirflowFailException) as raised:
            normalise_segment(
                messy.run(name="broken", **KEPT_OUT | {"segments": ["Customers"]} | keys), CUSTOMER_SEGMENT
            )
        told.append(str(raised.value))
    files = [path for path in (messy.folder / "workspace").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"rejects.parquet", "report.html", "failure.json"}
    readable = [path.read_text() for path in files if path.suffix in {".json", ".html"}]
    rejects = [str(pq.read_table(path).to_pydict()) for path in files if path.name == "rejects.parquet"]
    for text in (*readable, *rejects, *told, caplog.text):
        assert "@" not in re.sub(r"@(media|page) ", "", text)  # rules of the page's style
        assert not re.search(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])", text)
        assert not re.search(r"\b(anna|ann|bob|kim|fay|who|c[1-9])\b", text.replace("'c7'", ""))
