"""Where this project lies on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["PROJECT", "exports_folder"]

PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder with the README; relative folders in export files begin here."""


def exports_folder() -> Path:
    """The folder with the export files: `include/exports`, or what CUSTOMER_MATCH_EXPORTS names."""
    return Path(os.environ.get("CUSTOMER_MATCH_EXPORTS") or PROJECT / "include" / "exports")
