"""Whether a browser can be opened here."""

from __future__ import annotations

import pytest

from airflow_microsoft_advertising.cli.login import browser


def test_a_machine_without_windows_has_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not browser.has_browser()
    monkeypatch.setenv("BROWSER", "some-browser %s")
    assert browser.has_browser()
