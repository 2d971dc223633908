"""`python -m customer_match_demo pictures`: recreate docs/images/run-and-report.png. Needs Chromium."""

from __future__ import annotations

import shutil
from base64 import b64encode
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

from customer_match.safe_names import slug
from customer_match_demo.lakes import DemoLake
from customer_match_demo.show import CHURN
from customer_match_demo.stack import Stack
from customer_match_demo.tables import churn_tables, demo_tables

__all__ = ["sign_in", "take"]

_GRID = """
localStorage.setItem("react-resizable-panels:grid-ltr",
  '{"details-panel,main-panel": {"expandToSizes": {}, "layout": [52, 48]}}');
localStorage.setItem("demo/open-groups", '["segment"]');
"""
_CLIP: FloatRect = {"x": 66, "y": 0, "width": 448, "height": 424}
# Hidden: the location of the tables on this machine, the columns "Matched users" and "Sent", and what words mean.
_REPORT = """
.place, th:nth-last-child(-n+2), td:nth-last-child(-n+2), table ~ * { display: none }
body { margin: 0 auto; padding-top: 1rem } table { margin-bottom: 1rem }
"""
_BOTH = """
<!doctype html><style>
  body { margin: 0; padding: 20px; width: 1560px; display: flex; gap: 20px; background: #e9edf2 }
  img { border-radius: 8px; border: 1px solid #c9d1d9; background: white; object-fit: contain; object-position: top }
</style>
<img width="576" src="data:image/png;base64,%s"><img width="960" src="data:image/png;base64,%s">
"""


def take(folder: Path, picture: Path) -> None:
    """Run the demo's export twice; take a picture of the second run's grid in Airflow and of its report.

    Args:
        folder: Folder of the installation; an earlier one there is deleted.
        picture: The PNG file to write.
    """
    shutil.rmtree(folder, ignore_errors=True)
    tables = demo_tables()
    with DemoLake.open("local", folder) as lake, Stack(folder, settings=lake.settings) as stack:
        api, run_id = stack.api(), ""
        api.wait_for_dag(lake.export.name)
        for written in (tables, churn_tables(tables, CHURN)):
            lake.write(written)
            run_id = api.trigger(lake.export.name)
            api.wait_for_run(lake.export.name, run_id)
        run = f"runs/{slug(lake.export.name)}/{slug(run_id)}/report.html"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(
                viewport={"width": 960, "height": 640}, device_scale_factor=2, color_scheme="light"
            )
            grid = _grid(page, stack, f"/dags/{lake.export.name}/runs/{run_id}")
            page.set_viewport_size({"width": 1280, "height": 640})  # as a table
            page.set_content(lake.read(run).decode())
            page.add_style_tag(content=_REPORT)
            report = page.screenshot(full_page=True)
            page = browser.new_page(viewport={"width": 1600, "height": 400})
            page.set_content(_BOTH % (b64encode(grid).decode(), b64encode(report).decode()))
            picture.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=picture, full_page=True)


def sign_in(page: Page, stack: Stack) -> None:
    """Sign in to Airflow as the demo's administrator."""
    page.goto(stack.airflow_url)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", stack.password)
    page.click("button[type=submit]")
    page.wait_for_url("**/")


def _grid(page: Page, stack: Stack, path: str) -> bytes:
    sign_in(page, stack)
    page.evaluate(_GRID)
    page.goto(f"{stack.airflow_url}{path}")
    page.get_by_text("normalise").first.wait_for()
    page.get_by_text("3 of 3 segments").first.wait_for()
    page.wait_for_timeout(2000)  # the bars are animated
    return page.screenshot(clip=_CLIP)
