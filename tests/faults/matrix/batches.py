"""Batches: eight segments that share their tasks. A fault of one segment must not stop, delay or repeat the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, cast

from tests.faults.matrix.row import UPLOAD_BATCH, Recovery, Row, both, rule
from tests.faults.matrix.tasks import Moment
from tests.faults.storage_proxy import StorageFault
from tests.faults.storage_worlds import AzureWorld
from tests.faults.world import BatchWorld, FaultNotInjected, World

__all__ = ["ROWS"]

_PARALLEL: Final = 5
"""Uploads of a customer that the service accepts at a time."""
_PARTS: Final = 2
"""Parts of each segment in a first load."""
_TOLERANCE: Final = 5.0  # seconds between an answer and its entry in the service's log
_FAILING: Final = "Beta"


class BatchAzureWorld(BatchWorld, AzureWorld):
    """A batch whose tables and workspace are in Azure storage."""


# --- Conditions ------------------------------------------------------------------------------------------------


def _only_one_fails(world: World, run_id: str) -> None:
    """Check that one segment fails, is named in the log and the report, and that all others are exact."""
    if world.wait(run_id) != "failed":
        raise FaultNotInjected("the run did not fail")
    failed = [one for one in world.report(run_id).segments if not one.outcome.good]
    log = world.airflow.api.log(world.name, run_id, UPLOAD_BATCH, 0)
    assert [one.segment for one in failed] == [_FAILING], failed
    assert f"{_FAILING!r}: " in log, log
    assert world.wrong(besides=_FAILING) == []


def _others_are_sent(world: World, _: str) -> None:
    """Wait until all other segments are delivered; the upload of the failing one must still be in progress."""
    world.until(lambda: world.wrong(besides=_FAILING) == [], "the end of the others")
    if not world.state(_FAILING).in_flight:
        raise FaultNotInjected("the upload that takes long has ended before the others")


def _parallel_uploads(world: World) -> int:
    """Return how many uploads the service was processing at the same time, at most."""
    uploads = [one for one in world.service.api.control("uploads") if one["accepted"]]
    starts, ends = (
        [(one[key], step) for one in uploads] for key, step in (("accepted", 1), ("finished", -1))
    )
    return max(accumulate(step for _, step in sorted([*starts, *ends])))


def _five_at_a_time(world: World, run_id: str) -> None:
    """Wait for the end of the run, and check how many uploads were in progress at the same time."""
    world.wait(run_id)
    if (found := _parallel_uploads(world)) != _PARALLEL:
        raise AssertionError(f"{found} uploads were in progress together, not {_PARALLEL}")


def _are_in_flight(segments: Sequence[str]) -> Callable[[World], bool]:
    return lambda world: all(world.state(segment).in_flight for segment in segments)


def _upload_of_third(world: World) -> dict[str, Any]:
    """Return the service's record of the third segment's upload; the first two segments have theirs in flight."""
    first, second, third = world.segments[:3]
    assert _are_in_flight((first, second))(world)
    [part] = [world.state(third).parts[index] for index in world.state(third).in_flight]
    assert part.request is not None
    [found] = [u for u in world.service.api.control("uploads") if u["request_id"] == part.request.id]
    return cast("dict[str, Any]", found)


# --- One segment fails -----------------------------------------------------------------------------------------


def _table(world: World) -> Path:
    return Path(world.lake, _FAILING, "part-00000.parquet")


def _break(world: World) -> None:
    path = _table(world)
    path.write_bytes(path.read_bytes()[:-20])


def _repair(world: World) -> None:
    world.write_table(_FAILING, generation=0)


def _lose_most(world: World) -> None:
    world.write_table(_FAILING, generation=8)


def _find_most_again(world: World) -> None:
    world.write_table(_FAILING, generation=1)


def _fail_writing_members(world: World) -> None:
    """Fail one segment's step once, including all tries of the SDK."""
    path = r"/staged/.*/beta-\w+/members\.parquet"
    cast("AzureWorld", world).fail_storage(StorageFault("status", "PUT", path, times=4))


def _repair_and_clear(world: World, run_id: str) -> None:
    """Clear the failed task after the table is repaired: only that segment is sent."""
    _only_one_fails(world, run_id)
    before = world.sent().uploads
    _repair(world)
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [UPLOAD_BATCH], "include_downstream": True}
    world.airflow.api.post(f"/dags/{world.name}/clearTaskInstances", body | {"only_failed": False})
    assert world.wait(run_id) == "success"
    assert world.wrong() == world.wrong_in_report(run_id) == []
    assert world.sent().uploads == before + _PARTS


_FAILS: Final = (
    Row(
        "batch-broken", "a table of a batch is truncated", "validate", Recovery.HUMAN, world=BatchWorld,
        before=_break, during=_only_one_fails, after=_repair, advice="part-00000.parquet",
    ),
    Row(
        "batch-cleared", "a table of a batch is truncated; its task is cleared after the repair", "validate",
        Recovery.HUMAN, world=BatchWorld, before=_break, during=_repair_and_clear, again=True,
    ),
    Row(
        "batch-guard", "a guard stops a segment of a batch", "chunk", Recovery.HUMAN, world=BatchWorld, second=True,
        before=_lose_most, during=_only_one_fails, after=_find_most_again, advice="max_removed",
    ),
    Row(
        "batch-busy", "Azure: HTTP 503 for a minute, for a segment of a batch", "members", Recovery.ITSELF,
        before=_fail_writing_members, world=BatchAzureWorld, patience=900,
    ),
    Row(
        "batch-stuck", "an upload of a batch stays InProgress past the deadline", "ProcessUpload", Recovery.ITSELF,
        before=rule("ProcessUpload", "hang", seconds=100, nth=2), during=_others_are_sent, world=BatchWorld,
        keys={"upload_timeout_minutes": 1},
    ),
    Row(
        "batch-failed", "an upload of a batch ends as Failed", "ProcessUpload", Recovery.ITSELF, world=BatchWorld,
        before=rule("ProcessUpload", "fault", nth=3), repeats=1,
    ),
)  # fmt: skip


# --- The service throttles ---------------------------------------------------------------------------------------


def _throttled(operation: str, name: str, fault: str, code: int, *, seconds: float, **values: Any) -> Row:
    def during(world: World, run_id: str) -> None:
        """Wait for the end of the run, and check that the service got no request before the wait was over."""
        world.wait(run_id, seconds=seconds + 600)
        calls = [one for one in world.service.api.control("requests") if one["operation"] != "Token"]
        [number] = [number for number, one in enumerate(calls) if one["fault"]]
        before, after = calls[number : number + 2]
        ended, next_ended = (datetime.fromisoformat(one["time"]) for one in (before, after))
        if (next_ended - ended).total_seconds() - after["seconds"] < seconds - _TOLERANCE:
            raise AssertionError(f"{after['operation']} did not wait for {seconds} s after {operation}")

    slow = rule("ProcessUpload", "delay", seconds=20, times=_PARALLEL)
    return Row(
        name, f"{fault}, during a batch", operation, Recovery.ITSELF, world=BatchWorld, during=during,
        before=both(slow, rule(operation, "fault", code=code, nth=3)), patience=seconds + 600, **values,
    )  # fmt: skip


_THROTTLED: Final = (
    _throttled("AddAudiences", "batch-117", "117, too many calls: 60 s", 117, seconds=60),
    _throttled(
        "GetBulkUploadUrl", "batch-4204", "4204, too many uploads requested: 15 min", 4204, seconds=900
    ),
    _throttled("UploadFile", "batch-3227", "3227, too many uploads: 60 s", 3227, seconds=60),
)

# --- A process dies ----------------------------------------------------------------------------------------------


def _second_is_staged(world: World, run_id: str) -> bool:
    first, second, third = world.segments[:3]
    return (
        bool(world.files(run_id, "members.parquet", first))
        and bool(world.files(run_id, ".members.parquet.*", second))
        and not world.files(run_id, "members.parquet", second)
        and not world.files(run_id, "*members.parquet*", third)
    )


def _third_is_meant(world: World, _: str) -> bool:
    return _upload_of_third(world)["accepted"] is None


def _third_is_posted(world: World, _: str) -> bool:
    return _upload_of_third(world)["accepted"] is not None


def _killed(name: str, where: str, moment: Moment) -> Row:
    return Row(
        name, "kill -9 of the task of a batch", where, Recovery.RETRY, before=moment.order, during=moment.kill,
        world=BatchWorld,
    )  # fmt: skip


_STAGING: Final = Moment("staging", "segment.normalise", _second_is_staged, nth=2)
_INTENT: Final = Moment("intent", UPLOAD_BATCH, _third_is_meant, nth=3)
_POSTED: Final = Moment("posted", UPLOAD_BATCH, _third_is_posted, nth=3)


def _batch_waits(world: World, run_id: str) -> bool:
    """Return whether the task waits for five uploads."""
    flying = [segment for segment in world.segments if world.state(segment).in_flight]
    return len(flying) == _PARALLEL and world.has_state("deferred", UPLOAD_BATCH, run_id)


def _while_waiting(world: World, run_id: str) -> None:
    """Kill the program while five uploads are in progress; then let the service finish."""
    world.until(lambda: _batch_waits(world, run_id), "the wait", seconds=180)
    world.kill_program()
    if not _batch_waits(world, run_id):
        raise FaultNotInjected("the run was no longer waiting")
    world.remove_faults()
    _five_at_a_time(world, run_id)


_KILLED: Final = (
    _killed("batch-kill-normalise", "normalise, while writing the second segment's members", _STAGING),
    _killed("batch-kill-intent", "upload, between the third segment's intent and sending", _INTENT),
    _killed("batch-kill-sent", "upload, between sending the third segment and recording", _POSTED),
    Row(
        "batch-kill-triggerer", "kill -9 of the triggerer of a batch", "waiting", Recovery.ITSELF,
        program="triggerer", before=rule("ProcessUpload", "delay", seconds=3_600, times=None),
        during=_while_waiting, world=BatchWorld,
    ),
)  # fmt: skip

ROWS: Final = (*_FAILS, *_THROTTLED, *_KILLED)
