"""What Airflow's own provider for OpenLineage writes of a run, into a file, in a process of its own."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from customer_match.runs.report import RunReport
from customer_match_demo.expected import expected
from customer_match_demo.tables import demo_tables, write_tables
from tests.airflow_microsoft_advertising.conftest import SECRETS
from tests.airflow_microsoft_advertising.fresh_process import lines_of
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.timeout(300)]

TABLES = demo_tables(0.001)[:2]
Event = dict[str, Any]

PROGRAM = """
import runpy, sys
from airflow.sdk import DAG
from airflow_microsoft_advertising import waiting
from datetime import timedelta
waiting.WORKER_WAIT = timedelta(0)
for value in runpy.run_path("dags/segment_exports.py").values():
    if isinstance(value, DAG):
        for task in value.tasks:
            if hasattr(task, "poll_schedule"):
                task.poll_schedule = {"first": 0.05}
        print(value.dag_id, value.test().state)
"""


class Run:
    """A run of one export, its report, and the events of OpenLineage."""

    def __init__(self, folder: Path, simulator: Simulator, **keys: Any) -> None:
        unique = uuid.uuid4().hex[:8]
        self.name = f"lineage-{unique}"
        self.lake, workspace = folder / "lake", folder / "workspace"
        self.account = simulator.ready["account_id"]
        fields = {
            "cid": int(simulator.ready["customer_id"]),
            "aid": int(self.account),
            "source": str(self.lake),
            "segments": [{"table": one.table, "audience": f"{one.table} {unique}"} for one in TABLES],
            "email": "Email",
            "workspace": str(workspace),
            "route": "bulk",
            "retries": 0,
        }
        (folder / "exports").mkdir(exist_ok=True)
        (folder / "exports" / f"{self.name}.yaml").write_text(yaml.safe_dump(fields | keys))
        file = folder / "events.jsonl"
        transport = {"type": "file", "log_file_path": str(file), "append": True}
        printed = lines_of(
            PROGRAM,
            CUSTOMER_MATCH_EXPORTS=str(folder / "exports"),
            AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport),
            AIRFLOW__OPENLINEAGE__NAMESPACE="our-airflow",
        )
        assert f"{self.name} success" in printed
        self.text = file.read_text()
        self.events: list[Event] = [json.loads(line) for line in self.text.splitlines()]
        [report] = workspace.glob("runs/*/*/report.json")
        self.report = RunReport.model_validate_json(report.read_bytes())

    def completed(self, task: str) -> list[Event]:
        """The events of the ends of a task that name datasets."""
        return [
            event
            for event in self.events
            if event["eventType"] == "COMPLETE"
            and event["job"]["name"].endswith(f".{task}")
            and event.get("outputs")
        ]


def check_privacy(run: Run) -> None:
    """No event shows an address, a digest, a secret, or what opens a storage."""
    members = [one for table in TABLES for one in expected(str(run.lake / table.table)).members]
    assert len(members) > 100
    assert not [one for one in members if one in run.text]
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w+", run.text)
    assert not [name for name, value in SECRETS.items() if value in run.text]
    assert "refresh_token" not in run.text
    assert "sig=" not in run.text


@pytest.mark.usefixtures("airflow_db")
def test_tables_become_audiences(tmp_path: Path, simulator: Simulator) -> None:
    """Two segments in one task."""
    write_tables(str(tmp_path / "lake"), TABLES)
    run = Run(tmp_path, simulator, where="Email IS NOT NULL OR CustomerId IS NOT NULL")
    [event] = run.completed("segment.upload_batch")
    inputs = {one["name"]: one for one in event["inputs"]}
    outputs = {one["name"]: one for one in event["outputs"]}
    assert len(outputs) == len(TABLES)
    for segment in run.report.segments:
        table = inputs[str(run.lake / segment.segment)]
        assert table["namespace"] == "file"
        columns = {field["name"]: field["type"] for field in table["facets"]["schema"]["fields"]}
        assert columns == {"Email": "string", "CustomerId": columns["CustomerId"]}
        statistics = table["inputFacets"]["inputStatistics"]
        assert (statistics["rowCount"], statistics["fileCount"]) == (
            segment.profiles,
            segment.tables[0].files,
        )
        metrics = table["inputFacets"]["dataQualityMetrics"]["columnMetrics"]["Email"]
        assert (metrics["count"], metrics["nullCount"]) == (segment.valid, segment.rejected["missing"])

        audience = outputs["audiences/" + segment.audience.replace(" ", "%20")]
        assert audience["namespace"] == f"x-microsoft-advertising://{run.account}"
        assert audience["outputFacets"]["outputStatistics"]["rowCount"] == segment.sent
        assert audience["facets"]["dataQualityMetrics"]["rowCount"] == segment.members
        origins = {
            (one["name"], one["field"], how["type"], how["subtype"], how["masking"])
            for one in audience["facets"]["columnLineage"]["fields"]["member"]["inputFields"]
            for how in one["transformations"]
        }
        assert origins == {
            (table["name"], "Email", "DIRECT", "TRANSFORMATION", True),
            (table["name"], "Email", "INDIRECT", "FILTER", True),
            (table["name"], "CustomerId", "INDIRECT", "FILTER", True),
        }
    check_privacy(run)


@pytest.mark.usefixtures("airflow_db")
def test_joined_tables(tmp_path: Path, simulator: Simulator) -> None:
    """A segment that only lists customers, and the profiles, which have the addresses."""
    lake = tmp_path / "lake"
    for name, table in {
        "Members": pa.table({"Id": [str(one) for one in range(400)]}),
        "Profiles": pa.table(
            {
                "Id": [str(one) for one in range(500)],
                "Email": [f"person{one}@example.com" for one in range(500)],
                "Phone": ["1"] * 500,
            }
        ),
    }.items():
        (lake / name).mkdir(parents=True)
        pq.write_table(table, lake / name / "part-0.parquet")
    unique = uuid.uuid4().hex[:8]
    run = Run(
        tmp_path,
        simulator,
        segments=[{"table": "Members", "audience": f"Members {unique}"}],
        profiles={"table": "Profiles", "key": "Id"},
        membership={"key": "Id"},
    )
    [event] = run.completed("segment.upload")
    inputs = {one["name"]: one for one in event["inputs"]}
    used = {
        Path(name).name: [f["name"] for f in one["facets"]["schema"]["fields"]]
        for name, one in inputs.items()
    }
    assert used == {"Members": ["Id"], "Profiles": ["Email", "Id"]}
    [audience] = event["outputs"]
    origins = {
        (Path(one["name"]).name, one["field"], one["transformations"][0]["subtype"])
        for one in audience["facets"]["columnLineage"]["fields"]["member"]["inputFields"]
    }
    assert origins == {
        ("Members", "Id", "JOIN"),
        ("Profiles", "Id", "JOIN"),
        ("Profiles", "Email", "TRANSFORMATION"),
    }
    assert "@example.com" not in run.text
