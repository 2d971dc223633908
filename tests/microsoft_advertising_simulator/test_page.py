"""The page at `/`, over HTTP and in a real browser."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.microsoft_advertising_simulator.api import Api, bulk_csv, digest_hex, hexes, item_row, list_row
from tests.microsoft_advertising_simulator.conftest import Start

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NASTY = "<script>alert(1)</script>\"'&amp;"


class Strict(HTMLParser):
    """Counts tags; each that is opened must be closed in order."""

    VOID = frozenset({"meta", "br", "input", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_of_an_empty_simulator(start: Start) -> None:
    page = start().api.http.get("/").text
    strict = Strict(page)
    assert strict.open == []
    assert page.count("None yet.") == 2  # audiences and uploads; signing in was a call
    assert "Settings that are not as usual" not in page
    assert "Fault injection is active" not in page


def test_the_page_shows_the_content_and_no_secret(api: Api) -> None:
    audience = api.create("On the page", Description="Kept by somebody")
    api.apply(audience, "Add", hexes(range(1234))[:1000])
    api.fault("ProcessUpload", "hang", seconds=900)
    request_id, url = api.request_url()
    rows = [list_row(Id=audience, Action_Type="Add"), item_row(audience, digest_hex(1))]
    api.post_file(url, bulk_csv(*rows))
    while api.control("faults"):
        pass
    api.fault("AddAudiences", "raw", status=502, nth=3, times=None)
    api.control("settings", {"terms_accepted": False})
    api.campaign("Audiences", {"Audiences": [api.audience("")]})
    page = api.http.get("/").text
    assert Strict(page).open == []
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for told in (
        "On the page Kept by somebody", "1,000 not yet", api.ready["account_id"], api.ready["customer_id"],
        "not accepted", "terms_accepted = False", f"{request_id} ErrorsOnly InProgress held until",
        "AddAudiences raw all calls, after 1 unaffected status 502", "4838 InvalidAudienceName",
    ):  # fmt: skip
        assert told in text, told
    for secret in (
        api.token,
        *(api.ready[key] for key in ("client_secret", "refresh_token", "developer_token")),
    ):
        assert secret not in page


def test_page_escapes_everything(api: Api) -> None:
    audience = api.create(NASTY, Description=NASTY)
    api.fault(NASTY, "raw", body=NASTY)
    api.control("settings", {"web_redirect_uris": [NASTY]})
    page = api.http.get("/").text
    strict = Strict(page)
    assert strict.open == []
    assert "script" not in strict.tags
    assert page.count("&lt;script&gt;alert(1)") >= 5
    assert NASTY not in page
    api.control(f"audiences/{audience}", {"deleted": True})
    assert NASTY not in api.http.get("/").text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(start: Start, tmp_path: Path, scheme: str) -> None:
    """Complete without JavaScript, without external resources, and without horizontal scrolling at any width."""
    simulator = start()
    furnish(simulator.api)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        context = browser.new_context(
            java_script_enabled=False, color_scheme=scheme, viewport={"width": 1280, "height": 900}
        )
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(simulator.ready["base_url"])
        expect(page.get_by_role("heading", name="Simulator of Microsoft Advertising")).to_be_visible()
        expect(page.get_by_role("rowheader", name="Lapsed customers")).to_be_visible()
        expect(page.get_by_role("cell", name="CompletedWithErrors")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        page.screenshot(path=str(tmp_path / f"{scheme}.png"), full_page=True)
        host = httpx.URL(simulator.ready["base_url"])
        assert {httpx.URL(url).netloc for url in asked} == {host.netloc}
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400  # tables scroll by themselves
        browser.close()
    assert (tmp_path / f"{scheme}.png").stat().st_size > 30_000


def furnish(api: Api) -> None:
    """Data in every section."""
    api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    for name, count in (
        ("Newsletter readers", 900),
        ("Lapsed customers", 250),
        ("Returned goods in 2025", 0),
    ):
        audience = api.create(name, Description=f"Segment {name}; kept by Airflow (export demo)")
        if count:
            api.apply(audience, "Add", hexes(range(count)))
    rows = [list_row(Id=audience, Action_Type="Replace")]
    rows += [item_row(audience, text) for text in [*hexes(range(40)), "plain", "text"]]
    api.upload(bulk_csv(*rows))
    api.fault("ProcessUpload", "fault", state="UploadFileRowCountExceeded", code=3225)
    api.upload(bulk_csv(*rows))
    api.upload(bulk_csv(*rows[:-2]))
    gone = api.create("Made by mistake")
    api.campaign("Audiences", {"AudienceIds": [gone]}, "DELETE")
    api.fault("GetBulkUploadUrl", "fault", code=4204, retry_after=60)
    api.call("/Bulk/v13/BulkUploadUrl/Query", {"AccountId": api.ready["account_id"]})
    api.fault("ProcessUpload", "hang", seconds=100_000)
    _, url = api.request_url()
    api.post_file(url, bulk_csv(*rows))
    while api.control("faults"):
        pass
    api.fault("UploadFile", "drop_after_accept", nth=2, times=3)
    api.control("clock", {"advance_seconds": 90_000})
    api.token = api.sign_in()["access_token"]
    api.create("New today", MembershipDuration=90)
