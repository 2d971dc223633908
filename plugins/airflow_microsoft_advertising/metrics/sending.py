"""Sends metrics with the facade of Airflow's task SDK, which works in workers, the triggerer and the DAG processor.

Airflow's settings (section `metrics`) say where they go: to StatsD, DogStatsD, an OpenTelemetry collector, or nowhere.
Then this module does nothing but look that up once in a process. A fault of metrics is logged and never raised.
"""

from __future__ import annotations

import functools
import hashlib
import re
from datetime import timedelta
from typing import Any, Final

from airflow_microsoft_advertising.metrics.table import Kind, Metric
from customer_match.redaction import logger, without_addresses

__all__ = ["are_on", "initialise", "send"]

log = logger(__name__)

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST: Final = 64  # characters of a value: Airflow sends no StatsD name of more than 250
_SECTION: Final = "metrics"


def send(metric: Metric, value: float, **tags: str) -> None:
    """Send one value, if metrics are on.

    Plain StatsD has no tags. There, values of tags become parts of the name, in the order of the table:
    `customer_match.rejected.autumn.180000001.missing`.

    Args:
        metric: A metric of the table.
        value: What to add to a counter, the value of a gauge, or the seconds of a timer.
        tags: A value for each of its tags.
    """
    if not are_on():
        return
    try:
        safe = {name: _safe(tags[name]) for name in metric.tags}
        if _sends_tags():
            _emit(metric.kind, metric.full_name, value, safe)
        else:
            _emit(metric.kind, ".".join((metric.full_name, *safe.values())), value, {})
    except Exception as error:  # noqa: BLE001 (metrics fail no run)
        _warn(f"{type(error).__name__}: {error}")


@functools.cache
def are_on() -> bool:
    """Whether Airflow sends metrics anywhere."""
    return any(_is_set(key) for key in ("statsd_datadog_enabled", "statsd_on", "otel_on"))


def initialise() -> None:
    """Tell the facade where metrics go, in a process that is none of Airflow's own."""
    if not are_on():
        return
    try:
        from airflow.sdk.observability import stats  # noqa: PLC0415 (only if metrics are on)
        from airflow.sdk.observability.metrics import stats_utils  # noqa: PLC0415

        stats.initialize(
            factory=stats_utils.get_stats_factory(), export_legacy_names=_is_set("legacy_names_on")
        )
    except Exception as error:  # noqa: BLE001 (as above)
        _warn(f"{type(error).__name__}: {error}")


@functools.cache
def _sends_tags() -> bool:
    """Whether the backend that Airflow chooses sends tags; the first one that is on counts."""
    if _is_set("statsd_datadog_enabled"):
        return True
    return _is_set("statsd_influxdb_enabled") if _is_set("statsd_on") else True


def _is_set(key: str) -> bool:
    from airflow.configuration import conf  # noqa: PLC0415 (Airflow is imported when this is used)

    return bool(conf.getboolean(_SECTION, key, fallback=False))


def _emit(kind: Kind, name: str, value: float, tags: dict[str, Any]) -> None:
    from airflow.sdk.observability import stats  # noqa: PLC0415 (only if metrics are on)

    if kind is Kind.COUNTER:
        stats.incr(name, int(value), tags=tags)
    elif kind is Kind.GAUGE:
        stats.gauge(name, value, tags=tags)
    else:
        stats.timing(name, timedelta(seconds=value), tags=tags)


def _safe(value: str) -> str:
    """A value that all backends accept in a tag and in a name; a long one is cut, and stays distinct."""
    safe = _UNSAFE.sub("_", without_addresses(value))
    if len(safe) <= _LONGEST:
        return safe
    return f"{safe[: _LONGEST - 9]}-{hashlib.sha256(value.encode()).hexdigest()[:8]}"


@functools.cache
def _warn(reason: str) -> None:
    """Log once in a process: a metric is sent often."""
    log.warning("Metrics are not sent: %s. Check the section [metrics] of Airflow's settings.", reason)
