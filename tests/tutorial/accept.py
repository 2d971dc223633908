"""A user's browser: opens the address of a sign-in, presses *Accept*, and waits for the answer."""

from __future__ import annotations

import shutil
import sys

from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page()
    page.goto(sys.argv[1])
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("It has received the answer").wait_for()
    browser.close()
