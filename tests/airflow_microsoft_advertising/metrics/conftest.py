"""Metrics on, in the process of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability import stats

from airflow_microsoft_advertising.metrics import sending
from tests.metric_receivers import StatsdServer, statsd_server

Switch = Callable[[dict[str, str]], None]


def forget() -> None:
    """Let this process look its settings up again."""
    for cached in (sending.are_on, sending._sends_tags, sending._warn):
        cached.cache_clear()


@pytest.fixture
def metrics_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Switch]:
    """Send the metrics of this process where settings say."""

    def switch(settings: dict[str, str]) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        forget()
        sending.initialise()

    yield switch
    forget()
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


@pytest.fixture
def statsd() -> Iterator[StatsdServer]:
    with statsd_server() as server:
        yield server
