"""Lets Airflow's programs share an SQLite database, which takes one writer at a time.

- Who writes waits for longer than SQLite's five seconds: the scheduler ends where it waited in vain, and the api-server
  sets a task that has done its work to failed (both seen, Airflow 3.3.2, on a busy machine).
- The api-server keeps no log of who asked for what: it would write it in its event loop, and wait there for a request
  that only this loop can bring to its end (seen likewise). Nobody is answered until the wait is over.
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
        """In place of `action_logging`'s dependency."""

    return nothing


class _Changer(importlib.abc.MetaPathFinder):
    """Finds the module as the other finders do, and changes it once it is loaded."""

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
    """From now on the module is changed as it is imported."""
    sys.meta_path.insert(0, _Changer())
