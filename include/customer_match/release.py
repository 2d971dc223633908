"""The release of this project: of the installed package, or of the source tree that runs without being installed."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from customer_match.project import PROJECT

__all__ = ["release"]

_PACKAGE = "customer-match-airflow"


@cache
def release() -> str:
    """Return the release; `unknown` if the modules were copied somewhere without their description."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        pass
    try:
        project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return "unknown"
    return str(project["version"]) if project.get("name") == _PACKAGE else "unknown"
