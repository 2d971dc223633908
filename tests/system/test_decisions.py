"""Segments that guards have stopped are approved or refused on the page of their export, and the run goes on."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from customer_match.runs.report import Outcome, SegmentReport
from tests.browser import NEEDS_CHROMIUM
from tests.system.guarded_lake import EXPORT, TABLES, audience, members, write_tables

pytestmark = NEEDS_CHROMIUM

BEFORE, AFTER = 300, 100


@pytest.fixture(scope="module")
def stopped(installation: Any) -> str:
    """A run of which guards stopped all segments; its id."""
    tables = installation.folder / EXPORT
    write_tables(tables, BEFORE)
    assert installation.run(EXPORT)[1] == "success"
    write_tables(tables, AFTER)
    run_id, state = installation.run(EXPORT)
    assert state == "failed"
    assert [one.awaits_decision for one in installation.report(EXPORT, run_id).segments] == [True] * len(
        TABLES
    )
    return str(run_id)


def address(installation: Any, query: str = "") -> str:
    return f"{installation.stack.airflow_url}/customer-match/exports/{EXPORT}{query}"


def segment(page: Any, table: str) -> Locator:
    """What the page shows of a stopped segment; of a page or a frame."""
    found: Locator = page.get_by_role("article", name=audience(table))
    return found


def reported(installation: Any, run_id: str, table: str) -> SegmentReport:
    return next(s for s in installation.report(EXPORT, run_id).segments if s.audience == audience(table))


def note(installation: Any, run_id: str) -> str:
    return str(installation.api.get(f"/dags/{EXPORT}/dagRuns/{run_id}")["note"])


def test_a_decision_is_waiting(installation: Any, page: Page, stopped: str) -> None:
    assert "approve them on the export's page" in note(installation, stopped)
    page.goto(address(installation).removesuffix(f"/{EXPORT}"))
    section = page.locator(f"section[data-dag={EXPORT}]")
    expect(section.get_by_role("link", name="a decision is waiting")).to_have_count(len(TABLES))
    section.get_by_role("link", name="a decision is waiting").first.click()
    for table in TABLES:
        expect(segment(page, table)).to_contain_text("200 of 300 members would be removed")
        expect(segment(page, table)).to_contain_text("guards: max_removed, max_profiles_lost")


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("path", ["", "/ledgers"])
def test_it_is_accessible_and_fits(
    installation: Any, page: Page, stopped: str, path: str, width: int
) -> None:
    page.emulate_media(color_scheme="dark" if width == 360 else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address(installation, path))
    found = [
        one for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}
    ]
    assert found == [], json.dumps(found, indent=1)[:4_000]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_approved_segment_is_delivered_and_only_that_one(
    installation: Any, page: Page, stopped: str
) -> None:
    page.goto(f"{installation.stack.airflow_url}/plugin/customer-match")
    frame = page.frame_locator("iframe")
    frame.locator(f"section[data-dag={EXPORT}]").get_by_role("heading").get_by_role("link").click()
    silver = segment(frame, "Silver")
    silver.get_by_role("button", name="Approve").click()
    expect(silver.get_by_role("textbox", name="Why")).to_be_focused()  # the browser asks for the reason
    silver.get_by_role("textbox", name="Why").fill("we deleted old customers, says dora@example.org")
    silver.get_by_role("button", name="Approve").click()
    expect(segment(frame, "Silver")).not_to_contain_text("Approve: the segment goes on", timeout=30_000)
    assert installation.wait(EXPORT, stopped) == "failed"  # the others are still stopped
    silver_report = reported(installation, stopped, "Silver")
    assert (silver_report.outcome, silver_report.removed) == (Outcome.DELIVERED, BEFORE - AFTER)
    assert [one.by for one in silver_report.decisions] == ["admin"]
    assert installation.members(audience("Silver")) == members("Silver", AFTER)
    for table in ("Gold", "Bronze"):
        assert reported(installation, stopped, table).awaits_decision
        assert installation.members(audience(table)) == members(table, BEFORE)
    said = note(installation, stopped)
    assert re.search(r"Approved by admin on [\d: -]+ UTC: we deleted old customers, says \[address\]", said)


def test_a_refused_segment_stays_stopped(installation: Any, page: Page, stopped: str) -> None:
    page.goto(address(installation, "?lang=fr"))
    bronze = segment(page, "Bronze")
    form = {
        one: bronze.locator(f"input[name={one}]").input_value() for one in ("run_id", "audience", "shown")
    }
    bronze.get_by_role("textbox", name="Pourquoi").fill("the table is incomplete")
    bronze.get_by_role("button", name="Refuser").click()
    page.wait_for_url("**/exports/guarded?lang=fr#stopped")
    assert installation.wait(EXPORT, stopped) == "failed"
    report = reported(installation, stopped, "Bronze")
    assert (report.outcome, report.awaits_decision) == (Outcome.FAILED, False)
    assert installation.members(audience("Bronze")) == members("Bronze", BEFORE)
    page.reload()
    expect(segment(page, "Bronze")).to_contain_text("Refused by admin on")
    expect(segment(page, "Bronze").get_by_role("button")).to_have_count(0)
    assert "Refused by admin on" in note(installation, stopped)
    # Somebody else, who still sees the form:
    answer = page.request.post(
        address(installation, "/decisions"),
        form=form | {"verdict": "approved", "why": "me too"},
        headers={"Origin": installation.stack.airflow_url},
    )
    assert answer.status == 409
    assert "Somebody has already decided. Refused by admin on" in answer.text()
    elsewhere = page.request.post(
        address(installation, "/decisions"), form=form, headers={"Origin": "https://evil.example.com"}
    )
    assert elsewhere.status == 403


def test_an_approved_segment_beside_a_refused_one_is_delivered(
    installation: Any, page: Page, stopped: str
) -> None:
    """Both share their tasks: the refused one is tried again, and stops again."""
    page.goto(address(installation))
    segment(page, "Gold").get_by_role("textbox", name="Why").fill("as planned")
    segment(page, "Gold").get_by_role("button", name="Approve").click()
    page.wait_for_url("**/exports/guarded?lang=en#stopped")
    installation.wait(EXPORT, stopped)
    assert reported(installation, stopped, "Gold").outcome is Outcome.DELIVERED
    assert installation.members(audience("Gold")) == members("Gold", AFTER)
    assert installation.members(audience("Silver")) == members("Silver", AFTER)
    assert installation.members(audience("Bronze")) == members("Bronze", BEFORE)


def test_the_page_shows_guards_requests_ledgers_and_reports_to_keep(
    installation: Any, page: Page, stopped: str
) -> None:
    page.goto(f"{installation.stack.airflow_url}/plugin/customer-match")
    frame = page.frame_locator("iframe")
    frame.locator(f"section[data-dag={EXPORT}]").get_by_role("heading").get_by_role("link").click()
    guards = frame.get_by_role("region", name="Guards in these runs").locator("td[data-label=Decision]")
    expect(guards.get_by_text("Refused by admin on")).to_be_visible()
    expect(guards.get_by_text("Approved by admin on")).to_have_count(2)
    [request, *_] = reported(installation, stopped, "Gold").requests
    expect(frame.get_by_role("region", name="What the last run sent").get_by_text(request)).to_be_visible()
    with page.expect_download() as download:
        frame.get_by_role("link", name="JSON").first.click()
    kept = json.loads(download.value.path().read_text())
    assert (kept["run_id"], download.value.suggested_filename[-5:]) == (stopped, ".json")
    frame.get_by_role("link", name="Show the ledgers").click()
    gold = frame.get_by_role("region", name=audience("Gold"))
    expect(gold.get_by_text("It holds 100 members.")).to_be_visible()
    expect(gold.get_by_text("No damage is recorded.")).to_be_visible()


def test_decisions_are_in_airflows_audit_log(installation: Any, stopped: str) -> None:
    logs = installation.api.get("/eventLogs", dag_id=EXPORT, event="customer_match.decide", limit=10)
    assert {one["owner"] for one in logs["event_logs"]} == {"admin"}
    assert logs["total_entries"] >= len(TABLES)


def test_it_needs_a_login(installation: Any) -> None:
    headers = {"Origin": installation.stack.airflow_url}
    answer = httpx.post(address(installation, "/decisions"), headers=headers, trust_env=False)
    assert answer.status_code == 401
