"""The report as a page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from customer_match.planning.sizes import Matched, size_of_audience
from customer_match.routes import Route
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.report_page import Plot, html_of
from tests.customer_match.runs.reports import Page, a_segment, run_of


@pytest.mark.parametrize("outcome", Outcome)
def test_page_of_every_outcome(outcome: Outcome) -> None:
    empty = SegmentReport(segment="t", audience="T", outcome=outcome, message="Because.")
    html = html_of(
        run_of(a_segment(outcome, replaced=True, removed=None, refused={"X": 1}), empty, full=True)
    )
    page = Page(html)
    assert [attrs["class"] for tag, attrs in page.seen if tag == "span"] == [f"outcome {outcome}"] * 2
    assert ("td", {"data-label": "Result", "class": "text"}) in page.seen, (
        "phones show cells with their names"
    )
    for words in ("3,000", "100 not an address", "unknown", "replaced as a whole", "Because.", "id 77"):
        assert words in page.text


def test_page_is_right_about_the_whole_run() -> None:
    failed = SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED)
    text = " ".join(Page(html_of(run_of(a_segment(), failed, dry_run=True))).text.split())
    assert "1 / 2" in text
    assert "dry run: nothing was sent" in text
    assert "data up to 2026-06-01 12:00 UTC" in text


@pytest.mark.parametrize(
    ("route", "calls", "words"),
    [
        (Route.BULK, 0, "1 partbulk8.0 s"),
        (Route.APPLY, 12, "1 partapply, 12 calls8.0 s"),
        (None, None, "1 part8.0 s"),
    ],
)
def test_page_tells_the_route(route: Route | None, calls: int | None, words: str) -> None:
    text = Page(html_of(run_of(a_segment(route=route, calls=calls)))).text
    assert words in re.sub(r"\n *", "", text)


def tiles(report: RunReport) -> list[str]:
    """The tiles of a page, each as one text."""
    found = re.findall(r'<div class="tile"><b>(.*?)</b>(.*?)</div>', html_of(report))
    return [f"{value} {label}" for value, label in found]


def test_tiles() -> None:
    assert tiles(run_of(a_segment(), a_segment())) == [
        "2 / 2 segments succeeded", "6,000 profiles read", "4,000 members of the segments", "3,000 added",
        "40 removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("segments", "removed"),
    [
        ([a_segment(replaced=True, removed=None)], "unknown would be removed"),
        ([a_segment(replaced=True, removed=None), a_segment()], "at least 20 would be removed"),
        (
            [a_segment(), SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED)],
            "20 would be removed",
        ),
        ([SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED)], "– would be removed"),
    ],
)
def test_a_tile_knows_no_more_than_the_rows(segments: list[SegmentReport], removed: str) -> None:
    assert tiles(run_of(*segments, dry_run=True))[-1] == removed


@pytest.mark.parametrize(
    ("segments", "changes", "words"),
    [
        ([a_segment()], {}, "All segments succeeded."),
        ([a_segment(Outcome.DRY_RUN)], {"dry_run": True}, "This was a rehearsal: nothing was sent."),
        ([a_segment(), a_segment(Outcome.FAILED)], {}, "1 of 2 segments failed; the others succeeded."),
        ([a_segment(Outcome.REFUSED_SOME)], {}, "Microsoft Advertising refused some members."),
        ([a_segment(Outcome.FAILED, guards=("max_removed",))], {}, "Guards stopped 1 of 1 segment"),
        ([a_segment(Outcome.FAILED)], {}, "All segments failed."),
        ([a_segment(Outcome.FAILED)], {"timed_out": True}, "The run took too long"),
        ([], {"message": "See the log of select."}, "No segment was exported. See the log of select."),
    ],
)
def test_how_the_run_ended_is_told_in_a_sentence(
    segments: list[SegmentReport], changes: dict[str, Any], words: str
) -> None:
    assert words in Page(html_of(run_of(*segments, **changes))).text


def test_failed_segments_come_first() -> None:
    html = html_of(run_of(a_segment(audience="Good"), a_segment(Outcome.FAILED, audience="Bad")))
    assert re.findall(r"<bdi>(Good|Bad)</bdi>", html) == ["Bad", "Good"]


def test_sizes_and_what_they_are_good_for() -> None:
    def text_of(matched: int) -> str:
        size = size_of_audience(
            "VIPs", "77", Matched(matched, matched), members=4_000, least=300, least_for_bids=1_000, hours=48
        )
        return Page(html_of(run_of(a_segment(sizes=size)))).text

    large, medium, small = (text_of(size).partition("What the words mean")[0] for size in (1_000, 999, 299))
    assert "match rate 25%" in large
    assert ["bids can be raised" in text for text in (large, medium, small)] == [True, False, False]
    assert "serving needs 300 matched users" in small


def test_the_way_to_the_rejected_rows() -> None:
    text = Page(
        html_of(run_of(a_segment(rejects="runs/e/r/s/rejects.parquet"), workspace="abfs://lake/w"))
    ).text
    assert "rejected rows: runs/e/r/s/rejects.parquet" in text
    assert 'pandas.read_parquet("abfs://lake/w/runs/e/r/s/rejects.parquet")' in text
    assert "read_parquet" not in Page(html_of(run_of(a_segment()))).text


def test_plots_and_sparklines_are_put_into_the_page() -> None:
    plot = Plot(title="Members", svg='<svg role="img"><path d="M0 0"></path></svg>')
    page = Page(html_of(run_of(a_segment()), [plot], {"VIPs": "▁▅█"}))
    assert [tag for tag, _ in page.seen if tag in {"figure", "svg", "path"}] == ["figure", "svg", "path"]
    assert "Members" in page.text
    assert "▁▅█" in page.text


def test_page_escapes_what_people_named() -> None:
    bad = "<script>alert(1)</script>\"'&"
    html = html_of(run_of(
        a_segment(audience=bad, segment=bad, message=bad, rejected={bad: 1}, refused={bad: 1}),
        title=bad, run_id=bad,
    ))  # fmt: skip
    page = Page(html)
    assert "<script" not in html
    assert "script" not in {tag for tag, _ in page.seen}
    assert page.text.count("alert(1)") >= 6


def test_page_loads_nothing() -> None:
    html = html_of(run_of(a_segment()))
    page = Page(html)
    assert not re.search(r"https?:|//|url\(|@import|javascript:", html)
    assert {tag for tag, _ in page.seen}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "base"}
    )
    assert not any(set(attrs) & {"src", "href", "srcset", "style"} for _, attrs in page.seen)
