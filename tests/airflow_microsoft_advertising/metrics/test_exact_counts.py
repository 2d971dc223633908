"""Whole runs against the simulator: what StatsD and an OpenTelemetry collector get is exactly what happened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_microsoft_advertising.cli.local_run import LocalRun
from airflow_microsoft_advertising.metrics.table import METRICS, Kind
from airflow_microsoft_advertising.run.export_run import ExportRun
from customer_match.export.model import Export
from customer_match.runs.report import RunReport
from customer_match_demo.tables import demo_tables, write_tables
from microsoft_advertising.polling import PollSchedule
from microsoft_advertising.retrying import RetryPolicy
from tests.airflow_microsoft_advertising.metrics.conftest import Switch
from tests.metric_receivers import Received, Series, StatsdServer, collector
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

TABLES = demo_tables(0.001)[:2]
COMPUTED = {"failed", "state"}
"""Of a report's JSON."""
TABLE = "plugins/airflow_microsoft_advertising/metrics/table.py"


def export_of(folder: Path, simulator: Simulator) -> dict[str, Any]:
    unique = uuid.uuid4().hex[:8]
    write_tables(str(folder / "lake"), TABLES)
    return {
        "name": f"metrics-{unique}",
        "cid": int(simulator.ready["customer_id"]),
        "aid": int(simulator.ready["account_id"]),
        "source": str(folder / "lake"),
        "segments": [{"table": one.table, "audience": f"{one.table} {unique}"} for one in TABLES],
        "email": "Email",
        "workspace": str(folder / "workspace"),
        "profiles_per_part": 300,
        "route": "bulk",
    }


def tagged(name: str, **tags: str) -> Series:
    return f"airflow.customer_match.{name}", tuple(sorted(tags.items()))


def with_tags(series: Series) -> Series:
    """A series of plain StatsD, as it would be with tags."""
    _, _, name, *values = series[0].split(".")
    return tagged(name, **dict(zip(METRICS[name].tags, values, strict=True)))


def check(found: Received, report: RunReport, simulator: Simulator) -> None:
    """Everything that was counted, against the report and against what the service itself saw."""
    account = simulator.ready["account_id"]
    run = {"export": report.export, "account": account}
    calls = {series: number for series, number in found.ours("counters").items() if "calls" in series[0]}
    sent_bytes = found.counters.pop(tagged("bytes_sent", account=account))
    rejected: Counter[str] = Counter()
    for segment in report.segments:
        rejected.update(segment.rejected)
    assert rejected
    sums = ("profiles", "valid", "duplicates", "added", "sent")
    assert {key: value for key, value in found.ours("counters").items() if key not in calls} == {
        tagged("runs", **run, state="success"): 1,
        tagged("segments", **run, outcome="delivered"): len(TABLES),
        tagged("parts", **run, route="bulk"): report.total("parts"),
        **{tagged("rejected", **run, reason=reason): number for reason, number in rejected.items()},
        **{tagged(name, **run): report.total(name) for name in sums},
    }
    assert calls == seen_by(simulator, account)
    assert found.ours("gauges") == {
        tagged("last_success_timestamp", **run): pytest.approx(report.finished.timestamp(), abs=1),
        **{tagged("members", **run, segment=one.segment): one.members for one in report.segments},
        **{
            tagged("source_age_seconds", **run, segment=one.segment): pytest.approx(
                (report.finished - (one.modified or report.finished)).total_seconds(), abs=0.01
            )
            for one in report.segments
        },
    }
    assert {series: len(values) for series, values in found.ours("timers").items()} == {
        **{
            tagged("step_duration", export=report.export, step=step): len(TABLES)
            for step in ("validate", "normalise", "chunk")
        },
        tagged("upload_duration", account=account): len(TABLES),
        tagged("wait", account=account, reason="upload"): report.total("parts"),
        tagged("wait", account=account, reason="retry"): 1,
    }
    assert sent_bytes > 32 * report.total("sent"), "digests do not compress"


def seen_by(simulator: Simulator, account: str) -> dict[Series, int]:
    """The calls that the simulator logged, in our words."""
    found: Counter[Series] = Counter()
    for call in simulator.api.control("requests"):
        path = re.match(r"/(?:Bulk|CampaignManagement|CustomerManagement)", call["path"])
        if call["operation"] == "UploadFile":
            service = "Upload"
        elif call["operation"] == "DownloadResult":
            service = "Download"
        elif path:
            service = path[0].strip("/")
        else:
            continue
        code = str(call["codes"][0]) if call["codes"] else "ok" if call["status"] == 200 else "unavailable"
        found[tagged("calls", account=account, service=service, code=code)] += 1
    return dict(found)


def fail_once(simulator: Simulator, **fault: Any) -> None:
    """Let the first request for a status fail, and forget the calls before."""
    simulator.api.control("faults", {"operation": "GetBulkUploadStatus", **fault})
    simulator.api.control("requests", method="DELETE")


@pytest.mark.parametrize("tags", [True, False], ids=["tags", "plain"])
def test_statsd(
    tmp_path: Path,
    simulator: Simulator,
    metrics_to: Switch,
    statsd: StatsdServer,
    *,
    monkeypatch: pytest.MonkeyPatch,
    tags: bool,
) -> None:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    fail_once(simulator, kind="fault", code=117)
    metrics_to(statsd.settings(tags=tags))
    export = Export.model_validate(export_of(tmp_path, simulator))
    run = ExportRun(export=export, run_id="run", interval_end=datetime.now(UTC))
    report = LocalRun(run, polling=PollSchedule(first=0.05, share=0.0))()
    found = statsd.received()
    if not tags:
        found = Received(
            Counter({with_tags(series): number for series, number in found.ours("counters").items()}),
            {with_tags(series): value for series, value in found.ours("gauges").items()},
            {with_tags(series): values for series, values in found.ours("timers").items()},
        )
    check(found, report, simulator)
    assert_nothing_personal("\n".join(statsd.lines), export)


@pytest.mark.lengthy
def test_opentelemetry_from_the_command(tmp_path: Path, simulator: Simulator) -> None:
    """A process of its own sends what it has counted before it ends."""
    fields = export_of(tmp_path, simulator)
    fail_once(simulator, kind="raw", status=500)
    (tmp_path / f"{fields['name']}.yaml").write_text(yaml.safe_dump(fields))
    with collector() as server:
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from airflow_microsoft_advertising.cli.main import main; main()"),
                *("run", fields["name"], "--json"),
            ],
            env=os.environ | server.settings | {"CUSTOMER_MATCH_EXPORTS": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report = RunReport.model_validate(
            {k: v for k, v in json.loads(done.stdout).items() if k not in COMPUTED}
        )
        check(server.received(), report, simulator)
        assert_nothing_personal("\n".join(map(str, server.requests)), Export.model_validate(fields))


def assert_nothing_personal(text: str, export: Export) -> None:
    """Names and numbers only: no address, no digest, no part of a URL or a token."""
    assert export.name in text
    assert "@" not in text
    assert not re.search(r"[0-9a-fA-F]{64}", text)
    assert "http" not in text.replace("http.client", "")
    assert "token" not in text.lower()


def test_every_metric_is_sent_somewhere() -> None:
    """A check of the table: each of its metrics is used outside it."""
    from customer_match.project import PROJECT

    sources = [
        path.read_text()
        for path in (PROJECT / "plugins").rglob("*.py")
        if path.name != "table.py" or path.parent.name != "metrics"
    ]
    constants = re.findall(
        r"^([A-Z_]+): Final = _(?:metric|of_run|of_audience)\(", (PROJECT / TABLE).read_text(), re.MULTILINE
    )
    assert len(constants) == len(METRICS)
    assert [one for one in constants if not any(f"table.{one}" in source for source in sources)] == []
    assert {metric.kind for metric in METRICS.values()} == set(Kind)
