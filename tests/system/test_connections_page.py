"""The pages of connections, in Airflow's own pages and in a real browser, with the simulated sign-in page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from customer_match_demo.stack import account_connection
from tests.browser import NEEDS_CHROMIUM
from tests.system.connecting import add_connection, choose_account, redirect_uri, sign_in

pytestmark = NEEDS_CHROMIUM

CONN_ID = "browser_ads"
KEPT = "browser_kept"


@pytest.fixture(scope="module", autouse=True)
def redirect(installation: Any) -> Iterator[str]:
    """The redirect URI, which the simulated application has for these tests."""
    with redirect_uri(installation) as address:
        yield address


@pytest.fixture(scope="module")
def kept(installation: Any) -> Iterator[str]:
    """A connection that is signed in and agreed to."""
    fields = account_connection(installation.stack.account)
    body = fields | {
        "connection_id": KEPT,
        "description": "Autumn campaigns",
        "extra": json.dumps(fields["extra"]),
    }
    installation.api.post("/connections", body)
    yield KEPT
    installation.airflow("connections", "delete", KEPT)


def pages(installation: Any, path: str = "connections") -> str:
    return f"{installation.stack.airflow_url}/customer-match/{path}"


def serious(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds on a page that keeps people from using it, and whether it is wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page).response["violations"]
    return [one for one in found if one["impact"] in {"serious", "critical"}]


def extra(installation: Any, conn_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(installation.api.get(f"/connections/{conn_id}")["extra"])
    return found


def remove(installation: Any, page: Page) -> None:
    page.get_by_role("link", name="Remove").click()
    expect(page.get_by_text("No export uses it.")).to_be_visible()
    page.get_by_role("button", name="Remove the connection").click()
    expect(page.get_by_role("heading", name="Audience connections")).to_be_visible()
    found = installation.api.get("/connections", limit=100)["connections"]
    assert CONN_ID not in {one["connection_id"] for one in found}


def test_from_an_empty_form_to_a_connection_that_works(installation: Any, page: Page, redirect: str) -> None:
    """A user's whole way, within Airflow's frame until Microsoft's page takes the whole window."""
    account = installation.stack.account
    add_connection(installation, page, CONN_ID, redirect)
    sign_in(page, CONN_ID)
    assert serious(page) == []
    choose_account(installation, page)
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_role("status").filter(has_text="Customer Match: the account can read")).to_be_visible()
    found = extra(installation, CONN_ID)
    assert (found["privacy_agreed_by"], found["used_by"]) == ("admin", "administrators, admin")
    html = page.content()
    remove(installation, page)
    for secret in (account["client_secret"], account["developer_token"], "sim-refresh", "sim-access"):
        assert secret not in html
    log = (installation.folder / "stack" / "logs" / "api-server.log").read_text()
    for secret in (account["client_secret"], "sim-refresh", "sim-code", "signed-in?code"):
        assert secret not in log, "the answer of the sign-in came behind the # of its address"


def test_editing_and_withdrawing(installation: Any, page: Page, kept: str) -> None:
    page.goto(pages(installation, f"connection/{kept}"))
    page.locator("[name=shared]").select_option("named")
    page.locator("[name=roles]").fill("Marketing")
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()
    assert extra(installation, kept)["used_by"] == "administrators, role:Marketing"
    page.get_by_role("button", name="Withdraw the agreement").click()
    expect(page.get_by_text("withdrawn by admin")).to_be_visible()
    page.goto(pages(installation))
    expect(page.get_by_text("privacy not agreed: no export runs")).to_be_visible()
    run_id, state = installation.run("withdrawn")
    assert state == "failed"
    note = installation.api.get(f"/dags/withdrawn/dagRuns/{run_id}")["note"]
    assert "has no agreement to data privacy any more (withdrawn by admin" in note


def test_declining_is_told(installation: Any, page: Page, kept: str) -> None:
    page.goto(pages(installation, f"connection/{kept}"))
    page.get_by_role("button", name="Sign in again").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_contain_text("the user declined")
    page.goto(pages(installation, "connections/signed-in"))
    expect(page.get_by_text("This address holds no answer of a sign-in.")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1400])
def test_they_are_accessible_fit_and_speak_french(
    installation: Any, page: Page, kept: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for path, heading in (
        ("connections", "Connexions des audiences"),
        ("connections/new", "Ajouter une connexion"),
        (f"connection/{kept}", "Autumn campaigns"),
        (f"connection/{kept}/remove", "Supprimer la connexion Autumn campaigns"),
    ):
        page.goto(pages(installation, f"{path}?lang=fr"))
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        found = serious(page)
        assert found == [], json.dumps(found, indent=1)[:4_000]


def test_removal_names_the_exports_that_are_detached(installation: Any, page: Page) -> None:
    installation.api.wait_for_dag("basic")
    page.goto(pages(installation, "connection/microsoft_advertising_default/remove"))
    expect(page.get_by_text("no run succeeds until they have another connection")).to_be_visible()
    expect(page.get_by_role("link", name="basic", exact=True)).to_be_visible()


def test_nobody_gets_in_without_a_login(installation: Any) -> None:
    for path in ("connections", "connections/new", "connection/microsoft_advertising_default"):
        assert httpx.get(pages(installation, path), trust_env=False).status_code == 401
    changed = httpx.post(pages(installation, "connection/microsoft_advertising_default"), trust_env=False)
    assert changed.status_code == 403
