"""A connection and an export are added, run, changed, copied, detached and removed on the pages, in a real browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from customer_match.export.loading import load_export
from tests.browser import NEEDS_CHROMIUM
from tests.system.conftest import AID, CID, Installation
from tests.system.connecting import add_connection, choose_account, redirect_uri, sign_in

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.lengthy, pytest.mark.timeout(900)]  # it waits for three runs

NAME: Final = "by_form"
CONN_ID: Final = "by_form_ads"
HIGH, LAPSED = "HighValueCustomers", "LapsedVIPs"


def pages(installation: Installation, path: str) -> str:
    return f"{installation.stack.airflow_url}/customer-match/{path}"


def file_of(installation: Installation, name: str = NAME) -> Path:
    return installation.folder / "exports" / f"{name}.yaml"


def runs(installation: Installation) -> list[str]:
    found = installation.api.get(f"/dags/{NAME}/dagRuns", limit=100)["dag_runs"]
    return [str(run["dag_run_id"]) for run in found]


def wait_for_run(installation: Installation, before: list[str]) -> str:
    for _ in range(60):
        if new := set(runs(installation)) - set(before):
            return new.pop()
        time.sleep(1)
    raise AssertionError("no run was started")


def assert_accessible(page: Page) -> None:
    """Nothing serious for axe-core, and no wider than a phone."""
    found = [
        one for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}
    ]
    assert found == [], json.dumps(found, indent=1)[:4_000]
    page.set_viewport_size({"width": 360, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1400, "height": 1000})


def test_from_an_empty_page_to_audiences_and_back(installation: Installation, page: Page) -> None:
    with redirect_uri(installation) as redirect:
        add_connection(installation, page, CONN_ID, redirect)
        sign_in(page, CONN_ID)
        choose_account(installation, page)
    add(installation, page)
    run_by_hand(installation, page)
    change_the_schedule(installation, page)
    copy_and_remove_the_copy(installation, page)
    detach_and_attach(installation, page)
    remove_with_its_audiences(installation, page)


def add(installation: Installation, page: Page) -> None:
    """Two segments that are found in the lake; saving runs nothing."""
    page.goto(pages(installation, "exports?lang=en"))
    page.get_by_role("link", name="Add an export").click()
    page.get_by_label("Name of the export").fill(NAME)
    page.locator("[name=connection]").fill(CONN_ID)
    page.get_by_label("Customer ID").fill(CID)
    page.get_by_label("Account ID").fill(AID)
    page.get_by_label("Folder of the tables").fill(str(installation.folder / "basic"))
    page.get_by_role("button", name="Find segments").click()
    line = page.get_by_role("row", name=HIGH)
    profiles = installation.expected("basic", HIGH).profiles
    expect(line.locator("td[data-label=Rows]")).to_have_text(f"{profiles:,}")
    for table in (HIGH, LAPSED):
        page.get_by_role("checkbox", name=table).check()
        page.get_by_label(f"Audience of {table}").fill(f"{NAME} {table}")
    assert page.get_by_label("Column with the e-mail address").input_value() == "Email", (
        "found by its content"
    )
    page.get_by_label("Folder for ledgers and reports").fill(str(installation.folder / "workspace"))
    page.get_by_role("button", name="Preview").last.click()
    expect(page.get_by_text("The export is valid.")).to_be_visible()
    expect(page.get_by_text(f"It becomes the DAG {NAME}.")).to_be_visible()
    assert_accessible(page)
    assert not file_of(installation).exists()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Nothing has run.")).to_be_visible()
    installation.api.wait_for_dag(NAME)
    assert runs(installation) == []
    assert [one.table for one in load_export(file_of(installation)).segments] == [HIGH, LAPSED]


def run_by_hand(installation: Installation, page: Page) -> None:
    """The button of the list; afterwards the audiences are what the lake holds."""
    page.goto(pages(installation, "exports?lang=en"))
    section = page.locator(f"section[data-dag={NAME}]")
    section.get_by_role("button", name="Run now").click()
    expect(section.get_by_role("status")).to_contain_text("Started.")
    assert installation.wait(NAME, wait_for_run(installation, [])) == "success"
    for table in (HIGH, LAPSED):
        assert installation.members(f"{NAME} {table}") == installation.expected("basic", table).members


def change_the_schedule(installation: Installation, page: Page) -> None:
    """In French; a comment that somebody wrote into the file stays."""
    file = file_of(installation)
    before = file.read_text().replace("email: Email\n", "email: Email # the private one\n")
    file.write_text(before)
    page.goto(pages(installation, f"exports/{NAME}?lang=fr"))
    page.get_by_role("link", name="Modifier").click()
    page.get_by_label("Planification").fill("0 5 31 12 *")  # not due before the end of the tests
    page.get_by_label("Fuseau horaire").fill("Europe/Paris")
    page.get_by_role("button", name="Aperçu").last.click()
    expect(page.get_by_text("31 décembre").first).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("heading", name="est enregistrée")).to_be_visible()
    assert file.read_text() == f"{before}schedule: 0 5 31 12 *\ntimezone: Europe/Paris\n"


def copy_and_remove_the_copy(installation: Installation, page: Page) -> None:
    page.goto(pages(installation, f"exports/{NAME}?lang=en"))
    page.get_by_role("link", name="Duplicate").click()
    page.get_by_label("Name of the export").fill(f"{NAME}_2")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Nothing has run.")).to_be_visible()
    copy = file_of(installation, f"{NAME}_2")
    assert [one.audience for one in load_export(copy).segments] == [
        f"{NAME} {HIGH} copy",
        f"{NAME} {LAPSED} copy",
    ]
    page.goto(pages(installation, f"exports/{NAME}_2/remove?lang=en"))
    page.get_by_role("button", name="Keep the audiences and remove the file").click()
    expect(page.get_by_role("heading", name="was removed")).to_be_visible()
    assert not copy.exists()


def detach_and_attach(installation: Installation, page: Page) -> None:
    """The connection is removed, and the export gets another one."""
    page.goto(pages(installation, f"connection/{CONN_ID}/remove?lang=en"))
    expect(page.get_by_role("link", name=NAME, exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove the connection").click()
    expect(page.get_by_role("heading", name="Audience connections")).to_be_visible()
    page.goto(pages(installation, f"exports/{NAME}?lang=en"))
    detached = page.get_by_text(f"The connection {CONN_ID} does not exist here: this export is detached.")
    expect(detached).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    expect(detached).to_be_visible()
    page.locator("[name=connection]").fill("microsoft_advertising_default")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="was saved")).to_be_visible()
    assert load_export(file_of(installation)).connection == "microsoft_advertising_default"


def remove_with_its_audiences(installation: Installation, page: Page) -> None:
    before = runs(installation)
    page.goto(pages(installation, f"exports/{NAME}/remove?lang=en"))
    members = len(installation.expected("basic", HIGH).members)
    expect(page.get_by_text(f"{NAME} {HIGH}: {members:,} members")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Delete the audiences").click()
    run_id = wait_for_run(installation, before)
    assert installation.wait(NAME, run_id) == "success"
    assert [installation.members(f"{NAME} {table}") for table in (HIGH, LAPSED)] == [None, None]
    assert {one.outcome for one in installation.report(NAME, run_id).segments} == {"deleted"}
    page.reload()
    expect(page.get_by_text("The audiences were deleted.")).to_be_visible()
    page.get_by_role("button", name="Remove the file").click()
    expect(page.get_by_role("heading", name="was removed")).to_be_visible()
    assert not file_of(installation).exists()
