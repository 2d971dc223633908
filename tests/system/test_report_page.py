"""The page of a report in a real browser: it fits phones, wide screens and paper, in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from customer_match.addresses.definition import Rejection
from customer_match.history.plots import plots_of
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.history.trends import TREND_COLUMNS, sparklines_of, trend_of
from customer_match.planning.sizes import Matched, size_of_audience
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.report_page import html_of
from tests.browser import NEEDS_CHROMIUM, chromium
from tests.customer_match.history.runs import DAY, report_on
from tests.customer_match.runs.reports import a_segment
from tests.memory_storage import MemoryStorage

LONG = "customers_of_the_autumn_campaign_who_bought_shoes_" * 2
ARABIC = "مشتركو النشرة الإخبارية"
SIZES = size_of_audience(
    "x", "7", Matched(1_300_000, 1_500_000), members=2_000_000, least=300, least_for_bids=1_000, hours=48
)

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def report(segments: int, **changes: object) -> RunReport:
    """A run of many segments with everything that a row can show."""
    rows = [
        a_segment(
            audience=[LONG, ARABIC, f"Gold {place}"][min(place, 2)], segment=LONG, profiles=12_345_678, valid=2_500_000,
            rejected=dict.fromkeys(Rejection, 1_234_567), duplicates=500_000, members=2_000_000,
            location=f"abfs://lake@account.dfs.core.windows.net/{LONG}/2026/06/01", without_consent=1_000_000,
            suppressed=12_345, sizes=SIZES, rejects=f"runs/autumn/{LONG}/rejects.parquet", calls=1_200, route="apply",
            refused={"EmailMustBeHashed": 1_000}, renewed=2_000_000,
        ) for place in range(segments)
    ]  # fmt: skip
    rows[-1] = SegmentReport(
        segment="t", audience="T", outcome=Outcome.FAILED, guards=("max_removed",), message="Too many. " * 40
    )
    return report_on(29, *rows, title=f"Autumn {ARABIC}", run_id=f"scheduled__{LONG}", **changes)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the thirtieth run of 200 segments."""
    history, last = History(MemoryStorage(), "e"), report(200)
    for day in range(29):
        history.record(rows_of(report_on(day, *last.segments, interval_end=DAY + timedelta(days=day))))
    history.record(rows_of(last))
    rows = history.read(columns=TREND_COLUMNS)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_of(last, plots_of(trend_of(rows)), sparklines_of(rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [360, 600, 768, 1024, 1100, 1280, 1700, 2000])
def test_nothing_is_cut_off(browser: Browser, page: Path, width: int) -> None:
    shown = browser.new_page(viewport={"width": width, "height": 900})
    shown.goto(page.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    beyond = "[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert shown.evaluate(f"{beyond}.map(e => e.outerHTML.slice(0, 99))") == []
    clipped = "[...document.querySelectorAll('td, .tile')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert shown.evaluate(f"{clipped}.map(e => e.outerHTML.slice(0, 99))") == []
    assert shown.locator("svg").count() == 4
    outside = "t.getBoundingClientRect().right > t.ownerSVGElement.getBoundingClientRect().right + 1"
    assert (
        shown.evaluate(
            f"[...document.querySelectorAll('svg text')].filter(t => {outside}).map(t => t.innerHTML)"
        )
        == []
    )
    assert shown.get_by_text(ARABIC, exact=True).first.is_visible()
    shown.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(browser: Browser, page: Path, scheme: str) -> None:
    shown = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    shown.goto(page.as_uri())
    back, words, plot = shown.evaluate(
        """() => {
            const canvas = document.createElement("canvas").getContext("2d");
            const light = colour => {
                canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
                return (r + g + b) / 765;
            };
            const style = name => getComputedStyle(document.querySelector(name));
            const root = getComputedStyle(document.documentElement).backgroundColor;
            return [root, light(style("h1").color), light(style("svg text").fill)];
        }"""
    )
    assert back == "rgba(0, 0, 0, 0)", "the browser's own background, which follows the scheme"
    assert words == plot
    assert (words > 0.9) == (scheme == "dark")
    shown.close()


def test_it_prints_on_pages_of_paper(browser: Browser, page: Path) -> None:
    """Chromium shrinks what does not fit; here nothing is wider than the paper."""
    shown = browser.new_page(
        viewport={"width": 1032, "height": 700}
    )  # A4 landscape without its margins, at 96 dpi
    shown.emulate_media(media="print")
    shown.goto(page.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= 1032
    assert shown.locator("thead").first.evaluate("e => getComputedStyle(e).display") == "table-header-group"
    pdf = shown.pdf(prefer_css_page_size=True)
    boxes = set(re.findall(rb"/MediaBox \[([^\]]*)\]", pdf))
    assert len(boxes) == 1
    assert boxes.pop().split()[2:] == [b"841.91998", b"594.95996"]
    shown.close()
