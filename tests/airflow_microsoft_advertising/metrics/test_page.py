"""The page and the exporter's mapping say what the table says."""

from __future__ import annotations

from airflow_microsoft_advertising.metrics.page import page
from airflow_microsoft_advertising.metrics.statsd_mapping import mapping
from customer_match.project import PROJECT


def test_the_page_is_up_to_date() -> None:
    written = (PROJECT / "docs" / "metrics.md").read_text()
    assert written == page(), "run: python -m airflow_microsoft_advertising.metrics.page > docs/metrics.md"


def test_the_mapping_is_up_to_date() -> None:
    path = "deploy/monitoring/statsd-exporter/mapping.yaml"
    command = f"python -m airflow_microsoft_advertising.metrics.statsd_mapping > {path}"
    assert (PROJECT / path).read_text() == mapping(), f"run: {command}"
