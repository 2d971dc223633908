"""Renders the table of metrics as a page for users.

`python -m airflow_microsoft_advertising.metrics.page > docs/metrics.md` writes it; a test checks that it is up to date.
"""

from __future__ import annotations

import sys

from airflow_microsoft_advertising.metrics.table import METRICS, Metric

__all__ = ["page"]


def page() -> str:
    """The page in Markdown."""
    return "\n".join([_HEAD, *map(_row, METRICS.values()), _TAIL])


def _row(metric: Metric) -> str:
    tags = ", ".join(f"`{tag}`" for tag in metric.tags)
    return f"| `{metric.full_name}` | {metric.kind} | {metric.unit} | {tags} | {metric.meaning} |"


_HEAD = """# Metrics

Exports send metrics with those of Airflow, to the place that Airflow's section `[metrics]` names. If it names none,
nothing is sent. If metrics cannot be sent, the log says so, and the run continues.

| place | settings |
|---|---|
| StatsD, with tags | `AIRFLOW__METRICS__STATSD_ON=True`, `…__STATSD_HOST`, `…__STATSD_PORT`, \
`…__STATSD_INFLUXDB_ENABLED=True`; needs the Python package `statsd` |
| StatsD, without tags | as above, without `…__STATSD_INFLUXDB_ENABLED` |
| an OpenTelemetry collector | `AIRFLOW__METRICS__OTEL_ON=True`, `OTEL_EXPORTER_OTLP_ENDPOINT`, \
`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta` |

Set them for the scheduler, workers, triggerer and DAG processor alike. Airflow puts `airflow.` before all names. With
OpenTelemetry, each task is a process that counts from zero: `delta` lets the collector add up what they send (processor
`deltatocumulative`). `customer-match run` sends metrics as well.

The counters of a run are sent by its task `report`. If tasks are cleared and the report is made again, only the
difference is added. Of a dry run, only `runs` is sent. The gauges describe one audience each and have the tag
`segment`; counters do not have it, because an export may have thousands of segments, and the
[history](history.md) has the figures of each one. To save these series, set `AIRFLOW__METRICS__METRICS_BLOCK_LIST`
(for example to `customer_match.(members|search_size|network_size|match_rate|source_age)`).

Tags hold names and numbers only. In them, all characters but letters, digits, `-` and `_` are replaced by `_`; values
of more than 64 characters are cut.

## All metrics

| name | kind | unit | tags | meaning |
|---|---|---|---|---|"""

_TAIL = """
Plain StatsD has no tags. There the values are part of the name, in the order of the table: the rejected rows of the
export `autumn` are sent as `airflow.customer_match.rejected.autumn.180000001.missing`.

## Prometheus and Grafana

`deploy/monitoring/` has the files for the usual set-up, in which Airflow sends StatsD to the
[StatsD exporter](https://github.com/prometheus/statsd_exporter), Prometheus reads the exporter, and Grafana shows it:

| file | for |
|---|---|
| `statsd-exporter/mapping.yaml` | the exporter (`--statsd.mapping-config`): it \
turns both forms of StatsD into the same metrics with labels |
| `prometheus/prometheus.yml` | Prometheus: reads the exporter at `statsd-exporter:9102`, and the rules |
| `prometheus/rules/customer-match.yml` | alert rules: runs that fail or stay away, guards, \
rejected rows, refused members, error codes, waits, falling match rates |
| `grafana/provisioning/` | Grafana (`/etc/grafana/provisioning`): the data source and the folder of dashboards |
| `grafana/dashboards/customer-match.json` | the dashboard; it can also be imported by hand |

In Prometheus, names have `_` for `.`, counters end in `_total`, and timers are histograms in seconds:
`airflow_customer_match_rejected_total`, `airflow_customer_match_wait_seconds_bucket`. By way of an OpenTelemetry
collector, counters and gauges have the same names; timers end in `_milliseconds`, and the panels of durations stay
empty.

Alerts of an export that are sent without Prometheus are described in [alerts.md](alerts.md).

Generated from `plugins/airflow_microsoft_advertising/metrics/table.py` by
`python -m airflow_microsoft_advertising.metrics.page > docs/metrics.md`.
"""

if __name__ == "__main__":
    sys.stdout.write(page())
