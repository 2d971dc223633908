"""Points in a task's work at which the harness can hold it: the task waits there until it is killed or released.

This runs inside the tasks (see `inside/sitecustomize.py`). A module that has a point is changed when it is imported. An
order (a file that `World.hold` writes) names the DAG, the mapped task and the point; the first process that reaches the
point takes the order, writes its process id, and waits. So a fault is injected exactly at its moment.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

__all__ = ["FOLDER", "POINTS", "Point", "change", "hold", "install", "order"]

FOLDER: Final = "CUSTOMER_MATCH_HOLDS"
"""The variable that names the folder of the orders; if it is not set, nothing is changed."""
_LONGEST: Final = 900.0  # seconds; a process must not wait forever if the harness died

_arrivals: Counter[str] = Counter()

Function = Callable[..., Any]


@dataclass(frozen=True)
class Point:
    """A point in the code.

    Attributes:
        module: The module that has the function as an attribute.
        function: Its name in the module; for a method, with the class.
        wrapped: Makes the function that holds, from the function and the point's name.
    """

    module: str
    function: str
    wrapped: Callable[[Function, str], Function]


def _before(function: Function, name: str) -> Function:
    @functools.wraps(function)
    def held(*args: Any, **kwargs: Any) -> Any:
        hold(name)
        return function(*args, **kwargs)

    return held


def _after(function: Function, name: str) -> Function:
    @functools.wraps(function)
    def held(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        hold(name)
        return result

    return held


def _before_a_state(function: Function, name: str) -> Function:
    """Hold in `LocalSink.link`: a state of a ledger is completely written, but does not exist yet."""

    @functools.wraps(function)
    def held(sink: Any) -> Any:
        if sink._target.parent.name == "states":
            hold(name)
        return function(sink)

    return held


def _amid_writing(function: Function, name: str) -> Function:
    """Hold in `write_members`: the file is open, and not all of it is written."""

    def arrays_and_hold(arrays: Iterable[Any]) -> Iterator[Any]:
        yield from arrays
        hold(name)

    @functools.wraps(function)
    def held(files: Any, path: str, arrays: Iterable[Any]) -> Any:
        return function(files, path, arrays_and_hold(arrays))

    return held


def _amid_reading(function: Function, name: str) -> Function:
    """Hold in a generator after its start."""

    @functools.wraps(function)
    def held(*args: Any, **kwargs: Any) -> Iterator[Any]:
        hold(name)
        yield from function(*args, **kwargs)

    return held


_CLIENT: Final = "microsoft_advertising.client"
_PARTS: Final = "customer_match_delivery.part_loop"
_CALL_TRACKING: Final = "customer_match_delivery.call_tracking"
_STORE: Final = "customer_match.ledger.store"

POINTS: Final = {
    "recording": Point("customer_match.runs.records", "SegmentRecords.write", _before),
    "staging": Point("customer_match.profiles.staging", "write_members", _amid_writing),
    "cutting": Point("customer_match.planning.plan", "write_members", _amid_writing),
    "created": Point(_CLIENT, "Client.create_audience", _after),
    "intent": Point(_CLIENT, "Client.upload_file", _before),
    "posted": Point(_CLIENT, "Client.upload_file", _after),
    "results": Point(_CLIENT, "read_row_errors", _amid_reading),
    "answered": Point(_PARTS, "PartLoop._confirm", _before),
    "next call": Point(_CALL_TRACKING, "CallTracker.before_each", _before),
    "writing a state": Point("customer_match.workspace.local", "LocalSink.link", _before_a_state),
    "settling": Point(_STORE, "settle", _after),
    "reporting": Point("customer_match.runs.report_page", "html_of", _before),
}
"""Points by name."""


def order(folder: Path, task: dict[str, Any], point: str, nth: int = 1) -> Path:
    """Order that a task is held at a point; return the path of the order.

    Args:
        folder: Folder of all orders.
        task: Its `dag_id`, `task_id` and `map_index`.
        point: One of `POINTS`.
        nth: Hold when a process reaches the point for the nth time.
    """
    assert point in POINTS
    path = folder / f"{task['dag_id']}.order"
    new = path.with_suffix(".write")
    new.write_text(json.dumps({**task, "point": point, "nth": nth}))
    new.rename(path)
    return path


def hold(name: str) -> None:
    """Wait here if there is an order."""
    task = _task()
    if task is None:
        return
    path = Path(os.environ[FOLDER], f"{task['dag_id']}.order")
    try:
        wanted = json.loads(path.read_text())
    except FileNotFoundError:
        return
    if any(wanted[key] != value for key, value in {**task, "point": name}.items()):
        return
    _arrivals[name] += 1
    if _arrivals[name] == wanted["nth"]:
        _wait(path)


def _task() -> dict[str, Any] | None:
    """Return the task that this process runs; None if it runs none."""
    try:
        from airflow.sdk import get_current_context

        instance: Any = get_current_context()["ti"]
    except RuntimeError:  # there is no context
        return None
    return {key: getattr(instance, key) for key in ("dag_id", "task_id", "map_index")}


def _wait(path: Path) -> None:
    try:
        path.rename(path.with_suffix(".taken"))
    except FileNotFoundError:  # another process was faster
        return
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"pid": os.getpid()}))
    new.rename(path.with_suffix(".held"))
    deadline = time.monotonic() + _LONGEST
    while not path.with_suffix(".go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def change(name: str, module: ModuleType) -> None:
    """Make a point's function hold.

    Raises:
        AttributeError: The module does not have the function, or no longer has it.
    """
    point = POINTS[name]
    *owners, attribute = point.function.split(".")
    owner = functools.reduce(getattr, owners, module)
    setattr(owner, attribute, point.wrapped(getattr(owner, attribute), name))


_FORKS_TASKS: Final = "airflow.executors.local_executor"
_WORK: Final = (
    "airflow_microsoft_advertising.operator",
    "airflow_microsoft_advertising.run.chunk",
    "airflow_microsoft_advertising.run.context",
    "airflow_microsoft_advertising.run.normalise",
    "airflow_microsoft_advertising.run.report",
    "airflow_microsoft_advertising.run.select",
    "airflow_microsoft_advertising.run.sizes",
    "airflow_microsoft_advertising.run.upload",
    "airflow_microsoft_advertising.run.validate",
    "customer_match.addresses.engine",
    "customer_match.export.loading",
    "pyarrow.compute",
)
_OF_DAGS: Final = ("DAG", "Asset", "TriggerRule", "dag", "get_current_context", "task", "task_group")
"""Modules that tasks import. Imported once before tasks are forked, they halve the CPU time of a run."""


def _once_loaded(module: ModuleType, names: Iterable[str]) -> None:
    for name in names:
        change(name, module)
    if module.__name__ == _FORKS_TASKS:
        for name in _WORK:
            import_module(name)
        for name in _OF_DAGS:
            getattr(import_module("airflow.sdk"), name)  # which imports it


class _Changer(importlib.abc.MetaPathFinder):
    """Finds modules that have points with the other finders, and changes them once they are loaded."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        names = [name for name, point in POINTS.items() if point.module == fullname]
        known = names or fullname == _FORKS_TASKS
        spec = importlib.machinery.PathFinder.find_spec(fullname, path) if known else None
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                _once_loaded(module, names)

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Change modules that have points when they are imported, from now on."""
    if FOLDER in os.environ:
        sys.meta_path.insert(0, _Changer())
