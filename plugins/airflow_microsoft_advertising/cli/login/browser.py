"""Opens pages in the user's browser, if there is one."""

from __future__ import annotations

import os
import sys
import webbrowser

__all__ = ["has_browser"]


def has_browser() -> bool:
    """Whether a graphical browser can be opened here; a text browser is not enough."""
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
