"""A program of Airflow dies, or the service itself; all come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from tests.faults.matrix.row import UPLOAD, Recovery, Row, rule
from tests.faults.matrix.tasks import sent
from tests.faults.world import World

__all__ = ["ROWS"]


def _kill_part(part: str, moment: Callable[[World, str], Any], what: str) -> Callable[[World, str], None]:
    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), what)
        world.airflow.kill_part(part)
        time.sleep(2)
        world.airflow.start_part(part)
        world.airflow.wait_until_healthy()

    return during


def _deferred(world: World, run_id: str) -> bool:
    states = world.airflow.api.task_states(world.name, run_id)
    return "deferred" in states.get(UPLOAD, {}).values()


def _running(task_id: str) -> Callable[[World, str], Any]:
    def moment(world: World, run_id: str) -> bool:
        return "running" in world.airflow.api.task_states(world.name, run_id).get(task_id, {}).values()

    return moment


def _kill_service_when(moment: Callable[[World, str], Any], what: str) -> Callable[[World, str], None]:
    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), what)
        world.kill_service()
        time.sleep(3)
        world.restart_service()

    return during


ROWS: Final = (
    Row(
        "kill-triggerer", "kill -9 of the triggerer", "waiting", Recovery.ITSELF,
        during=_kill_part("triggerer", _deferred, "the wait"), alone=True,
    ),
    Row(
        "kill-scheduler-waiting", "kill -9 of the scheduler and its workers", "waiting", Recovery.ITSELF,
        during=_kill_part("scheduler", _deferred, "the wait"), alone=True,
    ),
    Row(
        "kill-scheduler-normalise", "kill -9 of the scheduler and its workers", "normalise", Recovery.RETRY,
        during=_kill_part("scheduler", _running("segment.normalise"), "normalise"), alone=True,
    ),
    Row(
        "kill-scheduler-upload", "kill -9 of the scheduler and its workers", "upload", Recovery.RETRY,
        during=_kill_part("scheduler", _running(UPLOAD), "the upload"), alone=True,
    ),
    Row(
        "kill-api-server", "kill -9 of the api-server", "waiting", Recovery.ITSELF,
        during=_kill_part("api-server", _deferred, "the wait"), alone=True,
    ),
    Row(
        "kill-api-server-upload", "kill -9 of the api-server", "upload", Recovery.RETRY,
        during=_kill_part("api-server", _running(UPLOAD), "the upload"), alone=True,
    ),
    Row(
        "kill-service-waiting", "the service dies and comes back", "waiting", Recovery.ITSELF,
        during=_kill_service_when(_deferred, "the wait"), quick=True,
    ),
    Row(
        "kill-service-sending", "the service dies and comes back", "upload, while sending", Recovery.ITSELF,
        before=rule("UploadFile", "delay", seconds=5),
        during=_kill_service_when(sent, "the intent"),
    ),
)  # fmt: skip
