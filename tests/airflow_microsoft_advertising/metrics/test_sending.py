"""Where metrics go, in which form, and what happens if they cannot."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest
from airflow.sdk.observability import stats

from airflow_microsoft_advertising.metrics import sending, table
from airflow_microsoft_advertising.metrics.sending import are_on, send
from tests.airflow_microsoft_advertising.metrics.conftest import Switch, forget
from tests.metric_receivers import StatsdServer

TAGS = {"export": "autumn", "account": "180000001"}


def test_plain_statsd_has_the_values_in_the_name(metrics_to: Switch, statsd: StatsdServer) -> None:
    metrics_to(statsd.settings(tags=False))
    send(table.REJECTED, 3, **TAGS, reason="missing")
    send(table.PROFILES, 10, **TAGS)
    send(table.MATCH_RATE, 0.25, **TAGS, segment="Gold")
    send(table.WAIT, 1.5, account="180000001", reason="retry")
    found = statsd.received()
    assert found.ours("counters") == {
        ("airflow.customer_match.rejected.autumn.180000001.missing", ()): 3,
        ("airflow.customer_match.profiles.autumn.180000001", ()): 10,
    }
    assert found.ours("gauges") == {("airflow.customer_match.match_rate.autumn.180000001.Gold", ()): 0.25}
    assert found.ours("timers") == {("airflow.customer_match.wait.180000001.retry", ()): [1500.0]}


def test_statsd_with_tags(metrics_to: Switch, statsd: StatsdServer) -> None:
    metrics_to(statsd.settings(tags=True))
    send(table.REJECTED, 3, **TAGS, reason="missing")
    send(table.REJECTED, 4, **TAGS, reason="missing")
    series = (
        "airflow.customer_match.rejected",
        (("account", "180000001"), ("export", "autumn"), ("reason", "missing")),
    )
    assert statsd.received().ours("counters") == {series: 7}


@pytest.mark.parametrize("tags", [True, False])
def test_values_that_are_no_names(metrics_to: Switch, statsd: StatsdServer, tags: bool) -> None:
    """A dot would be another level of a name, a comma another tag; an address is in no metric."""
    metrics_to(statsd.settings(tags=tags))
    for value in ("a.b,c=d|e:f", "anna@example.com", "Grüße", "x" * 80, "x" * 81):
        send(table.MEMBERS, 1, **TAGS, segment=value)
    statsd.received()
    assert len(statsd.lines) == 5, "the two long names stay distinct"
    for line in statsd.lines:
        assert "anna" not in line
        assert "example" not in line
    assert any("a_b_c_d_e_f" in line for line in statsd.lines)
    assert max(map(len, statsd.lines)) < 250


def test_off_nothing_is_looked_up_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    looked: list[str] = []

    def is_set(key: str) -> bool:
        looked.append(key)
        return False

    monkeypatch.setattr(sending, "_is_set", is_set)
    monkeypatch.setattr(stats, "incr", lambda *_, **__: pytest.fail("sent"))
    for _ in range(1000):
        send(table.PROFILES, 1, **TAGS)
    assert looked == ["statsd_datadog_enabled", "statsd_on", "otel_on"]
    assert not are_on()
    forget()


@pytest.mark.parametrize(
    "fault", [OSError("no buffer"), ValueError("Missing variables of anna@example.com"), KeyError("reason")]
)
def test_a_fault_is_logged_once_and_never_raised(
    metrics_to: Switch,
    statsd: StatsdServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
) -> None:
    metrics_to(statsd.settings(tags=True))

    def fail(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(stats, "incr", fail)
    with caplog.at_level(logging.WARNING):
        send(table.PROFILES, 1, **TAGS)
        send(table.PROFILES, 1, **TAGS)
    [record] = [one for one in caplog.records if "Metrics are not sent" in one.message]
    assert type(fault).__name__ in record.message
    assert "anna" not in record.message


def test_a_missing_tag_is_a_fault_too(
    metrics_to: Switch, statsd: StatsdServer, caplog: pytest.LogCaptureFixture
) -> None:
    metrics_to(statsd.settings(tags=True))
    send(table.PROFILES, 1, export="autumn")
    assert "Metrics are not sent: KeyError: 'account'" in caplog.text
    assert not statsd.received().names


def test_a_server_that_is_away_is_not_noticed(metrics_to: Switch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    metrics_to(
        {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
        }
    )
    for _ in range(3):
        send(table.PROFILES, 1, **TAGS)


def test_a_backend_that_cannot_be_configured(metrics_to: Switch, caplog: pytest.LogCaptureFixture) -> None:
    metrics_to(
        {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_CUSTOM_CLIENT_PATH": "no.such.Client",
        }
    )
    send(table.PROFILES, 1, **TAGS)
    assert "Metrics are not sent" in caplog.text
