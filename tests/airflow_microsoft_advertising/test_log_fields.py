"""Records of a run, as the processors of Airflow's JSON logs write them: fields to query by, and nothing personal."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.sdk._shared.logging.structlog import drop_positional_args, structlog_processors

from airflow_microsoft_advertising.cli.local_run import LocalRun
from airflow_microsoft_advertising.run.export_run import ExportRun
from customer_match.export.model import Export
from customer_match_demo.expected import expected
from microsoft_advertising.polling import PollSchedule
from microsoft_advertising.retrying import RetryPolicy
from tests.airflow_microsoft_advertising.metrics.test_exact_counts import TABLES, export_of
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

Lines = list[dict[str, Any]]
OURS = "customer_match", "microsoft_advertising", "airflow_microsoft_advertising"


class _Json(logging.Handler):
    """Writes what Airflow's JSON logs get of the standard library's loggers."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: Lines = []
        shared, as_json, _ = structlog_processors(json_output=True)
        remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[remove_meta, drop_positional_args, as_json],
                use_get_message=False,
                pass_foreign_args=True,
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def log() -> Iterator[Lines]:
    handler, root = _Json(), logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in OURS}
    root.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def run(
    folder: Path, simulator: Simulator, *, faults: list[dict[str, Any]], **keys: Any
) -> tuple[Export, Any]:
    export = Export.model_validate(export_of(folder, simulator) | keys)
    for fault in faults:
        simulator.api.control("faults", fault)
    report = LocalRun(
        ExportRun(export=export, run_id="run", interval_end=datetime.now(UTC)),
        polling=PollSchedule(first=0.05, share=0.0),
        sleep=lambda _: None,
    )()
    return export, report


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)


def with_text(log: Lines, text: str) -> Lines:
    found = [line for line in log if text in line["event"]]
    assert found
    return found


def test_records_name_segment_request_and_call(tmp_path: Path, simulator: Simulator, log: Lines) -> None:
    throttled = {"operation": "GetBulkUploadStatus", "kind": "fault", "code": 117}
    export, report = run(tmp_path, simulator, faults=[throttled])
    for segment in report.segments:
        lines = [line for line in log if line.get("segment") == segment.segment]
        assert {line["export"] for line in lines} == {export.name}
        assert any("members" in line["event"] for line in lines), "of the step normalise"
        assert {line["request_id"] for line in lines if "request_id" in line} == set(segment.requests)
    for line in with_text(log, " sent as request "):
        assert line["event"].endswith(f"sent as request {line['request_id']}")
    [retried] = with_text(log, "; retrying in ")
    assert f"[TrackingId {retried['tracking_id']}]" in retried["event"]
    assert retried["request_id"] in {one for segment in report.segments for one in segment.requests}
    answers = with_text(log, "HTTP 200, TrackingId ")
    assert len({line["tracking_id"] for line in answers}) == len(answers), "each call has its own"
    check_privacy(log, tmp_path)


def test_an_error_has_the_id_of_its_call(tmp_path: Path, simulator: Simulator, log: Lines) -> None:
    refused = {"operation": "GetBulkUploadUrl", "kind": "fault", "code": 106, "times": 2}
    _, report = run(tmp_path, simulator, faults=[refused], retries=0)
    assert {str(segment.outcome) for segment in report.segments} == {"failed"}
    errors = [line for line in log if line["level"] == "error"]
    assert {line["segment"] for line in errors} == {one.table for one in TABLES}
    for line in errors:
        assert f"[TrackingId {line['tracking_id']}]" in line["event"]


def test_calls_in_threads_have_the_fields_too(tmp_path: Path, simulator: Simulator, log: Lines) -> None:
    lost = {"operation": "ApplyCustomerListUserData", "kind": "raw", "status": 503}
    run(tmp_path, simulator, faults=[lost], route="apply")
    [retried] = with_text(log, "; retrying in ")
    assert retried["segment"] in {one.table for one in TABLES}


def check_privacy(log: Lines, folder: Path) -> None:
    """No record and no field shows an address, a digest, a token or a URL with a signature."""
    text = json.dumps(log)
    digests = expected(str(folder / "lake" / TABLES[0].table)).members
    assert len(digests) > 10
    assert not [one for one in digests if one in text]
    assert "@" not in text
    assert not re.search(r"[0-9a-f]{64}", text)
    assert "sig=" not in text
    known = {"export", "segment", "request_id", "tracking_id", "timestamp", "level", "event"}
    assert {key for line in log for key in line} == known
