"""What the report of a run becomes in metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_microsoft_advertising.metrics import run_metrics, table
from airflow_microsoft_advertising.metrics.run_metrics import send_report
from customer_match.planning.sizes import AudienceSize, Readiness
from customer_match.runs.report import Outcome, RunReport, SegmentReport

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
Sent = dict[tuple[str, str], float]


def report(*segments: SegmentReport, **changes: Any) -> RunReport:
    fields: dict[str, Any] = {
        "export": "autumn",
        "title": "Autumn",
        "run_id": "run",
        "interval_end": NOW,
        "finished": NOW,
        "dry_run": False,
        "full": False,
        "segments": segments,
    }
    return RunReport.model_validate(fields | changes)


def segment(name: str = "Gold", outcome: Outcome = Outcome.DELIVERED, **changes: Any) -> SegmentReport:
    return SegmentReport(segment=name, audience=name, outcome=outcome, **changes)


GOLD = segment(
    profiles=10, valid=8, rejected={"missing": 1, "too_long": 1}, duplicates=2, members=6, added=4, removed=1,
    sent=5, parts=2, route="bulk", refused={"InvalidItem": 1}, modified=NOW - timedelta(hours=2),
    sizes=AudienceSize(
        audience="Gold", audience_id="1", readiness=Readiness.READY, search_size=3, network_size=2, members=12
    ),
)  # fmt: skip


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Everything that is sent: the metric, and the tag beside those of the export."""
    found: Sent = {}

    def keep(metric: table.Metric, value: float, **tags: str) -> None:
        assert set(tags) == set(metric.tags)
        assert (tags.pop("export"), tags.pop("account")) == ("autumn", "180000001")
        key = metric.name, "".join(tags.values())
        assert key not in found
        found[key] = value

    monkeypatch.setattr(run_metrics, "send", keep)
    return found


def test_a_run(sent: Sent) -> None:
    failed = segment("Silver", Outcome.FAILED, guards=("max_removed",), profiles=7, valid=7, members=7)
    send_report(report(GOLD, failed), None, account="180000001")
    assert sent == {
        ("runs", "stopped by a guard"): 1,
        ("segments", "delivered"): 1,
        ("segments", "failed"): 1,
        ("guards", "max_removed"): 1,
        ("profiles", ""): 17,
        ("valid", ""): 15,
        ("rejected", "missing"): 1,
        ("rejected", "too_long"): 1,
        ("duplicates", ""): 2,
        ("added", ""): 4,
        ("removed", ""): 1,
        ("sent", ""): 5,
        ("refused", "InvalidItem"): 1,
        ("parts", "bulk"): 2,
        ("members", "Gold"): 6,
        ("source_age_seconds", "Gold"): 7200,
        ("search_size", "Gold"): 3,
        ("network_size", "Gold"): 2,
        ("match_rate", "Gold"): 0.25,
    }


def test_a_report_that_is_made_again_adds_the_difference(sent: Sent) -> None:
    before = report(GOLD, segment("Silver", Outcome.FAILED, profiles=7, valid=7))
    again = report(
        GOLD, segment("Silver", profiles=7, valid=7, members=7, added=7, sent=7, parts=1, route="bulk")
    )
    send_report(again, before, account="180000001")
    counters = {key: value for key, value in sent.items() if table.METRICS[key[0]].kind is table.Kind.COUNTER}
    assert counters == {
        ("runs", "success"): 1,
        ("segments", "delivered"): 1,
        ("added", ""): 7,
        ("sent", ""): 7,
        ("parts", "bulk"): 1,
    }
    assert sent["last_success_timestamp", ""] == NOW.timestamp()


def test_the_same_report_again_adds_nothing(sent: Sent) -> None:
    send_report(report(GOLD), report(GOLD), account="180000001")
    assert {table.METRICS[name].kind for name, _ in sent} == {table.Kind.GAUGE}


def test_of_a_dry_run_only_that_it_was_one(sent: Sent) -> None:
    send_report(report(segment(outcome=Outcome.DRY_RUN, profiles=9), dry_run=True), None, account="180000001")
    assert sent == {("runs", "dry run"): 1}


def test_a_segment_that_was_not_delivered_keeps_its_last_size(sent: Sent) -> None:
    send_report(report(segment(outcome=Outcome.FAILED, members=5)), None, account="180000001")
    assert ("members", "Gold") not in sent
    assert ("last_success_timestamp", "") not in sent
