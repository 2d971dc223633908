"""A program of Airflow dies, or the service itself; it is then restarted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from tests.faults.matrix import tasks
from tests.faults.matrix.row import UPLOAD, Recovery, Row, rule
from tests.faults.matrix.tasks import APPLY, Moment
from tests.faults.world import FaultNotInjected, World

__all__ = ["ROWS"]

_AWAY: Final = 3.0  # seconds that the service is down
_API_SERVER_AWAY: Final = (
    100.0  # seconds: as long as an upgrade may take; with Airflow's defaults 26 to 55 end a task
)

_SLOW: Final = rule("ProcessUpload", "delay", seconds=3_600, times=None)
"""The service processes its uploads until the rule is removed."""


def _waits(world: World, run_id: str) -> bool:
    """Return whether the run does nothing but wait for the service."""
    states = world.airflow.api.task_states(world.name, run_id).get(UPLOAD, {})
    return len(states) == 4 and set(states.values()) == {"deferred"}


# --- Programs of Airflow --------------------------------------------------------------------------------------------


def _program(name: str, program: str, where: str, recovery: Recovery, **values: Any) -> Row:
    fault = f"kill -9 of the {program}" + (" and its workers" if program == "scheduler" else "")
    bridges = program == "api-server"  # if it is restarted soon enough
    return Row(name, fault, where, recovery, program=program, may_retry=bridges, **values)


def _while_waiting(name: str, program: str, **values: Any) -> Row:
    """Kill the program while all segments wait in the triggerer; then let the service finish."""

    def during(world: World, run_id: str) -> None:
        world.until(lambda: _waits(world, run_id), "the wait", seconds=180)
        world.kill_program()
        if not _waits(world, run_id):
            raise FaultNotInjected("the run was no longer waiting")
        world.remove_faults()

    return _program(name, program, "waiting", Recovery.ITSELF, before=_SLOW, during=during, **values)


def _while_held(
    name: str, program: str, where: str, moment: Moment, recovery: Recovery, **values: Any
) -> Row:
    """Kill the program while a task is held at its moment."""

    def during(world: World, run_id: str) -> None:
        moment.reached(world, run_id)
        world.kill_program()
        if program == "scheduler":
            world.must_be_dead()  # died with its workers
        world.release()

    return _program(name, program, where, recovery, before=moment.order, during=during, **values)


_INTENT: Final = "upload, between intent and sending"
_RECORD: Final = "upload, between sending and recording"
_COMMIT: Final = "upload, while settling the ledger"

_AIRFLOW: Final = (
    _while_waiting("kill-triggerer", "triggerer"),
    _while_waiting("kill-triggerer-difference", "triggerer", second=True),
    _while_waiting("kill-scheduler-waiting", "scheduler"),
    _while_held("kill-scheduler-normalise", "scheduler", "normalise", tasks.STAGING, Recovery.RETRY),
    _while_held("kill-scheduler-chunk", "scheduler", "chunk", tasks.CUTTING, Recovery.RETRY),
    _while_held("kill-scheduler-intent", "scheduler", _INTENT, tasks.INTENT, Recovery.RETRY),
    _while_held("kill-scheduler-sent", "scheduler", _RECORD, tasks.POSTED, Recovery.RETRY),
    _while_held(
        "kill-scheduler-call",
        "scheduler",
        "upload by calls, between two calls",
        tasks.BETWEEN_CALLS,
        Recovery.RETRY,
        keys=APPLY,
        repeats=1,
    ),
    _while_held("kill-scheduler-commit", "scheduler", _COMMIT, tasks.SETTLING, Recovery.RETRY, quick=True),
    _while_waiting("kill-api-server", "api-server"),
    _while_held("kill-api-server-normalise", "api-server", "normalise", tasks.STAGING, Recovery.ITSELF),
    _while_held("kill-api-server-upload", "api-server", _INTENT, tasks.INTENT, Recovery.ITSELF),
    _while_held("kill-api-server-commit", "api-server", _COMMIT, tasks.SETTLING, Recovery.ITSELF),
    _while_held("kill-dag-processor", "dag-processor", "upload", tasks.INTENT, Recovery.ITSELF),
)


def _stop_api_server(world: World, run_id: str) -> None:
    """Stop the api-server for longer than Airflow's own settings allow, while a task is held."""
    tasks.STAGING.reached(world, run_id)
    world.airflow.kill_part("api-server")
    time.sleep(_API_SERVER_AWAY)
    world.airflow.start_part("api-server")
    world.airflow.wait_until_healthy()
    world.must_be_alive()
    world.release()


_AWAY_FOR_LONG: Final = Row(
    "api-server-away",
    f"the api-server is away for {_API_SERVER_AWAY:.0f} s",
    "normalise",
    Recovery.ITSELF,
    before=tasks.STAGING.order,
    during=_stop_api_server,
    alone=True,
)


# --- The service ----------------------------------------------------------------------------------------------------


def _service(name: str, where: str, moment: Callable[[World, str], bool], **values: Any) -> Row:
    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), f"the moment of {name}", seconds=180)
        world.kill_service()
        time.sleep(_AWAY)
        world.restart_service()

    fault = "the service dies and is restarted"
    return Row(f"kill-service-{name}", fault, where, Recovery.ITSELF, during=during, may_retry=True, **values)


def _during_call(name: str, where: str, operation: str, **values: Any) -> Row:
    """Kill the service during a call: the rule has applied, and the call is not in the log yet."""

    def moment(world: World, _: str) -> bool:
        return not world.service.api.control("faults") and operation not in world.operations()

    return _service(name, where, moment, before=rule(operation, "delay", seconds=60), **values)


_SERVICE: Final = (
    _service("waiting", "waiting", _waits, before=_SLOW, quick=True),
    _during_call("creating", "upload, while the list is created", "AddAudiences"),
    _during_call("sending", "upload, while sending", "UploadFile"),
    _during_call("results", "upload, while its results are read", "DownloadResult"),
    _during_call("call", "upload by calls, in a call", "ApplyCustomerListUserData", keys=APPLY),
)
ROWS: Final = (*_AIRFLOW, _AWAY_FOR_LONG, *_SERVICE)
