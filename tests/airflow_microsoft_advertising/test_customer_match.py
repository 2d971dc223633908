"""The operator for other people's DAGs: one task from tables to exact audiences, against the simulator."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from airflow_microsoft_advertising.customer_match import CustomerMatchUploadOperator
from airflow_microsoft_advertising.run.batches.batch import Outlook
from airflow_microsoft_advertising.run.batches.single_task import SingleTask
from airflow_microsoft_advertising.run.upload import Busy, Upload
from customer_match.errors import TransientError
from customer_match_delivery.backoff import MAX_WAITS
from customer_match_demo.expected import expected
from customer_match_demo.tables import churn_tables, demo_tables, write_tables
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import Lake
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = pytest.mark.slow

TABLES = demo_tables(0.001)
NAMES = [table.table for table in TABLES]


class World:
    """A lake of the demo's tables, and DAGs of one task over it."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.lake, self.workspace = folder / "lake", folder / "workspace"
        self.api = simulator.api
        self.unique = uuid.uuid4().hex[:8]  # the simulator is the session's
        write_tables(str(self.lake), TABLES)

    def audience(self, table: str) -> str:
        return f"{table} {self.unique}"

    def task(self, **arguments: Any) -> CustomerMatchUploadOperator:
        usual = {
            "task_id": "send",
            "email": "Email",
            "workspace": str(self.workspace),
            "options": {"route": "bulk"},
            "poll_schedule": {"first": 0.05},
            "retry_delay": timedelta(0),  # a retry that should not happen is seen at once
        }
        return CustomerMatchUploadOperator(**(usual | arguments))

    def run(self, make: Callable[[], Any]) -> Any:
        """One run of a DAG with the task that is made, in this process."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

        with DAG(f"outsider-{self.unique}", schedule=None) as dag:
            make()
        bag = DagBag(os.devnull)
        bag.bag_dag(dag)
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(bag, "dags-folder", None)  # `test` would look for the DAG's file
        return dag.test()

    def members(self, table: str) -> list[str]:
        [found] = [one for one in self.api.control("audiences") if one["name"] == self.audience(table)]
        return list(self.api.members(found["id"]))

    def wanted(self, table: str) -> list[str]:
        return expected(str(self.lake / table)).members


@pytest.fixture
def world(tmp_path: Path, simulator: Simulator) -> World:
    return World(tmp_path, simulator)


def value_of(run: Any, task_id: str = "send") -> Any:
    [task] = [one for one in run.get_task_instances() if one.task_id == task_id]
    return task.xcom_pull(task_ids=task_id)


@pytest.mark.system
@pytest.mark.parametrize("deferrable", [False, True])
def test_one_table_becomes_its_audience_and_later_the_difference_is_sent(
    world: World, deferrable: bool
) -> None:
    table, name = NAMES[0], world.audience(NAMES[0])

    def task() -> None:
        world.task(table=str(world.lake / table), audience=name, deferrable=deferrable)

    first = world.run(task)
    assert first.state == "success"
    assert world.members(table) == world.wanted(table)
    write_tables(str(world.lake), churn_tables(TABLES, 0.02))
    second = world.run(task)
    assert second.state == "success"
    assert world.members(table) == world.wanted(table)
    sent = value_of(second)[name]
    assert sent["outcome"] == "delivered"
    assert 0 < sent["added"] < sent["members"] / 10


@pytest.mark.system
@pytest.mark.parametrize("deferrable", [False, True])
def test_several_segments_are_sent_and_one_that_is_broken_spares_the_others(
    world: World, deferrable: bool
) -> None:
    broken = world.lake / NAMES[1]
    shutil.rmtree(broken)
    broken.mkdir()
    (broken / "part.parquet").write_bytes(b"PAR1 cut off")
    run = world.run(
        lambda: world.task(
            source=str(world.lake),
            segments=[{"table": name, "audience": world.audience(name)} for name in NAMES],
            deferrable=deferrable,
            retries=3,
        )
    )
    [task] = run.get_task_instances()
    assert (task.state, task.try_number) == ("failed", 1), "another try would not mend a file"
    for name in (NAMES[0], NAMES[2]):
        assert world.members(name) == world.wanted(name)


@pytest.mark.system
def test_paths_may_hold_airflows_templates_and_tasks_may_be_mapped(world: World) -> None:
    day = world.lake / "2026"
    day.mkdir()
    for name in NAMES[:2]:
        (world.lake / name).rename(day / name)
    paths = [f"{world.lake}/{{{{ params.year }}}}/{name}" for name in NAMES[:2]]

    def task() -> None:
        CustomerMatchUploadOperator.partial(
            task_id="send",
            email="Email",
            workspace=str(world.workspace),
            params={"year": "2026"},
            poll_schedule={"first": 0.05},
        ).expand_kwargs(
            [
                {"table": path, "audience": world.audience(name)}
                for path, name in zip(paths, NAMES, strict=False)
            ]
        )

    run = world.run(task)
    assert [one.state for one in run.get_task_instances()] == ["success"] * 2
    for name in NAMES[:2]:
        assert world.members(name) == expected(str(day / name)).members
    assert len(list(world.workspace.rglob("report.json"))) == 2, "each has a report of its own"


@pytest.mark.system
def test_mapped_tasks_keep_an_audience_each_whatever_their_tables_are_called(world: World) -> None:
    folders = {"de": NAMES[0], "fr": NAMES[1]}
    for folder, name in folders.items():
        (world.lake / folder).mkdir()
        (world.lake / name).rename(world.lake / folder / "Customers")
    audiences = {
        "Germany": world.lake / "de/Customers",
        "France": world.lake / "fr/Customers",
        "Allemagne": world.lake / "de/Customers",
    }

    def task() -> None:
        CustomerMatchUploadOperator.partial(
            task_id="send", email="Email", workspace=str(world.workspace), poll_schedule={"first": 0.05}
        ).expand_kwargs(
            [{"table": str(path), "audience": world.audience(name)} for name, path in audiences.items()]
        )

    run = world.run(task)
    assert [one.state for one in run.get_task_instances()] == ["success"] * 3
    for name, path in audiences.items():
        assert world.members(name) == expected(str(path)).members


@pytest.mark.system
def test_segments_may_come_from_mapped_tasks(world: World) -> None:
    def tasks() -> None:
        @task
        def segment(name: str) -> dict[str, str]:
            return {"table": str(world.lake / name), "audience": world.audience(name)}

        world.task(segments=segment.expand(name=NAMES[:2]))

    assert world.run(tasks).state == "success"
    for name in NAMES[:2]:
        assert world.members(name) == world.wanted(name)


@pytest.mark.system
def test_two_tasks_of_one_export_name_have_a_report_each(world: World) -> None:
    def tasks() -> None:
        for name in NAMES[:2]:
            world.task(
                task_id=name,
                table=str(world.lake / name),
                audience=world.audience(name),
                export_name=f"shared-{world.unique}",
            )

    assert world.run(tasks).state == "success"
    assert len(list(world.workspace.rglob("report.json"))) == 2
    for name in NAMES[:2]:
        assert world.members(name) == world.wanted(name)


@pytest.mark.system
def test_a_days_table_goes_to_the_same_audience_as_that_of_the_day_before(world: World) -> None:
    name = world.audience("daily")
    days = world.lake / "HighValue"
    days.mkdir()
    (world.lake / NAMES[0]).rename(days / "2026-01-01")
    (world.lake / NAMES[1]).rename(days / "2026-01-02")
    for day in ("2026-01-01", "2026-01-02"):
        table = f"{days}/{day}/"
        run = world.run(lambda table=table: world.task(table=table, audience=name))
        assert run.state == "success"
        assert world.members("daily") == expected(table).members
    assert len(list(world.workspace.glob("segments/*/*.json"))) == 1


@pytest.mark.system
@pytest.mark.bad_input
def test_a_mapped_task_ends_no_audience_because_its_table_is_another_ones(world: World) -> None:
    def task() -> None:
        CustomerMatchUploadOperator.partial(
            task_id="send",
            email="Email",
            workspace=str(world.workspace),
            segments="all",
            options={"vanished": "delete"},
        ).expand(source=[str(world.lake)])

    run = world.run(task)
    assert [one.state for one in run.get_task_instances()] == ["failed"]
    assert not list(world.workspace.rglob("report.json"))


@pytest.mark.system
def test_a_try_that_was_killed_is_taken_up_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = world.audience(NAMES[1])
    wait_for, waits = CustomerMatchUploadOperator.wait_for_batch, []

    def killed_once(task: CustomerMatchUploadOperator, outlook: Outlook, **arguments: Any) -> list[str]:
        waits.extend(upload.request_id for upload in outlook.uploads)
        if len(waits) == 1:
            task.on_kill()
            raise RuntimeError
        return wait_for(task, outlook, **arguments)

    monkeypatch.setattr(CustomerMatchUploadOperator, "wait_for_batch", killed_once)
    world.api.control("settings", {"queue_seconds": 2})
    run = world.run(
        lambda: world.task(
            table=str(world.lake / NAMES[1]),
            audience=name,
            deferrable=False,
            retries=1,
            retry_delay=timedelta(0),
        )
    )
    [task] = run.get_task_instances()
    assert (task.state, task.try_number) == ("success", 2)
    assert len(set(waits)) == 1, "nothing is sent twice"
    assert world.members(NAMES[1]) == world.wanted(NAMES[1])


@pytest.mark.system
def test_switches_may_be_templates(world: World) -> None:
    name = world.audience(NAMES[2])
    for dry, outcome in ((True, "dry run"), (False, "delivered")):
        run = world.run(
            lambda dry=dry: world.task(
                table=str(world.lake / NAMES[2]),
                audience=name,
                dry_run="{{ params.dry }}",
                full="{{ params.full }}",
                params={"dry": dry, "full": False},
            )
        )
        assert value_of(run)[name]["outcome"] == outcome


@pytest.mark.system
def test_a_dry_run_that_names_its_account_needs_no_connection(world: World) -> None:
    run = world.run(
        lambda: world.task(
            table=str(world.lake / NAMES[2]),
            microsoft_advertising_conn_id="not-there",
            customer_id="1",
            account_id="2",
            dry_run=True,
            retries=0,
        )
    )
    assert run.state == "success"


@pytest.mark.system
def test_a_dry_run_sends_nothing(world: World) -> None:
    name = world.audience(NAMES[2])
    run = world.run(
        lambda: world.task(table=str(world.lake / NAMES[2]), audience=name, dry_run=True, retries=0)
    )
    assert run.state == "success"
    assert value_of(run)[name]["outcome"] == "dry run"
    assert name not in [one["name"] for one in world.api.control("audiences")]


@pytest.mark.system
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": {"wher": "a = 1"}}, "the arguments of the task send, wher"),
        ({"email": "{{ 'anna@' + 'example.com' }}"}, "email"),
        ({"workspace": "abfs://lake/x"}, "workspace"),
        ({"table": "abfs://lake/Gold"}, "source"),
    ],
)
def test_a_wrong_argument_fails_at_once_and_is_named(
    world: World, arguments: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = world.run(lambda: world.task(**({"table": str(world.lake / NAMES[2]), "retries": 3} | arguments)))
    [task] = run.get_task_instances()
    assert (task.state, task.try_number) == ("failed", 1)
    shown = capsys.readouterr().out
    assert message in shown
    assert "anna@" not in shown


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either `table` or `segments`"),
        ({"table": "a", "segments": ["b"]}, "either `table` or `segments`"),
        ({"segments": ["b"], "audience": "B"}, "name the audience of each"),
        ({"table": "a", "email": ["ops@example.com"]}, "Set `email` to the name"),
    ],
)
def test_arguments_that_contradict_each_other_break_the_dag_file(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CustomerMatchUploadOperator(**({"task_id": "send", "email": "Email", "workspace": "w"} | arguments))


def test_the_columns_are_no_addressees_of_airflows_alerts() -> None:
    task = CustomerMatchUploadOperator(task_id="send", email="Email", workspace="w", table="t")
    assert task.email is None
    assert task.email_columns == "Email"


@pytest.mark.filterwarnings("ignore:Setting email")
def test_a_dag_with_addresses_for_alerts_keeps_them_apart_from_the_columns() -> None:
    with DAG("alerts", schedule=None, default_args={"email": ["ops@example.com"]}) as dag:
        task = CustomerMatchUploadOperator(task_id="send", email="Email", workspace="w", table="t/{{ ds }}")
    stored = DagSerialization.to_dict(dag)
    json.dumps(stored)
    back = DagSerialization.from_dict(stored).get_task("send")
    assert (back.email, task.email_columns) == (["ops@example.com"], "Email")
    assert back.table == "t/{{ ds }}"
    with pytest.raises(ValueError, match="Set `email` to the name"), dag:
        CustomerMatchUploadOperator(task_id="forgotten", workspace="w", table="t")  # type: ignore[call-arg]


class TestSingleTask:
    """Pauses, other runs and failures, with the upload's part played."""

    @pytest.fixture(autouse=True)
    def _connected(self, connect: Connect) -> None:
        connect()

    def single_task(self, folder: Path) -> SingleTask:
        task = SingleTask(Lake(folder).run(), "autumn / run")
        task.prepare()
        return task

    def played(self, monkeypatch: pytest.MonkeyPatch, *moves: Any) -> None:
        """What each start of an upload comes to, one after the other."""
        left = list(moves)

        def start(_: Upload, *, since: float | None = None) -> Any:
            move = left.pop(0)
            if isinstance(move, Exception):
                raise move
            return move

        monkeypatch.setattr(Upload, "start", start)

    def test_while_the_service_asks_for_a_wait_nothing_is_sent(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = self.single_task(tmp_path)
        self.played(monkeypatch, TransientError("slow down", retry_after=60.0))
        for _ in range(2):
            outlook = task.advance()
            assert outlook is not None
            assert outlook.uploads == ()
            assert 50 < (outlook.wake or 0) - time.time() < 70

    def test_another_run_delays_only_its_audience(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = self.single_task(tmp_path)
        self.played(monkeypatch, Busy(9.0), {})
        outlook = task.advance()
        assert outlook is not None
        assert 8 < (outlook.wake or 0) - time.time() < 11

    def test_a_fault_that_may_pass_is_tried_again_and_one_of_the_data_is_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = self.single_task(tmp_path)
        self.played(monkeypatch, AirflowFailException("no"), AirflowFailException("no"))
        assert task.advance() is None
        with pytest.raises(AirflowFailException):
            task.report()
        task.prepare()
        self.played(monkeypatch, AirflowFailException("no"), TransientError("away"))
        assert task.advance() is None
        with pytest.raises(TransientError):
            task.report()


def test_waits_that_the_service_asks_for_have_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """A task that is not deferrable waits itself, as often as one in the triggerer."""
    connect()
    waits: list[float] = []
    task = CustomerMatchUploadOperator(
        task_id="send", email="Email", workspace="w", table="t", deferrable=False
    )
    single = SingleTask(Lake(tmp_path).run(), "autumn / run")
    single.prepare()
    now = time.time()
    with time_machine.travel(now, tick=False) as clock:

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            clock.shift(seconds)

        monkeypatch.setattr("airflow_microsoft_advertising.waiting.time.sleep", sleep)
        monkeypatch.setattr(
            Upload, "start", lambda *_, **__: (_ for _ in ()).throw(TransientError("x", retry_after=7))
        )
        with pytest.raises(TransientError):
            task._advance(single, started=now)
    assert len([wait for wait in waits if wait]) == MAX_WAITS
    assert min(waits) >= 7
