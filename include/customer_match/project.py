"""Locations of this project on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["IMPORT_PATH", "PROJECT", "exports_folder"]

PROJECT: Final = Path(__file__).resolve().parents[2]
"""The folder with the README; relative folders in export files are resolved against it."""

IMPORT_PATH: Final = os.pathsep.join(str(PROJECT / folder) for folder in ("", "include", "plugins"))
"""PYTHONPATH for processes that run from the source tree."""


def exports_folder() -> Path:
    """Return the folder with the export files: `include/exports`, or the value of CUSTOMER_MATCH_EXPORTS."""
    return Path(os.environ.get("CUSTOMER_MATCH_EXPORTS") or PROJECT / "include" / "exports")
