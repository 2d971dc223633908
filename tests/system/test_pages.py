"""What a person sees: the connection form, the DAG's page, the report, in a real browser."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, expect

from customer_match.safe_names import slug
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


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


def _save_by_form(page: Page, account: dict[str, str], conn_id: str, environment: str) -> None:
    """Fill in the form of a new connection to the simulator, and save it."""
    page.goto(f"{page.url.partition('/connections')[0].rstrip('/')}/connections")
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_role("combobox").first.click()
    page.keyboard.type("Microsoft Adv")
    page.keyboard.press("Enter")
    page.fill("input[name=connection_id]", conn_id)
    page.fill("input[name=login]", f" {account['client_id']} ")
    page.fill("input[name=password]", f"{account['client_secret']} ")
    page.get_by_role("button", name="Extra Fields", exact=True).click()
    for name in ("refresh_token", "developer_token", "customer_id", "account_id", "base_url"):
        page.fill(f"[name=element_{name}]", f" {account[name]}")
    page.locator("#element_environment, [data-part=control]", has_text="production").last.click()
    page.get_by_role("option", name=environment, exact=True).click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name=conn_id)).to_be_visible()


def _test(page: Page, conn_id: str) -> dict[str, Any]:
    """Press *Test* of a saved connection; return what the API server answers."""
    with page.expect_response("**/connections/test") as answered:
        page.get_by_role("row").filter(has_text=conn_id).get_by_role("button", name="Test").click()
    assert answered.value.status == 200, answered.value.text()
    answer: dict[str, Any] = json.loads(answered.value.text())
    return answer


def test_a_connection_from_the_form_can_be_tested(installation: Any, page: Page) -> None:
    """Airflow 3.3.2 answers "Bad Request" for a connection without a port."""
    _save_by_form(page, installation.stack.account, "by_form", "other")
    answer = _test(page, "by_form")
    assert answer["status"], answer
    assert "Signed in as simulated.user" in answer["message"]


def test_a_base_url_beside_production_is_told(installation: Any, page: Page) -> None:
    _save_by_form(page, installation.stack.account, "mixed_up", "production")
    assert not _test(page, "mixed_up")["status"]
    expect(page.get_by_text("This connection has a Base URL")).to_be_visible()


def test_the_connection_of_make_up_can_be_tested(installation: Any, page: Page) -> None:
    page.goto(f"{installation.stack.airflow_url}/connections")
    assert _test(page, "microsoft_advertising_default")["status"]


def test_the_dags_page_explains_the_export(installation: Any, page: Page) -> None:
    installation.api.wait_for_dag("basic")
    page.goto(f"{installation.stack.airflow_url}/dags/basic")
    page.get_by_role("button", name="Dag Docs").click()
    expect(page.get_by_text("basic LapsedVIPs").first).to_be_visible(timeout=30_000)


def test_a_broken_file_is_seen_in_the_list_with_each_problem(installation: Any, page: Page) -> None:
    installation.api.wait_for_dag("broken")
    page.goto(f"{installation.stack.airflow_url}/dags?name_pattern=broken")
    page.get_by_role("link", name="broken (export file not valid)").click()
    page.get_by_role("button", name="Dag Docs").click()
    problems = page.get_by_role("dialog").get_by_role("listitem")
    expect(problems.filter(has_text="segmints")).to_have_count(1)
    assert problems.count() > 1


def test_segments_are_chosen_from_a_list_and_the_note_links_to_audiences(
    installation: Any, page: Page
) -> None:
    """A name that was typed wrong ended in "Bad Request"."""
    api, url = installation.api, f"{installation.stack.airflow_url}/dags/basic"
    api.wait_for_dag("basic")
    page.goto(url)
    page.get_by_role("button", name="Trigger").first.click()
    page.locator("#element_segments").click()
    expect(page.get_by_role("option", name="basic HighValueCustomers")).to_be_visible()
    page.get_by_role("option", name="basic LapsedVIPs").click()
    with page.expect_response("**/dagRuns") as answered:
        page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    run = answered.value.json()
    assert run["conf"]["segments"] == ["basic LapsedVIPs"]
    assert installation.wait("basic", run["dag_run_id"]) == "success"
    page.goto(f"{url}/runs/{run['dag_run_id']}")
    link = page.get_by_role("link", name="Audiences at Microsoft Advertising")
    expect(link).to_have_attribute("href", installation.stack.account["base_url"], timeout=30_000)


def test_the_report_reads_well(installation: Any, page: Page) -> None:
    run_id, state = installation.run("basic", segments=["basic LapsedVIPs"])
    assert state == "success"
    report = installation.folder / "workspace" / "runs" / slug("basic") / slug(run_id) / "report.html"
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", name="basic")).to_be_visible()
    expect(page.get_by_role("cell", name="basic LapsedVIPs")).to_be_visible()
    page.screenshot(path=str(installation.folder / "report.png"))
