"""The tables of a run: unknown counts stay unknown, columns align, and names are shown as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.report_page import html_of
from customer_match.runs.report_tables import as_cells, as_text, reason_table, run_text, segment_table

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MARKUP = "[b]VIPs <b>&amp;"
DELIVERED = SegmentReport(
    segment="vip_table", audience=MARKUP, audience_id="77", outcome=Outcome.DELIVERED, profiles=1_203_000,
    valid=1_202_500, rejected={"missing": 400, "not_an_address": 100}, duplicates=500, members=1_202_000,
    added=1_500, removed=20, renewed=0, parts=1, calls=0,
)  # fmt: skip
REPLACED = DELIVERED.model_copy(
    update={
        "audience": "用户",
        "removed": None,
        "outcome": Outcome.REFUSED_SOME,
        "refused": {"TooNew": 1_003},
    }
)
FAILED = SegmentReport(segment="t", audience="nan", outcome=Outcome.FAILED, message="validate: Not found.")


def run_of(*segments: SegmentReport, **changes: Any) -> RunReport:
    values: dict[str, Any] = {
        "export": "e", "title": "Segments", "run_id": "r", "interval_end": NOW, "finished": NOW,
        "dry_run": False, "full": False,
    }  # fmt: skip
    return RunReport(**(values | changes), segments=segments)


def test_a_count_that_is_not_known_is_neither_zero_nor_a_float() -> None:
    table = segment_table(run_of(DELIVERED, REPLACED, FAILED))
    counts = table.drop(columns=["audience", "outcome"])
    assert set(counts.dtypes.astype(str)) == {"Int64"}
    assert counts.iloc[2].isna().all(), "the failed segment read nothing"
    assert table["removed"].tolist() == [20, pd.NA, pd.NA]
    assert table["refused"].tolist() == [0, 1_003, pd.NA]
    assert table["rejected"].tolist() == [500, 500, pd.NA]


def test_large_counts_stay_exact() -> None:
    large = 2**60 + 1
    table = segment_table(run_of(DELIVERED.model_copy(update={"profiles": large}), FAILED))
    assert table["profiles"].tolist() == [large, pd.NA]
    assert as_cells(table, "–")["profiles"].tolist() == [f"{large:,}", "–"]


def test_the_text_of_a_run() -> None:
    assert run_text(run_of(DELIVERED, REPLACED, FAILED, sizes_note="No sizes today.")).splitlines() == [
        "2 of 3 segments succeeded.",
        "",
        "audience          outcome        profiles  rejected  duplicates    members  added  removed  refused  parts",
        "[b]VIPs <b>&amp;  delivered     1,203,000       500         500  1,202,000  1,500       20        0      1",
        "用户              refused some  1,203,000       500         500  1,202,000  1,500        ?    1,003      1",
        "nan               failed                ?         ?           ?          ?      ?        ?        ?      ?",
        "",
        "audience          what      reason          count",
        "[b]VIPs <b>&amp;  rejected  missing           400",
        "[b]VIPs <b>&amp;  rejected  not an address    100",
        "用户              rejected  missing           400",
        "用户              rejected  not an address    100",
        "用户              refused   TooNew          1,003",
        "",
        "- nan: validate: Not found.",
        "- No sizes today.",
    ]  # fmt: skip


def test_columns_that_say_nothing_are_left_out() -> None:
    heads = [run_text(run_of(one)).splitlines()[2].split() for one in (DELIVERED, REPLACED)]
    assert ["refused" in head for head in heads] == [False, True]
    renewed = DELIVERED.model_copy(update={"renewed": 3})
    assert "renewed" in run_text(run_of(renewed))
    assert "renewed" not in run_text(run_of(DELIVERED))


def test_a_run_without_segments_and_one_without_reasons_have_no_empty_tables() -> None:
    assert run_text(run_of(dry_run=True)) == "0 of 0 segments succeeded (dry run: nothing was sent)."
    clean = DELIVERED.model_copy(update={"rejected": {}})
    assert "reason" not in run_text(run_of(clean))


def test_who_was_kept_out_is_a_reason_of_its_own() -> None:
    kept_out = DELIVERED.model_copy(update={"rejected": {}, "filtered": 1_100, "without_consent": 0})
    [row] = reason_table(run_of(kept_out)).to_dict("records")
    assert row == {"audience": MARKUP, "what": "kept out", "reason": "left out by where", "count": 1_100}


@pytest.mark.parametrize("name", ["nan", "NA", "None", "1e3", "007"])
def test_names_that_look_like_values_stay_text(name: str) -> None:
    table = segment_table(run_of(DELIVERED.model_copy(update={"audience": name})))
    assert as_text(table[["audience"]]).splitlines() == ["audience", name]


def test_the_page_shows_the_same_counts_and_no_markup_of_names() -> None:
    page = html_of(run_of(DELIVERED, FAILED))
    assert "<div>1,203,000<small>1,202,500 valid</small>" in page
    assert page.count("<div>–</div>") >= 4
    assert "[b]VIPs &lt;b&gt;&amp;amp;" in page
