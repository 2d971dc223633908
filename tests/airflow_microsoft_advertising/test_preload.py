"""Tasks that are forked from the scheduler find their modules imported."""

from __future__ import annotations

import json

import pytest
import yaml

from customer_match.project import PROJECT
from tests.airflow_microsoft_advertising.fresh_process import lines_of

pytestmark = pytest.mark.slow

_PROGRAM = """
import importlib, json, pkgutil, sys
{scheduler}
from airflow.listeners.listener import get_listener_manager

get_listener_manager().hook.on_starting(component=object())
preloaded = set(sys.modules)

import airflow_microsoft_advertising.run
for module in pkgutil.walk_packages(airflow_microsoft_advertising.run.__path__, "airflow_microsoft_advertising.run."):
    importlib.import_module(module.name)
print(json.dumps([sorted(preloaded), sorted(set(sys.modules) - preloaded)]))
"""
_SCHEDULER = "import airflow.cli.commands.scheduler_command"


def _imported(scheduler: str, executor: str) -> tuple[set[str], set[str]]:
    """Modules imported when a process starts, and those that the steps of a task import after that."""
    lines = lines_of(_PROGRAM.format(scheduler=scheduler), **_environment(executor))
    preloaded, later = json.loads(lines[-1])
    return set(preloaded), set(later)


def _environment(executor: str) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__EXECUTOR": executor,
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
    }


def test_a_scheduler_with_the_local_executor_imports_all_that_the_steps_need() -> None:
    preloaded, later = _imported(_SCHEDULER, "LocalExecutor")
    assert {"polars", "pyarrow", "airflow_microsoft_advertising.run.normalise"} <= preloaded
    assert later == set()


def test_a_celery_worker_imports_them_if_its_configuration_says_so() -> None:
    program = """
import json, sys
from airflow.providers.celery.executors.celery_executor_utils import app

print(json.dumps([app.conf.imports, sorted(sys.modules)]))
app.loader.import_default_modules()
print(json.dumps(sorted(sys.modules)))
"""
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())
    name = "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"
    config = compose["x-airflow"]["environment"][name]
    lines = lines_of(program, **_environment("CeleryExecutor"), **{name: config})
    first, later = map(json.loads, lines[-2:])
    assert first[0] == ["airflow_microsoft_advertising.preloaded"]
    assert "airflow_microsoft_advertising.run.normalise" not in first[1], "a check of the check"
    assert {"polars", "airflow_microsoft_advertising.run.normalise"} <= set(later)


@pytest.mark.parametrize(
    ("scheduler", "executor"),
    [
        ("", "LocalExecutor"),
        (_SCHEDULER, "airflow.providers.celery.executors.celery_executor.CeleryExecutor"),
    ],
    ids=["other process", "tasks on other machines"],
)
def test_processes_that_fork_no_tasks_import_nothing(scheduler: str, executor: str) -> None:
    preloaded, later = _imported(scheduler, executor)
    assert "airflow_microsoft_advertising.run.normalise" not in preloaded
    assert "airflow_microsoft_advertising.run.normalise" in later, "a check of the check"
