"""Network faults: no answer, broken connections, and answers that are lost, truncated or from another server."""

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
"""Operations that may be repeated in any case; creating a list may not, and has separate rows."""

_BY_CALLS: Final = {"route": "apply"}


def _everywhere(name: str, kind: str, fault: str, **values: Any) -> Row:
    """Make a row in which the first call of each operation fails."""
    rules = [rule(operation, kind, **values) for operation in _EVERYWHERE]
    return Row(name, fault, "each call except creating", Recovery.ITSELF, before=both(*rules))


_LOST: Final = (
    on(_CREATE, "lost-create", "drop_after_accept", "the answer is lost", Recovery.ITSELF),
    on(_URL, "lost-url", "drop_after_accept", "the answer is lost", Recovery.ITSELF),
    on(_POST, "lost-upload", "drop_after_accept", "the answer is lost, then 3224", Recovery.ITSELF, quick=True),
    on(
        _POST, "lost-upload-always", "drop_after_accept", "all answers are lost, then 3224", Recovery.RETRY, times=None,
        second=True,
    ),
    on(_CALL, "lost-call", "drop_after_accept", "the answer is lost", Recovery.ITSELF, times=2, keys=_BY_CALLS),
    _everywhere("lost-everywhere", "drop_after_accept", "the answer is lost"),
)  # fmt: skip


def _called_late(world: World) -> None:
    """Run with a call that a gateway times out and that is repeated; then restore the earlier segments."""
    world.fault(_CALL, "late", status=504, seconds=600)
    if (state := world.run()) != "success":
        raise AssertionError(f"the run with the late call ended as {state}")
    world.write_tables(generation=0)


def _lands_while_waited_for(world: World, run_id: str) -> None:
    world.until(lambda: world.has_state("deferred", UPLOAD, run_id), "the wait for the late call", seconds=60)
    world.remove_faults()


_LATE: Final = (
    Row(
        "late-call", "a call takes effect after the next run has started", "upload by calls", Recovery.ITSELF,
        before=_called_late, during=_lands_while_waited_for, second=True, keys=_BY_CALLS, repeats=1,
    ),
)  # fmt: skip

_BROKEN: Final = (
    on(_CREATE, "reset-create", "drop", "connection reset", Recovery.RETRY),
    on(_POST, "reset-upload", "drop", "connection reset during the upload", Recovery.ITSELF, second=True),
    on(_CALL, "reset-call", "drop", "connection reset", Recovery.ITSELF, times=2, second=True, keys=_BY_CALLS),
    _everywhere("reset-everywhere", "drop", "connection reset"),
    on(_CREATE, "hang-create", "hang", "no answer for 20 s, then the connection closes", Recovery.RETRY, seconds=20),
    on(_POST, "hang-upload", "hang", "no answer for 20 s, then the connection closes", Recovery.ITSELF, seconds=20),
    on(_STATUS, "hang-status", "hang", "no answer for 20 s, then the connection closes", Recovery.ITSELF, seconds=20),
    on(_RESULTS, "hang-results", "hang", "no answer for 20 s, then the connection closes", Recovery.ITSELF, seconds=20),
    on(_URL, "hang-url", "hang", "no answer until our time-out of 60 s", Recovery.ITSELF, seconds=600),
)  # fmt: skip

_CUT: Final = (
    on(_CREATE, "cut-create", "truncate", "the JSON is truncated", Recovery.ITSELF, bytes=20),
    on(_CREATE, "half-create", "shorten", "half of the JSON, as a complete answer", Recovery.ITSELF, bytes=20),
    on(_URL, "cut-url", "truncate", "the JSON is truncated", Recovery.ITSELF, bytes=20),
    on(_URL, "half-url", "shorten", "half of the JSON, as a complete answer", Recovery.ITSELF, bytes=20),
    on(_POST, "cut-upload", "truncate", "the JSON is truncated", Recovery.ITSELF, bytes=20),
    on(_STATUS, "cut-status", "truncate", "the JSON is truncated", Recovery.ITSELF, bytes=20),
    on(_STATUS, "half-status", "shorten", "half of the JSON, as a complete answer", Recovery.ITSELF, bytes=20),
    on(_RESULTS, "cut-results", "truncate", "the zip is truncated", Recovery.ITSELF, bytes=60),
    on(_RESULTS, "half-results", "shorten", "half of the zip, as a complete answer", Recovery.RETRY, bytes=60),
    on(_CALL, "cut-call", "truncate", "the JSON is truncated", Recovery.ITSELF, bytes=20, keys=_BY_CALLS),
    on(
        _CALL, "half-call", "shorten", "half of the JSON, as a complete answer", Recovery.ITSELF, bytes=10,
        keys=_BY_CALLS, repeats=1,
    ),
    on(
        _CALL, "page-call", "raw", "a page of another server as the answer", Recovery.RETRY, status=200,
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


# --- No server ------------------------------------------------------------------------------------------


def _down(
    moment: Callable[[World, str], Any], what: str, seconds: float = 20
) -> Callable[[World, str], None]:
    """Stop the service for a while, so that connections are refused."""

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
        during=_down(lambda world, run_id: world.has_state("running", UPLOAD, run_id), "an upload task"),
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
