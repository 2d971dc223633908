"""The way to the service: nobody answers, connections break, answers are lost, cut off or somebody else's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from tests.faults.matrix.row import UPLOAD, Recovery, Row, both, on, rule
from tests.faults.world import SEGMENTS, World

__all__ = ["ROWS"]

_LOOK_UP: Final = "GetAudiencesByIds"
_CREATE: Final = "AddAudiences"
_URL: Final = "GetBulkUploadUrl"
_POST: Final = "UploadFile"
_STATUS: Final = "GetBulkUploadStatus"
_RESULTS: Final = "DownloadResult"
_CALL: Final = "ApplyCustomerListUserData"
_EVERYWHERE: Final = ("Token", _LOOK_UP, _URL, _POST, _STATUS, _RESULTS)
"""What may be called again blindly; creating may not, and has rows of its own."""

_BY_CALLS: Final = {"route": "apply"}


def _everywhere(name: str, kind: str, fault: str, **values: Any) -> Row:
    """The first call of each operation is struck; the file's post of a second run, which sends a difference."""
    rules = [rule(operation, kind, **values) for operation in _EVERYWHERE]
    return Row(name, fault, "each call but creating", Recovery.ITSELF, before=both(*rules))


_LOST: Final = (
    on(_CREATE, "lost-create", "drop_after_accept", "the answer is lost", Recovery.ITSELF),
    on(_URL, "lost-url", "drop_after_accept", "the answer is lost", Recovery.ITSELF),
    on(_POST, "lost-upload", "drop_after_accept", "the answer is lost: 3224", Recovery.ITSELF, quick=True),
    on(
        _POST, "lost-upload-always", "drop_after_accept", "all answers are lost: 3224", Recovery.RETRY, times=None,
        second=True,
    ),
    on(_CALL, "lost-call", "drop_after_accept", "the answer is lost", Recovery.ITSELF, times=2, keys=_BY_CALLS),
    _everywhere("lost-everywhere", "drop_after_accept", "the answer is lost"),
)  # fmt: skip


def _called_late(world: World) -> None:
    """A run makes a call again that a gateway has given up, and the segments become what they were before it."""
    world.fault(_CALL, "late", status=504, seconds=600)
    if (state := world.run()) != "success":
        raise AssertionError(f"the run that is given up ended as {state}")
    world.write_tables(generation=0)


def _lands_while_waited_for(world: World, run_id: str) -> None:
    world.until(lambda: world.is_("deferred", UPLOAD, run_id), "the wait for the late call", seconds=60)
    world.heal_service()


_LATE: Final = (
    Row(
        "late-call", "a call takes effect after the next run has begun", "upload by calls", Recovery.ITSELF,
        before=_called_late, during=_lands_while_waited_for, second=True, keys=_BY_CALLS, repeats=1,
    ),
)  # fmt: skip

_BROKEN: Final = (
    on(_CREATE, "reset-create", "drop", "connection reset", Recovery.RETRY),
    on(_POST, "reset-upload", "drop", "connection reset in the middle", Recovery.ITSELF, second=True),
    on(_CALL, "reset-call", "drop", "connection reset", Recovery.ITSELF, times=2, second=True, keys=_BY_CALLS),
    _everywhere("reset-everywhere", "drop", "connection reset"),
    on(_CREATE, "hang-create", "hang", "hangs for 20 s, then closes", Recovery.RETRY, seconds=20),
    on(_POST, "hang-upload", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    on(_STATUS, "hang-status", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    on(_RESULTS, "hang-results", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    on(_URL, "hang-url", "hang", "hangs until we give up: 60 s", Recovery.ITSELF, seconds=600),
)  # fmt: skip

_CUT: Final = (
    on(_CREATE, "cut-create", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    on(_CREATE, "half-create", "shorten", "half of the JSON, as if whole", Recovery.ITSELF, bytes=20),
    on(_URL, "cut-url", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    on(_URL, "half-url", "shorten", "half of the JSON, as if whole", Recovery.ITSELF, bytes=20),
    on(_POST, "cut-upload", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    on(_STATUS, "cut-status", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    on(_STATUS, "half-status", "shorten", "half of the JSON, as if whole", Recovery.ITSELF, bytes=20),
    on(_RESULTS, "cut-results", "truncate", "the zip is cut off", Recovery.ITSELF, bytes=60),
    on(_RESULTS, "half-results", "shorten", "half of the zip, as if whole", Recovery.RETRY, bytes=60),
    on(_CALL, "cut-call", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20, keys=_BY_CALLS),
    on(
        _CALL, "half-call", "shorten", "half of the JSON, as if whole", Recovery.ITSELF, bytes=10, keys=_BY_CALLS,
        repeats=1,
    ),
    on(
        _CALL, "page-call", "raw", "somebody else's page as the answer", Recovery.RETRY, status=200,
        body="<html>log in</html>", keys=_BY_CALLS, repeats=1,
    ),
)  # fmt: skip

_OF_A_PROXY: Final = (
    *(
        _everywhere(f"http-{status}", "raw", f"HTTP {status} without an explanation", status=status)
        for status in (500, 502, 503)
    ),
    on(_CREATE, "http-500-create", "raw", "HTTP 500 without an explanation", Recovery.RETRY, status=500),
    on(_CALL, "http-503-call", "raw", "HTTP 503 without an explanation", Recovery.ITSELF, status=503, keys=_BY_CALLS),
    on(_POST, "http-429", "raw", "HTTP 429, Retry-After: 10", Recovery.ITSELF, status=429, retry_after=10),
)  # fmt: skip


# --- Nobody is there ------------------------------------------------------------------------------------------


def _down(
    moment: Callable[[World, str], Any], what: str, seconds: float = 20
) -> Callable[[World, str], None]:
    """The service is away; whoever asks it meanwhile is refused the connection."""

    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), what)
        world.kill_service()
        time.sleep(seconds)
        states = world.airflow.api.task_states(world.name, run_id).get(UPLOAD, {})
        world.restart_service()
        if states and all(state == "success" for state in states.values()):
            raise AssertionError("the uploads had ended before the service went down")

    return during


def _called(operation: str) -> Callable[[World, str], Any]:
    return lambda world, _: operation in world.operations()


def _all_wait(world: World, run_id: str) -> bool:
    states = list(world.airflow.api.task_states(world.name, run_id).get(UPLOAD, {}).values())
    return states == ["deferred"] * len(SEGMENTS)


_DOWN: Final = (
    Row(
        "down-start", "connection refused for 20 s", "before the first call", Recovery.RETRY,
        during=_down(lambda world, run_id: world.is_("running", UPLOAD, run_id), "an upload task"),
    ),
    Row(
        "down-create", "connection refused for 20 s", "create audience", Recovery.RETRY,
        before=rule(_CREATE, "delay", seconds=4), during=_down(_called(_LOOK_UP), "looking up"),
    ),
    Row(
        "down-upload", "connection refused for 20 s", "post file", Recovery.RETRY,
        before=rule(_POST, "delay", seconds=4, times=4), during=_down(_called(_URL), "a URL"),
    ),
    Row(
        "down-waiting", "connection refused for 20 s", "status in the triggerer", Recovery.ITSELF,
        before=rule("ProcessUpload", "delay", seconds=60, times=4),
        during=_down(_all_wait, "the wait"),
    ),
)  # fmt: skip

ROWS: Final = (*_LOST, *_LATE, *_BROKEN, *_CUT, *_OF_A_PROXY, *_DOWN)
