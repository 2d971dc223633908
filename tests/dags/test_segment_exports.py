"""The DAG file: one DAG per export file, with the right graph, limits and parameters; broken files harm no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk import DAG, TriggerRule
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from airflow_microsoft_advertising.listener import NOTE_KEY
from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.run.retry_policy import NamedWaits
from customer_match.project import IMPORT_PATH, PROJECT
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS
from tests.dags.conftest import DAG_FILE, GOOD, Dags

SECONDS_TO_IMPORT = 120  # of the whole subprocess, so that it cannot hang; it takes about two


@pytest.fixture
def dag(dags: Dags) -> DAG:
    return dags(autumn="+")["autumn"]


def test_one_dag_for_each_file(dags: Dags) -> None:
    assert set(dags(autumn="+", winter="+name: cold\n")) == {"autumn", "cold"}


def test_no_file_no_dag(dags: Dags) -> None:
    assert dags() == {}


# --- The graph ---------------------------------------------------------------------------------------------


def test_tasks_follow_one_another_as_the_steps_do(dag: DAG) -> None:
    edges = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert edges == {
        "select": {"segment.validate", "sizes", "publish", "report"},
        "sizes": {"report"},
        "segment.validate": {"segment.normalise"},
        "segment.normalise": {"segment.chunk", "segment.upload_batch"},
        "segment.chunk": {"segment.upload", "segment.upload_batch"},
        "segment.upload": {"publish", "report"},
        "segment.upload_batch": {"publish", "report"},
        "publish": set(),
        "report": set(),
    }


def test_the_tasks_of_segments_are_mapped_and_named_after_them(dag: DAG) -> None:
    mapped = [task for task in dag.tasks if task.task_id.startswith("segment.")]
    assert len(mapped) == 5
    for task in mapped:
        assert task.get_closest_mapped_task_group() is not None
        assert task.map_index_template in {
            "{{ segment_names }}",
            "{{ task.segment.audience }}",
            "{{ task.names }}",
        }


def test_where_no_segments_can_share_a_task_there_is_no_task_for_several(dags: Dags) -> None:
    task_ids = {task.task_id for task in dags(autumn="+segments_per_task: 1\n")["autumn"].tasks}
    assert "segment.upload" in task_ids
    assert "segment.upload_batch" not in task_ids


def test_report_and_events_are_made_whatever_happened(dag: DAG) -> None:
    at_the_end = ("publish", "report")
    assert {dag.get_task(name).trigger_rule for name in at_the_end} == {TriggerRule.ALL_DONE}
    others = [task for task in dag.tasks if task.task_id not in at_the_end]
    assert {task.trigger_rule for task in others} == {TriggerRule.ALL_SUCCESS}


def test_the_sizes_delay_no_upload_and_fail_no_run(dag: DAG) -> None:
    """They are read beside the segments, for the report; a task that hangs is ended."""
    sizes = dag.get_task("sizes")
    assert sizes.downstream_task_ids == {"report"}
    assert sizes.retries == 0
    assert sizes.execution_timeout == timedelta(minutes=10)


def test_uploads_share_the_customers_pool_and_nothing_else_does(dag: DAG) -> None:
    pools = {task.task_id: task.pool for task in dag.tasks}
    assert pools.pop("segment.upload") == "microsoft_advertising_190000001"
    assert pools.pop("segment.upload_batch") == "microsoft_advertising_190000001"
    assert set(pools.values()) == {"default_pool"}
    slots = {task.task_id: task.pool_slots for task in dag.tasks}
    assert (slots["segment.upload"], slots["segment.upload_batch"]) == (1, MAX_PARALLEL_UPLOADS)


def test_the_upload_gets_what_the_export_says(dags: Dags, tmp_path: Path) -> None:
    extra = (
        "+connection: ads\nscope: Account\nmembership_duration: 30\nadopt: true\nupload_timeout_minutes: 30\n"
    )
    upload = dags(autumn=extra)["autumn"].get_task("segment.upload")
    assert isinstance(upload, UploadAudienceOperator)
    assert (upload.customer_id, upload.account_id) == ("190000001", "180000001")
    assert upload.microsoft_advertising_conn_id == "ads"
    assert (upload.workspace_root, upload.workspace_conn_id) == (str(tmp_path / "workspace"), None)
    assert upload.export == {
        "mark": "[customer-match:autumn]",
        "segments": ["Gold", "Silver"],
        "scope": "Account",
        "scope_stated": True,
        "membership_duration": 30,
        "adopt": True,
    }
    assert upload.upload_timeout == timedelta(minutes=30)
    plain = dags(autumn="+")["autumn"].get_task("segment.upload")
    assert isinstance(plain, UploadAudienceOperator)
    assert (plain.export["scope"], plain.export["scope_stated"]) == ("Customer", False)
    assert plain.upload_timeout == timedelta(hours=4)


# --- The run -----------------------------------------------------------------------------------------------


def test_limits_of_a_run(dags: Dags) -> None:
    dag = dags(autumn="+retries: 5\nrun_timeout_hours: 2\nowner: marketing\ntags: [weekly]\n")["autumn"]
    assert dag.max_active_runs == 1
    assert not dag.catchup
    assert dag.dagrun_timeout == timedelta(hours=2)
    assert {"customer match", "weekly"} <= set(dag.tags)
    for task in dag.tasks:
        assert task.retries == {"report": 1, "sizes": 0}.get(task.task_id, 5)
        assert task.retry_exponential_backoff
        assert isinstance(task.retry_policy, NamedWaits)
        assert task.owner == "marketing"


@pytest.mark.parametrize("text", ["+", "+schedule: none\n"])
def test_without_a_schedule_it_runs_on_demand(dags: Dags, text: str) -> None:
    assert dags(autumn=text)["autumn"].schedule is None


def test_whether_it_is_paused_at_first(dags: Dags) -> None:
    made = dags(a="+", b="+paused_at_creation: true\n")
    assert [made[name].is_paused_upon_creation for name in ("a", "b")] == [None, True]


def test_schedule_and_time_zone(dags: Dags) -> None:
    text = '+schedule: "0 5 * * *"\ntimezone: Europe/Berlin\nstart_date: 2026-03-01\n'
    dag: Any = dags(autumn=text)["autumn"]
    assert dag.schedule == "0 5 * * *"
    assert dag.start_date == datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Berlin"))

    from airflow.timetables.base import TimeRestriction

    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    restriction = TimeRestriction(earliest=dag.start_date, latest=None, catchup=True)
    run = scheduled.timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert run is not None
    assert run.run_after.astimezone(ZoneInfo("Europe/Berlin")).hour == 5


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("{asset: sales}", {"any": [{"asset_ref": {"name": "sales"}}]}),
        ("{all: [sales, crm]}", {"all": [{"asset_ref": {"name": "sales"}}, {"asset_ref": {"name": "crm"}}]}),
        # as Airflow writes the URI of the DAG that defines the asset
        ('{any: ["S3://bucket/crm/"]}', {"any": [{"asset_ref": {"uri": "s3://bucket/crm"}}]}),
        ('{asset: "postgres://host"}', {"any": [{"asset_ref": {"uri": "postgres://host"}}]}),
    ],
)
def test_assets_as_airflow_waits_for_them(dags: Dags, written: str, expression: object) -> None:
    dag = dags(autumn=f"+schedule: {written}\n")["autumn"]
    scheduled = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert scheduled.timetable.asset_condition.as_expression() == expression


@pytest.mark.parametrize(
    ("partition", "key", "date"),
    [
        ("%Y-%m-%d", "2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("%Y%m%d%H", "2026050113", datetime(2026, 5, 1, 13, tzinfo=UTC)),
    ],
)
def test_partitions_as_airflow_reads_them(dags: Dags, partition: str, key: str, date: datetime) -> None:
    text = f'+timezone: Europe/Berlin\nschedule: {{asset: sales, partition: "{partition}"}}\n'
    scheduled: Any = DagSerialization.from_dict(DagSerialization.to_dict(dags(autumn=text)["autumn"]))
    assert scheduled.timetable.partitioned
    mapper = scheduled.timetable.get_partition_mapper(name="sales")
    assert mapper.to_partition_date(mapper.to_downstream(key)) == date


def test_the_tables_as_airflow_watches_them(dags: Dags, tmp_path: Path) -> None:
    dag = dags(autumn="+schedule: on-refresh\n")["autumn"]
    scheduled = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    [(_, asset)] = scheduled.timetable.asset_condition.iter_assets()
    assert asset.name == "autumn source"
    [watcher] = asset.watchers
    assert watcher.trigger["classpath"] == "airflow_microsoft_advertising.assets.refresh.RefreshTrigger"
    assert watcher.trigger["kwargs"]["check_seconds"] == 60
    assert f'"root": "{tmp_path}' in watcher.trigger["kwargs"]["export"]


DEADLINE = '+schedule: "@daily"\nalerts: [{email: marketing@example.com}]\ndeadline: "07:00"\n'


def test_deadlines_are_checked_by_a_dag_of_their_own(dags: Dags) -> None:
    assert set(dags(autumn="+")) == {"autumn"}
    made = dags(autumn=DEADLINE, winter=DEADLINE.replace('"07:00"', "{minutes: 90}"))
    assert set(made) == {"autumn", "winter", "segment_exports_deadlines"}
    dag = made["segment_exports_deadlines"]
    assert [task.task_id for task in dag.tasks] == ["check"]
    assert dag.is_paused_upon_creation is False
    stored = json.dumps(DagSerialization.to_dict(dag))
    assert "marketing" not in stored
    again = DagSerialization.from_dict(json.loads(stored))
    assert again.timetable.serialize() == dag.timetable.serialize()
    assert len(again.timetable.serialize()["rules"]) == 2


def test_it_travels_through_the_metadata_database(dag: DAG) -> None:
    again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert {task.task_id for task in again.tasks} == {task.task_id for task in dag.tasks}
    assert set(again.params) == {"segments", "dry_run", "mode", "ignore_guards", "ending", "force"}


def test_the_same_file_makes_the_same_dag(dags: Dags) -> None:
    """Otherwise each parsing would make a new version of the DAG."""
    first = DagSerialization.to_dict(dags(autumn="+")["autumn"])
    assert DagSerialization.to_dict(dags()["autumn"]) == first


def test_the_documentation_names_the_segments(dag: DAG) -> None:
    for word in ("Autumn campaign", "Gold customers", "Silver", "190000001", "Email", "basic"):
        assert word in str(dag.doc_md)
    assert dag.dag_display_name == "Autumn campaign"
    assert "Only" not in str(dag.doc_md)


def test_the_documentation_says_which_rows_are_left_out(dags: Dags) -> None:
    keys = "+where: A = 1\nconsent: {column: Ads, allow: [true, yes]}\nsuppress: [Never, lists/x.csv]\n"
    told = str(dags(autumn=keys)["autumn"].doc_md)
    for line in (
        "- Only rows where `A = 1`",
        "- Only with consent: `Ads` is one of true, yes",
        "- Members of suppression lists are left out: `Never`, `lists/x.csv`",
    ):
        assert line in told
    assert "two runs in a row" not in told


def test_the_documentation_names_what_a_segment_has_of_its_own(dags: Dags) -> None:
    own = "{table: Gold, email: Mail, consent: {column: Ads, allow: [true, ja]}}"
    text = f"cid: 1\naid: 2\nsource: lake\nemail: Email\nsegments: [{own}, Silver]\n"
    told = str(dags(autumn=text)["autumn"].doc_md)
    assert "- Gold (e-mail columns `Mail`; only where `Ads` is one of true, ja)\n- Silver\n" in told


def test_the_documentation_shows_no_address_of_a_table_or_folder(dags: Dags) -> None:
    told = str(dags(autumn="+suppress: [p=anna@contoso.com, lists/anna%40contoso.com]\n")["autumn"].doc_md)
    assert "- Members of suppression lists are left out" in told
    assert "contoso" not in told


def test_the_documentation_says_when_audiences_are_deleted(dags: Dags) -> None:
    """A deleted audience cannot be restored, so the DAG's page says that it happens."""
    file = GOOD.format(lake="lake", workspace="workspace").replace("  - Silver", '  - "*"')
    told = str(dags(autumn=f"{file}vanished: delete\n")["autumn"].doc_md)
    assert "- If a table is missing in two runs in a row, its audience is deleted" in told


# --- Runs that fail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "reported", "made"),
    [("task_failure", True, 0), ("task_failure", None, 1), ("timed_out", None, 1), ("timed_out", True, 1)],
)
def test_a_failed_run_without_its_report_gets_one(
    dag: DAG, monkeypatch: pytest.MonkeyPatch, reason: str, reported: bool | None, made: int
) -> None:
    """After a time-out also if an earlier try has left one."""
    from airflow_microsoft_advertising.alerts import reporting

    class Instance:
        def xcom_pull(self, *, task_ids: str, key: str = "return_value", map_indexes: int) -> Any:
            assert map_indexes == -1
            return reported if task_ids == "report" else []

    ended: list[Any] = []
    monkeypatch.setattr(reporting, "end_run", lambda *arguments: ended.append(arguments[2]))
    dag_run = SimpleNamespace(
        run_id="r", data_interval_end=None, data_interval_start=None, logical_date=None, start_date=None,
        run_after=datetime(2026, 5, 1, tzinfo=UTC), run_type="manual", triggering_user_name="maria",
    )  # fmt: skip
    params = {"mode": "full", "dry_run": False, "ignore_guards": False, "force": False, "segments": []}
    callback: Any = dag.on_failure_callback
    callback({"reason": reason, "ti": Instance(), "dag_run": dag_run, "params": params})
    assert ended == [[]] * made


def test_a_failed_run_that_airflow_does_not_name(dag: DAG, caplog: pytest.LogCaptureFixture) -> None:
    """Its context is minimal if the task instance is from before an upgrade."""
    callback: Any = dag.on_failure_callback
    callback({"reason": "timed_out", "run_id": "r"})
    assert "does not say which run of autumn has failed" in caplog.text


def test_airflow_does_not_store_who_gets_alerts(dags: Dags) -> None:
    dag = dags(autumn="+alerts: [{email: marketing@example.com}]\n")["autumn"]
    assert "marketing@example.com" not in json.dumps(DagSerialization.to_dict(dag))
    assert DagSerialization.to_dict(dag)["dag"]["has_on_failure_callback"] is True


# --- Parameters --------------------------------------------------------------------------------------------


def test_without_a_choice_all_segments_are_sent_incrementally(dag: DAG) -> None:
    assert dag.params.dump() == {
        "segments": [],
        "dry_run": False,
        "mode": "incremental",
        "ignore_guards": False,
        "ending": "none",
        "force": False,
    }
    dag.params.validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segments", ["Gold customers", "Silver"]),
        ("segments", None),  # the form sends it if nothing is left in the field
        ("dry_run", True),
        ("mode", "full"),
        ("ignore_guards", True),
        ("ending", "delete"),
        ("force", True),
    ],
)
def test_a_good_parameter_is_accepted(dag: DAG, name: str, value: Any) -> None:
    dag.params[name] = value
    dag.params.validate()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segments", ["Copper"]),
        ("segments", ["Silver", "Silver"]),
        ("segments", "Silver"),
        ("segments", [1]),
        ("dry_run", "yes"),
        ("mode", "half"),
        ("mode", None),
        ("ignore_guards", None),
        ("ending", "keep"),
        ("force", "2026-01-01"),
    ],
)
def test_bad_parameters_are_refused(dag: DAG, name: str, value: Any) -> None:
    def choose() -> None:
        dag.params[name] = value
        dag.params.validate()

    with pytest.raises(ParamValidationError):
        choose()


def test_the_form_offers_the_segments(dag: DAG, dags: Dags) -> None:
    """Airflow's form is a list to choose from where a list has `examples`."""
    assert dag.params.get_param("segments").schema["examples"] == ["Gold customers", "Silver"]
    text = "cid: 1\naid: 2\nsource: /nowhere\nsegments: all\nemail: Email\n"
    assert "examples" not in dags(winter=text)["winter"].params.get_param("segments").schema


def test_the_form_refuses_empty_fields_itself(dag: DAG) -> None:
    """It does so if a type is given that is not null; otherwise Airflow answers "Bad Request"."""
    types = {name: dag.params.get_param(name).schema["type"] for name in dag.params}
    assert types.pop("segments") == ["array", "null"]
    assert set(types.values()) == {"boolean", "string"}


def test_with_a_pattern_any_name_may_be_chosen(dags: Dags) -> None:
    """Which tables there are is known when it runs: parsing looks at no lake."""
    text = "cid: 1\naid: 2\nsource: /nowhere\nsegments: all\nemail: Email\n"
    dag = dags(autumn=text)["autumn"]
    dag.params["segments"] = ["Copper"]
    dag.params.validate()


# --- Broken files ------------------------------------------------------------------------------------------


def run_broken(dag: DAG) -> tuple[str, str]:
    """Run the only task of the DAG of a broken file: its error, and the note of the run."""
    from airflow.sdk.execution_time.context import set_current_context

    left: dict[str, str] = {}
    context: Any = {"ti": SimpleNamespace(xcom_push=left.__setitem__)}
    [task] = dag.tasks
    with set_current_context(context), pytest.raises(AirflowFailException) as caught:
        task.python_callable()  # type: ignore[attr-defined]
    return str(caught.value), left[NOTE_KEY]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("+typo: 1\n", ["bad.yaml", "typo", "unknown key"]),
        ("cid: [\n", ["bad.yaml"]),
        ("", ["bad.yaml"]),
        ("+schedule: sometimes\n", ["bad.yaml", "schedule"]),
    ],
)
def test_a_broken_file_becomes_a_dag_that_says_why(dags: Dags, text: str, words: list[str]) -> None:
    found = dags(good="+", bad=text)
    assert set(found) == {"good", "bad"}
    bad: Any = found["bad"]
    assert bad.schedule is None
    assert "broken" in bad.tags
    assert bad.dag_display_name == "bad (export file not valid)"
    assert bad.description in str(bad.doc_md).replace("\\", "")
    [task] = bad.tasks
    for word in words:
        assert word in str(bad.doc_md)
        assert all(word in text for text in run_broken(bad))
    assert task.retries == 0
    assert len(found["good"].tasks) == 9


@pytest.mark.bad_input
def test_each_problem_of_a_broken_file_is_an_item_of_a_list(dags: Dags) -> None:
    """Airflow's page joins the lines of a text, and those of a block of code."""
    told = str(dags(bad="+typo: 1\nretries: many\nwhere: 3\n")["bad"].doc_md)
    assert told.startswith("# This export file is not valid\n\n- bad.yaml, line ")
    assert told.count("\n- bad.yaml, line ") == 3


@pytest.mark.bad_input
def test_no_page_shows_an_address_that_a_table_is_called_by(dags: Dags) -> None:
    segments = (
        "segments:\n- {{table: anna@example.com, audience: {}}}\n- {{table: bob@example.com, audience: {}}}\n"
    )
    keys = "cid: 1\naid: 2\nsource: /lake\nemail: Email\nworkspace: /workspace\n"
    found = dags(
        good=keys + segments.format("Anna", "Bob"), bad=keys + segments.format("Anna", "bob@example.com")
    )
    assert "- Anna\n- Bob\n" in str(found["good"].doc_md)
    error, note = run_broken(found["bad"])
    assert "segments[1].audience: contains an e-mail address" in error
    assert "@" not in f"{found['good'].doc_md} {found['bad'].doc_md} {error} {note}"


@pytest.mark.bad_input
def test_two_files_of_one_name(dags: Dags) -> None:
    """Neither silently takes the other's place."""
    found = dags(one="+name: autumn\n", two="+name: autumn\n")
    assert len(found) == 2
    assert sum("broken" in dag.tags for dag in found.values()) >= 1


# --- Parsing -----------------------------------------------------------------------------------------------


@pytest.mark.system
def test_parsing_imports_nothing_heavy(tmp_path: Path, dags: Dags) -> None:
    dags(autumn="+", bad="+typo: 1\n")
    code = (
        "import json, runpy, sys\n"
        f"found = runpy.run_path({str(DAG_FILE)!r})\n"
        "heavy = ['polars', 'pyarrow', 'msal', 'bingads', 'pandas', 'numpy', 'adlfs']\n"
        "print(json.dumps([sorted(n for n in found if n.startswith('dag_')), "
        "[name for name in heavy if name in sys.modules]]))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS_TO_IMPORT,
        env=os.environ | {"PYTHONPATH": IMPORT_PATH},
        cwd=tmp_path,
    )
    names, heavy = json.loads(answer.stdout.splitlines()[-1])
    assert names == ["dag_autumn", "dag_bad"]
    assert heavy == []


def test_airflow_itself_finds_the_projects_dags() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    assert "demo" in bag.dags
