"""The report as a page."""

from __future__ import annotations

import re

import pytest

from customer_match.routes import Route
from customer_match.runs.report import Outcome, SegmentReport
from customer_match.runs.report_page import html_of
from tests.customer_match.runs.reports import Page, a_segment, run_of


@pytest.mark.parametrize("outcome", Outcome)
def test_page_of_every_outcome(outcome: Outcome) -> None:
    empty = SegmentReport(segment="t", audience="T", outcome=outcome, message="Because.")
    html = html_of(
        run_of(a_segment(outcome, replaced=True, removed=None, refused={"X": 1}), empty, full=True)
    )
    page = Page(html)
    assert [attrs["class"] for tag, attrs in page.seen if tag == "span"] == [f"outcome {outcome}"] * 2
    for words in ("3,000", "not an address 100", "unknown", "replaced as a whole", "Because.", "id 77"):
        assert words in page.text


def test_page_is_right_about_the_whole_run() -> None:
    failed = SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED)
    text = " ".join(Page(html_of(run_of(a_segment(), failed, dry_run=True))).text.split())
    assert "1 / 2" in text
    assert "dry run: nothing was sent" in text
    assert "data up to 2026-06-01 12:00 UTC" in text


@pytest.mark.parametrize(
    ("route", "calls", "words"),
    [(Route.BULK, 0, "1bulk8.0"), (Route.APPLY, 12, "1apply, 12 calls8.0"), (None, None, "18.0")],
)
def test_page_tells_the_route(route: Route | None, calls: int | None, words: str) -> None:
    assert words in Page(html_of(run_of(a_segment(route=route, calls=calls)))).text


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
