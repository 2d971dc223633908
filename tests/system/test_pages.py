"""What a person sees: the connection form, the DAG's page, the report, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from customer_match.safe_names import slug

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it"),
]


@pytest.fixture
def page(installation: Any) -> Iterator[Page]:
    """A page of Airflow, signed in."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(installation.stack.airflow_url)
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", installation.stack.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/", timeout=60_000)
        yield page
        browser.close()


def test_the_connection_form_has_our_fields(installation: Any, page: Page) -> None:
    page.goto(f"{installation.stack.airflow_url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_role("combobox").first.click()
    page.keyboard.type("Microsoft Adv")
    page.keyboard.press("Enter")
    # Airflow closes one group of fields when the other opens.
    for group, labels in (
        (None, ("Client ID", "Client secret")),
        ("Extra Fields", ("Refresh token", "Developer token", "Customer ID", "Environment")),
    ):
        if group:
            page.get_by_role("button", name=group, exact=True).click()
        for label in labels:
            expect(page.get_by_text(label, exact=label != "Customer ID").first).to_be_visible(timeout=30_000)


def test_the_dags_page_explains_the_export(installation: Any, page: Page) -> None:
    installation.api.wait_for_dag("basic")
    page.goto(f"{installation.stack.airflow_url}/dags/basic")
    page.get_by_role("button", name="Dag Docs").click()
    expect(page.get_by_text("basic LapsedVIPs").first).to_be_visible(timeout=30_000)


def test_the_report_reads_well(installation: Any, page: Page) -> None:
    run_id, state = installation.run("basic", segments=["basic LapsedVIPs"])
    assert state == "success"
    report = installation.folder / "workspace" / "runs" / slug("basic") / slug(run_id) / "report.html"
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", name="basic")).to_be_visible()
    expect(page.get_by_role("cell", name="basic LapsedVIPs")).to_be_visible()
    page.screenshot(path=str(installation.folder / "report.png"))
