"""Fixtures: simulators as processes of their own."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.microsoft_advertising_simulator.api import Api, Simulator

Start = Callable[..., Simulator]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start simulators; each is ended after the test."""
    running: list[Simulator] = []

    def started(*options: str, data: Path | None = None) -> Simulator:
        running.append(Simulator(data or tmp_path / "data", *options))
        return running[-1]

    yield started
    for simulator in running:
        if simulator.process.poll() is None:
            simulator.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator for all tests that need no own one."""
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    yield simulator
    status, out, err = simulator.end()
    assert (status, out, err) == (0, "", "")


@pytest.fixture
def api(shared: Simulator) -> Iterator[Api]:
    """The shared simulator without faults, and with the settings as they were."""
    api = shared.api
    before = api.control("settings")
    api.token = api.sign_in()["access_token"]  # another test may have moved the clock
    yield api
    api.control("faults", method="DELETE")
    api.control("settings", before)
    while any(upload["accepted"] and not upload["finished"] for upload in api.control("uploads")):
        time.sleep(0.02)  # what one test left in work must not count in the next


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that drive a simulator as a process are system tests."""
    for item in items:
        if {"api", "start"} & set(getattr(item, "fixturenames", ())) and Path(
            __file__
        ).parent in item.path.parents:
            item.add_marker(pytest.mark.system)
