"""The distribution's Chromium, for tests of pages. Playwright drives it; it downloads no browser of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["NEEDS_CHROMIUM", "chromium"]

_PATH: Final = shutil.which("chromium") or shutil.which("google-chrome")

NEEDS_CHROMIUM: Final = [
    pytest.mark.browser,
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(_PATH is None, reason="no Chromium on this machine; .ci/run installs it"),
]
"""Marks of tests that drive it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, and end it afterwards."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_PATH, args=arguments)
        yield browser
        browser.close()
