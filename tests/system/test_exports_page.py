"""The page of all exports, in Airflow's own pages and in a real browser."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM

AUDIENCE = "basic LapsedVIPs"


@pytest.fixture(scope="module")
def run_id(installation: Any) -> str:
    """A run of one segment of the export `basic`."""
    run_id, state = installation.run("basic", segments=[AUDIENCE])
    assert state == "success"
    return str(run_id)


def address(installation: Any, query: str = "") -> str:
    return f"{installation.stack.airflow_url}/customer-match/exports{query}"


def section(page: Any) -> Locator:
    """The export `basic`; of a page or a frame."""
    found: Locator = page.locator("section[data-dag=basic]")
    return found


def runs(installation: Any) -> list[dict[str, Any]]:
    return list(installation.api.get("/dags/basic/dagRuns", limit=100)["dag_runs"])


def serious(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds on a page that keeps people from using it."""
    found = Axe().run(page).response["violations"]
    return [one for one in found if one["impact"] in {"serious", "critical"}]


def test_it_is_in_airflows_navigation(installation: Any, page: Page, run_id: str) -> None:
    page.goto(f"{installation.stack.airflow_url}/plugin/customer-match")
    line = section(page.frame_locator("iframe")).get_by_role("row", name=AUDIENCE)
    expect(line).to_be_visible()
    members = installation.report("basic", run_id).segments[0].members
    expect(line.locator("td[data-label=Members]")).to_contain_text(f"{members:,}")
    expect(line.get_by_text(re.compile("^(delivered|unchanged)$"))).to_be_visible()
    shown = "getComputedStyle(document.documentElement).colorScheme"
    frame = page.frames[1]
    for scheme in ("light", "dark"):
        page.evaluate(f"document.documentElement.className = '{scheme}'")
        frame.wait_for_function(f"{shown} === '{scheme}'")


def test_an_export_has_a_page_with_its_runs(installation: Any, page: Page, run_id: str) -> None:
    page.goto(f"{installation.stack.airflow_url}/plugin/customer-match")
    frame = page.frame_locator("iframe")
    section(frame).get_by_role("heading").get_by_role("link").click()
    expect(frame.get_by_role("heading", name="Runs", exact=True)).to_be_visible(timeout=30_000)
    page.reload()
    expect(frame.get_by_role("heading", name="Runs", exact=True)).to_be_visible(timeout=30_000)
    expect(frame.get_by_text("e-mail").first).to_be_visible()
    frame.get_by_role("link", name="report").first.click()
    expect(frame.get_by_role("cell", name=AUDIENCE)).to_be_visible()
    page.goto(address(installation).replace("/exports", "/exports/basic"))
    assert serious(page) == []
    page.get_by_role("link", name="Audit trail").click()
    page.get_by_role("link", name="Verify the whole trail").click()
    expect(page.get_by_role("status")).to_contain_text("It has the entry that Airflow keeps.")
    page.get_by_role("row", name=AUDIENCE).first.locator("summary").click()
    expect(page.locator("details[open] pre")).to_contain_text('"audience_id"')
    assert serious(page) == []


def test_a_chosen_audience_is_run_by_a_button(installation: Any, page: Page, run_id: str) -> None:
    """The link to the new run leads the whole window, although Airflow's frame lets no link do so."""
    before = {run["dag_run_id"] for run in runs(installation)}
    page.goto(f"{installation.stack.airflow_url}/plugin/customer-match")
    export = section(page.frame_locator("iframe"))
    export.get_by_role("checkbox", name=AUDIENCE).check()
    export.get_by_role("button", name="Dry run").click()
    expect(export.get_by_role("status")).to_contain_text("Started.")
    [started] = [run for run in runs(installation) if run["dag_run_id"] not in before]
    assert started["conf"] == {"segments": [AUDIENCE], "dry_run": True}
    export.get_by_role("link", name="Open the run").click()
    page.wait_for_url("**/dags/basic/runs/**")
    assert unquote(page.url).endswith(f"/runs/{started['dag_run_id']}")
    assert installation.wait("basic", started["dag_run_id"]) == "success"


def test_what_airflow_refuses_is_said(installation: Any, page: Page, run_id: str) -> None:
    page.goto(address(installation))
    section(page).get_by_role("checkbox", name=AUDIENCE).evaluate(
        "box => { box.value = 'nobody'; box.checked = true }"
    )
    section(page).get_by_role("button", name="Run now").click()
    expect(section(page).get_by_role("status")).to_contain_text("Airflow refused it: ")
    expect(section(page).get_by_role("status")).to_contain_text("nobody")


def test_an_export_is_paused_and_resumed(installation: Any, page: Page, run_id: str) -> None:
    page.goto(address(installation))
    section(page).get_by_role("button", name="Pause").click()
    expect(section(page).get_by_role("button", name="Resume")).to_be_visible()
    assert installation.api.get("/dags/basic")["is_paused"]
    page.goto(address(installation, "?show=paused"))
    section(page).get_by_role("button", name="Resume").click()
    expect(page.get_by_text("There is no such export.")).to_be_visible()
    assert not installation.api.get("/dags/basic")["is_paused"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_is_accessible_and_fits(
    installation: Any, page: Page, run_id: str, scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address(installation))
    expect(section(page)).to_be_visible()
    found = serious(page)
    assert found == [], json.dumps(found, indent=1)[:4_000]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_is_enough(installation: Any, page: Page, run_id: str) -> None:
    page.goto(address(installation))
    page.get_by_label("Search").focus()
    page.keyboard.type("lapsed")
    page.keyboard.press("Enter")
    page.wait_for_url("**/exports?**q=lapsed**")
    page.get_by_role("link", name="Français").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Exportations")).to_be_visible()
    assert page.get_by_label("Rechercher").input_value() == "lapsed"
