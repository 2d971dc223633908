"""Addresses of reports: for the page that shows the link, and for messages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_microsoft_advertising.links import ReportLink, report_path, report_url

RUN = "scheduled__2026-11-30T05:00:00+00:00"
PAGE = "/customer-match/reports/autumn/scheduled__2026-11-30T05%3A00%3A00%2B00%3A00"


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("", PAGE, None),
        ("https://airflow.example.org", PAGE, f"https://airflow.example.org{PAGE}"),
        ("https://example.org/airflow/", f"/airflow{PAGE}", f"https://example.org/airflow{PAGE}"),
    ],
)
def test_the_address_of_a_report(
    monkeypatch: pytest.MonkeyPatch, base_url: str, path: str, url: str | None
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert (report_path("autumn", RUN), report_url("autumn", RUN)) == (path, url)
    task: Any = SimpleNamespace(dag_id="autumn", run_id=RUN)
    assert ReportLink().get_link(task, ti_key=task) == path


def test_ids_are_no_part_of_a_path() -> None:
    assert report_path("../a", "b/../c?d#e") == "/customer-match/reports/..%2Fa/b%2F..%2Fc%3Fd%23e"
