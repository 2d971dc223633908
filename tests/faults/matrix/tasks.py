"""The task's process dies, at every stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.faults.matrix.row import UPLOAD, Recovery, Row, rule
from tests.faults.world import World

__all__ = ["ROWS"]


def _kill_when(task_id: str, moment: Callable[[World, str], Any], what: str) -> Callable[[World, str], None]:
    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), what)
        world.kill_task(run_id, task_id)

    return during


def sent(world: World, _: str) -> bool:
    return bool(world.state().in_flight)


def arrived(world: World, _: str) -> bool:
    ours = {part.request.id for part in world.state().parts if part.request}
    uploads = world.service.api.control("uploads")
    return any(upload["request_id"] in ours and upload["accepted"] for upload in uploads)


def finished(world: World, _: str) -> bool:
    ours = {part.request.id for part in world.state().parts if part.request}
    uploads = world.service.api.control("uploads")
    return any(upload["request_id"] in ours and upload["finished"] for upload in uploads)


def all_confirmed(world: World, _: str) -> bool:
    state = world.state()
    return bool(state.parts) and state.next_part is None


ROWS: Final = (
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
        before=rule("UploadFile", "hang", seconds=30), during=_kill_when(UPLOAD, sent, "the intent"), quick=True,
    ),
    Row(
        "kill-sent", "kill -9 of the task", "upload, between sending and recording", Recovery.RETRY,
        during=_kill_when(UPLOAD, arrived, "the file's arrival"),
    ),
    Row(
        "kill-results", "kill -9 of the task", "upload, while reading results", Recovery.RETRY,
        before=rule("DownloadResult", "delay", seconds=10, times=4),
        during=_kill_when(UPLOAD, finished, "the results"), quick=True,
    ),
    Row(
        "kill-commit", "kill -9 of the task", "upload, while settling the ledger", Recovery.RETRY,
        during=_kill_when(UPLOAD, all_confirmed, "the last confirmation"), second=True,
    ),
)  # fmt: skip
