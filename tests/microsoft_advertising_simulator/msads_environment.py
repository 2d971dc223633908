"""A virtual environment for the `msads` SDK alone: it installs a module named `bingads`, as the SOAP SDK does."""

from __future__ import annotations

from pathlib import Path

from tests.own_environment import own_python


def msads_python() -> Path:
    """Its Python."""
    return own_python("msads", Path(__file__).with_name("msads.txt"))
