"""A shifted clock for the project's own code, as if the machine's clock were wrong, in tasks and triggers only.

Airflow's clock and the service's clock are not shifted. libfaketime is not used, because it would have to affect all
programs of this Airflow at once (their tokens are dated), and because not every machine has it. Instead, every reading
of the clock in the modules below is shifted; a test checks the list.

It runs inside the tasks (see `inside/sitecustomize.py`), like `points.py`. The shift is stored in a file, so that it
can change while they run.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import time
from datetime import datetime, timedelta, tzinfo
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

__all__ = ["CLOCK", "MODULES", "install", "set_back", "shift"]

CLOCK: Final = "CUSTOMER_MATCH_CLOCK"
"""The variable that names the file; if it is not set, nothing is changed."""

MODULES: Final = frozenset(
    {
        "airflow_microsoft_advertising.alerts.timetable",
        "airflow_microsoft_advertising.assets.refresh",
        "airflow_microsoft_advertising.batch_operator",
        "airflow_microsoft_advertising.cli.checking.command",
        "airflow_microsoft_advertising.cli.cleaning.command",
        "airflow_microsoft_advertising.cli.consent.asking",
        "airflow_microsoft_advertising.cli.consent.command",
        "airflow_microsoft_advertising.cli.execution",
        "airflow_microsoft_advertising.cli.history.runs",
        "airflow_microsoft_advertising.cli.ledger_lookup",
        "airflow_microsoft_advertising.cli.local_run",
        "airflow_microsoft_advertising.cli.login.command",
        "airflow_microsoft_advertising.connection.consent",
        "airflow_microsoft_advertising.connection.terms",
        "airflow_microsoft_advertising.customer_match",
        "airflow_microsoft_advertising.erasure.lookup",
        "airflow_microsoft_advertising.erasure.removing",
        "airflow_microsoft_advertising.erasure.request",
        "airflow_microsoft_advertising.hook",
        "airflow_microsoft_advertising.lake.contents",
        "airflow_microsoft_advertising.operator",
        "airflow_microsoft_advertising.polling.uploads",
        "airflow_microsoft_advertising.run.batches.batch",
        "airflow_microsoft_advertising.run.export_run",
        "airflow_microsoft_advertising.run.polling",
        "airflow_microsoft_advertising.run.upload",
        "airflow_microsoft_advertising.trigger",
        "airflow_microsoft_advertising.waiting",
        "airflow_microsoft_advertising.web.connections.routes",
        "airflow_microsoft_advertising.web.connections.signing_in",
        "airflow_microsoft_advertising.web.editing.routes",
        "airflow_microsoft_advertising.web.frames",
        "customer_match.ledger.lease",
        "customer_match.ledger.store",
        "customer_match.runs.table_changes",
        "customer_match.workspace.local",
        "customer_match_delivery.audience",
        "customer_match_delivery.deletion",
        "customer_match_delivery.delivery",
        "customer_match_delivery.removal",
    }
)
"""All modules that read the clock."""


def set_back(file: Path, seconds: float) -> None:
    """Set the clock back by a number of seconds, from now on."""
    new = file.with_suffix(".new")
    new.write_text(str(-seconds))
    new.rename(file)


def shift() -> float:
    """Return the clock's current error in seconds."""
    try:
        return float(Path(os.environ[CLOCK]).read_text())
    except (FileNotFoundError, KeyError):
        return 0.0


class _ShiftedDatetime(datetime):
    """`datetime` with a shifted `now`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:  # type: ignore[override]
        """Return a plain datetime, because its type is compared and stored."""
        return datetime.now(tz) + timedelta(seconds=shift())


_TIME: Final = SimpleNamespace(
    **{name: getattr(time, name) for name in dir(time) if not name.startswith("_")}
)
_TIME.time = lambda: time.time() + shift()


def change(module: ModuleType) -> None:
    """Make a module use the shifted clock."""
    if getattr(module, "datetime", None) is datetime:
        module.datetime = _ShiftedDatetime  # type: ignore[attr-defined]
    if getattr(module, "time", None) is time:
        module.time = _TIME  # type: ignore[attr-defined]


class _Changer(importlib.abc.MetaPathFinder):
    """Finds the modules with the other finders, and changes them once they are loaded."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        others = (finder for finder in sys.meta_path if not isinstance(finder, _Changer))
        spec = next((found for finder in others if (found := finder.find_spec(fullname, path, target))), None)
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                change(module)

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Make the modules use the shifted clock from now on, including modules that are already imported."""
    if CLOCK not in os.environ:
        return
    for name in MODULES & set(sys.modules):
        change(sys.modules[name])
    sys.meta_path.insert(0, _Changer())
