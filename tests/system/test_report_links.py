"""The report of a run in Airflow: linked from its task, behind Airflow's login, for workspaces here and in Azure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def run_id(installation: Any) -> str:
    """A run of one segment, whose workspace is a local folder."""
    run_id, state = installation.run("basic", segments=["basic LapsedVIPs"])
    assert state == "success"
    return str(run_id)


def address(installation: Any, dag_id: str, run_id: str) -> str:
    return f"{installation.stack.airflow_url}/customer-match/reports/{dag_id}/{quote(run_id, safe='')}"


def token(installation: Any) -> str:
    sign_in = {"username": "admin", "password": installation.stack.password}
    answer = httpx.post(f"{installation.stack.airflow_url}/auth/token", json=sign_in, trust_env=False)
    return str(answer.json()["access_token"])


def get(url: str, *, bearer: str | None = None, accept: str = "*/*") -> httpx.Response:
    headers = {"Accept": accept} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    return httpx.get(url, headers=headers, trust_env=False)


def test_the_task_links_to_the_report(installation: Any, page: Page, run_id: str) -> None:
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)
    page.goto(f"{installation.stack.airflow_url}/dags/basic/runs/{quote(run_id)}/tasks/report/details")
    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.get_by_role("heading", name="basic")).to_be_visible()
    expect(page.get_by_role("cell", name="basic LapsedVIPs")).to_be_visible()
    assert page.url == address(installation, "basic", run_id)
    assert page.locator("table").evaluate("e => getComputedStyle(e).borderCollapse") == "collapse"
    assert refused == []


def test_the_note_links_to_the_report(installation: Any, page: Page, run_id: str) -> None:
    page.goto(f"{installation.stack.airflow_url}/dags/basic/runs/{quote(run_id)}")
    link = page.get_by_role("link", name="Report", exact=True)
    expect(link).to_have_attribute(
        "href", f"/customer-match/reports/basic/{quote(run_id, safe='')}", timeout=30_000
    )


def test_a_browser_without_a_login_is_led_to_it_and_back(
    installation: Any,
    page: Page,
    run_id: str,
) -> None:
    page.context.clear_cookies()
    page.goto(address(installation, "basic", run_id))
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", installation.stack.password)
    page.click("button[type=submit]")
    expect(page.get_by_role("heading", name="basic")).to_be_visible()
    assert page.url == address(installation, "basic", run_id)


def test_nobody_reads_a_report_without_a_login(installation: Any, run_id: str) -> None:
    url = address(installation, "basic", run_id)
    assert get(url).status_code == httpx.codes.UNAUTHORIZED
    assert get(url, bearer="not.a.token").status_code == httpx.codes.FORBIDDEN
    led = get(url, accept="text/html,*/*")
    assert led.status_code == httpx.codes.TEMPORARY_REDIRECT
    assert led.headers["Location"].startswith("/api/v2/auth/login?next=%2Fcustomer-match%2Freports%2Fbasic")
    for path in ("", "/docs", "/openapi.json", "/reports", "/reports/basic"):
        answer = get(f"{installation.stack.airflow_url}/customer-match{path}")
        assert "basic" not in answer.text


def test_headers_let_a_report_load_and_run_nothing(installation: Any, run_id: str) -> None:
    answer = get(address(installation, "basic", run_id), bearer=token(installation))
    assert answer.status_code == httpx.codes.OK
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "sandbox" in policy
    assert "script" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("dag_id", "run"),
    [
        ("nothing", "manual__1"),
        ("basic", "manual__1"),
        ("..", "manual__1"),
        ("%2e%2e", "%2e%2e"),
        ("basic", "..%2F..%2Fworkspace.json"),
        ("basic", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        ("basic", "..%5C..%5Cworkspace.json"),
        ("basic", "%00"),
    ],
)
def test_there_is_nothing_else(installation: Any, dag_id: str, run: str) -> None:
    url = f"{installation.stack.airflow_url}/customer-match/reports/{dag_id}/{run}"
    answer = get(url, bearer=token(installation))
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert '"id"' not in answer.text


def test_a_report_in_azure(installation: Any) -> None:
    run_id, state = installation.run("azure")
    assert state == "success"
    answer = get(address(installation, "azure", run_id), bearer=token(installation))
    assert answer.status_code == httpx.codes.OK
    assert "delivered" in answer.text


def test_a_run_without_segments_has_a_report(installation: Any) -> None:
    run_id, state = installation.run("basic", dryrun=True)
    assert state == "failed"
    answer = get(address(installation, "basic", run_id), bearer=token(installation))
    assert answer.status_code == httpx.codes.OK
    assert "No segment was exported." in answer.text
    assert "dryrun" in answer.text
