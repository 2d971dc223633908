"""The fault matrix: what strikes, where, and how the system comes back.

Each row is one export of four segments under a real scheduler, struck by one fault in its first or second run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tests.faults.world import World

__all__ = ["MATRIX", "Recovery", "Row"]

UPLOAD: Final = "segment.upload"


class Recovery(StrEnum):
    """What makes it right."""

    ITSELF = "itself"
    """The task bridges the fault without being tried again."""
    RETRY = "retry"
    """Airflow tries the task again, in the same run."""
    NEXT_RUN = "next run"
    """The run fails, with advice; the next one is right."""
    HUMAN = "human"
    """The run fails and says what a human must do; once it is done, the next run is right."""


def _nothing(_: World) -> None:
    return None


def _no_moment(_: World, __: str) -> None:
    return None


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        name: Short, unique.
        fault: What happens, for people.
        where: In which stage.
        recovery: What makes it right.
        before: Set up before the struck run is started, such as a rule of the service.
        during: Done while it runs.
        after: Done once it has ended, before the next run: what heals.
        second: Whether a clean first run comes before, so that a difference is struck, not a first load.
        keys: Keys of the export file.
        advice: Words that the report of a failed run must have.
        alone: Whether no other row may run at the same time.
        quick: Whether it belongs to the short form.
    """

    name: str
    fault: str
    where: str
    recovery: Recovery
    before: Callable[[World], None] = _nothing
    during: Callable[[World, str], None] = _no_moment
    after: Callable[[World], None] = World.heal_service
    second: bool = False
    keys: dict[str, Any] = field(default_factory=dict)
    advice: str = ""
    alone: bool = False
    quick: bool = False


def _rule(operation: str, kind: str, **values: Any) -> Callable[[World], None]:
    return lambda world: world.fault(operation, kind, **values)


# --- Moments: the task's process is killed when ... ------------------------------------------------------------


def _kill_when(task_id: str, moment: Callable[[World, str], Any], what: str) -> Callable[[World, str], None]:
    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), what)
        world.kill_task(run_id, task_id)

    return during


def _sent(world: World, _: str) -> bool:
    return bool(world.state().in_flight)


def _arrived(world: World, _: str) -> bool:
    ours = {part.request.id for part in world.state().parts if part.request}
    uploads = world.service.api.control("uploads")
    return any(upload["request_id"] in ours and upload["accepted"] for upload in uploads)


def _finished(world: World, _: str) -> bool:
    ours = {part.request.id for part in world.state().parts if part.request}
    uploads = world.service.api.control("uploads")
    return any(upload["request_id"] in ours and upload["finished"] for upload in uploads)


def _all_confirmed(world: World, _: str) -> bool:
    state = world.state()
    return bool(state.parts) and state.next_part is None


_MEMBERS_IN_THE_MAKING: Final = ".members.parquet.*"
_PARTS_IN_THE_MAKING: Final = "parts/*/.*"

_TASKS: Final = (
    Row(
        "kill-normalise", "kill -9 of the task", "normalise", Recovery.RETRY,
        during=lambda world, run_id: world.kill_task(run_id, "segment.normalise"), quick=True,
    ),
    Row(
        "kill-chunk", "kill -9 of the task", "chunk", Recovery.RETRY,
        during=lambda world, run_id: world.kill_task(run_id, "segment.chunk"),
    ),
    Row(
        "kill-intent", "kill -9 of the task", "upload, between intent and sending", Recovery.RETRY,
        before=_rule("UploadFile", "hang", seconds=30), during=_kill_when(UPLOAD, _sent, "the intent"), quick=True,
    ),
    Row(
        "kill-sent", "kill -9 of the task", "upload, between sending and recording", Recovery.RETRY,
        during=_kill_when(UPLOAD, _arrived, "the file's arrival"),
    ),
    Row(
        "kill-results", "kill -9 of the task", "upload, while reading results", Recovery.RETRY,
        before=_rule("DownloadResult", "delay", seconds=10, times=4),
        during=_kill_when(UPLOAD, _finished, "the results"), quick=True,
    ),
    Row(
        "kill-commit", "kill -9 of the task", "upload, while settling the ledger", Recovery.RETRY,
        during=_kill_when(UPLOAD, _all_confirmed, "the last confirmation"), second=True,
    ),
)  # fmt: skip


# --- Programs -------------------------------------------------------------------------------------------------


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


_PROGRAMS: Final = (
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
        before=_rule("UploadFile", "delay", seconds=5),
        during=_kill_service_when(_sent, "the intent"),
    ),
)  # fmt: skip


# --- The way to the service -------------------------------------------------------------------------------------


def _on(operation: str, slug: str, kind: str, what: str, recovery: Recovery, **values: Any) -> Row:
    row = {key: values.pop(key) for key in ("second", "quick", "advice", "keys") if key in values}
    return Row(f"{slug}", what, operation, recovery, before=_rule(operation, kind, **values), **row)


_NETWORK: Final = (
    _on("AddAudiences", "lost-create", "drop_after_accept", "the answer is lost", Recovery.ITSELF, quick=True),
    _on("GetBulkUploadUrl", "lost-url", "drop_after_accept", "the answer is lost", Recovery.ITSELF),
    _on("UploadFile", "lost-upload", "drop_after_accept", "the answer is lost: 3224", Recovery.ITSELF, quick=True),
    _on("UploadFile", "reset-upload", "drop", "connection reset in the middle", Recovery.ITSELF, second=True),
    _on("UploadFile", "hang-upload", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    _on("GetBulkUploadStatus", "hang-status", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    _on("GetBulkUploadStatus", "cut-status", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    _on("GetBulkUploadUrl", "cut-url", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    _on("DownloadResult", "cut-results", "truncate", "the zip is cut off", Recovery.ITSELF, bytes=60, quick=True),
    *(
        _on("*", f"http-{status}", "raw", f"HTTP {status}, three times", Recovery.ITSELF, nth=4, times=3, status=status)
        for status in (500, 502, 503)
    ),
)  # fmt: skip

_CODES: Final = (
    _on("GetAudiencesByIds", "117", "fault", "117, too many calls: 60 s", Recovery.ITSELF, code=117),
    _on("UploadFile", "3226", "fault", "3226, the URL has expired", Recovery.ITSELF, code=3226, quick=True),
    _on("UploadFile", "3227", "fault", "3227, too many uploads: 60 s", Recovery.ITSELF, code=3227),
    _on("UploadFile", "109-upload", "fault", "the token expires", Recovery.ITSELF, code=109),
    _on("GetBulkUploadStatus", "109-status", "fault", "the token expires", Recovery.ITSELF, code=109, times=3),
    _on(
        "Token", "revoked", "fault", "the refresh token is revoked", Recovery.HUMAN, times=None,
        advice="customer-match login", quick=True,
    ),
    _on("ProcessUpload", "failed", "fault", "an upload ends as Failed", Recovery.RETRY, second=True, quick=True),
    _on("ProcessUpload", "failed-replace", "fault", "a Replace ends as Failed", Recovery.RETRY, code=202, times=2),
    _on("DownloadResult", "results-403", "raw", "the result URL has expired", Recovery.ITSELF, status=403),
    _on("GetBulkUploadStatus", "4201", "fault", "4201, an unknown request id", Recovery.ITSELF, code=4201, nth=2),
)  # fmt: skip


# --- People -----------------------------------------------------------------------------------------------------


def _delete_list(world: World) -> None:
    world.deleted_by_hand = 1
    world.service.api.campaign("Audiences", {"AudienceIds": [world.audience_id()]}, "DELETE")


def _rename_list(world: World) -> None:
    answer = world.service.api.campaign(
        "Audiences",
        {"Audiences": [{"Type": "CustomerList", "Id": world.audience_id(), "Name": "By hand"}]},
        "PUT",
    )
    assert answer.json()["PartialErrors"] == []


_PEOPLE: Final = (
    Row(
        "deleted", "an audience is deleted by hand", "between runs", Recovery.ITSELF,
        before=_delete_list, second=True, quick=True,
    ),
)  # fmt: skip

MATRIX: Final = (*_TASKS, *_PROGRAMS, *_NETWORK, *_CODES, *_PEOPLE)
assert len({row.name for row in MATRIX}) == len(MATRIX)
