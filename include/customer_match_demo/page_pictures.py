"""`python -m customer_match_demo page-pictures`: recreate the pictures of our pages in docs/images. Needs Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from customer_match_demo.lakes import DemoLake
from customer_match_demo.pictures import sign_in
from customer_match_demo.show import CHURN
from customer_match_demo.stack import Stack
from customer_match_demo.tables import churn_tables, demo_tables

__all__ = ["take_pages"]

_RUNS: Final = 5
_FORM_HEIGHT: Final = 1_500
# Hidden: the name of a folder on this machine.
_STYLE: Final = "form.fields > p > small { display: none }"


def take_pages(folder: Path, pictures: Path, scale: float) -> None:
    """Run the demo's export some times, and take pictures of the list, of the export's page and of its form.

    Args:
        folder: Folder of the installation; an earlier one there is deleted.
        pictures: The folder to write PNG files to.
        scale: Share of the demo's full size.
    """
    shutil.rmtree(folder, ignore_errors=True)
    tables = demo_tables(scale)
    with DemoLake.open("azurite", folder) as lake, Stack(folder, settings=lake.settings) as stack:
        api, name = stack.api(), lake.export.name
        api.wait_for_dag(name)
        for _ in range(_RUNS):
            lake.write(tables)
            api.wait_for_run(name, api.trigger(name))
            tables = churn_tables(tables, CHURN)
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
            page = browser.new_page(viewport={"width": 1280, "height": 400}, color_scheme="light")
            sign_in(page, stack)
            pages = f"{stack.airflow_url}/customer-match"
            page.goto(f"{pages}/exports?lang=en")
            page.screenshot(path=pictures / "exports-page.png", full_page=True)
            page.goto(f"{pages}/exports/{name}?lang=en")
            page.screenshot(path=pictures / "export-page.png", full_page=True)
            page.set_viewport_size({"width": 900, "height": _FORM_HEIGHT})
            page.goto(f"{pages}/exports/{name}/edit?lang=en")
            page.get_by_role("button", name="Find segments").click()
            page.get_by_text("share of its first rows").wait_for()
            page.add_style_tag(content=_STYLE)
            page.screenshot(path=pictures / "export-form.png")
