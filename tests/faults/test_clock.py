"""The shifted clock: which modules read it, and that it can be set while they run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from customer_match.project import PROJECT
from tests.faults import clock

_ASKS = re.compile(r"\bdatetime\.now\(|\btime\.time\(")
_PACKAGES = (
    "plugins/airflow_microsoft_advertising",
    "include/customer_match",
    "include/customer_match_delivery",
)


def test_all_modules_that_read_the_clock_are_listed() -> None:
    """No module of the service's client reads it."""
    asking = set()
    for package in (*_PACKAGES, "include/microsoft_advertising"):
        for path in (PROJECT / package).rglob("*.py"):
            if _ASKS.search(path.read_text()):
                parts = path.relative_to(PROJECT).with_suffix("").parts
                asking.add(".".join(parts).removeprefix("plugins.").removeprefix("include."))
    assert asking == clock.MODULES


def test_the_clock_can_be_set_back_and_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "clock"
    monkeypatch.setenv(clock.CLOCK, str(file))
    module = ModuleType("some_module")
    exec("import time\nfrom datetime import UTC, datetime", vars(module))
    clock.change(module)
    hour = timedelta(hours=1)
    for back in (timedelta(0), hour):
        if back:
            clock.set_back(file, back.total_seconds())
        assert abs(datetime.now(UTC) - back - module.datetime.now(UTC)) < timedelta(minutes=5)
        assert abs(datetime.now(UTC).timestamp() - back.total_seconds() - module.time.time()) < 300
    assert type(module.datetime.now(UTC)) is datetime
    file.unlink()
    assert clock.shift() == 0
