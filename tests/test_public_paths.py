"""What others keep by its path or name: Airflow's metadata database, the files of users, their commands.

Modules may move, but not these: who moves one leaves something behind under the old path.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.provider_info import get_provider_info
from airflow_microsoft_advertising.run.batches.group import Group
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.trigger import BulkUploadTrigger, PauseTrigger
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.project import PROJECT
from tests.dags.conftest import Dags, dags  # noqa: F401 (a fixture)

PATHS = {  # what is imported by its path: who keeps that path
    "airflow_microsoft_advertising.trigger.BulkUploadTrigger": "the database, for each task that waits for an upload",
    "airflow_microsoft_advertising.trigger.BulkUploadsTrigger": "the database, for each task that waits for several",
    "airflow_microsoft_advertising.trigger.PauseTrigger": "the database, for each task that waits to try again",
    "airflow_microsoft_advertising.assets.refresh.RefreshTrigger": "the database, for each export that is watched",
    "airflow_microsoft_advertising.alerts.timetable.DeadlineTimetable": "the serialised DAG that checks deadlines",
    "airflow_microsoft_advertising.operator.UploadAudienceOperator": "serialised DAGs, and DAG files of users",
    "airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook": "the provider's description, and DAG files of users",
    "airflow_microsoft_advertising.links.AudienceLink": "serialised DAGs name the class of an extra link",
    "airflow_microsoft_advertising.links.ReportLink": "serialised DAGs name the class of an extra link",
    "airflow_microsoft_advertising.plugin.MicrosoftAdvertisingPlugin": "the entry point of an installed package",
    "airflow_microsoft_advertising.provider_info.get_provider_info": "the entry point of an installed package",
    "airflow_microsoft_advertising.cli.main.main": "the console script of an installed package",
    "airflow_microsoft_advertising.customer_match.CustomerMatchUploadOperator": "DAG files of users",
    "airflow_microsoft_advertising.dags.customer_match_dags": "DAG files of users",
}

ENTRY_POINTS = {  # (group, name): what it loads
    ("console_scripts", "customer-match"): "airflow_microsoft_advertising.cli.main:main",
    (
        "airflow.plugins",
        "microsoft_advertising",
    ): "airflow_microsoft_advertising.plugin:MicrosoftAdvertisingPlugin",
    (
        "apache_airflow_provider",
        "provider_info",
    ): "airflow_microsoft_advertising.provider_info:get_provider_info",
}

FILES = {  # of the source tree: who names them
    "dags/segment_exports.py": "the database, for every DAG: its fileloc",
    "dags/customer_match_forget.py": "the database, for its DAG: its fileloc",
    "include/exports/export.schema.json": "the first line of export files, for editors",
}

PROGRAMS = {  # python -m …: who calls them
    "customer_match_demo": "the Makefile",
    "microsoft_advertising_simulator": "the demo, the tests, and users who start a simulator of their own",
}

TRIGGERS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    # As the metadata database holds them where version 0.1.0 has deferred a task. Further arguments need defaults.
    "airflow_microsoft_advertising.trigger.BulkUploadTrigger": (
        BulkUploadTrigger,
        {
            "microsoft_advertising_conn_id": "microsoft_advertising_default",
            "customer_id": "1",
            "account_id": "2",
            "request_id": "r",
            "since": 1.0,
            "started": 2.0,
            "until": 3.0,
            "schedule": {"first": 5.0},
        },
    ),
    "airflow_microsoft_advertising.trigger.PauseTrigger": (
        PauseTrigger,
        {"until": 1.0, "seconds": 2.0, "started": 3.0, "pauses": 4},
    ),
}

RESUMED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # method by which a deferred task goes on: the event of its trigger, and what is done then
    "execute_complete": (
        {"request_id": "r", "started": 2.0, "overdue": True},
        {"resumed": 2.0, "overdue": "r"},
    ),
    "execute_after_pause": ({"started": 3.0, "pauses": 4}, {"started again": 3.0}),
}


class Upload:
    """Tells what it is asked to do."""

    audience = SimpleNamespace(name="Gold")

    def resume(self, *, started: float, overdue: str | None) -> dict[str, Any]:
        return {"resumed": started, "overdue": overdue}

    def start(self, *, since: float) -> dict[str, Any]:
        return {"started again": since}

    def audience_url(self) -> str:
        return ""


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_others_keep_can_be_imported(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert getattr(import_module(module), name)


@pytest.mark.parametrize(("group", "name"), ENTRY_POINTS)
def test_an_entry_point_of_the_package_loads(group: str, name: str) -> None:
    [found] = [
        point
        for point in entry_points(group=group, name=name)
        if point.value.startswith("airflow_microsoft_advertising")
    ]
    assert found.value == ENTRY_POINTS[group, name]
    assert callable(found.load())
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    declared = {"console_scripts": project["scripts"], **project["entry-points"]}
    assert declared[group][name] == found.value, "what is installed is what the source tree declares"


def test_connections_keep_their_type_and_hook() -> None:
    """The database keeps the type with each connection."""
    [described] = get_provider_info()["connection-types"]
    assert described["connection-type"] == "microsoft_advertising"
    assert described["hook-class-name"] == "airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook"
    links = ("AudienceLink", "ReportLink")
    assert get_provider_info()["extra-links"] == [
        f"airflow_microsoft_advertising.links.{one}" for one in links
    ]


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_others_name_is_there(path: str) -> None:
    assert (PROJECT / path).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_the_source_tree_starts(name: str) -> None:
    path = os.pathsep.join(str(PROJECT / folder) for folder in ("", "include", "plugins"))
    done = subprocess.run(
        [sys.executable, "-m", name, "--help"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "sage:" in done.stdout


@pytest.mark.parametrize("path", TRIGGERS)
def test_a_trigger_of_the_version_before_runs_on(path: str) -> None:
    kind, stored = TRIGGERS[path]
    assert kind(**stored).serialize() == (path, stored)


@pytest.mark.parametrize("method", RESUMED)
def test_a_task_deferred_by_the_version_before_resumes(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operator is that of the DAG file as it is now; method and event are those of before."""
    monkeypatch.setattr(UploadAudienceOperator, "_upload", lambda *_: Upload())
    operator = UploadAudienceOperator(
        task_id="upload", segment={}, export={"mark": "[customer-match:autumn]"}, workspace_root="/workspace"
    )
    event, done = RESUMED[method]
    assert getattr(operator, method)({}, event) == done


def test_the_tasks_of_a_run_and_what_they_hand_on_keep_their_names(dags: Dags) -> None:  # noqa: F811 (the fixture)
    """A run that began before an upgrade goes on after it: task ids, and the keys of XComs."""
    dag: DAG = dags(autumn="+")["autumn"]
    assert {task.task_id for task in dag.tasks} == {
        "select",
        "segment.validate",
        "segment.normalise",
        "segment.chunk",
        "segment.upload",
        "segment.upload_batch",
        "sizes",
        "publish",
        "report",
    }
    export = Export.model_validate(
        {"name": "autumn", "cid": 1, "aid": 2, "source": "/lake", "segments": ["Gold"], "email": "Email"}
    )
    run = ExportRun(export, "run-1", dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
    segment = Segment(table="Gold", audience="Gold")
    assert run.upload_values(segment).keys() == {"audience", "audience_id", "segment", "folder"}
    now = segment.model_dump()
    assert now.keys() == {"table", "audience", "audience_id", "path", "fault", "ending", "ordered"}
    old = {name: value for name, value in now.items() if name != "ordered"}
    assert Group.from_values(old).segments == (segment,), "tasks of 0.1.0 passed on single segments"
    assert Group("batches/1", (segment,)).to_values() == {"name": "batches/1", "segments": [now]}
