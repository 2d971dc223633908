"""Steps on the pages of connections that several tests take: with the simulated sign-in page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Page, expect

__all__ = ["add_connection", "choose_account", "redirect_uri", "sign_in"]


@contextmanager
def redirect_uri(installation: Any) -> Iterator[str]:
    """The redirect URI, which the simulated application has within the block."""
    address = f"{installation.stack.airflow_url}/customer-match/connections/signed-in"
    settings = f"{installation.stack.account['base_url']}/simulator/settings"
    before = httpx.get(settings, trust_env=False).json()["web_redirect_uris"]
    httpx.post(settings, json={"web_redirect_uris": [*before, address]}, trust_env=False).raise_for_status()
    yield address
    httpx.post(settings, json={"web_redirect_uris": before}, trust_env=False).raise_for_status()


def add_connection(installation: Any, page: Page, conn_id: str, redirect: str) -> None:
    """Fill in the form within Airflow's frame, and agree to data privacy."""
    account = installation.stack.account
    page.goto(f"{installation.stack.airflow_url}/plugin/customer-match-connections")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Add a connection").click()
    expect(frame.get_by_text(redirect)).to_be_visible()
    frame.locator("[name=conn_id]").fill(conn_id)
    frame.locator("[name=name]").fill("Autumn campaigns")
    frame.locator("[name=environment]").select_option("other")
    frame.locator("[name=base_url]").fill(account["base_url"])
    frame.locator("[name=client_id]").fill(account["client_id"])
    frame.locator("[name=client_secret]").fill(account["client_secret"])
    frame.locator("[name=developer_token]").fill(account["developer_token"])
    expect(frame.locator("[name=users]")).to_have_value("admin")
    expect(frame.get_by_text("You are responsible for what is sent")).to_be_visible()
    frame.get_by_label("I have read the text and agree").check()
    frame.get_by_role("button", name="Add", exact=True).click()
    expect(frame.get_by_text("Nobody has signed in yet.")).to_be_visible()


def sign_in(page: Page, conn_id: str) -> None:
    """From the connection's page in Airflow's frame to the choice of an account, in the whole window."""
    page.frame_locator("iframe").get_by_role("button", name="Sign in with Microsoft").click()
    expect(page.get_by_text("Sample web application")).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(f"**/customer-match/connection/{conn_id}/account**")
    assert "code=" not in page.url


def choose_account(installation: Any, page: Page) -> None:
    """Choose the simulated account."""
    aid = installation.stack.account["account_id"]
    page.get_by_label(f"aid {aid}").check()
    page.get_by_role("button", name="Use this account").click()
    expect(page.get_by_text(f"account {aid}")).to_be_visible()
