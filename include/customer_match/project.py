"""Where the project is on disk: its source tree, or an Airflow that it is installed into."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["IMPORT_PATH", "PROJECT", "exports_folder"]

_TREE: Final = Path(__file__).resolve().parents[2]


def _project() -> Path:
    if home := os.environ.get("CUSTOMER_MATCH_HOME"):
        return Path(home).expanduser().absolute()
    if (_TREE / "include" / "customer_match").is_dir():
        return _TREE
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser().absolute()


PROJECT: Final = _project()
"""What CUSTOMER_MATCH_HOME names; else the root of the source tree, or AIRFLOW_HOME where there is no source tree.

Relative folders in export files begin here, unless the caller who loads the files names another base.
"""

IMPORT_PATH: Final = os.pathsep.join(str(_TREE / folder) for folder in ("", "include", "plugins"))
"""PYTHONPATH of processes that run from the source tree."""


def exports_folder() -> Path:
    """The folder with the export files: what CUSTOMER_MATCH_EXPORTS names, else `include/exports` of the project."""
    if folder := os.environ.get("CUSTOMER_MATCH_EXPORTS"):
        return Path(folder).expanduser().absolute()
    return PROJECT / "include" / "exports"
