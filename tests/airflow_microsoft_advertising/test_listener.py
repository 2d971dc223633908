"""What happens in the scheduler, over a real metadata database: pools are made, summaries are noted."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_microsoft_advertising import listener as run_listener
from airflow_microsoft_advertising.pools import ensure_pools, pool_name
from customer_match.runs.report_text import is_summary, not_valid, nothing_selected
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def dag_run(session: Session) -> DagRun:
    """A run of an export, as the scheduler has it in hand."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.types import DagRunType

    dag_id = f"autumn-{uuid.uuid4().hex}"
    if session.get(DagBundleModel, "tests") is None:
        session.add(DagBundleModel(name="tests"))
        session.flush()
    session.add(DagModel(dag_id=dag_id, bundle_name="tests"))  # type: ignore[no-untyped-call]  # Airflow has no types here
    session.flush()
    run = DagRun(
        dag_id=dag_id, run_id="manual-1", run_type=DagRunType.MANUAL, run_after=NOW, logical_date=NOW
    )
    session.add(run)
    session.flush()
    tasks = [
        SimpleNamespace(pool="default_pool", pool_slots=1),
        SimpleNamespace(pool=pool_name("190000001"), pool_slots=5),
        SimpleNamespace(pool=pool_name("190000001"), pool_slots=1),
    ]
    run.dag = SimpleNamespace(tasks=tasks)  # type: ignore[assignment]  # all that the listener looks at
    return run


def pools(session: Session) -> dict[str, Any]:
    from airflow.models.pool import Pool
    from sqlalchemy import select

    session.flush()
    return {str(pool.pool): pool for pool in session.scalars(select(Pool))}


def leave_summary(session: Session, run: DagRun, text: Any, *, task_id: str = "report") -> None:
    """As the report task does."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import insert

    task = {"dag_id": run.dag_id, "run_id": run.run_id, "task_id": task_id, "map_index": -1}
    table = TaskInstance.__table__
    values = {name: value for name, value in task.items() if name in table.columns}  # 3.4 has no map_index
    session.execute(insert(table).values(**values, pool="default_pool", pool_slots=1))
    XComModel.set(
        key=run_listener.NOTE_KEY,
        value=text,
        dag_id=run.dag_id,
        task_id=task_id,
        run_id=run.run_id,
        session=session,
    )


# --- Pools -------------------------------------------------------------------------------------------------


def test_a_missing_pool_is_created_before_a_task_waits_for_it(
    session: Session, dag_run: DagRun, caplog: pytest.LogCaptureFixture
) -> None:
    assert pool_name("190000001") not in pools(session)
    run_listener.on_dag_run_running(dag_run, "")
    made = pools(session)[pool_name("190000001")]
    assert (made.slots, made.include_deferred) == (5, True)
    assert MAX_PARALLEL_UPLOADS == 5
    assert f"The pool {pool_name('190000001')} was missing" in caplog.text


def test_an_existing_pool_is_not_changed(session: Session, dag_run: DagRun) -> None:
    from airflow.models.pool import Pool

    theirs = Pool(pool=pool_name("190000001"), slots=2, description="ours", include_deferred=False)
    session.add(theirs)
    run_listener.on_dag_run_running(dag_run, "")
    found = pools(session)[pool_name("190000001")]
    assert (found.slots, found.description, found.include_deferred) == (2, "ours", False)


@pytest.mark.parametrize(("slots", "too_few"), [(4, True), (5, False), (-1, False)])
def test_a_pool_that_is_too_small_for_a_batch_is_reported(
    session: Session, dag_run: DagRun, caplog: pytest.LogCaptureFixture, slots: int, too_few: bool
) -> None:
    """Airflow lets the task wait forever, without a word on its page."""
    from airflow.models.pool import Pool

    name = pool_name("190000001")
    session.add(Pool(pool=name, slots=slots, description="", include_deferred=True))
    run_listener.on_dag_run_running(dag_run, "")
    assert (f"The pool {name} has {slots} slots" in caplog.text) is too_few
    assert ("segments_per_task: 1" in caplog.text) is too_few


def test_pools_of_other_packages_are_ignored(session: Session) -> None:
    before = set(pools(session))
    assert ensure_pools(["default_pool", "somebody_elses"], session) == []
    assert set(pools(session)) == before


def test_each_pool_is_created_once(session: Session) -> None:
    names = [pool_name("2"), pool_name("1"), pool_name("2")]
    assert ensure_pools(names, session) == [pool_name("1"), pool_name("2")]
    assert ensure_pools(names, session) == []


def test_two_runs_in_one_transaction_of_the_scheduler(session: Session, dag_run: DagRun) -> None:
    """The scheduler's sessions do not flush by themselves, and forbid to commit in between."""
    from airflow.utils.sqlalchemy import prohibit_commit

    with session.no_autoflush, prohibit_commit(session):
        run_listener.on_dag_run_running(dag_run, "")
        run_listener.on_dag_run_running(dag_run, "")
    assert pool_name("190000001") in pools(session)


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_inserting_an_existing_pool_is_no_error_in_any_database(dialect: str) -> None:
    """Schedulers side by side: what is sent says itself what to do about one that is there."""
    from importlib import import_module

    said: list[str] = []

    class Recorder:
        rowcount = 0

        def get_bind(self) -> Any:
            return SimpleNamespace(dialect=import_module(f"sqlalchemy.dialects.{dialect}").dialect())

        def flush(self) -> None: ...

        def scalars(self, _: Any) -> list[str]:
            return []

        def execute(self, statement: Any) -> Any:
            said.append(str(statement.compile(dialect=self.get_bind().dialect)))
            return self

    session: Any = Recorder()
    assert ensure_pools([pool_name("1")], session) == []
    assert "ON CONFLICT DO NOTHING" in said[0] or said[0].startswith("INSERT IGNORE")


def test_a_run_without_a_session_is_ignored() -> None:
    from airflow.models.dagrun import DagRun

    run_listener.on_dag_run_running(DagRun(dag_id="x", run_id="y"), "")
    run_listener.on_dag_run_success(DagRun(dag_id="x", run_id="y"), "")


# --- Notes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [run_listener.on_dag_run_success, run_listener.on_dag_run_failed])
def test_the_summary_becomes_the_note(session: Session, dag_run: DagRun, end: Any) -> None:
    leave_summary(session, dag_run, "2 of 2 segments succeeded.\n- Gold: delivered")
    end(dag_run, "")
    session.flush()
    assert dag_run.note == "2 of 2 segments succeeded.\n- Gold: delivered"


def test_the_fault_of_an_export_file_becomes_the_note(session: Session, dag_run: DagRun) -> None:
    """Its DAG has a single task, and no report. Once the file is right, the run can be cleared."""
    leave_summary(session, dag_run, not_valid("Line 3: segmints"), task_id="configuration_error")
    run_listener.on_dag_run_failed(dag_run, "task_failure")
    session.flush()
    assert dag_run.note == "The export file is not valid. Nothing was sent.\n- Line 3: segmints"
    leave_summary(session, dag_run, nothing_selected("No table was found."))
    run_listener.on_dag_run_failed(dag_run, "task_failure")
    session.flush()
    assert dag_run.note == "No segments were selected. No table was found."
    assert is_summary(dag_run.note)


def test_a_users_note_is_kept(session: Session, dag_run: DagRun) -> None:
    leave_summary(session, dag_run, "2 of 2 segments succeeded.")
    dag_run.note = "checked with marketing"
    session.flush()
    run_listener.on_dag_run_success(dag_run, "")
    assert dag_run.note == "checked with marketing"


def test_the_summary_of_an_earlier_report_is_replaced(session: Session, dag_run: DagRun) -> None:
    """After a user has cleared tasks, the run ends again."""
    leave_summary(session, dag_run, "2 of 2 segments succeeded.")
    dag_run.note = "1 of 2 segments succeeded.\n- Gold: failed"
    session.flush()
    run_listener.on_dag_run_success(dag_run, "")
    assert dag_run.note == "2 of 2 segments succeeded."


def test_a_long_summary_is_cut_to_the_columns_size(session: Session, dag_run: DagRun) -> None:
    from airflow.models.dagrun import DagRunNote

    leave_summary(session, dag_run, "x" * 5000)
    run_listener.on_dag_run_failed(dag_run, "")
    session.flush()
    limit = DagRunNote.__table__.c.content.type.length
    assert dag_run.note == "x" * limit


@pytest.mark.parametrize("value", [None, {"not": "text"}])
def test_without_a_summary_there_is_no_note(session: Session, dag_run: DagRun, value: Any) -> None:
    if value is not None:
        leave_summary(session, dag_run, value)
    run_listener.on_dag_run_success(dag_run, "")
    assert dag_run.note is None


# --- Runs that were stopped --------------------------------------------------------------------------------


def stop(session: Session, run: DagRun, msg: str, **tasks: list[tuple[str, str]]) -> str | None:
    """End a run with these mapped tasks: for each, name and state of its instances."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import insert

    table = TaskInstance.__table__
    for task_id, instances in tasks.items():
        for index, (name, state) in enumerate(instances):
            values = {
                "dag_id": run.dag_id,
                "run_id": run.run_id,
                "task_id": f"segment.{task_id}",
                "region_index" if "region_index" in table.c else "map_index": index,  # Airflow 3.4
                "state": state,
                "rendered_map_index": name,
                "pool": "default_pool",
                "pool_slots": 1,
            }
            session.execute(insert(table).values(**values))
    assert run.dag is not None
    run.dag.dagrun_timeout = timedelta(hours=2)
    run_listener.on_dag_run_failed(run, msg)
    session.flush()
    return run.note


def test_a_run_that_took_too_long_says_why_and_what_is_missing(session: Session, dag_run: DagRun) -> None:
    """Airflow has skipped `report`, and no task says anything."""
    note = stop(
        session,
        dag_run,
        "timed_out",
        validate=[("Gold", "success"), ("Silver, Bronze", "success"), ("Copper", "skipped")],
        upload=[("Gold", "success"), ("", "skipped")],
        upload_batch=[("", "skipped"), ("Silver, Bronze", "skipped")],
    )
    assert note == (
        "The run took longer than 2 hours (`run_timeout_hours`), so Airflow stopped it. The next run continues where "
        "this one stopped. If runs always take so long, raise `run_timeout_hours` in the export file. "
        f"[Report](/customer-match/reports/{dag_run.dag_id}/manual-1)\nNot finished: Silver, Bronze, Copper."
    )


def test_the_report_of_an_earlier_try_is_not_that_of_a_run_that_took_too_long(
    session: Session, dag_run: DagRun
) -> None:
    leave_summary(session, dag_run, "2 of 2 segments succeeded.")
    dag_run.note = "2 of 2 segments succeeded."
    session.flush()
    assert str(stop(session, dag_run, "timed_out")).startswith("The run took longer than 2 hours")
    run_listener.on_dag_run_success(dag_run, "")
    assert dag_run.note == "2 of 2 segments succeeded.", "tasks were cleared, and it ended"


def test_a_run_that_a_user_ends_says_so(session: Session, dag_run: DagRun) -> None:
    msg = "Dag Run's state was manually set to `failed`."
    note = stop(session, dag_run, msg, upload=[("Gold", "failed")])
    assert note is not None
    assert note.startswith("The run was set to `failed` by hand before its report was made.")
    assert note.endswith("Not finished: Gold.")
    assert "[Report]" not in note, "no report is made"


def test_a_run_that_a_user_ends_after_its_report_keeps_its_summary(session: Session, dag_run: DagRun) -> None:
    leave_summary(session, dag_run, "1 of 2 segments succeeded.")
    note = stop(session, dag_run, "Dag Run's state was manually set to `failed`.")
    assert note == "1 of 2 segments succeeded."


def test_runs_of_other_dags_are_left_alone(session: Session, dag_run: DagRun) -> None:
    dag_run.dag = SimpleNamespace(tasks=[SimpleNamespace(pool="default_pool")])  # type: ignore[assignment]
    assert stop(session, dag_run, "timed_out") is None
    dag_run.dag = None
    run_listener.on_dag_run_failed(dag_run, "timed_out")
    assert dag_run.note is None


# --- As a plugin -------------------------------------------------------------------------------------------


def test_airflow_loads_the_plugin_and_nothing_else_of_the_folder() -> None:
    from airflow.plugins_manager import _get_plugins

    plugins, errors = _get_plugins()
    assert not [error for error in errors if "microsoft_advertising" in str(error)]
    [ours] = [plugin for plugin in plugins if plugin.name == "microsoft_advertising"]
    assert run_listener in ours.listeners
