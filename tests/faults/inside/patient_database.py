"""Let Airflow's programs share an SQLite database, which allows one writer at a time.

- Writers wait longer than SQLite's five seconds. Otherwise the scheduler ends after a failed wait, and the api-server
  marks a finished task as failed (both observed, Airflow 3.3.2, on a busy machine).
- The api-server writes no audit log. It would write it in its event loop and wait there for a request that only this
  loop can finish (also observed), so that no request is answered until the wait is over.
"""

from __future__ import annotations

import importlib.abc
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["CONNECT", "install"]

CONNECT = {"timeout": 60}
"""Arguments of the connections (Airflow's `sql_alchemy_connect_args`)."""
_AUDIT = "airflow.api_fastapi.logging.decorators"


def _without_a_log(event: str | None = None) -> Any:
    async def nothing() -> None:
        """Replace the dependency of `action_logging`."""

    return nothing


class _Changer(importlib.abc.MetaPathFinder):
    """Finds the module with the other finders, and changes it once it is loaded."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname == _AUDIT else None
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                module.action_logging = _without_a_log  # type: ignore[attr-defined]

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Change the module when it is imported, from now on."""
    sys.meta_path.insert(0, _Changer())
